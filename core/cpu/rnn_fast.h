/* rnn_fast.h: the float32 recurrent layers: what their schedule (rnn_fast*.c) and their compiled bodies (rnn_body.h) share. Private
 * to core/cpu.
 *
 * Rows of the batch do not touch each other in time, so a block of rows runs through all steps by itself. Values of a row lie in
 * slots of P floats; P is U rounded up to whole vectors, and the weights of the pad are zero.
 *
 *   gates    (step, row of the block, slots): GRU n, z, r, q; LSTM g, i, f, o; SimpleRNN h_new. Backward turns them into the
 *            gradients of their sums: da_n, da_z, da_r, dq; da_g, ...
 *   states   (step 0..T, row of the block, P): h before the step
 *   carries  likewise an LSTM's c
 *
 * q is h_n Rn + b2n with reset_after, else r * h_n. Where the slope of an activation needs its input, the slots hold that input.
 * Products with the kernel take the first G slots; those with the recurrent kernel the same, but for a GRU z, r, q (reset_after),
 * else z, r and then n. Neighbours form one matrix product (a group) unless each gate has a dropout mask of its own. */
#ifndef MG_RNN_FAST_H
#define MG_RNN_FAST_H

#include "../rnn.h"
#include "../workspace.h"
#include "rnn_pieces.h"

enum { SLOT_N = 0, SLOT_Z, SLOT_R, SLOT_Q, GRU_SLOTS };
enum { SLOT_G = 0, SLOT_I, SLOT_F, SLOT_O, LSTM_SLOTS };
enum { LSTM_SCRATCH = 6 };

/* A matrix (K, columns) cut into panels of three vectors, the last ones two or one: [panel][k][vectors of it]. */
typedef struct rnn_panels {
  const float *data;
  int64_t K, vectors;
  int64_t ld;             /* distance of rows where a panel (only one) lies in a wider strip; 0: rows lie one after the other */
  const uint16_t *pieces; /* the same as bf16 pieces; NULL: products take the floats */
  int count;              /* pieces of each number */
  int64_t segment;        /* rows whose pieces are filled up to whole blocks together; 0: all K */
} rnn_panels;

static inline int64_t rnn_panel_vectors(int64_t left) { return left == 4 || left == 2 ? 2 : left >= 3 ? 3 : 1; }

/* c (M, columns of b) = or += a (M, K) b[first_k .. first_k + K). Element (i, k) of a: a[i * row + k * step]. With groups > 1 that
 * many times, a and c each a_group and c_group further (floats alone). */
typedef struct rnn_product {
  float *c;
  int64_t ldc, M, K;
  const float *a;
  int64_t row, step;
  rnn_panels b;
  int64_t first_k;
  int accumulate;
  int64_t groups, a_group, c_group;
} rnn_product;

/* Rows of b's columns beside each other: data[k][vector] = vectors of b `apart` floats from each other, 1 to 4 of them. */
typedef struct rnn_strip {
  float *data;
  const float *from;
  int64_t row, apart, K, vectors;
  float *sums; /* [io][opt] of the columns */
} rnn_strip;

/* Elementwise work of one step for some rows. Rows of gates and sums are all slots apart, of the others P. */
typedef struct rnn_cell {
  int64_t rows, P;
  float *gates;
  float *sums;           /* a GRU's recurrent products by slot (others add them to gates); scratch; with `any`, then the gates */
  const float *bias;     /* by slot */
  const float *h, *h_n;  /* before the step, and times the dropout mask of n */
  const float *h_n_mask; /* that mask, NULL: ones */
  float *h_new;
  const float *c;        /* LSTM: the carry before the step */
  float *c_new;
  float *dh, *dc;        /* of the new states; on return what reaches the old ones elementwise */
  const float *du;       /* GRU without reset_after: d(r * h_n) */
  float *scratch;        /* LSTM_SCRATCH times P */
  const mg_activation *activation, *recurrent_activation;
} rnn_cell;

typedef void (*rnn_cell_function)(const rnn_cell *c);
typedef struct rnn_cells {
  rnn_cell_function forward, backward;              /* not of a GRU without reset_after, but: */
  rnn_cell_function forward_reset, forward_state;   /* z, r, q; then n and h_new from q Rn in sums */
  rnn_cell_function backward_state, backward_reset; /* da_z, da_n; then da_r and r's share of dh from du */
} rnn_cells;

typedef struct rnn_table {
  int64_t width; /* floats of a vector */
  void (*multiply)(const rnn_product *p);
  void (*pack_strip)(const rnn_strip *s);
  void (*scale)(int64_t n, float *out, const float *x, const float *mask); /* out = x * mask; out may be x */
  void (*add)(int64_t n, float *to, const float *from);                    /* to += from */
  rnn_cells fused[MG_CELLS]; /* tanh and sigmoid */
  rnn_cells any[MG_CELLS];   /* every pair of activations */
} rnn_table;

