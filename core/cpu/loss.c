/* cpu/loss.c: the loss slots: label checks, then rows in pieces of about 16 K elements. */
#include "../error.h"
#include "../threads.h"
#include "cpu.h"
#include "loss_kernels.h"

static const mg_loss_kernels *best_kernels(mg_dtype dtype) {
  return dtype == MG_FLOAT64 ? &mg_loss_double : MG_ISA_PICK(mg_loss_float);
}

typedef struct loss_job {
  mg_loss_rows rows;
  mg_loss_kernel kernel;
  int64_t count, step; /* rows, rows in a piece */
} loss_job;

static mg_status run_piece(void *context, int64_t piece) {
  const loss_job *job = context;
  int64_t first = piece * job->step, last = first + job->step;
  job->kernel(&job->rows, first, last < job->count ? last : job->count);
  return MG_OK;
}

static mg_status run(mg_loss_kernel kernel, const mg_loss_rows *rows, int64_t count) {
  loss_job job = {*rows, kernel, count, rows->classes < 16384 ? 16384 / rows->classes : 1};
  return mg_parallel(mg_pieces(count, job.step), run_piece, &job);
}

static const void *elements_or_null(const mg_tensor *t) { return t ? mg_elements(t) : NULL; }

static int counts(const mg_tensor *weights, int64_t row) {
  if (!weights) return 1;
  if (weights->dtype == MG_FLOAT64) return ((const double *)mg_elements(weights))[row] != 0;
  return ((const float *)mg_elements(weights))[row] != 0;
}

static mg_status check_labels(const char *op, const mg_tensor *labels, const mg_tensor *weights, int64_t classes) {
  if (labels->dtype != MG_INT32) return MG_OK;
  const int32_t *ids = mg_elements(labels);
  for (int64_t row = 0; row < labels->shape[0]; row++)
    if ((ids[row] < 0 || ids[row] >= classes) && counts(weights, row))
      return mg_fail(MG_EINVAL, "%s: labels hold class id %d in row %lld (0-based); expected 0..%lld", op, (int)ids[row],
                     (long long)row, (long long)classes - 1);
  return MG_OK;
}

/* What all four have in common; labels: int32 ids or targets. */
static mg_loss_rows rows_of(const mg_tensor *input, const mg_tensor *labels, const mg_tensor *weights) {
  mg_loss_rows rows = {.classes = input->shape[1], .input = mg_elements(input), .weights = elements_or_null(weights)};
  if (labels->dtype == MG_INT32) rows.labels = mg_elements(labels);
  else rows.target = mg_elements(labels);
  return rows;
}

mg_status mg_cpu_cross_entropy_forward(mg_tensor *loss, mg_tensor *probabilities, const mg_tensor *logits, const mg_tensor *labels,
                                       const mg_tensor *weights) {
  MG_TRY(check_labels("cross_entropy", labels, weights, logits->shape[1]));
  mg_loss_rows rows = rows_of(logits, labels, weights);
  rows.loss = mg_elements(loss);
  rows.result = probabilities ? mg_elements(probabilities) : NULL;
  return run(best_kernels(logits->dtype)->cross_entropy_forward, &rows, logits->shape[0]);
}

mg_status mg_cpu_cross_entropy_backward(mg_tensor *dlogits, const mg_tensor *dloss, const mg_tensor *probabilities,
                                        const mg_tensor *labels, const mg_tensor *weights) {
  MG_TRY(check_labels("cross_entropy backward", labels, weights, probabilities->shape[1]));
  mg_loss_rows rows = rows_of(probabilities, labels, weights);
  rows.dloss = mg_elements(dloss);
  rows.result = mg_elements(dlogits);
  return run(best_kernels(dlogits->dtype)->cross_entropy_backward, &rows, dlogits->shape[0]);
}

mg_status mg_cpu_pointwise_loss_forward(int32_t kind, mg_tensor *loss, const mg_tensor *prediction, const mg_tensor *target,
                                        const mg_tensor *weights, double delta) {
  mg_loss_rows rows = rows_of(prediction, target, weights);
  rows.kind = kind;
  rows.delta = delta;
  rows.loss = mg_elements(loss);
  return run(best_kernels(prediction->dtype)->pointwise_forward, &rows, prediction->shape[0]);
}

mg_status mg_cpu_pointwise_loss_backward(int32_t kind, mg_tensor *dprediction, const mg_tensor *dloss, const mg_tensor *prediction,
                                         const mg_tensor *target, const mg_tensor *weights, double delta) {
  mg_loss_rows rows = rows_of(prediction, target, weights);
  rows.kind = kind;
  rows.delta = delta;
  rows.dloss = mg_elements(dloss);
  rows.result = mg_elements(dprediction);
  return run(best_kernels(prediction->dtype)->pointwise_backward, &rows, prediction->shape[0]);
}
