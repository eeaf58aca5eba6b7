/* rnn.h: what op_rnn.c and the recurrent kernels of all devices share. Private. */
#ifndef MG_RNN_H
#define MG_RNN_H

#include "backend.h"

/* What sets GRU, LSTM and SimpleRNN apart: op_gru.c, op_lstm.c and op_simple_rnn.c hold one each. */
typedef enum mg_rnn_cell { MG_CELL_GRU = 0, MG_CELL_LSTM, MG_CELL_SIMPLE, MG_CELLS } mg_rnn_cell;
typedef struct mg_rnn_kind {
  mg_rnn_cell cell;
  int gates;
  int has_carry;
  int shared_state_mask; /* recurrent_dropout_masks[0] alone is allowed */
  uint32_t flags;        /* those that it knows beside MG_RNN_* */
  const char *layer;     /* the operations' names in messages */
  const char *saved_size, *forward, *backward, *explain;
} mg_rnn_kind;

/* B batch, T time, F features, U units, G gates: the letters of every file of recurrent layers. */
typedef struct mg_rnn_dims {
  const mg_rnn_kind *kind;
  int64_t B, T, F, U, G;
  int reset_after, go_backwards, return_sequences, zero_masked, time_major, recompute;
} mg_rnn_dims;

static inline mg_rnn_dims mg_rnn_dims_of(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  uint32_t flags = args->flags;
  int time_major = (flags & MG_RNN_TIME_MAJOR) != 0;
  return (mg_rnn_dims){
    .kind = kind,
    .B = args->x->shape[time_major ? 1 : 0],
    .T = args->x->shape[time_major ? 0 : 1],
    .F = args->x->shape[2],
    .U = args->recurrent_kernel->shape[0],
    .G = kind->gates,
    .reset_after = (flags & MG_GRU_RESET_AFTER) != 0,
    .go_backwards = (flags & MG_RNN_GO_BACKWARDS) != 0,
    .return_sequences = (flags & MG_RNN_RETURN_SEQUENCES) != 0,
    .zero_masked = (flags & MG_RNN_ZERO_OUTPUT_FOR_MASK) != 0 && (flags & MG_RNN_RETURN_SEQUENCES) != 0,
    .time_major = time_major,
    .recompute = (flags & MG_RNN_RECOMPUTE) != 0,
  };
}

/* Row number of (b, t) in a (B,T,...) or, time-major, (T,B,...) tensor. */
static inline int64_t mg_rnn_row(const mg_rnn_dims *d, int64_t b, int64_t t) {
  return d->time_major ? t * d->B + b : b * d->T + t;
}

/* The place in time of processing step s: x, mask and dx are in time order; output and gates in processing order. */
static inline int64_t mg_rnn_time(const mg_rnn_dims *d, int64_t s) { return d->go_backwards ? d->T - 1 - s : s; }

static inline int mg_rnn_step_counts(const mg_rnn_dims *d, const uint8_t *mask, int64_t b, int64_t s) {
  return mask == NULL || mask[mg_rnn_row(d, b, mg_rnn_time(d, s))] != 0;
}

/* Elements of a tensor argument, NULL for an absent one. */
static inline void *mg_rnn_elements(const mg_tensor *t) { return t == NULL ? NULL : mg_elements(t); }

/* The dropout mask of gate g: its own, or the one that all gates share. */
static inline const mg_tensor *mg_rnn_dropout_mask(const mg_tensor *const masks[4], int64_t g) {
  return masks[1] == NULL ? masks[0] : masks[g];
}

/* op_rnn.c: the four operations of every kind. */
mg_status mg_rnn_saved_size(const mg_rnn_kind *kind, int64_t *elements, const mg_rnn_args *args);
mg_status mg_rnn_forward(const mg_rnn_kind *kind, mg_rnn_args *args);
mg_status mg_rnn_backward(const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status mg_rnn_explain(const mg_rnn_kind *kind, mg_plan *plan, const mg_rnn_args *args);

/* op_rnn_check.c: every check of the arguments; nothing is written. */
mg_status mg_rnn_check_inputs(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status mg_rnn_check_forward(const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status mg_rnn_check_backward(const mg_rnn_kind *kind, const mg_rnn_args *args);

/* op_rnn_views.c: `own` becomes args with every tensor contiguous: the caller's, copies of inputs, fresh outputs. */
enum { MG_RNN_TENSORS = 24 };
typedef struct mg_rnn_views {
  mg_rnn_args args;
  mg_tensor handles[MG_RNN_TENSORS];
  int count;
} mg_rnn_views;
mg_status mg_rnn_views_open(mg_rnn_views *own, const mg_rnn_args *args, int backward);
mg_status mg_rnn_views_write_back(mg_rnn_views *own, const mg_rnn_args *args,
                                  int backward); /* copies fresh outputs to the caller's */
void mg_rnn_views_close(mg_rnn_views *own);

/* packed.c */
void mg_packed_match(mg_packed *packed, const mg_rnn_kind *kind, const mg_rnn_args *args,
                     const void *kernel); /* drops the parts when their key differs */
mg_status mg_packed_part(mg_packed *packed, const mg_backend *backend, int part /*below MG_PACKED_PARTS*/,
                         int64_t bytes); /* memory for it; what is new is not there yet */

#endif
