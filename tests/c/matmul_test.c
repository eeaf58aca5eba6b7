/* matmul_test.c: products against plain double loops: transposed and other views, batches with broadcasting, beta, tiles,
 * threads. */
#include "ops.h"

static int64_t size_at(const mg_tensor *t, int from_end) {
  int32_t ndim = mg_tensor_ndim(t);
  return from_end < ndim ? mg_tensor_shape(t)[ndim - 1 - from_end] : 1;
}

/* First element of the matrix of t that goes with batch number `item` of out, in row-major elements. */
static int64_t matrix_start(const mg_tensor *t, const mg_tensor *out, int64_t item) {
  int64_t at = 0, step = size_at(t, 0) * size_at(t, 1);
  for (int d = 2; d < mg_tensor_ndim(out); d++) {
    int64_t k = item % size_at(out, d);
    item /= size_at(out, d);
    if (size_at(t, d) > 1) at += k * step;
    step *= size_at(t, d);
  }
  return at;
}

static void check_product(const mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta, const mg_tensor *before,
                          int64_t every) {
  int64_t m = size_at(out, 1), n = size_at(out, 0), k = size_at(a, 0);
  double tolerance = (mg_tensor_dtype(out) == MG_FLOAT32 ? 1e-6 : 1e-14) * sqrt((double)k + 4);
  for (int64_t i = 0; i < mg_tensor_size(out); i += every) {
    int64_t item = i / (m * n), row = i / n % m, column = i % n;
    int64_t left = matrix_start(a, out, item) + row * k, right = matrix_start(b, out, item) + column;
    double total = beta != 0 ? beta * element(before, i) : 0;
    for (int64_t j = 0; j < k; j++) total += element(a, left + j) * element(b, right + j * n);
    CHECK_NEAR(element(out, i), total, tolerance);
  }
}

static void multiply_and_check(int dtype, int layouts, int32_t na, const int64_t *sa, int32_t nb, const int64_t *sb, int32_t no,
                               const int64_t *so, double beta) {
  int la = layouts % 5, lb = layouts / 5 % 5, lo = layouts / 25 % 4;
  mg_tensor *a = fill_random(laid_out(la, dtype, na, sa), -1, 1, 1), *b = fill_random(laid_out(lb, dtype, nb, sb), -1, 1, 2);
  mg_tensor *out = fill_random(laid_out(lo, dtype, no, so), -1, 1, 3), *before = new_tensor(dtype, no, so);
  if (beta == 0) CHECK_OK(mg_fill(out, NAN)); /* not read */
  CHECK_OK(mg_copy(before, out));
  CHECK_OK(mg_matmul(out, a, b, beta));
  check_product(out, a, b, beta, before, 1);
  mg_tensor *all[] = {a, b, out, before};
  for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
}

static void test_matrices(void) {
  static const int64_t sizes[][3] = {{1, 1, 1}, {1, 7, 5}, {5, 1, 7}, {3, 5, 1}, {4, 3, 9}, {17, 33, 20}};
  for (int s = 0; s < 6; s++)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
      for (int layouts = 0; layouts < 100; layouts++) {
        int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        multiply_and_check(dtype, layouts, 2, (int64_t[]){m, k}, 2, (int64_t[]){k, n}, 2, (int64_t[]){m, n}, layouts % 2 ? 0 : 0.5);
      }
}

static void test_batches(void) {
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int layouts = 0; layouts < 100; layouts++) {
      multiply_and_check(dtype, layouts, SHAPE(3, 4, 5), SHAPE(5, 6), SHAPE(3, 4, 6), 0);
      multiply_and_check(dtype, layouts, SHAPE(4, 5), SHAPE(3, 5, 2), SHAPE(3, 4, 2), 1);
      multiply_and_check(dtype, layouts, SHAPE(2, 1, 4, 3), SHAPE(5, 3, 2), SHAPE(2, 5, 4, 2), 0);
      multiply_and_check(dtype, layouts, SHAPE(3, 2, 7), SHAPE(3, 7, 2), SHAPE(3, 2, 2), -1);
    }
}

static mg_tensor *transposed(const mg_tensor *x) {
  mg_tensor *t = empty_tensor();
  CHECK_OK(mg_tensor_permute(t, x, (int32_t[]){1, 0}));
  return t;
}

