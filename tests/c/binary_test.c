/* binary_test.c: arithmetic, comparisons and where against plain loops: dtypes, broadcasting, layouts, aliasing. */
#include "ops.h"

static const int64_t SIZES[] = {4, 3, 33};

static double expected(int32_t op, double a, double b) {
  switch (op) {
    case MG_BINARY_ADD: return a + b;
    case MG_BINARY_SUB: return a - b;
    case MG_BINARY_MUL: return a * b;
    case MG_BINARY_DIV: return a / b;
    case MG_BINARY_POW: return pow(a, b);
    case MG_BINARY_MAX: return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    default: return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
  }
}

static void test_arithmetic(void) {
  for (int32_t op = 0; op < MG_BINARY_COUNT; op++)
    for (int dtype = MG_FLOAT32; dtype <= MG_INT32; dtype++)
      for (int pair = 0; pair < LAYOUTS * (LAYOUTS + 1); pair++) {
        if (dtype == MG_INT32 && (op == MG_BINARY_DIV || op == MG_BINARY_POW)) continue;
        mg_tensor *a = fill_random(laid_out(pair % LAYOUTS, dtype, 3, SIZES), 0.5, 90, 1);
        mg_tensor *b = fill_random(laid_out(pair / LAYOUTS, dtype, 3, SIZES), 0.5, 3, 2);
        mg_tensor *out = laid_out(pair % LAYOUTS, dtype, 3, SIZES);
        CHECK_OK(mg_binary(op, out, a, b));
        for (int64_t i = 0; i < mg_tensor_size(out); i++)
          CHECK_NEAR(element(out, i), expected(op, element(a, i), element(b, i)), dtype == MG_FLOAT32 ? 2e-7 : 1e-15);
        mg_tensor_destroy(a);
        mg_tensor_destroy(b);
        mg_tensor_destroy(out);
      }
}

/* Row vector, column vector and scalar against a matrix, on either side. */
static void test_broadcast(void) {
  static const int64_t shapes[][2] = {{1, 1030}, {5, 1}, {1, 1}, {5, 1030}};
  for (int s = 0; s < 4; s++) {
    mg_tensor *a = fill_random(new_tensor(MG_FLOAT32, SHAPE(5, 1030)), -2, 2, 3);
    mg_tensor *b = fill_random(new_tensor(MG_FLOAT32, 2, shapes[s]), -2, 2, 4);
    mg_tensor *out = new_tensor(MG_FLOAT32, SHAPE(5, 1030)), *wide = empty_tensor();
    CHECK_OK(mg_tensor_broadcast(wide, b, 2, mg_tensor_shape(a)));
    CHECK_OK(mg_binary(MG_BINARY_SUB, out, a, b));
    for (int64_t i = 0; i < 5150; i++) CHECK_NEAR(element(out, i), (float)(element(a, i) - element(wide, i)), 0);
    CHECK_OK(mg_binary(MG_BINARY_SUB, out, b, a));
    for (int64_t i = 0; i < 5150; i++) CHECK_NEAR(element(out, i), (float)(element(wide, i) - element(a, i)), 0);
    mg_tensor *all[] = {a, b, out, wide};
    for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
  }
}

static void test_wrap_and_nan(void) {
  double big[] = {2147483647, -2147483648.0, 65536}, ones[] = {1, -1, 65536}, bytes[] = {200, 255, 3}, more[] = {100, 255, 5};
  mg_tensor *a = tensor_of(MG_INT32, big, SHAPE(3)), *b = tensor_of(MG_INT32, ones, SHAPE(3));
  mg_tensor *c = tensor_of(MG_UINT8, bytes, SHAPE(3));
  mg_tensor *d = tensor_of(MG_UINT8, more, SHAPE(3)), *sum = new_tensor(MG_INT32, SHAPE(3));
  CHECK_OK(mg_binary(MG_BINARY_ADD, sum, a, b));
  CHECK(element(sum, 0) == -2147483648.0 && element(sum, 1) == 2147483647 && element(sum, 2) == 131072);
  CHECK_OK(mg_binary(MG_BINARY_MUL, sum, a, b));
  CHECK(element(sum, 2) == 0 && element(sum, 1) == -2147483648.0);
  CHECK_OK(mg_binary(MG_BINARY_SUB, c, c, d));
  CHECK(element(c, 0) == 100 && element(c, 1) == 0 && element(c, 2) == 254);
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int32_t op = MG_BINARY_MAX; op <= MG_BINARY_MIN; op++) {
      double left[] = {NAN, 1, NAN, 2, 3}, right[] = {1, NAN, NAN, 5, -1};
      mg_tensor *x = tensor_of(dtype, left, SHAPE(5)), *y = tensor_of(dtype, right, SHAPE(5));
      CHECK_OK(mg_binary(op, y, x, y));
      for (int i = 0; i < 5; i++) CHECK_NEAR(element(y, i), expected(op, left[i], right[i]), 0);
      mg_tensor_destroy(x);
      mg_tensor_destroy(y);
    }
  mg_tensor *all[] = {a, b, c, d, sum};
  for (int k = 0; k < 5; k++) mg_tensor_destroy(all[k]);
}

