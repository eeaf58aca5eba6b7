/* op_loss.c: losses with one value per row. Labels are checked by the slot, which knows the rows of weight 0. */
#include <math.h>

#include "backend.h"
#include "error.h"

/* Contiguous stand-ins for strided operands; outputs are copied back at the end. */
typedef struct stand_ins {
  mg_tensor memory[6];
  mg_tensor *target[6]; /* where an output's values go; NULL: an input */
  int count;
} stand_ins;

static mg_status dense_input(stand_ins *s, const mg_tensor **x) {
  if (!*x || mg_is_contiguous(*x)) return MG_OK;
  MG_TRY(mg_borrow_contiguous(&s->memory[s->count], *x));
  *x = &s->memory[s->count++];
  return MG_OK;
}

static mg_status dense_output(stand_ins *s, mg_tensor **out) {
  if (!*out) return MG_OK;
  mg_mark_written(*out);
  if (mg_is_contiguous(*out)) return MG_OK;
  MG_TRY(mg_alloc_like(&s->memory[s->count], *out));
  s->target[s->count] = *out;
  *out = &s->memory[s->count++];
  return MG_OK;
}

static mg_status finish(stand_ins *s, mg_status status) {
  for (int i = 0; i < s->count; i++) {
    if (status == MG_OK && s->target[i]) status = s->target[i]->buffer->backend->copy(s->target[i], &s->memory[i]);
    mg_release(&s->memory[i]);
  }
  return status;
}

/* x (N,C) with C >= 1. */
static mg_status check_rows(const char *op, const char *name, const mg_tensor *x) {
  MG_TRY(mg_check_float(op, name, x));
  if (x->ndim != 2)
    return mg_fail(MG_ESHAPE, "%s: %s %s: expected (N, C); reshape leading axes into one", op, name, mg_shape_text(x));
  if (x->shape[1] == 0 && x->shape[0] > 0)
    return mg_fail(MG_ESHAPE, "%s: %s %s has rows of no element", op, name, mg_shape_text(x));
  return MG_OK;
}

/* t (N), of x's dtype and device. */
static mg_status check_per_row(const char *op, const char *name, const mg_tensor *t, const char *x_name, const mg_tensor *x) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_like(op, name, t, x_name, x));
  return mg_check_shape(op, name, t, 1, x->shape);
}

static mg_status check_matching(const char *op, const char *name, const mg_tensor *t, const char *x_name, const mg_tensor *x) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_like(op, name, t, x_name, x));
  return mg_check_same_shape(op, name, t, x_name, x);
}

static mg_status check_labels(const char *op, const mg_tensor *labels, const char *x_name, const mg_tensor *x) {
  MG_TRY(mg_check_tensor(op, "labels", labels));
  if (labels->dtype != MG_INT32) return check_matching(op, "labels (targets)", labels, x_name, x);
  MG_TRY(mg_check_device(op, "labels", labels, x_name, x));
  if (labels->ndim != 1 || labels->shape[0] != x->shape[0])
    return mg_fail(MG_ESHAPE, "%s: labels %s of int32 class ids do not fit %s %s: expected one id for each row; flatten both alike",
                   op, mg_shape_text(labels), x_name, mg_shape_text(x));
  return MG_OK;
}

/* ---- softmax cross-entropy ---- */

mg_status mg_cross_entropy_forward(mg_tensor *loss, mg_tensor *probabilities, const mg_tensor *logits, const mg_tensor *labels,
                                   const mg_tensor *weights) {
  const char *op = "cross_entropy";
  MG_TRY(check_rows(op, "logits", logits));
  MG_TRY(check_labels(op, labels, "logits", logits));
  if (weights) MG_TRY(check_per_row(op, "weights", weights, "logits", logits));
  MG_TRY(check_per_row(op, "loss", loss, "logits", logits));
  const mg_tensor *others[] = {logits, labels, weights, loss};
  MG_TRY(mg_check_out(op, "loss", loss, others, 3));
  if (probabilities) {
    MG_TRY(check_matching(op, "probabilities", probabilities, "logits", logits));
    MG_TRY(mg_check_out(op, "probabilities", probabilities, others, 4));
  }
  const mg_backend *backend = logits->buffer->backend;
  MG_TRY(mg_check_offered(op, logits, backend->cross_entropy_forward != NULL));
  if (logits->shape[0] == 0) return MG_OK;
  stand_ins s = {.count = 0};
  mg_status status = dense_input(&s, &logits);
  if (status == MG_OK) status = dense_input(&s, &labels);
  if (status == MG_OK) status = dense_input(&s, &weights);
  if (status == MG_OK) status = dense_output(&s, &loss);
  if (status == MG_OK) status = dense_output(&s, &probabilities);
  if (status == MG_OK) status = backend->cross_entropy_forward(loss, probabilities, logits, labels, weights);
  return finish(&s, status);
}

