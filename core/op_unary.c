/* op_unary.c: one tensor in, one of its shape out, element by element. */
#include "backend.h"
#include "error.h"

static const char *const names[MG_UNARY_COUNT] = {
  "affine", "pow", "pow_of", "div", "div_into", "clip", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1",
  "log", "log1p", "sin", "cos", "floor", "ceil", "round", "is_nan", "is_finite", "logical_not",
};

static int takes_integers(int32_t op) { return op == MG_UNARY_AFFINE || op == MG_UNARY_CLIP || op == MG_UNARY_ABS; }

static mg_status check(const char *name, int32_t op, const mg_tensor *out, const mg_tensor *x) {
  MG_TRY(mg_check_writable(name, "out", out));
  MG_TRY(mg_check_tensor(name, "x", x));
  if (op >= MG_UNARY_IS_NAN) {
    MG_TRY(mg_check_dtype(name, "out", out, MG_UINT8));
    return mg_check_device(name, "out", out, "x", x);
  }
  if (!takes_integers(op)) MG_TRY(mg_check_float(name, "x", x));
  return mg_check_like(name, "out", out, "x", x);
}

mg_status mg_unary(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b) {
  if (op < 0 || op >= MG_UNARY_COUNT)
    return mg_fail(MG_EINVAL, "unary: op is %d; expected one of MG_UNARY_*, 0..%d", (int)op, MG_UNARY_COUNT - 1);
  const char *name = names[op];
  mg_tensor view;
  mg_empty_handle(&view);
  MG_TRY(check(name, op, out, x));
  MG_TRY(mg_check_offered(name, out, out->buffer->backend->unary != NULL));
  mg_status status = mg_elementwise_input(&x, &view, name, "x", x, out);
  if (status == MG_OK && mg_element_count(out) > 0) {
    status = out->buffer->backend->unary(op, out, x, a, b);
    mg_mark_written(out);
  }
  mg_release(&view);
  return status;
}
