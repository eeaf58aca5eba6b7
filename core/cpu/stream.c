/* stream.c: the layers of streams without a state, and the choice of a kernel for all. */
#include "stream.h"

#include <math.h>
#include <string.h>

#include "../error.h"
#include "cpu.h"
#include "float32.h"

/* ---- Dense: y = a(x K + b). packed: bias, panels of the kernel --------------------------------------------------------- */

static void pack_dense(const mg_stream_layer *l, float *packed) {
  const mg_tensor *bias = mg_stream_weight(l, 1);
  const int64_t V = stream_rnn_table()->width, P = rnn_round_up(l->outputs, V);
  for (int64_t u = 0; u < P; u++) packed[u] = bias != NULL && u < l->outputs ? stream_weight_at(bias, u, 0) : 0;
  stream_pack_panels(packed + P, &l->weight[0], P, l->outputs, (int[]){ 0 }, 1);
}

static mg_status step_dense(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  const rnn_table *table = stream_rnn_table();
  const mg_float32 *loops = mg_float32_now();
  const int64_t U = l->outputs, P = rnn_round_up(U, table->width);
  (void)state;
  table->multiply(&(rnn_product){ .c = scratch, .ldc = P, .M = rows, .K = l->inputs, .a = x, .row = l->inputs, .step = 1,
                                  .b = { .data = l->packed + P, .K = l->inputs, .vectors = P / table->width } });
  for (int64_t i = 0; i < rows; i++) loops->binary(MG_BINARY_ADD, U, y + i * U, scratch + i * P, l->packed);
  if (l->activation.kind != MG_ACT_LINEAR) loops->activation(&l->activation, rows * U, y, y);
  return MG_OK;
}

static void plan_dense(mg_stream_layer *l) {
  const int64_t P = rnn_round_up(l->outputs, stream_rnn_table()->width);
  l->pack = pack_dense;
  l->packed_floats = P * (l->inputs + 1);
  l->scratch_row_floats = P;
  l->step = step_dense;
}

/* ---- Embedding: the rows of the table itself ----------------------------------------------------------------------------- */

static mg_status step_embedding(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  const mg_tensor *table = &l->weight[0];
  const int64_t classes = table->shape[0], U = l->outputs;
  (void)state;
  (void)scratch;
  for (int64_t i = 0; i < rows; i++) {
    if (!(x[i] >= 0 && (double)x[i] < (double)classes && x[i] == truncf(x[i])))
      return mg_fail(MG_EINVAL, "stream_step: the id %g of row %lld expected a whole number from 0 to %lld", (double)x[i],
                     (long long)i, (long long)classes - 1);
  }
  for (int64_t i = 0; i < rows; i++) {
    const float *from = (const float *)mg_elements(table) + (int64_t)x[i] * table->strides[0];
    if (table->strides[1] == 1) memcpy(y + i * U, from, (size_t)U * sizeof *y);
    else for (int64_t u = 0; u < U; u++) y[i * U + u] = from[u * table->strides[1]];
  }
  return MG_OK;
}

/* ---- Affine: y = x * scale + offset. packed: scale, offset -------------------------------------------------------------- */

static void pack_affine(const mg_stream_layer *l, float *packed) {
  const mg_tensor *scale = mg_stream_weight(l, 0), *offset = mg_stream_weight(l, 1);
  for (int64_t f = 0; f < l->inputs; f++) {
    packed[f] = scale == NULL ? 1 : stream_weight_at(scale, f, 0);
    packed[l->inputs + f] = offset == NULL ? 0 : stream_weight_at(offset, f, 0);
  }
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta as x * scale + offset */
static void pack_batch_normalization(const mg_stream_layer *l, float *packed) {
  const mg_tensor *gamma = mg_stream_weight(l, 2), *beta = mg_stream_weight(l, 3);
  for (int64_t f = 0; f < l->inputs; f++) {
    const double mean = stream_weight_at(&l->weight[0], f, 0), variance = stream_weight_at(&l->weight[1], f, 0);
    const double scale = (gamma == NULL ? 1 : (double)stream_weight_at(gamma, f, 0)) / sqrt(variance + l->epsilon);
    packed[f] = (float)scale;
    packed[l->inputs + f] = (float)((beta == NULL ? 0 : (double)stream_weight_at(beta, f, 0)) - mean * scale);
  }
}

static mg_status step_affine(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  const int64_t F = l->inputs;
  const float *scale = l->packed, *offset = l->packed + F;
  (void)state;
  (void)scratch;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t f = 0; f < F; f++) y[i * F + f] = x[i * F + f] * scale[f] + offset[f];
  return MG_OK;
}

/* ---- Layer normalization. packed: gamma, beta ---------------------------------------------------------------------------- */

static mg_status step_layer_normalization(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows,
                                          float *scratch) {
  const int64_t F = l->inputs;
  const float *gamma = l->packed, *beta = l->packed + F;
  (void)state;
  (void)scratch;
  for (int64_t i = 0; i < rows; i++, x += F, y += F) {
    double mean = 0, squares = 0;
    for (int64_t f = 0; f < F; f++) mean += (double)x[f];
    mean /= (double)F;
    for (int64_t f = 0; f < F; f++) squares += ((double)x[f] - mean) * ((double)x[f] - mean);
    const double scale = 1 / sqrt(squares / (double)F + l->epsilon);
    for (int64_t f = 0; f < F; f++) y[f] = (float)(((double)x[f] - mean) * scale) * gamma[f] + beta[f];
  }
  return MG_OK;
}

/* ---- Activations --------------------------------------------------------------------------------------------------------- */

static mg_status step_activation(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  (void)state;
  (void)scratch;
  mg_float32_now()->activation(&l->activation, rows * l->inputs, y, x);
  return MG_OK;
}

static mg_status step_softmax(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  const int64_t F = l->inputs;
  (void)state;
  (void)scratch;
  for (int64_t i = 0; i < rows; i++) mg_float32_now()->softmax(F, y + i * F, x + i * F, 0);
  return MG_OK;
}

/* ---- The choice ---------------------------------------------------------------------------------------------------------- */

void mg_cpu_stream_plan(mg_stream_layer *l) {
  l->packed_floats = 2 * l->inputs; /* of those that keep a vector pair */
  switch (l->kind) {
    case MG_STREAM_RNN: stream_plan_rnn(l); break;
    case MG_STREAM_DENSE: plan_dense(l); break;
    case MG_STREAM_EMBEDDING: l->step = step_embedding; break;
    case MG_STREAM_AFFINE: l->step = step_affine, l->pack = pack_affine; break;
    case MG_STREAM_BATCH_NORMALIZATION: l->step = step_affine, l->pack = pack_batch_normalization; break;
    case MG_STREAM_LAYER_NORMALIZATION: l->step = step_layer_normalization, l->pack = pack_affine; break;
    case MG_STREAM_ACTIVATION: l->step = step_activation; break;
    default: l->step = step_softmax;
  }
}
