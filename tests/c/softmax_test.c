/* softmax_test.c: softmax and log-softmax against the formula in double, gradients by their definition, any axis, in place. */
#include "ops.h"

static const int64_t SIZES[] = {3, 11, 37};

/* Elements of the line through element i along the axis: first, distance, count. */
typedef struct line { int64_t first, step, n; } line;

static line line_through(int64_t i, int32_t axis) {
  int64_t step = axis == 2 ? 1 : axis == 1 ? 37 : 37 * 11;
  return (line){i - i / step % SIZES[axis] * step, step, SIZES[axis]};
}

static double softmax_at(const mg_tensor *x, int64_t i, int32_t axis, int32_t log_softmax) {
  line l = line_through(i, axis);
  double largest = -INFINITY, sum = 0;
  for (int64_t k = 0; k < l.n; k++) largest = fmax(largest, element(x, l.first + k * l.step));
  for (int64_t k = 0; k < l.n; k++) sum += exp(element(x, l.first + k * l.step) - largest);
  return log_softmax ? element(x, i) - largest - log(sum) : exp(element(x, i) - largest) / sum;
}

static void test_forward(void) {
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int layout = DENSE; layout < LAYOUTS; layout++)
      for (int32_t axis = 0; axis < 3; axis++)
        for (int32_t log = 0; log < 2; log++) {
          mg_tensor *x = fill_random(laid_out(layout, dtype, 3, SIZES), -30, 30, 5), *before = new_tensor(dtype, 3, SIZES);
          mg_tensor *out = laid_out((layout + 1) % LAYOUTS, dtype, 3, SIZES);
          CHECK_OK(mg_copy(before, x));
          CHECK_OK(mg_softmax_forward(out, x, axis - 3, log));
          CHECK_OK(mg_softmax_forward(x, x, axis, log));
          for (int64_t i = 0; i < mg_tensor_size(x); i++)
            CHECK_NEAR(element(out, i), softmax_at(before, i, axis, log), dtype == MG_FLOAT32 ? 4e-7 : 1e-14);
          CHECK(same_bits(out, x));
          mg_tensor_destroy(x);
          mg_tensor_destroy(before);
          mg_tensor_destroy(out);
        }
}

/* dx_i = sum_j dy_j dy_j/dx_i: of softmax y_j (d_ij - y_i), of log-softmax d_ij - e^(y_i). */
static double slope_at(const mg_tensor *dy, const mg_tensor *y, int64_t i, int32_t axis, int32_t log_softmax) {
  line l = line_through(i, axis);
  double total = 0;
  for (int64_t k = 0; k < l.n; k++) {
    int64_t j = l.first + k * l.step;
    double same = i == j, jacobian = log_softmax ? same - exp(element(y, i)) : element(y, j) * (same - element(y, i));
    total += element(dy, j) * jacobian;
  }
  return total;
}

static void test_backward(void) {
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int layout = DENSE; layout < LAYOUTS; layout++)
      for (int32_t axis = 0; axis < 3; axis++)
        for (int32_t log = 0; log < 2; log++) {
          mg_tensor *y = fill_random(laid_out(layout, dtype, 3, SIZES), -3, 3, 5);
          mg_tensor *dy = fill_random(laid_out(layout, dtype, 3, SIZES), -1, 1, 6);
          mg_tensor *dx = laid_out((layout + 1) % LAYOUTS, dtype, 3, SIZES), *before = new_tensor(dtype, 3, SIZES);
          CHECK_OK(mg_softmax_forward(y, y, axis, log));
          CHECK_OK(mg_copy(before, dy));
          CHECK_OK(mg_softmax_backward(dx, dy, y, axis, log));
          CHECK_OK(mg_softmax_backward(dy, dy, y, axis, log));
          for (int64_t i = 0; i < mg_tensor_size(y); i++)
            CHECK_NEAR(element(dx, i), slope_at(before, y, i, axis, log), dtype == MG_FLOAT32 ? 1e-6 : 1e-14);
          CHECK(same_bits(dx, dy));
          mg_tensor *all[] = {y, dy, dx, before};
          for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
        }
}

static void test_extremes(void) {
  double values[] = {1000, -1000, 999, -INFINITY};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, values, SHAPE(4));
    CHECK_OK(mg_softmax_forward(x, x, 0, 0));
    CHECK_NEAR(element(x, 0), 1 / (1 + exp(-1)), 1e-7);
    CHECK(element(x, 1) == 0 && element(x, 3) == 0);
    CHECK_OK(mg_fill(x, NAN));
    CHECK_OK(mg_softmax_forward(x, x, 0, 1));
    CHECK(isnan(element(x, 2)));
    mg_tensor_destroy(x);
  }
}

static void test_threads(void) {
  mg_tensor *x = fill_random(new_tensor(MG_FLOAT32, SHAPE(500, 91)), -5, 5, 5), *one = new_tensor(MG_FLOAT32, SHAPE(500, 91));
  mg_tensor *two = new_tensor(MG_FLOAT32, SHAPE(500, 91));
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(mg_softmax_forward(one, x, 1, 0));
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_softmax_forward(two, x, 1, 0));
  CHECK(same_bits(one, two));
  mg_tensor_destroy(x);
  mg_tensor_destroy(one);
  mg_tensor_destroy(two);
}

static void test_failures(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *t = new_tensor(MG_FLOAT32, SHAPE(3, 2));
  mg_tensor *d = new_tensor(MG_FLOAT64, SHAPE(2, 3));
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(2, 3)), *none = empty_tensor(), *empty = new_tensor(MG_FLOAT32, SHAPE(0, 3));
  CHECK_FAILS(mg_softmax_forward(t, x, 0, 0), MG_ESHAPE, "softmax: out has shape (3, 2)");
  CHECK_FAILS(mg_softmax_forward(x, x, 2, 1), MG_EINVAL, "log_softmax: axis 2");
  CHECK_FAILS(mg_softmax_forward(i, i, 0, 0), MG_EDTYPE, "softmax: x");
  CHECK_FAILS(mg_softmax_forward(d, x, 0, 0), MG_EDTYPE, "softmax: out");
  CHECK_FAILS(mg_softmax_forward(x, none, 0, 0), MG_EINVAL, "softmax: x");
  CHECK_FAILS(mg_softmax_forward(NULL, x, 0, 0), MG_EINVAL, "softmax: out");
  CHECK_FAILS(mg_softmax_backward(x, t, x, 0, 0), MG_ESHAPE, "softmax_backward: dx");
  CHECK_FAILS(mg_softmax_backward(x, NULL, x, 0, 0), MG_EINVAL, "softmax_backward: dy");
  CHECK_OK(mg_softmax_forward(empty, empty, 0, 0));
  mg_tensor *all[] = {x, t, d, i, none, empty};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static int tests(void) {
  RUN(test_forward);
  RUN(test_backward);
  RUN(test_extremes);
  RUN(test_threads);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
