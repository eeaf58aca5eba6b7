/* unary_test.c: unary operations against libm in double: both floats, integers, every layout, in place. */
#include "ops.h"

static const int64_t SIZES[] = {3, 5, 37};

static double expected(int32_t op, double x, double a, double b) {
  switch (op) {
    case MG_UNARY_AFFINE: return a * x + b;
    case MG_UNARY_POW: return pow(x, a);
    case MG_UNARY_POW_OF: return pow(a, x);
    case MG_UNARY_DIV: return x / a;
    case MG_UNARY_DIV_INTO: return a / x;
    case MG_UNARY_CLIP: return isnan(x) ? x : fmin(fmax(x, a), b);
    case MG_UNARY_ABS: return fabs(x);
    case MG_UNARY_SIGN: return isnan(x) ? x : (x > 0) - (x < 0);
    case MG_UNARY_SQUARE: return x * x;
    case MG_UNARY_SQRT: return sqrt(x);
    case MG_UNARY_RSQRT: return pow(x, -0.5);
    case MG_UNARY_RECIPROCAL: return pow(x, -1);
    case MG_UNARY_EXP: return exp(x);
    case MG_UNARY_EXPM1: return exp(x) - 1;
    case MG_UNARY_LOG: return log(x);
    case MG_UNARY_LOG1P: return log(1 + x);
    case MG_UNARY_SIN: return sin(x);
    case MG_UNARY_COS: return cos(x);
    case MG_UNARY_FLOOR: return floor(x);
    case MG_UNARY_CEIL: return ceil(x);
    default: return rint(x);
  }
}

static void compare_all(int32_t op, const mg_tensor *out, const mg_tensor *x, double a, double b, double tolerance) {
  for (int64_t i = 0; i < mg_tensor_size(x); i++) CHECK_NEAR(element(out, i), expected(op, element(x, i), a, b), tolerance);
}

static void test_floats_and_layouts(void) {
  for (int32_t op = 0; op < MG_UNARY_IS_NAN; op++)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
      for (int layout = DENSE; layout <= BROADCAST; layout++) {
        double a = op == MG_UNARY_CLIP ? -0.5 : 1.5, low = -2;
        if (op == MG_UNARY_POW || op == MG_UNARY_SQRT || op == MG_UNARY_RSQRT || op == MG_UNARY_LOG || op == MG_UNARY_LOG1P)
          low = 0.1;
        mg_tensor *x = laid_out(layout, dtype, 3, SIZES), *out = laid_out(layout % LAYOUTS, dtype, 3, SIZES);
        fill_random(x, low, 2, 11);
        CHECK_OK(mg_unary(op, out, x, a, 0.75));
        compare_all(op, out, x, a, 0.75, dtype == MG_FLOAT32 ? 6e-7 : 1e-14);
        mg_tensor_destroy(x);
        mg_tensor_destroy(out);
      }
}

static void test_powers(void) {
  static const double powers[] = {2, 3, 1, -1, 0.5, 0, 0.3, -2};
  mg_tensor *x = fill_random(new_tensor(MG_FLOAT32, SHAPE(70)), 0.01, 3, 3), *out = new_tensor(MG_FLOAT32, SHAPE(70));
  for (int i = 0; i < 8; i++) {
    CHECK_OK(mg_unary(MG_UNARY_POW, out, x, powers[i], 0));
    for (int64_t k = 0; k < 70; k++) CHECK_NEAR(element(out, k) / pow(element(x, k), (float)powers[i]), 1, 4e-7);
  }
  double special[] = {-0.0, -INFINITY, INFINITY, NAN, -1};
  mg_tensor *s = tensor_of(MG_FLOAT32, special, SHAPE(5));
  CHECK_OK(mg_unary(MG_UNARY_POW, s, s, 0.5, 0));
  for (int i = 0; i < 5; i++) CHECK_NEAR(element(s, i), pow(special[i], 0.5), 0);
  mg_tensor_destroy(x);
  mg_tensor_destroy(out);
  mg_tensor_destroy(s);
}

static void test_nan_and_rounding(void) {
  double values[] = {NAN, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, INFINITY, -3e9, 8388609};
  double rounded[] = {NAN, 0, 0, 2, 2, 0, -2, INFINITY, -3e9, 8388609};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, values, SHAPE(10)), *out = new_tensor(dtype, SHAPE(10));
    mg_tensor *flags = new_tensor(MG_UINT8, SHAPE(10));
    CHECK_OK(mg_unary(MG_UNARY_ROUND, out, x, 0, 0));
    for (int i = 0; i < 10; i++) CHECK_NEAR(element(out, i), rounded[i], 0);
    CHECK_OK(mg_unary(MG_UNARY_CLIP, out, x, -1, 1));
    for (int i = 0; i < 10; i++) CHECK_NEAR(element(out, i), expected(MG_UNARY_CLIP, values[i], -1, 1), 0);
    CHECK_OK(mg_unary(MG_UNARY_AFFINE, out, x, -1, 0));
    CHECK(element(out, 1) == 0 && !signbit(element(out, 1)));
    CHECK_OK(mg_unary(MG_UNARY_IS_NAN, flags, x, 0, 0));
    for (int i = 0; i < 10; i++) CHECK_INT((int64_t)element(flags, i), i == 0);
    CHECK_OK(mg_unary(MG_UNARY_IS_FINITE, flags, x, 0, 0));
    for (int i = 0; i < 10; i++) CHECK_INT((int64_t)element(flags, i), i != 0 && i != 7);
    CHECK_OK(mg_unary(MG_UNARY_NOT, flags, x, 0, 0));
    for (int i = 0; i < 10; i++) CHECK_INT((int64_t)element(flags, i), i == 1);
    mg_tensor_destroy(x);
    mg_tensor_destroy(out);
    mg_tensor_destroy(flags);
  }
}

