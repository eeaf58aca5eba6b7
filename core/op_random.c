/* op_random.c: random tensors from Philox 4x32-10. Element i depends on (seed, stream, offset + i), kind and dtype alone. */
#include <math.h>

#include "backend.h"
#include "error.h"
#include "philox.h"

static const char *const kind_names[MG_RANDOM_COUNT] = {"random uniform", "random normal", "random truncated_normal",
                                                        "random bernoulli", "random dropout"};

static mg_status check_parameters(const char *op, int32_t kind, double a, double b) {
  if (!isfinite(a) || !isfinite(b)) return mg_fail(MG_EINVAL, "%s: parameters %g and %g must be finite", op, a, b);
  switch (kind) {
    case MG_RANDOM_UNIFORM:
      if (a > b) return mg_fail(MG_EINVAL, "%s: lower bound %g is above upper bound %g; swap them", op, a, b);
      if (!isfinite(b - a)) return mg_fail(MG_EINVAL, "%s: the range %g to %g is too wide", op, a, b);
      break;
    case MG_RANDOM_NORMAL:
    case MG_RANDOM_TRUNCATED_NORMAL:
      if (b < 0) return mg_fail(MG_EINVAL, "%s: standard deviation %g must not be negative", op, b);
      break;
    default:
      if (a < 0 || a > 1) return mg_fail(MG_EINVAL, "%s: probability %g must be in 0..1", op, a);
  }
  return MG_OK;
}

static mg_status check_key(const char *op, const mg_random_key *key) {
  return key ? MG_OK : mg_fail(MG_EINVAL, "%s: key is NULL", op);
}

mg_status mg_random_fill(int32_t kind, mg_tensor *out, const mg_random_key *key, double a, double b) {
  if (kind < 0 || kind >= MG_RANDOM_COUNT) return mg_fail(MG_EINVAL, "random: unknown kind %d", (int)kind);
  const char *op = kind_names[kind];
  MG_TRY(kind == MG_RANDOM_BERNOULLI ? mg_check_tensor(op, "out", out) : mg_check_float(op, "out", out));
  MG_TRY(mg_check_out(op, "out", out, NULL, 0));
  MG_TRY(check_key(op, key));
  MG_TRY(check_parameters(op, kind, a, b));
  MG_TRY(mg_check_offered(op, out, out->buffer->backend->random_fill != NULL));
  if (mg_element_count(out) == 0) return MG_OK;
  mg_tensor dense; /* a strided out gets its elements in row-major order */
  MG_TRY(mg_borrow_output(&dense, out));
  return mg_return_output(&dense, out, out->buffer->backend->random_fill(kind, &dense, key, a, b));
}

static mg_status check_categorical(const char *op, const mg_tensor *ids, const mg_tensor *logits) {
  MG_TRY(mg_check_dtype(op, "ids", ids, MG_INT32));
  MG_TRY(mg_check_float(op, "logits", logits));
  if (logits->ndim != 2 || ids->ndim != 1 || ids->shape[0] != logits->shape[0])
    return mg_fail(MG_ESHAPE, "%s: ids %s and logits %s: expected (N) and (N, C)", op, mg_shape_text(ids), mg_shape_text(logits));
  if (logits->shape[1] == 0 && logits->shape[0] > 0)
    return mg_fail(MG_ESHAPE, "%s: logits %s hold no class to draw from", op, mg_shape_text(logits));
  return mg_check_device(op, "ids", ids, "logits", logits);
}

static mg_status categorical_contiguous(mg_tensor *ids, const mg_tensor *logits, const mg_random_key *key) {
  const mg_backend *backend = ids->buffer->backend;
  mg_tensor rows = {0}, drawn = {0};
  MG_TRY(mg_borrow_contiguous(&rows, logits));
  mg_status status = mg_alloc_like(&drawn, ids);
  if (status == MG_OK) status = backend->random_categorical(&drawn, &rows, key);
  if (status == MG_OK) {
    mg_mark_written(ids);
    status = backend->copy(ids, &drawn);
  }
  mg_release(&drawn);
  mg_release(&rows);
  return status;
}

mg_status mg_random_categorical(mg_tensor *ids, const mg_tensor *logits, const mg_random_key *key) {
  const char *op = "random categorical";
  MG_TRY(check_categorical(op, ids, logits));
  MG_TRY(mg_check_out(op, "ids", ids, &logits, 1));
  MG_TRY(check_key(op, key));
  MG_TRY(mg_check_offered(op, ids, ids->buffer->backend->random_categorical != NULL));
  return ids->shape[0] == 0 ? MG_OK : categorical_contiguous(ids, logits, key);
}

mg_status mg_random_permutation(mg_tensor *out, const mg_random_key *key) {
  const char *op = "random permutation";
  MG_TRY(mg_check_dtype(op, "out", out, MG_INT32));
  if (out->ndim != 1) return mg_fail(MG_ESHAPE, "%s: out %s: expected (N)", op, mg_shape_text(out));
  if (out->shape[0] > INT32_MAX) return mg_fail(MG_ESHAPE, "%s: out %s is too long for int32", op, mg_shape_text(out));
  MG_TRY(mg_check_out(op, "out", out, NULL, 0));
  MG_TRY(check_key(op, key));
  const mg_backend *backend = out->buffer->backend;
  MG_TRY(mg_check_offered(op, out, backend->random_permutation != NULL));
  if (out->shape[0] == 0) return MG_OK;
  mg_tensor dense;
  MG_TRY(mg_borrow_output(&dense, out));
  return mg_return_output(&dense, out, backend->random_permutation(&dense, key));
}

mg_status mg_random_block(uint32_t *out, const uint32_t *counter, const uint32_t *key) {
  if (!out || !counter || !key) return mg_fail(MG_EINVAL, "random block: out, counter and key must not be NULL");
  mg_philox(out, counter, key);
  return MG_OK;
}
