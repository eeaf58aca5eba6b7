/* rnn_row.h: a batch of a few rows, each alone over its whole sequence: what the schedule (rnn_row*.c) and the compiled bodies
 * (rnn_row_body.h) share. Private to core/cpu.
 *
 * One row reads every weight once a step and has no second row to share it with, so the weights are read where they lie, in Keras's
 * layout: forward walks down their rows, backward takes dot products with them. Only where U is not a whole number of vectors are
 * they copied, with zeros between the gates. A call takes many steps, so that nothing but arithmetic stands between two of them.
 *
 * Units may be shared among threads, each with whole vectors of its own; they meet once in a step (twice where a GRU resets before
 * its product). What a unit's numbers are does not depend on who computes them, nor on its neighbours. */
#ifndef MG_RNN_ROW_H
#define MG_RNN_ROW_H

#include "../threads.h"
#include "rnn_fast.h"

/* Columns [column, column + size) of a row of weights belong to the floats from `slot` on of a row of gates. */
typedef struct rnn_segment {
  int64_t slot, column, size;
} rnn_segment;
enum { RNN_SEGMENTS = 3 };

typedef struct rnn_row {
  int64_t U, P, F, G;
  int64_t first, vectors;                  /* the unit vectors of this call; all others are somebody else's */
  const float *kernel, *recurrent, *bias;  /* (F, GP), (U, GP), by slot */
  float *panels;                           /* forward's recurrent kernel; NULL: read `recurrent` */
  const uint16_t *pieces, *kernel_pieces;  /* recurrent kernel and kernel of one bf16 piece; NULL: floats */
  int ahead;                               /* forward computes the input products itself; few units, in few vectors */
  int cached;                              /* the recurrent kernel stays in the first cache from step to step */
  int64_t steps;                           /* that follow one another without a masked one between them */
  int64_t s;                               /* the first one */
  const float *x;                          /* of step s */
  int64_t x_step;                          /* from one step to the next */
  float *gates;                            /* of step s; width floats each */
  int64_t width;
  int keep;                                /* gates are wanted afterwards */
  float *h, *c;                            /* states before step 0; kept: of all steps, else two in turn */
  int kept;
  float *output;                           /* of step s, NULL: not wanted */
  const float *doutput;
  int64_t output_step;
  float *dh, *dc;                          /* (P) */
  float *du;                               /* (P): scratch of a GRU that resets first */
  const int *slot_of_gate;
  mg_meeting *meeting;                     /* NULL: alone */
  int64_t index;
} rnn_row;

/* dx (steps, F) = gradients of the gates times the transposed kernel, for features [first, first + features). */
typedef struct rnn_row_input {
  const float *gates, *kernel;
  int64_t width, ld, steps, first, features;
  float *dx;
  int64_t dx_step;
  const rnn_segment *segments;
} rnn_row_input;

/* out (count, U) of rows ld apart = or += values^T gates, both over the steps; of a bias: the sums of the gates alone. */
typedef struct rnn_row_weights {
  const float *values, *gates;
  int64_t values_step, width, steps, count, U;
  float *out;
  int64_t ld;
  int add;
} rnn_row_weights;

enum { RNN_ROW_RESET = MG_CELLS, RNN_ROW_KINDS }; /* a GRU without reset_after is a kind of its own here */

/* Units are computed in blocks of four vectors, no single one beside others. In panels lie block after block, of it gate after
 * gate, of it row after row: one stream of memory for all the products of a step. */