static void check_integers(int32_t op, mg_dtype dtype, const double *values, double a, double b, const double *want) {
  mg_tensor *x = tensor_of(dtype, values, SHAPE(4));
  CHECK_OK(mg_unary(op, x, x, a, b));
  for (int i = 0; i < 4; i++) CHECK_INT((int64_t)element(x, i), (int64_t)want[i]);
  mg_tensor_destroy(x);
}

static void test_integers(void) {
  double i32[] = {-7, 0, 5, 2147483647}, u8[] = {0, 1, 200, 255};
  check_integers(MG_UNARY_AFFINE, MG_INT32, i32, 2, 1, (double[]){-13, 1, 11, -1});
  check_integers(MG_UNARY_AFFINE, MG_UINT8, u8, -1, 0, (double[]){0, 255, 56, 1});
  check_integers(MG_UNARY_ABS, MG_INT32, i32, 0, 0, (double[]){7, 0, 5, 2147483647});
  check_integers(MG_UNARY_CLIP, MG_INT32, i32, -3, 1e300, (double[]){-3, 0, 5, 2147483647});
  check_integers(MG_UNARY_CLIP, MG_UINT8, u8, 3, 1000, (double[]){3, 3, 200, 255});
}

/* Overlap that is not element for element: the result is as if x had been copied first. */
static void test_overlap(void) {
  mg_tensor *base = fill_random(new_tensor(MG_FLOAT32, SHAPE(1001)), -1, 1, 5), *before = new_tensor(MG_FLOAT32, SHAPE(1001));
  mg_tensor *from = empty_tensor(), *to = empty_tensor();
  CHECK_OK(mg_copy(before, base));
  CHECK_OK(mg_tensor_slice(from, base, 0, 0, 1000, 1));
  CHECK_OK(mg_tensor_slice(to, base, 0, 1, 1000, 1));
  CHECK_OK(mg_unary(MG_UNARY_SQUARE, to, from, 0, 0));
  for (int64_t i = 0; i < 1000; i++) CHECK_NEAR(element(to, i), element(before, i) * element(before, i), 1e-7);
  mg_tensor_destroy(base);
  mg_tensor_destroy(before);
  mg_tensor_destroy(from);
  mg_tensor_destroy(to);
}

static void test_threads(void) {
  mg_tensor *x = fill_random(new_tensor(MG_FLOAT32, SHAPE(333, 211)), -3, 3, 5);
  mg_tensor *one = new_tensor(MG_FLOAT32, SHAPE(333, 211)), *two = new_tensor(MG_FLOAT32, SHAPE(333, 211));
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(mg_unary(MG_UNARY_EXP, one, x, 0, 0));
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_unary(MG_UNARY_EXP, two, x, 0, 0));
  CHECK(same_bits(one, two));
  mg_tensor_destroy(x);
  mg_tensor_destroy(one);
  mg_tensor_destroy(two);
}

static void test_failures(void) {
  mg_tensor *f = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *d = new_tensor(MG_FLOAT64, SHAPE(2, 3));
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(2, 3));
  mg_tensor *other = new_tensor(MG_FLOAT32, SHAPE(3, 2)), *none = empty_tensor(), *empty = new_tensor(MG_FLOAT32, SHAPE(0, 3));
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, NULL, f, 0, 0), MG_EINVAL, "exp: out");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, f, NULL, 0, 0), MG_EINVAL, "exp: x");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, f, none, 0, 0), MG_EINVAL, "exp: x");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, none, f, 0, 0), MG_EINVAL, "exp: out");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, d, f, 0, 0), MG_EDTYPE, "exp: out (2, 3) is float64");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, i, i, 0, 0), MG_EDTYPE, "exp: x (2, 3) is int32");
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, f, other, 0, 0), MG_ESHAPE, "(3, 2)");
  CHECK_FAILS(mg_unary(MG_UNARY_IS_NAN, f, f, 0, 0), MG_EDTYPE, "is_nan: out");
  CHECK_FAILS(mg_unary(99, f, f, 0, 0), MG_EINVAL, "op is 99");
  CHECK_FAILS(mg_unary(-1, f, f, 0, 0), MG_EINVAL, "op is -1");
  CHECK_OK(mg_unary(MG_UNARY_EXP, empty, empty, 0, 0));
  CHECK_OK(mg_tensor_broadcast(none, other, 3, (int64_t[]){4, 3, 2}));
  CHECK_FAILS(mg_unary(MG_UNARY_EXP, none, other, 0, 0), MG_EINVAL, "broadcast view");
  mg_tensor *all[] = {f, d, i, other, none, empty};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static int tests(void) {
  RUN(test_floats_and_layouts);
  RUN(test_powers);
  RUN(test_nan_and_rounding);
  RUN(test_integers);
  RUN(test_overlap);
  RUN(test_threads);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
