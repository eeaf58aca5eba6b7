/* op_reduce.c: sums, means and extremes over axes; positions of extremes, largest elements, running sums. */
#include <math.h>

#include "backend.h"
#include "error.h"
#include "rows.h"

static const char *const names[MG_REDUCE_COUNT] = {"sum", "mean", "sum_of_squares", "prod", "max", "min"};

static mg_status check_dtypes(const char *name, int32_t op, const mg_tensor *out, const mg_tensor *x) {
  int needs_float = op == MG_REDUCE_MEAN || op == MG_REDUCE_SUM_OF_SQUARES;
  if (mg_dtype_is_float(x->dtype)) return mg_check_dtype(name, "out", out, x->dtype);
  if (needs_float) return mg_check_float(name, "out", out);
  if (out->dtype == x->dtype || out->dtype != MG_UINT8) return MG_OK;
  return mg_fail(MG_EDTYPE, "%s: out %s is uint8, x %s is int32; expected int32, float32 or float64", name, mg_shape_text(out),
                 mg_shape_text(x));
}

static mg_status check_reduced_shape(const char *name, const mg_tensor *out, const mg_tensor *x, uint32_t axes) {
  int64_t shape[MG_MAX_DIMS];
  if (axes >> x->ndim)
    return mg_fail(MG_EINVAL, "%s: axes 0x%x name one that x %s does not have; expected bits 0..%d", name, (unsigned)axes,
                   mg_shape_text(x), (int)x->ndim - 1);
  for (int d = 0; d < x->ndim; d++) shape[d] = axes >> d & 1 ? 1 : x->shape[d];
  return mg_check_shape(name, "out", out, x->ndim, shape);
}

/* What a reduction over no element is. Filling an integer with an infinity saturates to its own extreme. */
static double of_nothing(int32_t op) {
  switch (op) {
    case MG_REDUCE_MEAN: return NAN;
    case MG_REDUCE_PROD: return 1;
    case MG_REDUCE_MAX: return -INFINITY;
    case MG_REDUCE_MIN: return INFINITY;
    default: return 0;
  }
}