enum { RNN_BLOCK_VECTORS = 4, RNN_AHEAD_VECTORS = 3 };
static inline int64_t rnn_row_block(int64_t vectors_left) { return vectors_left == 5 ? 3 : vectors_left < 4 ? vectors_left : 4; }
/* The same from the back, where the blocks behind have `after` of them. */
static inline int64_t rnn_row_last_block(int64_t vectors, int64_t after) {
  const int64_t odd = vectors % RNN_BLOCK_VECTORS, pair = odd == 1 && vectors > RNN_BLOCK_VECTORS; /* 5 = 3 + 2 */
  return after == 0 && odd > 0 ? odd + pair : after == 2 && pair ? 3 : RNN_BLOCK_VECTORS;
}
/* Gates whose products have the same left side; in panels so many others lie before them. */
typedef struct rnn_row_pass {
  int before, count, gates[4];
} rnn_row_pass;
#define RNN_GRU_ALL (rnn_row_pass){ 0, 3, { 1, 2, 0 } }
#define RNN_GRU_R (rnn_row_pass){ 0, 1, { 1 } }
#define RNN_GRU_N (rnn_row_pass){ 1, 1, { 2 } }
#define RNN_GRU_Z (rnn_row_pass){ 2, 1, { 0 } }
#define RNN_GRU_N_AND_Z (rnn_row_pass){ 1, 2, { 2, 0 } }
#define RNN_LSTM_ALL (rnn_row_pass){ 0, 4, { 0, 2, 1, 3 } }
#define RNN_LSTM_I_AND_G (rnn_row_pass){ 0, 2, { 0, 2 } }
#define RNN_LSTM_F_AND_O (rnn_row_pass){ 2, 2, { 1, 3 } }
#define RNN_SIMPLE (rnn_row_pass){ 0, 1, { 0 } }

/* At "medium" forward's panels may hold one bf16 piece of each number: pairs of rows, [vector][unit][2], in whole groups of
 * RNN_ROW_PAIRS. */
enum { RNN_ROW_PAIRS = 8 };
static inline int64_t rnn_row_pairs(int64_t K) { return (K + 2 * RNN_ROW_PAIRS - 1) / (2 * RNN_ROW_PAIRS) * RNN_ROW_PAIRS; }
/* sum (vectors, 16) += h times K rows of so many vectors. */
typedef void (*rnn_row_pieces_sum)(void *sum, const float *h, const uint16_t *weights, int64_t K);
extern const rnn_row_pieces_sum rnn_row_pieces_sums[RNN_BLOCK_VECTORS]; /* rnn_row_bf16.c */
int rnn_row_takes_pieces(const mg_rnn_dims *d, int precision); /* rnn_row_pieces.c */
mg_status rnn_row_pack_pieces(rnn_fast *f);
int rnn_row_project_pieces(const rnn_row *r); /* as project; 0: x does not fit, or no memory; nothing was done */
const rnn_row_pass *rnn_row_gates(const rnn_fast *f); /* all of a block, in the order of panels */

typedef struct rnn_row_table {
  void (*project)(const rnn_row *r); /* the first G slots of the steps' gates = bias + x K */
  void (*forward[RNN_ROW_KINDS])(const rnn_row *r);
  void (*backward[RNN_ROW_KINDS])(const rnn_row *r);
  void (*input_gradient)(const rnn_row_input *p);
  void (*weights_gradient)(const rnn_row_weights *p);
  void (*bias_gradient)(const rnn_row_weights *p);
} rnn_row_table;

/* One row of the batch, forward (output) or backward (the rest). */
typedef struct rnn_row_call {
  int64_t b;
  float *gates, *h, *c;   /* as the block of this row has them; c NULL: no carry */
  float *output;          /* of the whole batch; NULL: not wanted, or the last one alone */
  const float *doutput;   /* likewise */
  float *dh, *dc, *du;    /* (P) */
  float *dx;              /* of the whole batch; NULL: not wanted */
  int64_t valid;          /* the first step that counts */
} rnn_row_call;

/* A few units' steps follow one another in one function. */
static inline int rnn_row_few(const rnn_row *r) { return r->meeting == NULL && r->vectors <= RNN_BLOCK_VECTORS; }

static inline float *rnn_row_state(const rnn_row *r, float *states, int64_t step) {
  return states + (r->kept ? r->s + step : (r->s + step) & 1) * r->P;
}

const rnn_row_table *rnn_row_table_now(void);
mg_status rnn_row_pack(rnn_fast *f, int forward); /* the bias, and weights as they are wanted */
int64_t rnn_row_parts(const rnn_fast *f); /* threads that share the units of a row, where they are free */
void rnn_row_forward(const rnn_fast *f, const rnn_row_call *call); /* all steps from the first state on */
void rnn_row_backward(const rnn_fast *f, const rnn_row_call *call); /* all steps, and dx */
void rnn_row_gradients(rnn_fast *f); /* of the weights, without a mask: rnn_row_weights.c */

#endif
