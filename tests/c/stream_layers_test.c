/* stream_layers_test.c: stacks of every kind of layer, their states, and what streams share. */
#include "stream_case.h"

/* ---- Layers without a state, against their formulas ---------------------------------------------------------------------- */

/* One step of a stack of one layer: y (B,U) from x (B,F). */
static void one_step(mg_stepper *stepper, float *y, const float *x, int64_t B) {
  mg_stream *stream = new_stream(stepper, B);
  mg_stepper_destroy(stepper);
  CHECK_OK(mg_stream_step(stream, y, x));
  mg_stream_destroy(stream);
}

static void test_dense(void) {
  enum { B = 3, F = 7, U = 19 };
  const mg_activation relu = { .kind = MG_ACT_RELU, .b = INFINITY };
  mg_tensor *kernel = uniform_tensor(MG_FLOAT32, 1, SHAPE(F, U)), *bias = uniform_tensor(MG_FLOAT32, 1, SHAPE(U));
  float *x = random_floats(B * F), y[B * U];
  for (int with = 0; with < 2; with++) {
    mg_stepper *stepper = new_stepper();
    CHECK_OK(mg_stepper_add_dense(stepper, kernel, with ? bias : NULL, with ? &relu : NULL));
    one_step(stepper, y, x, B);
    for (int i = 0; i < B * U; i++) {
      double sum = with ? element(bias, i % U) : 0;
      for (int f = 0; f < F; f++) sum += (double)x[i / U * F + f] * element(kernel, f * U + i % U);
      CHECK_NEAR(y[i], with && sum < 0 ? 0 : sum, 1e-6);
    }
  }
  mg_tensor_destroy(kernel);
  mg_tensor_destroy(bias);
  free(x);
}

static void test_normalizations(void) {
  enum { B = 2, F = 5 };
  mg_tensor *mean = uniform_tensor(MG_FLOAT32, 1, SHAPE(F)), *gamma = uniform_tensor(MG_FLOAT32, 1, SHAPE(F));
  mg_tensor *beta = uniform_tensor(MG_FLOAT32, 1, SHAPE(F)), *variance = new_tensor(MG_FLOAT32, SHAPE(F));
  float *x = random_floats(B * F), y[3][B * F];
  CHECK_OK(mg_fill(variance, 0.25));
  mg_stepper *steppers[3] = { new_stepper(), new_stepper(), new_stepper() };
  CHECK_OK(mg_stepper_add_batch_normalization(steppers[0], mean, variance, gamma, beta, 0.001));
  CHECK_OK(mg_stepper_add_layer_normalization(steppers[1], F, gamma, NULL, 0.001));
  CHECK_OK(mg_stepper_add_affine(steppers[2], NULL, beta));
  for (int i = 0; i < 3; i++) one_step(steppers[i], y[i], x, B);
  for (int i = 0; i < B * F; i++) {
    const int f = i % F;
    double own_mean = 0, own_variance = 0;
    for (int k = 0; k < F; k++) own_mean += (double)x[i / F * F + k] / F;
    for (int k = 0; k < F; k++) own_variance += pow((double)x[i / F * F + k] - own_mean, 2) / F;
    const double normal = element(gamma, f) * ((double)x[i] - element(mean, f)) / sqrt(0.251) + element(beta, f);
    CHECK_NEAR(y[0][i], normal, 1e-6);
    CHECK_NEAR(y[1][i], element(gamma, f) * ((double)x[i] - own_mean) / sqrt(own_variance + 0.001), 1e-6);
    CHECK_NEAR(y[2][i], (double)x[i] + element(beta, f), 1e-6);
  }
  mg_tensor_destroy(mean);
  mg_tensor_destroy(variance);
  mg_tensor_destroy(gamma);
  mg_tensor_destroy(beta);
  free(x);
}

static void test_activation_and_softmax(void) {
  enum { B = 2, F = 3 };
  const float x[B * F] = { 1, -2, 0.5f, 3, 3, 3 };
  float y[B * F], p[B * F];
  mg_stepper *activation = new_stepper(), *softmax = new_stepper();
  CHECK_OK(mg_stepper_add_activation(activation, F, &act_tanh));
  CHECK_OK(mg_stepper_add_softmax(softmax, F));
  one_step(activation, y, x, B);
  one_step(softmax, p, x, B);
  for (int i = 0; i < B * F; i++) CHECK_NEAR(y[i], tanh((double)x[i]), 1e-6);
  CHECK_NEAR(p[0], exp(1) / (exp(1) + exp(-2) + exp(0.5)), 1e-6);
  for (int i = 3; i < 6; i++) CHECK_NEAR(p[i], 1.0 / 3, 1e-6);
}