mg_status mg_reduce(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes) {
  if (op < 0 || op >= MG_REDUCE_COUNT)
    return mg_fail(MG_EINVAL, "reduce: op is %d; expected one of MG_REDUCE_*, 0..%d", (int)op, MG_REDUCE_COUNT - 1);
  const char *name = names[op];
  MG_TRY(mg_check_tensor(name, "x", x));
  MG_TRY(mg_check_out(name, "out", out, &x, 1));
  MG_TRY(check_dtypes(name, op, out, x));
  MG_TRY(check_reduced_shape(name, out, x, axes));
  MG_TRY(mg_check_device(name, "out", out, "x", x));
  MG_TRY(mg_check_offered(name, x, x->buffer->backend->reduce != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  if (mg_element_count(x) == 0) return mg_fill(out, of_nothing(op));
  mg_tensor dense;
  MG_TRY(mg_borrow_output(&dense, out));
  return mg_return_output(&dense, out, x->buffer->backend->reduce(op, &dense, x, axes));
}

mg_status mg_arg_reduce(int32_t op, mg_tensor *out, const mg_tensor *x, int32_t axis) {
  const char *name = op == MG_ARG_MIN ? "argmin" : "argmax";
  if (op != MG_ARG_MAX && op != MG_ARG_MIN)
    return mg_fail(MG_EINVAL, "arg_reduce: op is %d; expected MG_ARG_MAX or MG_ARG_MIN", (int)op);
  MG_TRY(mg_check_tensor(name, "x", x));
  MG_TRY(mg_check_out(name, "out", out, &x, 1));
  MG_TRY(mg_check_dtype(name, "out", out, MG_INT32));
  MG_TRY(mg_check_axis(name, x, &axis));
  MG_TRY(check_reduced_shape(name, out, x, 1u << axis));
  MG_TRY(mg_check_device(name, "out", out, "x", x));
  MG_TRY(mg_check_offered(name, x, x->buffer->backend->arg_reduce != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  if (x->shape[axis] == 0)
    return mg_fail(MG_EINVAL, "%s: x %s has no elements along axis %d; expected at least one", name, mg_shape_text(x), (int)axis);
  mg_rows rows = {0};
  mg_status status = mg_rows_in(&rows, 0, x, axis);
  if (status == MG_OK) status = mg_rows_out(&rows, 1, out, axis);
  if (status == MG_OK) status = x->buffer->backend->arg_reduce(op, &rows.t[1], &rows.t[0]);
  return mg_rows_end(&rows, status);
}

static mg_status check_top_k(const mg_tensor *values, const mg_tensor *indices, const mg_tensor *x) {
  int64_t shape[MG_MAX_DIMS];
  MG_TRY(mg_check_tensor("top_k", "x", x));
  MG_TRY(mg_check_out("top_k", "values", values, (const mg_tensor *[]){x, indices}, 2));
  MG_TRY(mg_check_out("top_k", "indices", indices, &x, 1));
  MG_TRY(mg_check_like("top_k", "values", values, "x", x));
  MG_TRY(mg_check_dtype("top_k", "indices", indices, MG_INT32));
  MG_TRY(mg_check_device("top_k", "indices", indices, "x", x));
  MG_TRY(mg_check_same_shape("top_k", "indices", indices, "values", values));
  if (x->ndim == 0 || values->ndim != x->ndim || mg_axis_size(values, -1) > mg_axis_size(x, -1))
    return mg_fail(MG_ESHAPE, "top_k: values %s for x %s; expected (..., k) with k at most the size of x's last axis",
                   mg_shape_text(values), mg_shape_text(x));
  for (int d = 0; d < x->ndim; d++) shape[d] = d == x->ndim - 1 ? values->shape[d] : x->shape[d];
  return mg_check_shape("top_k", "values", values, x->ndim, shape);
}

mg_status mg_top_k(mg_tensor *values, mg_tensor *indices, const mg_tensor *x) {
  MG_TRY(check_top_k(values, indices, x));
  MG_TRY(mg_check_offered("top_k", x, x->buffer->backend->top_k != NULL));
  if (mg_element_count(values) == 0) return MG_OK;
  mg_rows rows = {0};
  int32_t last = x->ndim - 1;
  mg_status status = mg_rows_in(&rows, 0, x, last);
  if (status == MG_OK) status = mg_rows_out(&rows, 1, values, last);
  if (status == MG_OK) status = mg_rows_out(&rows, 2, indices, last);
  if (status == MG_OK) status = x->buffer->backend->top_k(&rows.t[1], &rows.t[2], &rows.t[0]);
  return mg_rows_end(&rows, status);
}

mg_status mg_cumulative_sum(mg_tensor *out, const mg_tensor *x, int32_t axis, int32_t reverse) {
  MG_TRY(mg_check_tensor("cumulative_sum", "x", x));
  MG_TRY(mg_check_out("cumulative_sum", "out", out, &x, 1));
  MG_TRY(mg_check_like("cumulative_sum", "out", out, "x", x));
  MG_TRY(mg_check_same_shape("cumulative_sum", "out", out, "x", x));
  MG_TRY(mg_check_axis("cumulative_sum", x, &axis));
  MG_TRY(mg_check_offered("cumulative_sum", x, x->buffer->backend->cumulative_sum != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  mg_rows rows = {0};
  mg_status status = mg_rows_in(&rows, 0, x, axis);
  if (status == MG_OK) status = mg_rows_out(&rows, 1, out, axis);
  if (status == MG_OK) status = x->buffer->backend->cumulative_sum(&rows.t[1], &rows.t[0], reverse != 0);
  return mg_rows_end(&rows, status);
}
