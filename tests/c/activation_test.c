/* activation_test.c: every activation against its formula in keras.activations, in double; slopes by central differences of that
 * formula, and at kinks as TensorFlow gives them. */
#include "ops.h"

static double clip(double x, double low, double high) { return fmin(fmax(x, low), high); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double elu(double x, double alpha) { return x >= 0 ? x : alpha * expm1(x); }

static double formula(const mg_activation *p, double x) {
  switch (p->kind) {
    case MG_ACT_LINEAR: return x;
    case MG_ACT_TANH: return tanh(x);
    case MG_ACT_SIGMOID: return sigmoid(x);
    case MG_ACT_HARD_SIGMOID: return clip(p->a * x + p->b, 0, 1);
    case MG_ACT_RELU: return x >= p->b ? p->b : x > p->c ? x : p->a * (x - p->c);
    case MG_ACT_ELU: return elu(x, p->a);
    case MG_ACT_SELU: return 1.05070098735548 * elu(x, 1.67326324235438);
    case MG_ACT_CELU: return fmax(x, 0) + p->a * expm1(fmin(x, 0) / p->a);
    case MG_ACT_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case MG_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case MG_ACT_SILU: return x * sigmoid(x);
    case MG_ACT_HARD_SILU: return x * clip(x / 6 + 0.5, 0, 1);
    case MG_ACT_HARD_TANH: return clip(x, -1, 1);
    case MG_ACT_SOFTPLUS: return x > 30 ? x : log1p(exp(x));
    case MG_ACT_SOFTSIGN: return x / (1 + fabs(x));
    case MG_ACT_EXPONENTIAL: return exp(x);
    case MG_ACT_MISH: return x * tanh(log1p(exp(x)));
    case MG_ACT_LOG_SIGMOID: return x < -30 ? x : -log1p(exp(-x));
    case MG_ACT_HARD_SHRINK: return fabs(x) > p->a ? x : 0;
    case MG_ACT_SOFT_SHRINK: return x > p->a ? x - p->a : x < -p->a ? x + p->a : 0;
    case MG_ACT_TANH_SHRINK: return x - tanh(x);
    case MG_ACT_SQUAREPLUS: return (x + sqrt(x * x + p->a)) / 2;
    case MG_ACT_SPARSE_PLUS: return x <= -1 ? 0 : x < 1 ? (x + 1) * (x + 1) / 4 : x;
    case MG_ACT_SPARSE_SIGMOID: return clip((x + 1) / 2, 0, 1);
    default: return x > p->a ? x : p->b; /* MG_ACT_THRESHOLD */
  }
}

/* Each kind once, relu as plain, relu6, leaky and with everything, elu with alpha below 0. */
static int all_kinds(mg_activation *list) {
  int n = 0;
  for (int32_t kind = 0; kind < MG_ACT_COUNT; kind++) {
    double a = kind == MG_ACT_HARD_SIGMOID ? 0.2 : kind == MG_ACT_RELU ? 0 : kind == MG_ACT_SQUAREPLUS ? 4 : 0.7;
    double b = kind == MG_ACT_HARD_SIGMOID ? 0.5 : kind == MG_ACT_RELU ? INFINITY : -0.3;
    list[n++] = (mg_activation){.kind = kind, .a = a, .b = b};
  }
  list[n++] = (mg_activation){.kind = MG_ACT_RELU, .b = 6};
  list[n++] = (mg_activation){.kind = MG_ACT_RELU, .a = 0.1, .b = INFINITY};
  list[n++] = (mg_activation){.kind = MG_ACT_RELU, .a = 0.1, .b = 1.7, .c = 0.5};
  list[n++] = (mg_activation){.kind = MG_ACT_ELU, .a = -0.5};
  return n;
}

enum { KINDS = MG_ACT_COUNT + 4 };
static const int64_t SIZES[] = {3, 5, 31};

static void test_forward(void) {
  mg_activation list[KINDS];
  for (int k = all_kinds(list) - 1; k >= 0; k--)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
      for (int layout = DENSE; layout < LAYOUTS; layout++) {
        mg_tensor *x = fill_random(laid_out(layout, dtype, 3, SIZES), -8, 8, 3);
        mg_tensor *out = laid_out((layout + 1) % LAYOUTS, dtype, 3, SIZES);
        CHECK_OK(mg_activation_forward(out, x, &list[k]));
        for (int64_t i = 0; i < mg_tensor_size(x); i++)
          CHECK_NEAR(element(out, i), formula(&list[k], element(x, i)), dtype == MG_FLOAT32 ? 7e-7 : 2e-14);
        CHECK_OK(mg_activation_forward(x, x, &list[k]));
        CHECK(same_bits(x, out));
        mg_tensor_destroy(x);
        mg_tensor_destroy(out);
      }
}

static void check_slopes(const mg_activation *p, mg_dtype dtype, const mg_tensor *x, const mg_tensor *dy, const mg_tensor *dx) {
  for (int64_t i = 0; i < mg_tensor_size(x); i++) {
    double at = element(x, i), h = 1e-4;
    double left = (formula(p, at) - formula(p, at - h)) / h, right = (formula(p, at + h) - formula(p, at)) / h;
    if (fabs(left - right) > 1e-3) continue; /* a kink, or a jump */
    double slope = (8 * (formula(p, at + h) - formula(p, at - h)) - (formula(p, at + 2 * h) - formula(p, at - 2 * h))) / (12 * h);
    CHECK_NEAR(element(dx, i), element(dy, i) * slope, dtype == MG_FLOAT32 ? 3e-6 : 1e-9);
  }
}

static void test_backward(void) {
  mg_activation list[KINDS];
  for (int k = all_kinds(list) - 1; k >= 0; k--)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      mg_tensor *x = fill_random(new_tensor(dtype, 3, SIZES), -6, 6, 3);
      mg_tensor *dy = fill_random(laid_out(REVERSED, dtype, 3, SIZES), -1, 1, 4);
      mg_tensor *y = new_tensor(dtype, 3, SIZES), *dx = laid_out(PERMUTED, dtype, 3, SIZES);
      CHECK_OK(mg_activation_forward(y, x, &list[k]));
      CHECK_OK(mg_activation_backward(dx, dy, x, y, &list[k]));
      check_slopes(&list[k], dtype, x, dy, dx);
      CHECK_OK(mg_activation_backward(dy, dy, x, y, &list[k])); /* in place */
      CHECK(same_bits(dx, dy));
      mg_tensor *all[] = {x, dy, y, dx};
      for (int i = 0; i < 4; i++) mg_tensor_destroy(all[i]);
    }
}