static void test_embedding(void) {
  mg_tensor *table = uniform_tensor(MG_FLOAT32, 1, SHAPE(4, 3)), *turned = empty_tensor();
  check_must(mg_tensor_permute(turned, table, (int32_t[]){ 1, 0 }));
  mg_stepper *stepper = new_stepper(), *other = new_stepper();
  CHECK_OK(mg_stepper_add_embedding(stepper, table));
  CHECK_OK(mg_stepper_add_embedding(other, turned));
  mg_stream *stream = new_stream(stepper, 2), *across = new_stream(other, 1);
  float y[6];
  CHECK_OK(mg_stream_step(stream, y, (float[]){ 3, 0 }));
  for (int i = 0; i < 6; i++) CHECK(y[i] == (float)element(table, i < 3 ? 9 + i : i - 3));
  CHECK_OK(mg_stream_step(across, y, (float[]){ 2 }));
  for (int i = 0; i < 4; i++) CHECK(y[i] == (float)element(table, 3 * i + 2));
  static const float bad[] = { 4, -1, 0.5f, NAN, INFINITY, -INFINITY, 1e30f };
  for (int i = 0; i < 7; i++) CHECK_FAILS(mg_stream_step(stream, y, (float[]){ 1, bad[i] }), MG_EINVAL, "of row 1");
  CHECK_FAILS(mg_stepper_add_embedding(stepper, table), MG_EINVAL, "has streams");
  mg_stream_destroy(stream);
  mg_stream_destroy(across);
  CHECK_FAILS(mg_stepper_add_embedding(stepper, table), MG_EINVAL, "must be the first layer");
  mg_stepper_destroy(stepper);
  mg_stepper_destroy(other);
  mg_tensor_destroy(turned);
  mg_tensor_destroy(table);
}

/* ---- Stacks, states, sharing --------------------------------------------------------------------------------------------- */

static void test_stack(void) {
  enum { T = 5, B = 3 };
  mg_stepper *stepper = new_stack();
  int64_t inputs, outputs, states;
  CHECK_OK(mg_stepper_sizes(&inputs, &outputs, &states, stepper));
  CHECK(inputs == 6 && outputs == 17 && states == 24 + 2 * 9 + 17);
  float *x = random_floats(T * B * 6), *y = random_floats(T * B * 17), *between = NULL;
  mg_stream *stream = new_stream(stepper, B);
  CHECK_OK(mg_stream_run(stream, y, x, T));
  mg_tensor *sequence = NULL;
  for (int i = 0; i < 3; i++) {
    sequence = sequence_output(&layers[i], MG_FLOAT64, i == 0 ? x : between, T, B);
    between = realloc(between, (size_t)mg_tensor_size(sequence) * sizeof *between);
    for (int64_t k = 0; k < mg_tensor_size(sequence); k++) between[k] = (float)element(sequence, k);
    if (i < 2) mg_tensor_destroy(sequence);
  }
  CHECK(worst_error(y, sequence) < 1e-6);
  mg_tensor_destroy(sequence);
  mg_stream_destroy(stream);
  free_stack(stepper);
  free(x);
  free(y);
  free(between);
}

/* States read, written into another stream, and copied by rows give the same bits from there on. */
static void test_states(void) {
  enum { B = 4 };
  mg_stepper *stepper = new_stack();
  float *x = random_floats(B * 6), a[B * 17], b[B * 17];
  mg_stream *one = new_stream(stepper, B), *two = new_stream(stepper, B);
  for (int i = 0; i < 3; i++) CHECK_OK(mg_stream_step(one, a, x));
  for (int64_t layer = 0; layer < 3; layer++) {
    for (int32_t which = 0; which < (layer == 1 ? 2 : 1); which++) {
      mg_tensor *state = new_tensor(MG_FLOAT32, SHAPE(B, layers[layer].U));
      CHECK_OK(mg_stream_read_state(state, one, layer, which));
      CHECK_OK(mg_stream_write_state(two, state, layer, which));
      if (layer == 2) CHECK(memcmp(mg_tensor_read(state), a, sizeof a) == 0);
      mg_tensor_destroy(state);
    }
  }
  CHECK_OK(mg_stream_step(one, a, x));
  CHECK_OK(mg_stream_step(two, b, x));
  CHECK(memcmp(a, b, sizeof a) == 0);
  CHECK_OK(mg_stream_copy_rows(two, 0, one, 2, 2));
  CHECK_OK(mg_stream_copy_rows(one, 1, one, 0, 3));
  memmove(x + 6, x, 3 * 6 * sizeof *x);
  CHECK_OK(mg_stream_step(one, a, x));
  CHECK(memcmp(a, a + 17, 17 * sizeof *a) == 0);
  CHECK_OK(mg_stream_reset(one));
  CHECK_OK(mg_stream_reset(two));
  CHECK_OK(mg_stream_step(one, a, x));
  CHECK_OK(mg_stream_step(two, b, x));
  CHECK(memcmp(a, b, sizeof a) == 0);
  CHECK_FAILS(mg_stream_copy_rows(one, 2, two, 0, 3), MG_EINVAL, "rows 3");
  CHECK_FAILS(mg_stream_copy_rows(one, 0, two, -1, 1), MG_EINVAL, "rows 1");
  mg_stream_destroy(one);
  mg_stream_destroy(two);
  free_stack(stepper);
  free(x);
}