/* Neighbouring slots that one product computes. */
typedef struct rnn_group {
  int first, slots;
  rnn_panels panels;
} rnn_group;

/* The slots of a kind; those of the G gates come first. */
typedef struct rnn_layout {
  int slots;
  int gate_of_slot[4], slot_of_gate[4];
} rnn_layout;

typedef struct rnn_fast {
  mg_rnn_dims d;
  const mg_rnn_args *args;
  const rnn_table *table;
  const rnn_cells *cells;
  const struct rnn_row_table *row;         /* rnn_row.h: few rows, one by one, from weights in Keras's layout; NULL: not so */
  const float *row_kernel, *row_recurrent; /* its weights, gates P apart */
  float *row_panels;                       /* the recurrent ones as forward reads them; NULL: as they are */
  const uint16_t *row_pieces, *row_kernel_pieces; /* recurrent kernel and kernel of bf16 pieces; NULL: floats */
  int row_panels_ready;
  const rnn_layout *layout;
  const rnn_engine *engine; /* NULL: products take the floats */
  int pieces;               /* of each number, but for those of recurrent_back (rnn_pieces.c) */
  int any;            /* the cells are those of every pair of activations */
  int resets;         /* a GRU without reset_after */
  int64_t V, P, FP;   /* floats of a vector; U and F in whole vectors */
  int64_t width;      /* floats of a row of gates: slots times P */
  int64_t blocks, block_unit; /* of rows of the batch; a block begins at a multiple of the unit */
  int inputs, recurrents;
  rnn_group input[4], recurrent[4];
  int back_first;                          /* recurrent_back's first slot */
  rnn_panels input_back, recurrent_back;   /* transposed: rows by slot */
  const float *bias;                       /* by slot, what belongs together added */
  const float *x;
  const float *dropout[4];                 /* by gate; they may be the same */
  const float *recurrent_dropout[4];
  int state_masks;                         /* different ones: 0, 1 or G */
  const uint8_t *mask;
  int64_t from, steps;             /* the steps of a run: all, or with RECOMPUTE a segment of them */
  float *states, *carries, *gates; /* of these steps and all blocks; NULL: not kept, or no carry */
  int64_t segment;                 /* RECOMPUTE: steps of a segment; 0: no such call */
  float *marks, *carry_marks;      /* RECOMPUTE: (segment, row of the block, P) of all blocks: the states before each segment */
  int accumulate;                  /* weights' gradients are added to what is there */
  float *values[2];                /* rnn_fast_share_values: rows of x and of h as of the gates; NULL: none */
} rnn_fast;

static inline int64_t rnn_round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
/* Scratch of the calling thread; NULL: none left. */
static inline float *rnn_take(int64_t floats) { return mg_workspace_take((size_t)floats * sizeof(float)); }

static inline int rnn_gate_of_slot(const rnn_fast *f, int slot) { return f->layout->gate_of_slot[slot]; }
/* Among the (state_masks, rows, P) of a block. */
static inline int rnn_state_mask(const rnn_fast *f, int gate) { return f->state_masks > 1 ? gate : 0; }
static inline int64_t rnn_blocks(const rnn_fast *f) { return f->blocks; }
static inline int64_t rnn_block_first(const rnn_fast *f, int64_t block) {
  const int64_t unit = f->block_unit, first = (f->d.B * block / f->blocks + unit - 1) / unit * unit;
  return first < f->d.B ? first : f->d.B;
}
static inline int64_t rnn_block_size(const rnn_fast *f, int64_t block) { /* 0: none */
  return rnn_block_first(f, block + 1) - rnn_block_first(f, block);
}
static inline float *rnn_block_gates(const rnn_fast *f, int64_t block) {
  return f->gates + rnn_block_first(f, block) * f->steps * f->width;
}
/* The block's part of states or carries. */
static inline float *rnn_block_states(const rnn_fast *f, float *states, int64_t block) {
  return states + rnn_block_first(f, block) * (f->steps + 1) * f->P;
}
int64_t rnn_chunk_steps(const rnn_fast *f, int64_t rows); /* steps whose input products are computed together */

/* Whether products read x, and write dx, where they lie. */
static inline int rnn_x_in_place(const rnn_fast *f) { return f->engine == NULL && f->args->dropout_masks[0] == NULL; }
static inline int rnn_dx_in_place(const rnn_fast *f) { return rnn_x_in_place(f) && f->d.F == f->FP; }