/* Large enough for tiles or slices of the sum. a is (m, k) or the transpose of (k, m). */
static void check_large(mg_dtype dtype, int64_t m, int64_t n, int64_t k, int turned, double beta) {
  mg_tensor *stored = fill_random(turned ? new_tensor(dtype, SHAPE(k, m)) : new_tensor(dtype, SHAPE(m, k)), -1, 1, 1);
  mg_tensor *a = turned ? transposed(stored) : empty_tensor(), *b = fill_random(new_tensor(dtype, SHAPE(k, n)), -1, 1, 2);
  mg_tensor *one = fill_random(new_tensor(dtype, SHAPE(m, n)), -1, 1, 3), *two = new_tensor(dtype, SHAPE(m, n));
  mg_tensor *before = new_tensor(dtype, SHAPE(m, n));
  if (beta == 0) CHECK_OK(mg_fill(one, NAN)); /* not read */
  CHECK_OK(mg_copy(two, one));
  CHECK_OK(mg_copy(before, one));
  if (!turned) CHECK_OK(mg_tensor_alias(a, stored));
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(mg_matmul(one, a, b, beta));
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_matmul(two, a, b, beta));
  CHECK(same_bits(one, two));
  check_product(one, a, b, beta, before, 97);
  mg_tensor *all[] = {stored, a, b, one, two, before};
  for (int i = 0; i < 6; i++) mg_tensor_destroy(all[i]);
}

static void test_large(void) {
  check_large(MG_FLOAT32, 1603, 193, 65, 0, 0);
  check_large(MG_FLOAT32, 129, 257, 1601, 1, 1);
  check_large(MG_FLOAT64, 70, 900, 300, 0, 0);
  check_large(MG_FLOAT32, 67, 33, 9001, 1, 0);
  check_large(MG_FLOAT32, 33, 67, 9001, 0, 0.5);
  check_large(MG_FLOAT64, 301, 240, 2111, 1, 1);
}

static void test_empty(void) {
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(2, 0)), *b = new_tensor(MG_FLOAT32, SHAPE(0, 3));
  mg_tensor *out = new_tensor(MG_FLOAT32, SHAPE(2, 3));
  mg_tensor *none = new_tensor(MG_FLOAT32, SHAPE(0, 0)), *wide = new_tensor(MG_FLOAT32, SHAPE(3, 0));
  CHECK_OK(mg_fill(out, 4));
  CHECK_OK(mg_matmul(out, a, b, 0.5));
  CHECK_NEAR(element(out, 5), 2, 0);
  CHECK_OK(mg_matmul(out, a, b, 0));
  CHECK_NEAR(element(out, 5), 0, 0);
  CHECK_OK(mg_matmul(none, b, wide, 0));
  mg_tensor *all[] = {a, b, out, none, wide};
  for (int i = 0; i < 5; i++) mg_tensor_destroy(all[i]);
}

static void test_failures(void) {
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *b = new_tensor(MG_FLOAT32, SHAPE(3, 4));
  mg_tensor *out = new_tensor(MG_FLOAT32, SHAPE(2, 4));
  mg_tensor *d = new_tensor(MG_FLOAT64, SHAPE(3, 4)), *v = new_tensor(MG_FLOAT32, SHAPE(3)), *i = new_tensor(MG_INT32, SHAPE(2, 3));
  mg_tensor *batch = new_tensor(MG_FLOAT32, SHAPE(5, 2, 4)), *none = empty_tensor(), *square = new_tensor(MG_FLOAT32, SHAPE(3, 3));
  CHECK_FAILS(mg_matmul(out, a, a, 0), MG_ESHAPE, "matmul: a (2, 3)");
  CHECK_FAILS(mg_matmul(a, a, b, 0), MG_EINVAL, "shares memory");
  CHECK_FAILS(mg_matmul(square, a, b, 0), MG_ESHAPE, "matmul: out (3, 3)");
  CHECK_FAILS(mg_matmul(batch, a, b, 0), MG_ESHAPE, "matmul: out (5, 2, 4)");
  CHECK_FAILS(mg_matmul(out, a, d, 0), MG_EDTYPE, "matmul: b");
  CHECK_FAILS(mg_matmul(out, a, v, 0), MG_ESHAPE, "two axes");
  CHECK_FAILS(mg_matmul(out, i, b, 0), MG_EDTYPE, "matmul: a");
  CHECK_FAILS(mg_matmul(out, none, b, 0), MG_EINVAL, "matmul: a");
  CHECK_FAILS(mg_matmul(NULL, a, b, 0), MG_EINVAL, "matmul: out");
  mg_tensor *all[] = {a, b, out, d, v, i, batch, none, square};
  for (int k = 0; k < 9; k++) mg_tensor_destroy(all[k]);
}

int main(void) {
  RUN(test_matrices);
  RUN(test_batches);
  RUN(test_large);
  RUN(test_empty);
  RUN(test_failures);
  return finish();
}
