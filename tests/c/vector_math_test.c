/* vector_math_test.c: the errors that vector_math.h states, against libm in double, over floats of all sizes. */
#include "cpu/float32.h"
#include "ops.h"

enum { COUNT = 4096 };

static const mg_float32 *tables[3];
static int table_count;

static void find_tables(void) {
  tables[table_count++] = &float32_generic;
#ifdef MG_COMPILED_AVX2
  if (mg_cpu_isa_best() >= MG_ISA_AVX2) tables[table_count++] = &float32_avx2;
#endif
#ifdef MG_COMPILED_AVX512
  if (mg_cpu_isa_best() >= MG_ISA_AVX512) tables[table_count++] = &float32_avx512;
#endif
}

/* Distance in units of the last place of the float that `expected` rounds to. */
static double ulps(float value, double expected) {
  if (isnan(expected)) return isnan(value) ? 0 : INFINITY;
  if (isinf((float)expected) || isinf(value)) return value == (float)expected || fabs(expected) > 3.40282e38 ? 0 : INFINITY;
  int exponent;
  frexp(expected, &exponent);
  return fabs(value - expected) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

/* Every 7919th float of the whole range, NaN and infinities among them. */
static double worst(const mg_float32 *table, int unary, int32_t op, double (*exact)(double)) {
  static float x[COUNT], y[COUNT];
  double most = 0;
  for (uint64_t bits = 0; bits < (1ull << 32);) {
    for (int i = 0; i < COUNT; i++, bits += 7919) {
      uint32_t pattern = (uint32_t)bits;
      memcpy(&x[i], &pattern, 4);
    }
    mg_activation activation = {.kind = op};
    if (unary) table->unary(op, COUNT, y, x, 0, 0);
    else table->activation(&activation, COUNT, y, x);
    for (int i = 0; i < COUNT; i++) most = worse(most, ulps(y[i], exact((double)x[i])));
  }
  return most;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void test_errors(void) {
  for (int i = 0; i < table_count; i++) {
    CHECK(worst(tables[i], 1, MG_UNARY_EXP, exp) < 1.1);
    CHECK(worst(tables[i], 1, MG_UNARY_EXPM1, expm1) < 2);
    CHECK(worst(tables[i], 1, MG_UNARY_LOG, log) < 1);
    CHECK(worst(tables[i], 1, MG_UNARY_LOG1P, log1p) < 2);
    CHECK(worst(tables[i], 0, MG_ACT_TANH, tanh) < 3.2);
    CHECK(worst(tables[i], 0, MG_ACT_SIGMOID, sigmoid) < 3);
  }
}

static void test_special_values(void) {
  static const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 1e-40f, -1e-40f};
  static const struct {
    int32_t op;
    float expected[9];
  } cases[] = {
    {MG_UNARY_EXP, {1, 1, INFINITY, 0, NAN, INFINITY, 0, 1, 1}},
    {MG_UNARY_EXPM1, {0, -0.0f, INFINITY, -1, NAN, INFINITY, -1, 1e-40f, -1e-40f}},
    {MG_UNARY_LOG, {-INFINITY, -INFINITY, INFINITY, NAN, NAN, 69.0775528f, NAN, -92.1034037f, NAN}},
    {MG_UNARY_LOG1P, {0, -0.0f, INFINITY, NAN, NAN, 69.0775528f, NAN, 1e-40f, -1e-40f}},
    {MG_UNARY_FLOOR, {0, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 0, -1}},
    {MG_UNARY_CEIL, {0, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 1, -0.0f}},
    {MG_UNARY_SIGN, {0, -0.0f, 1, -1, NAN, 1, -1, 1, -1}},
  };
  for (int t = 0; t < table_count; t++)
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      float y[9];
      CHECK_INT(tables[t]->unary(cases[c].op, 9, y, x, 0, 0), 1);
      for (int i = 0; i < 9; i++) {
        CHECK_NEAR(y[i], cases[c].expected[i], 1e-45 + 1.2e-7 * fabs(cases[c].expected[i]));
        if (cases[c].expected[i] == 0) CHECK_INT(signbit(y[i]) != 0, signbit(cases[c].expected[i]) != 0);
      }
    }
}

int main(void) {
  find_tables();
  RUN(test_errors);
  RUN(test_special_values);
  return finish();
}