/* rnn_fast_input.c: products of some steps with the kernel. scratch: (step, row, F or, of dx, FP); in place none. */
typedef struct rnn_chunk {
  int64_t first, rows, step, steps;
  float *scratch;
} rnn_chunk;
void rnn_input_products(const rnn_fast *f, const rnn_chunk *c, float *gates);
void rnn_input_gradient(const rnn_fast *f, const rnn_chunk *c, float *dx, const float *gates);
void rnn_add_scaled(const rnn_fast *f, float *to, float *from, const float *mask, int64_t n); /* from is overwritten */

/* rnn_fast_plan.c */
void rnn_fast_plan(rnn_fast *f /*[out]*/, const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status rnn_fast_saved_size(int64_t *elements, const mg_rnn_kind *kind, const mg_rnn_args *args);
void rnn_fast_places(rnn_fast *f); /* what lies in args->saved */

/* rnn_fast_pack.c */
mg_status rnn_fast_pack_forward(rnn_fast *f); /* panels and bias: in args->packed, or the caller's workspace */
mg_status rnn_fast_pack_backward(rnn_fast *f);
void rnn_pack_bias(const rnn_fast *f, float *bias); /* by slot */

/* Memory for a packed part. *ready: what lies there is current. Groups by gate (dropout masks apart) are not kept in the handle. */
enum { RNN_PART_FORWARD = 0, RNN_PART_BACKWARD, RNN_PART_FORWARD_PIECES, RNN_PART_BACKWARD_PIECES, RNN_PART_ROW,
       RNN_PART_ROW_PANELS };
mg_status rnn_part_memory(const rnn_fast *f, int part, int64_t floats, float **data, int *ready);
void rnn_part_done(const rnn_fast *f, int part);

/* mg_parallel where the call is large enough to gain by it; else the same tasks one after the other. */
int rnn_is_small(const rnn_fast *f);
mg_status rnn_parallel(const rnn_fast *f, int64_t count, mg_status (*task)(void *context, int64_t index), void *context);

/* rnn_fast_forward.c */
mg_status rnn_fast_forward(const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status rnn_fast_run(rnn_fast *f, int outputs); /* all blocks; without outputs only states and gates are written */

/* rnn_pieces.c. Every matrix product of a layer: on pieces where the numbers fit, else on the floats. */
void rnn_multiply(const rnn_fast *f, const rnn_product *p);
mg_status rnn_pieces_pack(rnn_fast *f, int part); /* after the floats */
/* A product over rows, on pieces: b (K, vectors), its rows `ld` apart; sums [io][opt] of its columns. 0: it is left to the floats,
 * nothing was written. */
int rnn_pieces_add(const rnn_fast *f, const rnn_product *p, const float *b, int64_t ld, float *sums);

/* rnn_fast_backward.c */
mg_status rnn_fast_backward(const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status rnn_fast_back(const rnn_fast *f, float *dh, float *dc); /* the run's steps; (B,P), from run to run; NULL: own */

/* rnn_fast_pads.c: before backward, pads of a block's gates and states that are NaN become 0. */
void rnn_clear_pads(const rnn_fast *f, int64_t block);

/* rnn_fast_weights.c: dkernel, drecurrent_kernel, dbias; with an engine on pieces (rnn_pieces_weights.c). */
mg_status rnn_fast_weights(rnn_fast *f);
mg_status rnn_pieces_weights(rnn_fast *f);

/* rnn_fast_values.c. (rows of a chunk of the block, values from `value` on): x or h as the products with a slot take them, with
 * their dropout, zeros in masked steps; r * h_n where that was the factor. */
typedef struct rnn_values {
  int64_t block, first, rows;
  int recurrent, slot;
  int64_t value, values;
  float *to;
  int64_t ld; /* of `to` */
} rnn_values;
/* Where they lie, *ld apart: where they are kept, or `to` after copying. */
const float *rnn_fast_values(const rnn_fast *f, const rnn_values *v, int64_t *ld);
/* Copies all of x and, where they cannot be read in place, of the states into the caller's workspace: once for many chunks of
 * units, each of which would copy them for itself. */
mg_status rnn_fast_share_values(rnn_fast *f);

/* rnn_fast_recompute.c: states kept at the first step of each segment, the rest of them computed again by backward. */
int64_t rnn_segments(const rnn_fast *f);
float *rnn_mark(const rnn_fast *f, float *marks, int64_t block, int64_t segment);
mg_status rnn_fast_back_by_segments(rnn_fast *f);
void rnn_put(const rnn_fast *f, float *to, const float *from, int64_t n); /* what the run found of a weight's gradient */

/* rnn_estimate.c */
void rnn_fast_estimate(mg_plan *plan, const mg_rnn_kind *kind, const mg_rnn_args *args);

/* (state_masks, rows, P): the recurrent dropout masks of a block. */
void rnn_fast_block_masks(const rnn_fast *f, float *masks, int64_t first, int64_t rows);

#endif
