/* gru.h: what op_gru.c and the GRU kernels of all devices share. Private. */
#ifndef MG_GRU_H
#define MG_GRU_H

#include "backend.h"

/* B batch, T time, F features, U units: the letters of every GRU file. */
typedef struct mg_gru_dims {
  int64_t B, T, F, U;
  int reset_after, go_backwards, return_sequences, zero_masked, time_major, recompute;
} mg_gru_dims;

static inline mg_gru_dims mg_gru_dims_of(const mg_gru_args *args) {
  uint32_t flags = args->flags;
  int time_major = (flags & MG_RNN_TIME_MAJOR) != 0;
  return (mg_gru_dims){
    .B = args->x->shape[time_major ? 1 : 0],
    .T = args->x->shape[time_major ? 0 : 1],
    .F = args->x->shape[2],
    .U = args->recurrent_kernel->shape[0],
    .reset_after = (flags & MG_GRU_RESET_AFTER) != 0,
    .go_backwards = (flags & MG_RNN_GO_BACKWARDS) != 0,
    .return_sequences = (flags & MG_RNN_RETURN_SEQUENCES) != 0,
    .zero_masked = (flags & MG_RNN_ZERO_OUTPUT_FOR_MASK) != 0 && (flags & MG_RNN_RETURN_SEQUENCES) != 0,
    .time_major = time_major,
    .recompute = (flags & MG_RNN_RECOMPUTE) != 0,
  };
}

/* Row number of (b, t) in a (B,T,...) or, time-major, (T,B,...) tensor. */
static inline int64_t mg_gru_row(const mg_gru_dims *d, int64_t b, int64_t t) {
  return d->time_major ? t * d->B + b : b * d->T + t;
}

/* The place in time of processing step s: x, mask and dx are in time order; output and gates in processing order. */
static inline int64_t mg_gru_time(const mg_gru_dims *d, int64_t s) { return d->go_backwards ? d->T - 1 - s : s; }

static inline int mg_gru_step_counts(const mg_gru_dims *d, const uint8_t *mask, int64_t b, int64_t s) {
  return mask == NULL || mask[mg_gru_row(d, b, mg_gru_time(d, s))] != 0;
}

/* Elements of a tensor argument, NULL for an absent one. */
static inline void *mg_gru_elements(const mg_tensor *t) { return t == NULL ? NULL : mg_elements(t); }

/* op_gru_check.c: every check of the arguments; nothing is written. */
mg_status mg_gru_check_inputs(const char *op, const mg_gru_args *args);
mg_status mg_gru_check_forward(const mg_gru_args *args);
mg_status mg_gru_check_backward(const mg_gru_args *args);

/* op_gru_views.c: `own` becomes args with every tensor contiguous: the caller's, copies of inputs, fresh outputs. */
enum { MG_GRU_TENSORS = 23 };
typedef struct mg_gru_views {
  mg_gru_args args;
  mg_tensor handles[MG_GRU_TENSORS];
  int count;
} mg_gru_views;
mg_status mg_gru_views_open(mg_gru_views *own, const mg_gru_args *args, int backward);
mg_status mg_gru_views_write_back(mg_gru_views *own, const mg_gru_args *args,
                                  int backward); /* copies fresh outputs to the caller's */
void mg_gru_views_close(mg_gru_views *own);

/* packed.c */
void mg_packed_match(mg_packed *packed, const mg_gru_args *args, const void *kernel); /* drops the parts when their key differs */
mg_status mg_packed_part(mg_packed *packed, const mg_backend *backend, int part /*0, 1*/,
                         int64_t bytes); /* memory for it; not yet there */

#endif
