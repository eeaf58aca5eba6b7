/* op_softmax.c: softmax and log-softmax along an axis. out may be x, or overlap it. */
#include "backend.h"
#include "error.h"
#include "rows.h"

static mg_status check(const char *op, const char *out_name, const mg_tensor *out, const char *name, const mg_tensor *x) {
  MG_TRY(mg_check_float(op, name, x));
  MG_TRY(mg_check_writable(op, out_name, out));
  MG_TRY(mg_check_like(op, out_name, out, name, x));
  return mg_check_same_shape(op, out_name, out, name, x);
}

/* As mg_rows_in, apart from out unless it is out itself. */
static mg_status rows_beside(mg_rows *rows, int i, const mg_tensor *x, const mg_tensor *out, int32_t axis) {
  mg_tensor detached = {0};
  MG_TRY(mg_detach_input(&detached, x, out));
  mg_status status = mg_rows_in(rows, i, &detached, axis);
  mg_release(&detached);
  return status;
}

mg_status mg_softmax_forward(mg_tensor *out, const mg_tensor *x, int32_t axis, int32_t log) {
  const char *name = log ? "log_softmax" : "softmax";
  MG_TRY(check(name, "out", out, "x", x));
  MG_TRY(mg_check_axis(name, x, &axis));
  MG_TRY(mg_check_offered(name, out, out->buffer->backend->softmax_forward != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  mg_rows rows = {0};
  mg_status status = rows_beside(&rows, 0, x, out, axis);
  if (status == MG_OK) status = mg_rows_out(&rows, 1, out, axis);
  if (status == MG_OK) status = out->buffer->backend->softmax_forward(&rows.t[1], &rows.t[0], log != 0);
  return mg_rows_end(&rows, status);
}

mg_status mg_softmax_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t axis, int32_t log) {
  const char *name = log ? "log_softmax_backward" : "softmax_backward";
  MG_TRY(check(name, "dx", dx, "y", y));
  MG_TRY(check(name, "dx", dx, "dy", dy));
  MG_TRY(mg_check_axis(name, y, &axis));
  MG_TRY(mg_check_offered(name, dx, dx->buffer->backend->softmax_backward != NULL));
  if (mg_element_count(dx) == 0) return MG_OK;
  mg_rows rows = {0};
  mg_status status = rows_beside(&rows, 0, dy, dx, axis);
  if (status == MG_OK) status = rows_beside(&rows, 1, y, dx, axis);
  if (status == MG_OK) status = mg_rows_out(&rows, 2, dx, axis);
  if (status == MG_OK) status = dx->buffer->backend->softmax_backward(&rows.t[2], &rows.t[0], &rows.t[1], log != 0);
  return mg_rows_end(&rows, status);
}
