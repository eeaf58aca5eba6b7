/* gru_fast.h: the float32 GRU: what its schedule (gru_fast*.c) and its compiled bodies (gru_body.h) share. Private to core/cpu.
 *
 * Rows of the batch do not touch each other in time, so a block of rows runs through all steps by itself. Values of a row lie in
 * slots of P floats; P is U rounded up to whole vectors, and the weights of the pad are zero.
 *
 *   gates    (step, row of the block, 4 slots): n, z, r, q; backward turns them into da_n, da_z, da_r, dq
 *   states   (step 0..T, row of the block, P): h before the step
 *
 * q is h_n Rn + b2n with reset_after, else r * h_n. Where the slope of an activation needs its input, the slots hold that input.
 * Products with the kernel take the slots n, z, r; those with the recurrent kernel z, r, q (reset_after), else z, r and then n.
 * Neighbours form one matrix product (a group) unless each gate has a dropout mask of its own. */
#ifndef MG_GRU_FAST_H
#define MG_GRU_FAST_H

#include "../gru.h"

enum { SLOT_N = 0, SLOT_Z, SLOT_R, SLOT_Q, SLOTS };

/* A matrix (K, columns) cut into panels of three vectors, the last ones two or one: [panel][k][vectors of it]. */
typedef struct gru_panels {
  const float *data;
  int64_t K, vectors;
} gru_panels;

static inline int64_t gru_panel_vectors(int64_t left) { return left == 4 || left == 2 ? 2 : left >= 3 ? 3 : 1; }

/* c (M, columns of b) = or += a (M, K) b[first_k .. first_k + K). Element (i, k) of a: a[i * row + k * step]. */
typedef struct gru_product {
  float *c;
  int64_t ldc, M, K;
  const float *a;
  int64_t row, step;
  gru_panels b;
  int64_t first_k;
  int accumulate;
} gru_product;

/* Elementwise work of one step for some rows. Rows of gates and sums are 4P apart, of the others P. */
typedef struct gru_cell {
  int64_t rows, P;
  float *gates;
  float *sums;          /* recurrent products by slot; scratch, then the activated z, r, n when `any` */
  const float *bias;    /* 4P, by slot */
  const float *h, *h_n; /* before the step, and times the dropout mask of n */
  const float *h_n_mask; /* that mask, NULL: ones */
  float *h_new;
  float *dh;            /* of the new state; times z on return */
  const float *du;      /* without reset_after: d(r * h_n) */
  const mg_activation *activation, *recurrent_activation;
} gru_cell;

typedef void (*gru_cell_function)(const gru_cell *c);
typedef struct gru_cells {
  gru_cell_function forward_after, backward_after;
  gru_cell_function forward_reset, forward_state;   /* without reset_after: z, r, q; then n and h_new from q Rn in sums */
  gru_cell_function backward_state, backward_reset; /* da_z, da_n; then da_r and r's share of dh from du */
} gru_cells;

typedef struct gru_table {
  int64_t width; /* floats of a vector */
  void (*multiply)(const gru_product *p);
  void (*pack_sum)(float *data, const float *b, int64_t ldb, int64_t K, int64_t vectors, float *sums /*[io][opt] of columns*/);
  gru_cells fused; /* tanh and sigmoid */
  gru_cells any;   /* every pair of activations */
} gru_table;

/* Neighbouring slots that one product computes. */
typedef struct gru_group {
  int first, slots;
  gru_panels panels;
} gru_group;

typedef struct gru_fast {
  mg_gru_dims d;
  const mg_gru_args *args;
  const gru_table *table;
  const gru_cells *cells;
  int64_t V, P, FP;   /* floats of a vector; U and F in whole vectors */
  int64_t block_rows; /* the last block may have fewer */
  int inputs, recurrents;
  gru_group input[3], recurrent[3];
  gru_panels input_back, recurrent_back; /* transposed: rows by slot from SLOT_N; from SLOT_Z with reset_after, else SLOT_N */
  const float *bias;                     /* by slot, what belongs together added */
  const float *x, *dropout[3], *recurrent_dropout[3]; /* by gate z, r, n; dropout[0..2] may be the same */
  const uint8_t *mask;
  float *states, *gates; /* of all blocks; NULL in inference */
} gru_fast;

static inline int gru_gate_of_slot(int slot) { return slot == SLOT_Z ? 0 : slot == SLOT_R ? 1 : 2; }
static inline int gru_is_any(const gru_fast *f) { return f->cells == &f->table->any; }
static inline int64_t gru_block_first(const gru_fast *f, int64_t block) { return block * f->block_rows; }
static inline int64_t gru_block_size(const gru_fast *f, int64_t block) {
  int64_t left = f->d.B - gru_block_first(f, block);
  return left < f->block_rows ? left : f->block_rows;
}
static inline float *gru_block_gates(const gru_fast *f, int64_t block) {
  return f->gates + gru_block_first(f, block) * f->d.T * SLOTS * f->P;
}
static inline float *gru_block_states(const gru_fast *f, int64_t block) {
  return f->states + gru_block_first(f, block) * (f->d.T + 1) * f->P;
}
int64_t gru_chunk_steps(const gru_fast *f, int64_t rows); /* steps whose input products are computed together */

/* gru_fast_plan.c */
void gru_fast_plan(gru_fast *f /*[out]*/, const mg_gru_args *args);
mg_status gru_fast_pack_forward(gru_fast *f); /* panels and bias: in args->packed, or the caller's workspace */
mg_status gru_fast_pack_backward(gru_fast *f);

/* gru_fast_forward.c */
mg_status gru_fast_saved_size(int64_t *elements, const mg_gru_args *args);
mg_status gru_fast_forward(const mg_gru_args *args);
mg_status gru_fast_run(gru_fast *f, int outputs); /* all blocks; without outputs only states and gates are written */

/* gru_fast_backward.c, gru_fast_weights.c */
mg_status gru_fast_backward(const mg_gru_args *args);
mg_status gru_fast_weights(gru_fast *f);

/* (3 gates, rows, P): the recurrent dropout masks of a block. */
void gru_fast_block_masks(const gru_fast *f, float *masks, int64_t first, int64_t rows);

#endif