/* Far out nothing overflows into NaN. */
static void test_large_arguments(void) {
  double far[] = {-1e30, -1e4, -200, -100, 100, 200, 1e4, 1e15};
  mg_activation list[KINDS];
  for (int k = all_kinds(list) - 1; k >= 0; k--)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      mg_tensor *x = tensor_of(dtype, far, SHAPE(8)), *y = new_tensor(dtype, SHAPE(8)), *one = new_tensor(dtype, SHAPE(8));
      mg_tensor *dx = new_tensor(dtype, SHAPE(8));
      CHECK_OK(mg_fill(one, 1));
      CHECK_OK(mg_activation_forward(y, x, &list[k]));
      CHECK_OK(mg_activation_backward(dx, one, x, y, &list[k]));
      for (int i = 0; i < 8; i++) CHECK(!isnan(element(y, i)) && !isnan(element(dx, i)));
      mg_tensor *all[] = {x, y, one, dx};
      for (int i = 0; i < 4; i++) mg_tensor_destroy(all[i]);
    }
}

static void test_nan_stays(void) {
  mg_activation list[KINDS];
  for (int k = all_kinds(list) - 1; k >= 0; k--)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      mg_tensor *x = new_tensor(dtype, SHAPE(37));
      CHECK_OK(mg_fill(x, NAN));
      CHECK_OK(mg_activation_forward(x, x, &list[k]));
      check_that(isnan(element(x, 0)) && isnan(element(x, 36)), __FILE__, __LINE__, "kind %d, dtype %d", (int)list[k].kind, dtype);
      mg_tensor_destroy(x);
    }
}