/* A row's result does not depend on the rows beside it, in recurrent layers of registers. */
static void test_rows(void) {
  enum { B = 17, F = 4, U = 40 };
  stream_layer layer = new_layer(GRU, F, U, 1, 1, 5);
  mg_stepper *stepper = new_stepper();
  CHECK_OK(add_layer(stepper, &layer));
  mg_stream *all = new_stream(stepper, B), *single[B];
  float *x = random_floats(3 * B * F), *y = random_floats(B * U), row[U];
  for (int i = 0; i < B; i++) single[i] = new_stream(stepper, 1);
  for (int t = 0; t < 3; t++) {
    CHECK_OK(mg_stream_step(all, y, x + t * B * F));
    for (int i = 0; i < B; i++) {
      CHECK_OK(mg_stream_step(single[i], row, x + (t * B + i) * F));
      CHECK(memcmp(row, y + i * U, sizeof row) == 0);
    }
  }
  for (int i = 0; i < B; i++) mg_stream_destroy(single[i]);
  mg_stream_destroy(all);
  mg_stepper_destroy(stepper);
  free_layer(&layer);
  free(x);
  free(y);
}

/* Weights that are written between steps count from the next step on; layers keep their tensors alive. */
static void test_changed_weights(void) {
  stream_layer layer = new_layer(GRU, 3, 20, 1, 1, 8);
  mg_stepper *stepper = new_stepper(), *fresh = new_stepper();
  CHECK_OK(add_layer(stepper, &layer));
  mg_stream *stream = new_stream(stepper, 1);
  const float x[3] = { 0.5f, -1, 0.25f };
  float y[20], expected[20];
  for (int i = 0; i < 3; i++) {
    CHECK_OK(mg_stream_step(stream, y, x));
    set_element(layer.weights[0][i], i, 0.75);
  }
  CHECK_OK(mg_stream_reset(stream));
  CHECK_OK(mg_stream_step(stream, y, x));
  CHECK_OK(add_layer(fresh, &layer));
  free_layer(&layer);
  one_step(fresh, expected, x, 1);
  CHECK(memcmp(y, expected, sizeof y) == 0);
  CHECK_OK(mg_stream_step(stream, y, x));
  mg_stepper_destroy(stepper);
  CHECK_OK(mg_stream_step(stream, y, x));
  mg_stream_destroy(stream);
}

static int64_t live_bytes(void) {
  mg_memory_info info;
  check_must(mg_memory(&info));
  return info.live_bytes;
}

/* Five thousand streams on one packed set: their memory is their states. */
static void test_many(void) {
  enum { COUNT = 5000 };
  static mg_stream *streams[COUNT];
  stream_layer layer = new_layer(GRU, 2, 16, 1, 1, 9);
  const int64_t none = live_bytes();
  mg_stepper *stepper = new_stepper();
  CHECK_OK(add_layer(stepper, &layer));
  const int64_t before = live_bytes();
  float x[2], y[16], expected[16];
  for (int i = 0; i < COUNT; i++) streams[i] = new_stream(stepper, 1);
  CHECK(live_bytes() - before <= COUNT * 512);
  const int64_t during = live_bytes();
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < COUNT; i++) {
      x[0] = (float)(i % 7), x[1] = (float)t;
      CHECK_INT(mg_stream_step(streams[i], i == 0 ? expected : y, x), MG_OK);
      if (i % 7 == 0) CHECK(memcmp(i == 0 ? expected : y, expected, sizeof y) == 0);
    }
  }
  CHECK(live_bytes() == during);
  mg_stepper_destroy(stepper);
  for (int i = COUNT - 1; i >= 0; i--) mg_stream_destroy(streams[i]);
  CHECK(live_bytes() == none);
  free_layer(&layer);
}

int main(void) {
  RUN(test_dense);
  RUN(test_normalizations);
  RUN(test_activation_and_softmax);
  RUN(test_embedding);
  RUN(test_stack);
  RUN(test_states);
  RUN(test_rows);
  RUN(test_changed_weights);
  RUN(test_many);
  return finish();
}
