/* rnn_reference.c: the general recurrent layer as a kernel of the CPU's list: refuses nothing. */
#include "rnn_reference.h"

#include "../error.h"

static const rnn_reference *of_dtype(const mg_rnn_args *args) {
  return args->x->dtype == MG_FLOAT64 ? &rnn_reference_float64 : &rnn_reference_float32;
}

mg_status rnn_reference_saved_size(int64_t *elements, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  mg_rnn_dims d = mg_rnn_dims_of(kind, args);
  int64_t size = d.recompute ? rnn_reference_states(kind) : rnn_reference_values(kind);
  if (__builtin_mul_overflow(size, d.B, &size) || __builtin_mul_overflow(size, d.T, &size) ||
      __builtin_mul_overflow(size, d.U, &size)) {
    return mg_fail(MG_ENOMEM, "%s: argument x %s is too large for %lld units", kind->saved_size, mg_shape_text(args->x),
                   (long long)d.U);
  }
  *elements = size;
  return MG_OK;
}

mg_status rnn_reference_forward(const mg_rnn_kind *kind, const mg_rnn_args *args) { return of_dtype(args)->forward(kind, args); }
mg_status rnn_reference_backward(const mg_rnn_kind *kind, const mg_rnn_args *args) { return of_dtype(args)->backward(kind, args); }
