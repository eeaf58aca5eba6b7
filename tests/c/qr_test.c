/* qr_test.c: q r = a, q's columns orthonormal, r upper triangular; a matrix whose decomposition is known. */
#include "ops.h"

static void check_decomposition(const mg_tensor *q, const mg_tensor *r, const mg_tensor *a, double tolerance) {
  int64_t m = mg_tensor_shape(a)[0], n = mg_tensor_shape(a)[1], k = m < n ? m : n;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double total = 0;
      for (int64_t l = 0; l < k; l++) total += element(q, i * k + l) * element(r, l * n + j);
      CHECK_NEAR(total, element(a, i * n + j), tolerance);
    }
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j < k; j++) {
      double total = 0;
      for (int64_t l = 0; l < m; l++) total += element(q, l * k + i) * element(q, l * k + j);
      CHECK_NEAR(total, i == j, tolerance);
      if (j < i) CHECK_NEAR(element(r, i * n + j), 0, 0);
    }
}

static void test_shapes_and_layouts(void) {
  static const int64_t sizes[][2] = {{1, 1}, {5, 5}, {17, 4}, {4, 17}, {70, 66}};
  for (int s = 0; s < 5; s++)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
      for (int layout = DENSE; layout < LAYOUTS; layout++) {
        int64_t m = sizes[s][0], n = sizes[s][1], k = m < n ? m : n;
        mg_tensor *a = fill_random(laid_out(layout, dtype, SHAPE(m, n)), -1, 1, 5), *q = laid_out(layout, dtype, SHAPE(m, k));
        mg_tensor *r = laid_out(layout, dtype, SHAPE(k, n));
        CHECK_OK(mg_qr(q, r, a));
        check_decomposition(q, r, a, dtype == MG_FLOAT32 ? 2e-6 : 1e-13);
        mg_tensor_destroy(a);
        mg_tensor_destroy(q);
        mg_tensor_destroy(r);
      }
}

/* Householder by hand for (3, 4)^T: v = a + |a| e1, so q = (-3/5, -4/5), r = -5, LAPACK's signs. */
static void test_known(void) {
  double values[] = {3, 4};
  mg_tensor *a = tensor_of(MG_FLOAT64, values, SHAPE(2, 1)), *q = new_tensor(MG_FLOAT64, SHAPE(2, 1));
  mg_tensor *r = new_tensor(MG_FLOAT64, SHAPE(1, 1));
  CHECK_OK(mg_qr(q, r, a));
  CHECK_NEAR(element(r, 0), -5, 1e-15);
  CHECK_NEAR(element(q, 0), -0.6, 1e-15);
  CHECK_NEAR(element(q, 1), -0.8, 1e-15);
  mg_tensor_destroy(a);
  mg_tensor_destroy(q);
  mg_tensor_destroy(r);
}

static void test_failures(void) {
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(4, 3)), *q = new_tensor(MG_FLOAT32, SHAPE(4, 3));
  mg_tensor *r = new_tensor(MG_FLOAT32, SHAPE(3, 3));
  mg_tensor *d = new_tensor(MG_FLOAT64, SHAPE(3, 3)), *cube = new_tensor(MG_FLOAT32, SHAPE(2, 2, 2)), *none = empty_tensor();
  mg_tensor *empty = new_tensor(MG_FLOAT32, SHAPE(0, 3)), *no_q = new_tensor(MG_FLOAT32, SHAPE(0, 0));
  mg_tensor *no_r = new_tensor(MG_FLOAT32, SHAPE(0, 3));
  CHECK_FAILS(mg_qr(q, q, a), MG_EINVAL, "shares memory");
  CHECK_FAILS(mg_qr(q, d, a), MG_EDTYPE, "qr: r");
  CHECK_FAILS(mg_qr(r, q, a), MG_ESHAPE, "qr: q has shape (3, 3); expected (4, 3)");
  CHECK_FAILS(mg_qr(q, r, cube), MG_ESHAPE, "qr: a (2, 2, 2)");
  CHECK_FAILS(mg_qr(q, r, none), MG_EINVAL, "qr: a");
  CHECK_FAILS(mg_qr(NULL, r, a), MG_EINVAL, "qr: q");
  CHECK_OK(mg_qr(no_q, no_r, empty));
  mg_tensor *all[] = {a, q, r, d, cube, none, empty, no_q, no_r};
  for (int k = 0; k < 9; k++) mg_tensor_destroy(all[k]);
}

int main(void) {
  RUN(test_shapes_and_layouts);
  RUN(test_known);
  RUN(test_failures);
  return finish();
}
