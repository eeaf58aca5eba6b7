/* stream_case.h: random layers for the tests of streams: a recurrent layer as a stepper and as the operation over a sequence. */
#ifndef STREAM_CASE_H
#define STREAM_CASE_H

#include "moongate_streams.h"
#include "rnn_case.h"

static inline mg_tensor *uniform_tensor(mg_dtype dtype, double scale, int32_t ndim, const int64_t *shape) {
  mg_tensor *t = new_tensor(dtype, ndim, shape);
  const int64_t size = mg_tensor_size(t);
  for (int64_t i = 0; i < size; i++) set_element(t, i, scale * next_uniform());
  return t;
}

/* The same numbers in both dtypes; freed by free_layer. */
typedef struct stream_layer {
  int kind;
  int64_t F, U;
  uint32_t flags;
  mg_activation activation, recurrent_activation;
  mg_tensor *weights[2][3]; /* float32, float64: kernel, recurrent_kernel, bias or NULL */
} stream_layer;

static inline stream_layer new_layer(int kind, int64_t F, int64_t U, int reset_after, int bias, int seed) {
  stream_layer layer = { .kind = kind, .F = F, .U = U, .activation = act_tanh, .recurrent_activation = act_sigmoid };
  const int64_t columns = case_ops[kind].gates * U;
  const double scale = 1 / sqrt((double)U);
  if (kind == GRU && reset_after) layer.flags = MG_GRU_RESET_AFTER;
  for (int i = 0; i < 2; i++) {
    const mg_dtype dtype = i == 0 ? MG_FLOAT32 : MG_FLOAT64;
    case_random = (uint64_t)seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
    layer.weights[i][0] = uniform_tensor(dtype, 1 / sqrt((double)F), SHAPE(F, columns));
    layer.weights[i][1] = uniform_tensor(dtype, scale, SHAPE(U, columns));
    if (!bias) continue;
    if (layer.flags) layer.weights[i][2] = uniform_tensor(dtype, 0.5, SHAPE(2, columns));
    else layer.weights[i][2] = uniform_tensor(dtype, 0.5, SHAPE(columns));
  }
  return layer;
}

static inline void free_layer(stream_layer *layer) {
  for (int i = 0; i < 6; i++) mg_tensor_destroy(layer->weights[i / 3][i % 3]);
}

static inline mg_rnn_args layer_args(const stream_layer *layer, mg_dtype dtype) {
  mg_tensor *const *w = layer->weights[dtype == MG_FLOAT64];
  return (mg_rnn_args){ .kernel = w[0], .recurrent_kernel = w[1], .bias = w[2], .activation = layer->activation,
                        .recurrent_activation = layer->recurrent_activation, .flags = layer->flags };
}

static inline mg_status add_layer(mg_stepper *stepper, const stream_layer *layer) {
  const mg_rnn_args args = layer_args(layer, MG_FLOAT32);
  if (layer->kind == GRU) return mg_stepper_add_gru(stepper, &args);
  return layer->kind == LSTM ? mg_stepper_add_lstm(stepper, &args) : mg_stepper_add_simple_rnn(stepper, &args);
}

static inline mg_stepper *new_stepper(void) {
  mg_stepper *stepper;
  check_must(mg_stepper_create(&stepper));
  return stepper;
}

static inline mg_stream *new_stream(mg_stepper *stepper, int64_t batch) {
  mg_stream *stream;
  check_must(mg_stream_create(&stream, stepper, batch));
  return stream;
}

/* A time-major sequence through mg_*_forward, from zero states: output (T,B,U), freed by the caller. x32: (T,B,F) of floats. */
static inline mg_tensor *sequence_output(const stream_layer *layer, mg_dtype dtype, const float *x32, int64_t T, int64_t B) {
  mg_rnn_args args = layer_args(layer, dtype);
  mg_tensor *x = new_tensor(dtype, SHAPE(T, B, layer->F)), *output = new_tensor(dtype, SHAPE(T, B, layer->U));
  for (int64_t i = 0; i < T * B * layer->F; i++) set_element(x, i, (double)x32[i]);
  args.x = x;
  args.output = output;
  args.flags |= MG_RNN_RETURN_SEQUENCES | MG_RNN_TIME_MAJOR;
  check_must(case_ops[layer->kind].forward(&args));
  mg_tensor_destroy(x);
  return output;
}

static inline float *random_floats(int64_t n) {
  float *x = malloc((size_t)n * sizeof *x);
  if (x == NULL) exit(EXIT_FAILURE);
  for (int64_t i = 0; i < n; i++) x[i] = (float)next_uniform();
  return x;
}

/* max |y - expected| / max(1, |expected|) */
static inline double worst_error(const float *y, const mg_tensor *expected) {
  double worst = 0;
  for (int64_t i = 0; i < mg_tensor_size(expected); i++) {
    const double e = element(expected, i);
    worst = worse(worst, fabs((double)y[i] - e) / fmax(1, fabs(e)));
  }
  return worst;
}

/* A stack of a GRU (6, 24), an LSTM (24, 9) and a SimpleRNN (9, 17). */
static stream_layer layers[3];
static inline mg_stepper *new_stack(void) {
  static const int64_t sizes[4] = { 6, 24, 9, 17 };
  static const int kinds[3] = { GRU, LSTM, SIMPLE };
  mg_stepper *stepper = new_stepper();
  for (int i = 0; i < 3; i++) {
    layers[i] = new_layer(kinds[i], sizes[i], sizes[i + 1], 1, 1, i + 70);
    CHECK_OK(add_layer(stepper, &layers[i]));
  }
  return stepper;
}

static inline void free_stack(mg_stepper *stepper) {
  mg_stepper_destroy(stepper);
  for (int i = 0; i < 3; i++) free_layer(&layers[i]);
}

#endif
