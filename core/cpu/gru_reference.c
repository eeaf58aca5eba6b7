/* gru_reference.c: the general GRU as a kernel of the CPU's list: refuses nothing. */
#include "gru_reference.h"

#include "../error.h"

static const gru_reference *of_dtype(const mg_gru_args *args) {
  return args->x->dtype == MG_FLOAT64 ? &gru_reference_float64 : &gru_reference_float32;
}

mg_status gru_reference_saved_size(int64_t *elements, const mg_gru_args *args) {
  mg_gru_dims d = mg_gru_dims_of(args);
  int64_t size = d.recompute ? 1 : SAVED_VALUES;
  if (__builtin_mul_overflow(size, d.B, &size) || __builtin_mul_overflow(size, d.T, &size) ||
      __builtin_mul_overflow(size, d.U, &size)) {
    return mg_fail(MG_ENOMEM, "gru_saved_size: argument x %s is too large for %lld units", mg_shape_text(args->x), (long long)d.U);
  }
  *elements = size;
  return MG_OK;
}

mg_status gru_reference_forward(const mg_gru_args *args) { return of_dtype(args)->forward(args); }
mg_status gru_reference_backward(const mg_gru_args *args) { return of_dtype(args)->backward(args); }
