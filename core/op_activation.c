/* op_activation.c: Keras's elementwise activations and their gradients. */
#include "activation.h"
#include "backend.h"
#include "error.h"

static mg_status check_kind(const char *op, const mg_activation *activation) {
  if (!activation) return mg_fail(MG_EINVAL, "%s: activation is NULL; expected a kind and its parameters", op);
  if (activation->kind >= 0 && activation->kind < MG_ACT_COUNT) return MG_OK;
  return mg_fail(MG_EINVAL, "%s: kind is %d; expected one of MG_ACT_*, 0..%d", op, (int)activation->kind, MG_ACT_COUNT - 1);
}

mg_status mg_activation_forward(mg_tensor *out, const mg_tensor *x, const mg_activation *activation) {
  MG_TRY(check_kind("activation", activation));
  MG_TRY(mg_check_writable("activation", "out", out));
  MG_TRY(mg_check_float("activation", "x", x));
  MG_TRY(mg_check_like("activation", "out", out, "x", x));
  MG_TRY(mg_check_same_shape("activation", "x", x, "out", out));
  MG_TRY(mg_check_offered("activation", out, out->buffer->backend->activation_forward != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  mg_tensor in;
  mg_empty_handle(&in);
  MG_TRY(mg_elementwise_input(&x, &in, "activation", "x", x, out));
  mg_status status = out->buffer->backend->activation_forward(out, x, activation);
  mg_release(&in);
  mg_mark_written(out);
  return status;
}

static mg_status check_backward(const mg_tensor *dx, const mg_tensor *dy, const char *name, const mg_tensor *v) {
  static const char *const op = "activation_backward";
  MG_TRY(mg_check_writable(op, "dx", dx));
  MG_TRY(mg_check_float(op, "dy", dy));
  MG_TRY(mg_check_like(op, "dx", dx, "dy", dy));
  MG_TRY(mg_check_same_shape(op, "dy", dy, "dx", dx));
  if (!name) return MG_OK;
  if (!v)
    return mg_fail(MG_EINVAL, "%s: %s is NULL; this kind's slope is computed from it; expected the one of forward, %s", op, name,
                   mg_shape_text(dx));
  MG_TRY(mg_check_like(op, name, v, "dx", dx));
  return mg_check_same_shape(op, name, v, "dx", dx);
}

mg_status mg_activation_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                 const mg_activation *activation) {
  MG_TRY(check_kind("activation_backward", activation));
  const int by_x = mg_slope_needs_x(activation), by_y = !by_x && activation->kind != MG_ACT_LINEAR;
  const mg_tensor *v = by_x ? x : by_y ? y : NULL;
  MG_TRY(check_backward(dx, dy, by_x ? "x" : by_y ? "y" : NULL, v));
  MG_TRY(mg_check_offered("activation_backward", dx, dx->buffer->backend->activation_backward != NULL));
  if (mg_element_count(dx) == 0) return MG_OK;
  mg_tensor slope_of, gradient;
  mg_empty_handle(&slope_of);
  mg_empty_handle(&gradient);
  mg_status status = mg_elementwise_input(&dy, &gradient, "activation_backward", "dy", dy, dx);
  if (status == MG_OK && v) status = mg_elementwise_input(&v, &slope_of, "activation_backward", "v", v, dx);
  if (status == MG_OK)
    status = dx->buffer->backend->activation_backward(dx, dy, by_x ? v : NULL, by_y ? v : NULL, activation);
  mg_release(&gradient);
  mg_release(&slope_of);
  mg_mark_written(dx);
  return status;
}