static void test_compare_and_where(void) {
  double left[] = {1, 2, 3, NAN, -1, 200}, right[] = {2, 2, 2, 1, -1, 100};
  for (int dtype = MG_FLOAT32; dtype <= MG_UINT8; dtype++)
    for (int32_t op = 0; op < MG_COMPARE_COUNT; op++) {
      if (dtype >= MG_INT32) left[3] = 0, left[4] = right[4] = 7;
      mg_tensor *a = tensor_of(dtype, left, SHAPE(6)), *b = tensor_of(dtype, right, SHAPE(6));
      mg_tensor *out = new_tensor(MG_UINT8, SHAPE(6));
      mg_tensor *chosen = new_tensor(dtype, SHAPE(6));
      CHECK_OK(mg_compare(op, out, a, b));
      CHECK_OK(mg_where(chosen, out, a, b));
      for (int i = 0; i < 6; i++) {
        double x = left[i], y = right[i];
        int want[] = {x == y, x != y, x < y, x <= y, x > y, x >= y};
        CHECK_INT((int64_t)element(out, i), want[op]);
        CHECK_NEAR(element(chosen, i), want[op] ? x : y, 0);
      }
      mg_tensor *all[] = {a, b, out, chosen};
      for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
    }
}

/* out = x + x reversed, in place. */
static void test_overlap(void) {
  mg_tensor *x = fill_random(new_tensor(MG_FLOAT64, SHAPE(999)), -1, 1, 9), *before = new_tensor(MG_FLOAT64, SHAPE(999));
  mg_tensor *back = empty_tensor();
  CHECK_OK(mg_copy(before, x));
  CHECK_OK(mg_tensor_slice(back, x, 0, 998, 999, -1));
  CHECK_OK(mg_binary(MG_BINARY_ADD, x, x, back));
  for (int64_t i = 0; i < 999; i++) CHECK_NEAR(element(x, i), element(before, i) + element(before, 998 - i), 0);
  mg_tensor_destroy(x);
  mg_tensor_destroy(before);
  mg_tensor_destroy(back);
}

static void test_failures(void) {
  mg_tensor *f = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *d = new_tensor(MG_FLOAT64, SHAPE(2, 3));
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(2, 3));
  mg_tensor *u = new_tensor(MG_UINT8, SHAPE(2, 3)), *t = new_tensor(MG_FLOAT32, SHAPE(3, 2)), *none = empty_tensor();
  CHECK_FAILS(mg_binary(MG_BINARY_ADD, f, f, d), MG_EDTYPE, "add: b (2, 3) is float64");
  CHECK_FAILS(mg_binary(MG_BINARY_ADD, f, f, t), MG_ESHAPE, "add: b (3, 2)");
  CHECK_FAILS(mg_binary(MG_BINARY_ADD, f, NULL, t), MG_EINVAL, "add: a");
  CHECK_FAILS(mg_binary(MG_BINARY_ADD, f, f, none), MG_EINVAL, "add: b");
  CHECK_FAILS(mg_binary(MG_BINARY_ADD, NULL, f, f), MG_EINVAL, "add: out");
  CHECK_FAILS(mg_binary(MG_BINARY_DIV, i, i, i), MG_EDTYPE, "div: a");
  CHECK_FAILS(mg_binary(7, f, f, f), MG_EINVAL, "op is 7");
  CHECK_FAILS(mg_compare(6, u, f, f), MG_EINVAL, "op is 6");
  CHECK_FAILS(mg_compare(MG_COMPARE_EQ, f, f, f), MG_EDTYPE, "eq: out");
  CHECK_FAILS(mg_compare(MG_COMPARE_EQ, u, f, t), MG_ESHAPE, "eq: b");
  CHECK_FAILS(mg_where(f, f, f, f), MG_EDTYPE, "where: condition");
  CHECK_FAILS(mg_where(f, u, f, t), MG_ESHAPE, "where: b");
  CHECK_FAILS(mg_where(f, u, NULL, t), MG_EINVAL, "where: a");
  mg_tensor *all[] = {f, d, i, u, t, none};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static int tests(void) {
  RUN(test_arithmetic);
  RUN(test_broadcast);
  RUN(test_wrap_and_nan);
  RUN(test_compare_and_where);
  RUN(test_overlap);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
