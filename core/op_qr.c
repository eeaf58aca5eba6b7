/* op_qr.c: reduced QR decomposition. */
#include "backend.h"
#include "error.h"

static mg_status check(const mg_tensor *q, const mg_tensor *r, const mg_tensor *a) {
  MG_TRY(mg_check_float("qr", "a", a));
  MG_TRY(mg_check_out("qr", "q", q, (const mg_tensor *[]){a, r}, 2));
  MG_TRY(mg_check_out("qr", "r", r, &a, 1));
  MG_TRY(mg_check_like("qr", "q", q, "a", a));
  MG_TRY(mg_check_like("qr", "r", r, "a", a));
  if (a->ndim != 2) return mg_fail(MG_ESHAPE, "qr: a %s; expected a matrix (M, N); reshape it", mg_shape_text(a));
  int64_t m = a->shape[0], n = a->shape[1], k = m < n ? m : n;
  MG_TRY(mg_check_shape("qr", "q", q, 2, (int64_t[]){m, k}));
  return mg_check_shape("qr", "r", r, 2, (int64_t[]){k, n});
}

mg_status mg_qr(mg_tensor *q, mg_tensor *r, const mg_tensor *a) {
  MG_TRY(check(q, r, a));
  MG_TRY(mg_check_offered("qr", a, a->buffer->backend->qr != NULL));
  if (mg_element_count(a) == 0) return MG_OK;
  mg_tensor matrix = {0}, dense_q = {0}, dense_r = {0};
  mg_status status = mg_borrow_contiguous(&matrix, a);
  if (status == MG_OK) status = mg_borrow_output(&dense_q, q);
  if (status == MG_OK) status = mg_borrow_output(&dense_r, r);
  if (status == MG_OK) status = a->buffer->backend->qr(&dense_q, &dense_r, &matrix);
  mg_release(&matrix);
  status = mg_return_output(&dense_q, q, status);
  return mg_return_output(&dense_r, r, status);
}
