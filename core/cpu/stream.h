/* stream.h: what the layers of streams share on the CPU. Private to core/cpu/stream*. */
#ifndef MG_CPU_STREAM_H
#define MG_CPU_STREAM_H

#include "../stream.h"
#include "isa.h"
#include "rnn_fast.h"

/* Element (i, j) of a weight of any strides; of a vector j = 0. */
static inline float stream_weight_at(const mg_tensor *t, int64_t i, int64_t j) {
  return ((const float *)mg_elements(t))[i * t->strides[0] + (t->ndim == 2 ? j * t->strides[1] : 0)];
}

const rnn_table *stream_rnn_table(void);

/* Columns `gates[0..count)`, each of U padded to P, of a weight (K, gates * U), as panels of `multiply`. Returns the end of what
 * was written. */
float *stream_pack_panels(float *data, const mg_tensor *weight, int64_t P, int64_t U, const int *gates, int count);

void stream_plan_rnn(mg_stream_layer *layer);
int stream_plan_fused(mg_stream_layer *layer); /* 0: not a layer for the compiled steps */
void stream_pack_fused(const mg_stream_layer *layer, float *packed);

/* ---- Compiled once per instruction set: stream_body.h -------------------------------------------------------------------- */

enum { STREAM_BLOCK_VECTORS = 4 };
/* Units are cut into blocks of so many vectors: this is the next one's size. */
static inline int64_t stream_block_vectors(int64_t left) { return left < STREAM_BLOCK_VECTORS ? left : STREAM_BLOCK_VECTORS; }

/* One row of a step. */
typedef struct stream_row {
  const float *x, *h;
  float *c;     /* LSTM */
  float *h_new; /* may be h for a single block */
  float *y;
  int64_t F, U, K; /* K: stream_state_rows */
} stream_row;

/* Rows of a packed recurrent kernel: the last ones are zeros, as is what they meet in the state. */
static inline int64_t stream_state_rows(const mg_stream_layer *l) { return (l->outputs + 7) & -8; }

typedef mg_status (*stream_step)(const mg_stream_layer *layer, float *state, float *y, const float *x, int64_t rows,
                                 float *scratch);
typedef struct stream_table {
  int64_t width; /* floats of a vector */
  stream_step step[MG_CELLS][STREAM_BLOCK_VECTORS + 1]; /* by vectors of units, 0: of more */
  void (*sigmoid)(int64_t n, float *y, const float *x); /* the steps' own, n in whole vectors: for tests */
  void (*tanh)(int64_t n, float *y, const float *x);
} stream_table;
MG_ISA_DECLARE(stream_table, stream);

#endif