static void test_kinks(void) {
  static const struct {
    mg_activation activation;
    double x, slope;
  } cases[] = {
    {{.kind = MG_ACT_RELU, .b = INFINITY}, 0, 0},
    {{.kind = MG_ACT_RELU, .b = 6}, 6, 0},
    {{.kind = MG_ACT_RELU, .a = 0.25, .b = INFINITY}, 0, 0.25},
    {{.kind = MG_ACT_RELU, .a = 0.25, .b = 2, .c = 0.5}, 0.5, 0},
    {{.kind = MG_ACT_RELU, .a = 0.25, .b = 2, .c = 0.5}, 2, 1},
    {{.kind = MG_ACT_HARD_SIGMOID, .a = 0.25, .b = 0.5}, 2, 0},
    {{.kind = MG_ACT_HARD_SIGMOID, .a = 0.25, .b = 0.5}, -2, 0},
    {{.kind = MG_ACT_HARD_TANH}, -1, 1},
    {{.kind = MG_ACT_ELU, .a = 0.75}, 0, 0.75},
    {{.kind = MG_ACT_CELU, .a = 0.75}, 0, 2},
    {{.kind = MG_ACT_SOFT_SHRINK, .a = 0.5}, 0.5, 0},
    {{.kind = MG_ACT_SPARSE_SIGMOID}, 1, 0},
    {{.kind = MG_ACT_THRESHOLD, .a = 0.5}, 0.5, 0},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      mg_tensor *x = tensor_of(dtype, &cases[c].x, SHAPE(1)), *y = new_tensor(dtype, SHAPE(1));
      mg_tensor *one = tensor_of(dtype, (double[]){1}, SHAPE(1));
      CHECK_OK(mg_activation_forward(y, x, &cases[c].activation));
      CHECK_OK(mg_activation_backward(x, one, x, y, &cases[c].activation));
      CHECK_NEAR(element(x, 0), cases[c].slope, 0);
      mg_tensor_destroy(x);
      mg_tensor_destroy(y);
      mg_tensor_destroy(one);
    }
}

static void test_threads(void) {
  mg_tensor *x = fill_random(new_tensor(MG_FLOAT32, SHAPE(77, 333)), -3, 3, 5), *one = new_tensor(MG_FLOAT32, SHAPE(77, 333));
  mg_tensor *two = new_tensor(MG_FLOAT32, SHAPE(77, 333));
  mg_activation gelu = {.kind = MG_ACT_GELU};
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(mg_activation_backward(one, x, x, NULL, &gelu));
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_activation_backward(two, x, x, NULL, &gelu));
  CHECK(same_bits(one, two));
  mg_tensor_destroy(x);
  mg_tensor_destroy(one);
  mg_tensor_destroy(two);
}

static void test_failures(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *t = new_tensor(MG_FLOAT32, SHAPE(3, 2));
  mg_tensor *d = new_tensor(MG_FLOAT64, SHAPE(2, 3));
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(2, 3)), *none = empty_tensor(), *empty = new_tensor(MG_FLOAT32, SHAPE(0));
  mg_activation tanh_ = {.kind = MG_ACT_TANH}, gelu = {.kind = MG_ACT_GELU}, linear = {0}, bad = {.kind = MG_ACT_COUNT};
  CHECK_FAILS(mg_activation_forward(x, x, NULL), MG_EINVAL, "activation is NULL");
  CHECK_FAILS(mg_activation_forward(x, x, &bad), MG_EINVAL, "kind is 25");
  CHECK_FAILS(mg_activation_forward(x, t, &gelu), MG_ESHAPE, "activation: x has shape (3, 2)");
  CHECK_FAILS(mg_activation_forward(d, x, &gelu), MG_EDTYPE, "activation: out");
  CHECK_FAILS(mg_activation_forward(i, i, &gelu), MG_EDTYPE, "activation: x");
  CHECK_FAILS(mg_activation_forward(none, x, &gelu), MG_EINVAL, "activation: out");
  CHECK_FAILS(mg_activation_backward(x, x, x, NULL, &tanh_), MG_EINVAL, "activation_backward: y is NULL");
  CHECK_FAILS(mg_activation_backward(x, x, NULL, x, &gelu), MG_EINVAL, "activation_backward: x is NULL");
  CHECK_FAILS(mg_activation_backward(x, t, x, x, &gelu), MG_ESHAPE, "activation_backward: dy");
  CHECK_FAILS(mg_activation_backward(x, x, none, NULL, &gelu), MG_EINVAL, "activation_backward: x");
  CHECK_FAILS(mg_activation_backward(x, NULL, x, x, &gelu), MG_EINVAL, "activation_backward: dy");
  CHECK_OK(mg_fill(x, 3));
  CHECK_OK(mg_activation_backward(x, x, NULL, NULL, &linear));
  CHECK_NEAR(element(x, 5), 3, 0);
  CHECK_OK(mg_activation_forward(empty, empty, &gelu));
  mg_tensor *all[] = {x, t, d, i, none, empty};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static int tests(void) {
  RUN(test_forward);
  RUN(test_backward);
  RUN(test_large_arguments);
  RUN(test_nan_stays);
  RUN(test_kinks);
  RUN(test_threads);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
