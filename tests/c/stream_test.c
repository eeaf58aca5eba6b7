/* stream_test.c: recurrent layers stepped one time step at a call give what the operations over a sequence give. */
#include "cpu/stream.h"
#include "stream_case.h"

static void check_within(double error, double bound, const stream_layer *l, int64_t B, const char *than) {
  check_that(error <= bound, __FILE__, __LINE__, "%s F %d U %d B %d reset_after %d act %d: error %.3g against %s, expected %.3g",
             case_ops[l->kind].name, (int)l->F, (int)l->U, (int)B, l->flags != 0, (int)l->activation.kind, error, than, bound);
}

/* T steps of a stream against the sequence in float32 and float64. */
static void check_layer(const stream_layer *layer, int64_t B) {
  enum { T = 9 };
  const int64_t step_x = B * layer->F, step_y = B * layer->U;
  float *x = random_floats(T * step_x), *y = random_floats(T * step_y);
  mg_tensor *single = sequence_output(layer, MG_FLOAT32, x, T, B), *precise = sequence_output(layer, MG_FLOAT64, x, T, B);
  mg_stepper *stepper = new_stepper();
  CHECK_OK(add_layer(stepper, layer));
  mg_stream *stream = new_stream(stepper, B);
  for (int64_t t = 0; t < T; t++) CHECK_OK(mg_stream_step(stream, y + t * step_y, x + t * step_x));
  const double own = worst_error(y, precise);
  float *floats = malloc((size_t)(T * step_y) * sizeof *floats);
  for (int64_t i = 0; i < T * step_y; i++) floats[i] = (float)element(single, i);
  const double theirs = worst_error(floats, precise);
  check_within(worst_error(y, single), 2e-6, layer, B, "float32");
  check_within(own, fmax(1e-6, 2 * theirs), layer, B, "float64");
  CHECK_OK(mg_stream_reset(stream));
  float *again = malloc((size_t)(T * step_y) * sizeof *again);
  CHECK_OK(mg_stream_run(stream, again, x, T));
  CHECK(memcmp(again, y, (size_t)(T * step_y) * sizeof *y) == 0);
  mg_stepper_destroy(stepper);
  mg_stream_destroy(stream);
  mg_tensor_destroy(single);
  mg_tensor_destroy(precise);
  free(x);
  free(y);
  free(again);
  free(floats);
}

static void test_sizes(void) {
  static const int64_t sizes[][2] = { { 1, 1 }, { 1, 8 }, { 1, 16 }, { 3, 5 }, { 8, 32 }, { 40, 24 }, { 64, 64 }, { 7, 47 },
                                      { 33, 49 }, { 17, 65 }, { 5, 100 }, { 128, 128 }, { 40, 130 }, { 9, 257 } };
  static const int64_t batches[] = { 1, 3, 17 };
  for (int i = 0; i < (int)(sizeof sizes / sizeof *sizes); i++) {
    for (int kind = 0; kind < KINDS; kind++) {
      for (int reset_after = 0; reset_after < (kind == GRU ? 2 : 1); reset_after++) {
        stream_layer layer = new_layer(kind, sizes[i][0], sizes[i][1], reset_after, i % 4 != 3, i + 1);
        for (int b = 0; b < 3; b++) check_layer(&layer, batches[b]);
        free_layer(&layer);
      }
    }
  }
}

static void test_activations(void) {
  static const mg_activation kinds[] = {
    { .kind = MG_ACT_LINEAR }, { .kind = MG_ACT_RELU, .b = INFINITY }, { .kind = MG_ACT_HARD_SIGMOID, .a = 0.2, .b = 0.5 },
    { .kind = MG_ACT_SOFTSIGN }, { .kind = MG_ACT_GELU }, { .kind = MG_ACT_TANH }, { .kind = MG_ACT_SIGMOID },
  };
  const int count = sizeof kinds / sizeof *kinds;
  for (int i = 0; i < count; i++) {
    for (int kind = 0; kind < KINDS; kind++) {
      stream_layer layer = new_layer(kind, 6, 21, i % 2, 1, 40 + i);
      layer.activation = kinds[i];
      layer.recurrent_activation = kinds[(i + 2) % count];
      if (kinds[(i + 2) % count].kind == MG_ACT_LINEAR || i < 2) layer.recurrent_activation = act_sigmoid;
      check_layer(&layer, 1);
      check_layer(&layer, 5);
      free_layer(&layer);
    }
  }
}

