/* op_matmul.c: products of matrices, batched over leading axes. */
#include "backend.h"
#include "error.h"

static mg_status check(const mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  MG_TRY(mg_check_float("matmul", "a", a));
  MG_TRY(mg_check_like("matmul", "b", b, "a", a));
  MG_TRY(mg_check_like("matmul", "out", out, "a", a));
  MG_TRY(mg_check_out("matmul", "out", out, (const mg_tensor *[]){a, b}, 2));
  if (a->ndim < 2 || b->ndim < 2)
    return mg_fail(MG_ESHAPE, "matmul: a %s and b %s; expected two axes or more of each; reshape a vector to (1, K) or (K, 1)",
                   mg_shape_text(a), mg_shape_text(b));
  if (mg_axis_size(a, -1) == mg_axis_size(b, -2)) return MG_OK;
  return mg_fail(MG_ESHAPE, "matmul: a %s has rows of %lld, b %s columns of %lld; expected (..., M, K) and (..., K, N); "
                 "transpose one of them",
                 mg_shape_text(a), (long long)mg_axis_size(a, -1), mg_shape_text(b), (long long)mg_axis_size(b, -2));
}

/* The size of axis -1 - i of a tensor, 1 beyond its first. */
static int64_t size_from_end(const mg_tensor *t, int i) { return i < t->ndim ? t->shape[t->ndim - 1 - i] : 1; }

static mg_status check_shapes(const mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  int fits = out->ndim == ndim && mg_axis_size(out, -2) == mg_axis_size(a, -2) && mg_axis_size(out, -1) == mg_axis_size(b, -1);
  for (int i = 2; fits && i < ndim; i++) {
    int64_t left = size_from_end(a, i), right = size_from_end(b, i), size = left == 1 ? right : left;
    fits = (right == size || right == 1) && size_from_end(out, i) == size;
  }
  if (fits) return MG_OK;
  return mg_fail(MG_ESHAPE, "matmul: out %s for a %s and b %s; expected (..., M, N) with their leading axes broadcast together",
                 mg_shape_text(out), mg_shape_text(a), mg_shape_text(b));
}

/* A matrix that BLAS can read as it lies: unit stride along one of the last two axes, rows or columns apart along the other. */
static int is_readable(const mg_tensor *x) {
  int64_t rows = mg_axis_size(x, -2), columns = mg_axis_size(x, -1);
  int64_t row_step = rows == 1 ? columns : x->strides[x->ndim - 2], column_step = columns == 1 ? rows : x->strides[x->ndim - 1];
  return ((column_step == 1 || columns == 1) && row_step >= columns) || ((row_step == 1 || rows == 1) && column_step >= rows);
}

static mg_status readable(mg_tensor *tmp, const mg_tensor *x) {
  if (is_readable(x)) return mg_tensor_alias(tmp, x);
  return mg_borrow_contiguous(tmp, x);
}

/* (..., M, K) (K, N): one product of all rows. */
static mg_status merge_rows(mg_tensor *out, mg_tensor *a, const mg_tensor *b) {
  if (a->ndim < 3 || b->ndim != 2 || !mg_is_contiguous(a)) return MG_OK;
  MG_TRY(mg_tensor_reshape(out, out, 2, (int64_t[]){-1, mg_axis_size(out, -1)}));
  return mg_tensor_reshape(a, a, 2, (int64_t[]){-1, mg_axis_size(a, -1)});
}

/* out is contiguous. */
static mg_status multiply(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta) {
  mg_tensor left, right, rows;
  mg_empty_handle(&left);
  mg_empty_handle(&right);
  mg_empty_handle(&rows);
  mg_status status = readable(&left, a);
  if (status == MG_OK) status = readable(&right, b);
  if (status == MG_OK) status = mg_tensor_alias(&rows, out);
  if (status == MG_OK) status = merge_rows(&rows, &left, &right);
  if (status == MG_OK) status = out->buffer->backend->matmul(&rows, &left, &right, beta);
  mg_release(&left);
  mg_release(&right);
  mg_release(&rows);
  return status;
}

mg_status mg_matmul(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta) {
  MG_TRY(check(out, a, b));
  MG_TRY(check_shapes(out, a, b));
  MG_TRY(mg_check_offered("matmul", out, out->buffer->backend->matmul != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  if (mg_axis_size(a, -1) == 0) return beta == 0 ? mg_fill(out, 0) : mg_unary(MG_UNARY_AFFINE, out, out, beta, 0);
  mg_tensor dense;
  MG_TRY(mg_borrow_output(&dense, out));
  mg_status status = beta != 0 && dense.buffer != out->buffer ? mg_copy(&dense, out) : MG_OK;
  if (status == MG_OK) status = multiply(&dense, a, b, beta);
  return mg_return_output(&dense, out, status);
}
