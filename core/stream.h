/* stream.h: what op_stream*.c and the kernels of streams share. Private.
 *
 * A stepper's layers are checked and held here; a backend's stream_plan chooses how a layer is packed and stepped. Rows of x and y
 * lie one after the other, those of a layer's states `row` >= outputs floats apart; what lies beyond outputs stays 0. */
#ifndef MG_STREAM_H
#define MG_STREAM_H

#include "buffer.h"
#include "moongate_streams.h"
#include "rnn.h"

typedef enum mg_stream_kind {
  MG_STREAM_RNN = 0, /* rnn_kind: which; weights kernel, recurrent_kernel, bias */
  MG_STREAM_DENSE,   /* kernel, bias */
  MG_STREAM_EMBEDDING, /* table */
  MG_STREAM_AFFINE,  /* scale, offset */
  MG_STREAM_BATCH_NORMALIZATION, /* mean, variance, gamma, beta */
  MG_STREAM_LAYER_NORMALIZATION, /* gamma, beta */
  MG_STREAM_ACTIVATION,
  MG_STREAM_SOFTMAX,
} mg_stream_kind;

enum { MG_STREAM_WEIGHTS = 4, MG_STREAM_STATES = 2 };

typedef struct mg_stream_layer mg_stream_layer;
struct mg_stream_layer {
  /* one step of `rows` rows; state is the layer's in the stream, scratch as planned, 64-byte aligned */
  mg_status (*step)(const mg_stream_layer *layer, float *state, float *y, const float *x, int64_t rows, float *scratch);
  const float *packed;      /* 64-byte aligned */
  int64_t packed_version;   /* atomic: the sum of the weights' versions, which only grow, when they were packed; -1: never */
  const int64_t *version[MG_STREAM_WEIGHTS]; /* atomic; of an absent weight one that stays 0 */
  int64_t inputs, outputs, row;
  int states; /* 0 to 2 */
  mg_stream_kind kind;
  const mg_rnn_kind *rnn_kind;
  mg_activation activation, recurrent_activation;
  int reset_after;
  double epsilon;
  mg_tensor weight[MG_STREAM_WEIGHTS]; /* views of the caller's; buffer NULL: absent */
  /* by stream_plan */
  void (*pack)(const mg_stream_layer *layer, float *packed); /* NULL: nothing to pack */
  int64_t packed_floats;
  int64_t scratch_floats, scratch_row_floats; /* a step takes the first and the second for each row */
  const void *plan;                           /* the backend's own, as are: */
  mg_status (*step_few)(const mg_stream_layer *layer, float *state, float *y, const float *x, int64_t rows, float *scratch);
  int64_t many_at; /* where in `packed` the form of the weights for many rows begins */
  mg_buffer *packed_memory;
};

/* The values of an absent weight are NULL. */
static inline const mg_tensor *mg_stream_weight(const mg_stream_layer *layer, int i) {
  return layer->weight[i].buffer == NULL ? NULL : &layer->weight[i];
}

/* Of one state of some rows: whole cache lines, so that an LSTM's c follows its h aligned. */
static inline int64_t mg_stream_state_floats(const mg_stream_layer *layer, int64_t rows) { return (rows * layer->row + 15) & -16; }

static inline int64_t mg_stream_version(const mg_stream_layer *layer) {
  int64_t sum = 0;
  for (int i = 0; i < MG_STREAM_WEIGHTS; i++) sum += __atomic_load_n(layer->version[i], __ATOMIC_RELAXED);
  return sum;
}

struct mg_stepper {
  const mg_backend *backend; /* the host's: x and y are plain memory */
  mg_stream_layer *layers;
  int64_t count, capacity;
  int64_t widest; /* values of a row between two layers */
  int32_t references; /* atomic: the caller's and one a stream */
};

/* op_stream.c */
mg_status mg_stepper_add_rnn(const char *op, mg_stepper *stepper, const mg_rnn_kind *kind, const mg_rnn_args *args);
void mg_stepper_release(mg_stepper *stepper);
void mg_stream_pack(mg_stream_layer *layer); /* again, when weights have changed; any thread */

#endif
