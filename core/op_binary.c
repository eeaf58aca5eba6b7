/* op_binary.c: two tensors (and a condition) in, one of the shape they broadcast to out, element by element. */
#include "backend.h"
#include "error.h"

static const char *const binary_names[MG_BINARY_COUNT] = {"add", "sub", "mul", "div", "pow", "maximum", "minimum"};
static const char *const compare_names[MG_COMPARE_COUNT] = {"eq", "ne", "lt", "le", "gt", "ge"};

static mg_status check_binary(int32_t op, const char *name, const mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  MG_TRY(mg_check_writable(name, "out", out));
  if (op == MG_BINARY_DIV || op == MG_BINARY_POW) MG_TRY(mg_check_float(name, "a", a));
  MG_TRY(mg_check_like(name, "b", b, "a", a));
  return mg_check_like(name, "out", out, "a", a);
}

mg_status mg_binary(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  if (op < 0 || op >= MG_BINARY_COUNT)
    return mg_fail(MG_EINVAL, "binary: op is %d; expected one of MG_BINARY_*, 0..%d", (int)op, MG_BINARY_COUNT - 1);
  const char *name = binary_names[op];
  mg_tensor left, right;
  mg_empty_handle(&left);
  mg_empty_handle(&right);
  MG_TRY(check_binary(op, name, out, a, b));
  MG_TRY(mg_check_offered(name, out, out->buffer->backend->binary != NULL));
  mg_status status = mg_elementwise_input(&a, &left, name, "a", a, out);
  if (status == MG_OK) status = mg_elementwise_input(&b, &right, name, "b", b, out);
  if (status == MG_OK && mg_element_count(out) > 0) {
    status = out->buffer->backend->binary(op, out, a, b);
    mg_mark_written(out);
  }
  mg_release(&left);
  mg_release(&right);
  return status;
}

mg_status mg_compare(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  if (op < 0 || op >= MG_COMPARE_COUNT)
    return mg_fail(MG_EINVAL, "compare: op is %d; expected one of MG_COMPARE_*, 0..%d", (int)op, MG_COMPARE_COUNT - 1);
  const char *name = compare_names[op];
  mg_tensor left, right;
  mg_empty_handle(&left);
  mg_empty_handle(&right);
  MG_TRY(mg_check_writable(name, "out", out));
  MG_TRY(mg_check_dtype(name, "out", out, MG_UINT8));
  MG_TRY(mg_check_like(name, "b", b, "a", a));
  MG_TRY(mg_check_device(name, "out", out, "a", a));
  MG_TRY(mg_check_offered(name, out, out->buffer->backend->compare != NULL));
  mg_status status = mg_elementwise_input(&a, &left, name, "a", a, out);
  if (status == MG_OK) status = mg_elementwise_input(&b, &right, name, "b", b, out);
  if (status == MG_OK && mg_element_count(out) > 0) {
    status = out->buffer->backend->compare(op, out, a, b);
    mg_mark_written(out);
  }
  mg_release(&left);
  mg_release(&right);
  return status;
}

static mg_status check_where(const mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b) {
  MG_TRY(mg_check_writable("where", "out", out));
  MG_TRY(mg_check_dtype("where", "condition", condition, MG_UINT8));
  MG_TRY(mg_check_like("where", "b", b, "a", a));
  MG_TRY(mg_check_like("where", "out", out, "a", a));
  return mg_check_device("where", "out", out, "condition", condition);
}

mg_status mg_where(mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b) {
  mg_tensor mask, left, right;
  mg_empty_handle(&mask);
  mg_empty_handle(&left);
  mg_empty_handle(&right);
  MG_TRY(check_where(out, condition, a, b));
  MG_TRY(mg_check_offered("where", out, out->buffer->backend->where != NULL));
  mg_status status = mg_elementwise_input(&condition, &mask, "where", "condition", condition, out);
  if (status == MG_OK) status = mg_elementwise_input(&a, &left, "where", "a", a, out);
  if (status == MG_OK) status = mg_elementwise_input(&b, &right, "where", "b", b, out);
  if (status == MG_OK && mg_element_count(out) > 0) {
    status = out->buffer->backend->where(out, condition, a, b);
    mg_mark_written(out);
  }
  mg_release(&mask);
  mg_release(&left);
  mg_release(&right);
  return status;
}