/* A step of many rows that meets an infinity leaves nothing of it in the padding of the states, which a stream of one row reads
 * with them. One feature: no sums of two infinities. */
static void check_padding(const stream_layer *layer) {
  enum { T = 4, B = 5, ROW = 2 };
  float *x = random_floats(T * B), *y = random_floats(B * layer->U);
  x[ROW] = INFINITY;
  mg_tensor *expected = sequence_output(layer, MG_FLOAT64, x, T, B);
  mg_stepper *stepper = new_stepper();
  CHECK_OK(add_layer(stepper, layer));
  mg_stream *many = new_stream(stepper, B), *one = new_stream(stepper, 1);
  CHECK_OK(mg_stream_step(many, y, x));
  CHECK_OK(mg_stream_copy_rows(one, 0, many, ROW, 1));
  for (int64_t t = 1; t < T; t++) {
    CHECK_OK(mg_stream_step(one, y, x + t * B + ROW));
    for (int64_t u = 0; u < layer->U; u++) CHECK_NEAR((double)y[u], element(expected, (t * B + ROW) * layer->U + u), 2e-6);
  }
  mg_stepper_destroy(stepper);
  mg_stream_destroy(many);
  mg_stream_destroy(one);
  mg_tensor_destroy(expected);
  free(x);
  free(y);
}

static void test_padding(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    for (int reset_after = 0; reset_after < (kind == GRU ? 2 : 1); reset_after++) {
      stream_layer layer = new_layer(kind, 1, kind == SIMPLE ? 150 : 70, reset_after, 1, 90 + kind);
      check_padding(&layer);
      free_layer(&layer);
    }
  }
}

/* ---- The activations of the compiled steps ------------------------------------------------------------------------------- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* In units of the last place, over normal results; every 7919th float. */
static double worst_ulps(void (*function)(int64_t n, float *y, const float *x), double (*exact)(double), double least) {
  enum { COUNT = 1024 };
  float x[COUNT], y[COUNT];
  double most = 0;
  for (uint64_t bits = 0; bits < (1ull << 32);) {
    for (int i = 0; i < COUNT; i++, bits += 7919) memcpy(&x[i], &(uint32_t){ (uint32_t)bits }, 4);
    function(COUNT, y, x);
    for (int i = 0; i < COUNT; i++) {
      const double e = exact((double)x[i]);
      int exponent;
      if (isnan(e)) most = worse(most, isnan(y[i]) ? 0 : INFINITY);
      else if (fabs(e) < least) most = worse(most, fabs((double)y[i] - e) > least ? INFINITY : 0);
      else frexp(e, &exponent), most = worse(most, fabs((double)y[i] - e) / ldexp(1, exponent - 24));
    }
  }
  return most;
}

static void check_activations(const stream_table *table, const char *name) {
  const double s = worst_ulps(table->sigmoid, sigmoid, 1.3e-38), t = worst_ulps(table->tanh, tanh, 1.2e-38);
  check_that(s < 3, __FILE__, __LINE__, "sigmoid of %s: %.2f ulp", name, s);
  check_that(t < 3.4, __FILE__, __LINE__, "tanh of %s: %.2f ulp", name, t);
}

static void test_activation_errors(void) {
  check_activations(&stream_generic, "generic");
#ifdef MG_COMPILED_AVX2
  if (mg_cpu_isa_best() >= MG_ISA_AVX2) check_activations(&stream_avx2, "avx2");
#endif
#ifdef MG_COMPILED_AVX512
  if (mg_cpu_isa_best() >= MG_ISA_AVX512) check_activations(&stream_avx512, "avx512");
#endif
}

int main(void) {
  RUN(test_activation_errors);
  RUN(test_sizes);
  RUN(test_activations);
  RUN(test_padding);
  return finish();
}