mg_status mg_cross_entropy_backward(mg_tensor *dlogits, const mg_tensor *dloss, const mg_tensor *probabilities,
                                    const mg_tensor *labels, const mg_tensor *weights) {
  const char *op = "cross_entropy backward";
  MG_TRY(check_rows(op, "probabilities", probabilities));
  MG_TRY(check_labels(op, labels, "probabilities", probabilities));
  if (weights) MG_TRY(check_per_row(op, "weights", weights, "probabilities", probabilities));
  MG_TRY(check_per_row(op, "dloss", dloss, "probabilities", probabilities));
  MG_TRY(check_matching(op, "dlogits", dlogits, "probabilities", probabilities));
  const mg_tensor *others[] = {dloss, labels, weights, mg_same_view(dlogits, probabilities) ? NULL : probabilities};
  MG_TRY(mg_check_out(op, "dlogits", dlogits, others, 4));
  const mg_backend *backend = dlogits->buffer->backend;
  MG_TRY(mg_check_offered(op, dlogits, backend->cross_entropy_backward != NULL));
  if (dlogits->shape[0] == 0) return MG_OK;
  stand_ins s = {.count = 0};
  mg_status status = dense_input(&s, &dloss);
  if (status == MG_OK) status = dense_input(&s, &probabilities);
  if (status == MG_OK) status = dense_input(&s, &labels);
  if (status == MG_OK) status = dense_input(&s, &weights);
  if (status == MG_OK) status = dense_output(&s, &dlogits);
  if (status == MG_OK) status = backend->cross_entropy_backward(dlogits, dloss, probabilities, labels, weights);
  return finish(&s, status);
}

/* ---- losses of single elements, averaged over a row ---- */

static mg_status check_pointwise(const char *op, int32_t kind, const mg_tensor *prediction, const mg_tensor *target,
                                 const mg_tensor *weights, double delta) {
  if (kind < 0 || kind >= MG_LOSS_COUNT) return mg_fail(MG_EINVAL, "%s: unknown kind %d", op, (int)kind);
  if (kind == MG_LOSS_HUBER && !(delta > 0 && isfinite(delta)))
    return mg_fail(MG_EINVAL, "%s: delta is %g; expected a finite number above 0", op, delta);
  MG_TRY(check_rows(op, "prediction", prediction));
  MG_TRY(check_matching(op, "target", target, "prediction", prediction));
  return weights ? check_per_row(op, "weights", weights, "prediction", prediction) : MG_OK;
}

mg_status mg_pointwise_loss_forward(int32_t kind, mg_tensor *loss, const mg_tensor *prediction, const mg_tensor *target,
                                    const mg_tensor *weights, double delta) {
  const char *op = "pointwise_loss";
  MG_TRY(check_pointwise(op, kind, prediction, target, weights, delta));
  MG_TRY(check_per_row(op, "loss", loss, "prediction", prediction));
  const mg_tensor *others[] = {prediction, target, weights};
  MG_TRY(mg_check_out(op, "loss", loss, others, 3));
  const mg_backend *backend = loss->buffer->backend;
  MG_TRY(mg_check_offered(op, loss, backend->pointwise_loss_forward != NULL));
  if (loss->shape[0] == 0) return MG_OK;
  stand_ins s = {.count = 0};
  mg_status status = dense_input(&s, &prediction);
  if (status == MG_OK) status = dense_input(&s, &target);
  if (status == MG_OK) status = dense_input(&s, &weights);
  if (status == MG_OK) status = dense_output(&s, &loss);
  if (status == MG_OK) status = backend->pointwise_loss_forward(kind, loss, prediction, target, weights, delta);
  return finish(&s, status);
}

mg_status mg_pointwise_loss_backward(int32_t kind, mg_tensor *dprediction, const mg_tensor *dloss, const mg_tensor *prediction,
                                     const mg_tensor *target, const mg_tensor *weights, double delta) {
  const char *op = "pointwise_loss backward";
  MG_TRY(check_pointwise(op, kind, prediction, target, weights, delta));
  MG_TRY(check_per_row(op, "dloss", dloss, "prediction", prediction));
  MG_TRY(check_matching(op, "dprediction", dprediction, "prediction", prediction));
  const mg_tensor *others[] = {dloss, prediction, target, weights};
  MG_TRY(mg_check_out(op, "dprediction", dprediction, others, 4));
  const mg_backend *backend = dprediction->buffer->backend;
  MG_TRY(mg_check_offered(op, dprediction, backend->pointwise_loss_backward != NULL));
  if (dprediction->shape[0] == 0) return MG_OK;
  stand_ins s = {.count = 0};
  mg_status status = dense_input(&s, &dloss);
  if (status == MG_OK) status = dense_input(&s, &prediction);
  if (status == MG_OK) status = dense_input(&s, &target);
  if (status == MG_OK) status = dense_input(&s, &weights);
  if (status == MG_OK) status = dense_output(&s, &dprediction);
  if (status == MG_OK) status = backend->pointwise_loss_backward(kind, dprediction, dloss, prediction, target, weights, delta);
  return finish(&s, status);
}
