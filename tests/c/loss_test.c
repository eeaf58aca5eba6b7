/* Losses against Keras's own values, float32 kernels of every instruction set against float64, weights and labels. */
#include "check.h"
#include "cpu/loss_kernels.h"
#include "loss_cases.h"

static void check_case(const loss_case *c, mg_dtype dtype) {
  const double ones[ROWS] = {1, 1, 1, 1, 1, 1}, tolerance = dtype == MG_FLOAT32 ? 1e-5 : 1e-10;
  mg_tensor *x = tensor_of(dtype, c->prediction, SHAPE(ROWS, CLASSES)), *d = new_tensor(dtype, SHAPE(ROWS, CLASSES));
  mg_tensor *target = c->kind == SPARSE ? tensor_of(MG_INT32, c->target, SHAPE(ROWS))
                                        : tensor_of(dtype, c->target, SHAPE(ROWS, CLASSES));
  mg_tensor *loss = new_tensor(dtype, SHAPE(ROWS)), *dloss = tensor_of(dtype, ones, SHAPE(ROWS));
  if (c->kind < 0) {
    CHECK_OK(mg_cross_entropy_forward(loss, d, x, target, NULL));
    CHECK_OK(mg_cross_entropy_backward(d, dloss, d, target, NULL)); /* in place */
  } else {
    CHECK_OK(mg_pointwise_loss_forward(c->kind, loss, x, target, NULL, c->delta));
    CHECK_OK(mg_pointwise_loss_backward(c->kind, d, dloss, x, target, NULL, c->delta));
  }
  for (int i = 0; i < ROWS; i++) CHECK_NEAR(element(loss, i), c->loss[i], tolerance);
  for (int i = 0; i < ROWS * CLASSES; i++) CHECK_NEAR(element(d, i), c->slope[i], tolerance);
  mg_tensor_destroy(x), mg_tensor_destroy(d), mg_tensor_destroy(target), mg_tensor_destroy(loss), mg_tensor_destroy(dloss);
}

static void test_keras(void) {
  for (size_t i = 0; i < sizeof loss_cases / sizeof *loss_cases; i++) {
    running = loss_cases[i].name;
    check_case(&loss_cases[i], MG_FLOAT32);
    check_case(&loss_cases[i], MG_FLOAT64);
  }
}

/* ---- every instruction set, odd widths ---- */

enum { COUNT = 5, WIDEST = 2600 };
typedef struct arrays {
  float x[COUNT * WIDEST], t[COUNT * WIDEST], p[COUNT * WIDEST], w[COUNT], dloss[COUNT], loss[COUNT];
  double dx[COUNT * WIDEST], dt[COUNT * WIDEST], dp[COUNT * WIDEST], dw[COUNT], ddloss[COUNT], dloss_out[COUNT];
} arrays;
static arrays m;

static void fill(int n) {
  for (int i = 0; i < COUNT * n; i++) {
    m.dx[i] = m.x[i] = (float)(6 * sin(i * 1.3));
    m.dt[i] = m.t[i] = (float)(i % 3 == 0 ? 0 : fabs(sin(i * 0.7)) / n);
  }
  for (int i = 0; i < COUNT; i++) m.dw[i] = m.w[i] = (float)i / 2, m.ddloss[i] = m.dloss[i] = (float)(1 + i);
}

static double difference(const float *f, const double *d, int n) {
  double worst = 0;
  for (int i = 0; i < n; i++) worst = worse(worst, fabs(f[i] - d[i]) / fmax(1, fabs(d[i])));
  return worst;
}

static void check_width(const mg_loss_kernels *kernels, int n, int kind) {
  static const int32_t labels[COUNT] = {0, 0, 0, 0, 0};
  fill(n);
  mg_loss_rows f = {.kind = kind, .delta = 1.5, .classes = n, .loss = m.loss, .dloss = m.dloss, .input = m.x, .target = m.t,
                    .weights = m.w, .result = m.p};
  mg_loss_rows d = {.kind = kind, .delta = 1.5, .classes = n, .loss = m.dloss_out, .dloss = m.ddloss, .input = m.dx, .target = m.dt,
                    .weights = m.dw, .result = m.dp};
  if (kind == SPARSE) f.target = d.target = NULL, f.labels = d.labels = labels;
  if (kind >= 0) {
    kernels->pointwise_forward(&f, 0, COUNT), mg_loss_double.pointwise_forward(&d, 0, COUNT);
    kernels->pointwise_backward(&f, 0, COUNT), mg_loss_double.pointwise_backward(&d, 0, COUNT);
  } else {
    kernels->cross_entropy_forward(&f, 0, COUNT), mg_loss_double.cross_entropy_forward(&d, 0, COUNT);
    CHECK_NEAR(difference(m.p, m.dp, COUNT * n), 0, 1e-6);
    f.input = m.p, d.input = m.dp;
    kernels->cross_entropy_backward(&f, 0, COUNT), mg_loss_double.cross_entropy_backward(&d, 0, COUNT);
  }
  CHECK_NEAR(difference(m.loss, m.dloss_out, COUNT), 0, 2e-6);
  CHECK_NEAR(difference(m.p, m.dp, COUNT * n), 0, 3e-6);
  CHECK(m.loss[0] == 0 && m.p[n - 1] == 0); /* the row of weight 0 */
}

static void check_kernels(const mg_loss_kernels *kernels) {
  const int widths[] = {1, 3, 4, 15, 16, 17, 96, 331, WIDEST};
  for (int i = 0; i < 9; i++)
    for (int kind = DENSE; kind < MG_LOSS_COUNT; kind++) check_width(kernels, widths[i], kind);
}

static void test_instruction_sets(void) {
  check_kernels(&mg_loss_float_generic);
#ifdef MG_COMPILED_AVX2
  if (mg_cpu_isa_best() >= MG_ISA_AVX2) check_kernels(&mg_loss_float_avx2);
#endif
#ifdef MG_COMPILED_AVX512
  if (mg_cpu_isa_best() >= MG_ISA_AVX512) check_kernels(&mg_loss_float_avx512);
#endif
}

/* ---- weights, labels, views ---- */

/* Equal logits over C classes lose log C; weights multiply; the row of weight 0 may hold anything. */
static void test_weights(void) {
  for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, (double[]){2, 2, 2, 2, NAN, INFINITY, -INFINITY, 0, 5, 5, 5, 5}, SHAPE(3, 4));
    mg_tensor *labels = tensor_of(MG_INT32, (double[]){1, 99, 3}, SHAPE(3));
    mg_tensor *weights = tensor_of(dtype, (double[]){1, 0, 0.5}, SHAPE(3));
    mg_tensor *loss = new_tensor(dtype, SHAPE(3)), *p = new_tensor(dtype, SHAPE(3, 4)), *ones = new_tensor(dtype, SHAPE(3));
    check_must(mg_fill(ones, 1));
    CHECK_OK(mg_cross_entropy_forward(loss, p, x, labels, weights));
    CHECK_NEAR(element(loss, 0), log(4), 1e-7);
    CHECK_NEAR(element(loss, 2), 0.5 * log(4), 1e-7);
    CHECK_OK(mg_cross_entropy_backward(p, ones, p, labels, weights));
    const double slopes[12] = {0.25, -0.75, 0.25, 0.25, 0, 0, 0, 0, 0.125, 0.125, 0.125, -0.375};
    for (int i = 0; i < 12; i++) CHECK_NEAR(element(p, i), slopes[i], 1e-7);
    CHECK(element(loss, 1) == 0 && element(p, 4) == 0 && element(p, 7) == 0);
    for (int kind = 0; kind < MG_LOSS_COUNT; kind++) {
      CHECK_OK(mg_pointwise_loss_forward(kind, loss, x, x, weights, 1));
      CHECK_OK(mg_pointwise_loss_backward(kind, p, ones, x, x, weights, 1));
      CHECK(element(loss, 1) == 0 && element(p, 4) == 0 && element(p, 6) == 0);
    }
    mg_tensor_destroy(x), mg_tensor_destroy(labels), mg_tensor_destroy(weights), mg_tensor_destroy(loss);
    mg_tensor_destroy(p), mg_tensor_destroy(ones);
  }
}

/* A class that cannot be (logit -inf) costs nothing where its target is 0. */
static void test_impossible_class(void) {
  for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, (double[]){1, -INFINITY, 1}, SHAPE(1, 3));
    mg_tensor *t = tensor_of(dtype, (double[]){0.5, 0, 0.5}, SHAPE(1, 3));
    mg_tensor *loss = new_tensor(dtype, SHAPE(1));
    CHECK_OK(mg_cross_entropy_forward(loss, NULL, x, t, NULL));
    CHECK_NEAR(element(loss, 0), log(2), 1e-7);
    mg_tensor_destroy(x), mg_tensor_destroy(t), mg_tensor_destroy(loss);
  }
}

static void test_views(void) {
  const loss_case *c = &loss_cases[sizeof loss_cases / sizeof *loss_cases - 1]; /* from ids */
  double turned[ROWS * CLASSES], twice[2 * ROWS], ones[1] = {1};
  for (int i = 0; i < ROWS * CLASSES; i++) turned[i % CLASSES * ROWS + i / CLASSES] = c->prediction[i];
  for (int i = 0; i < 2 * ROWS; i++) twice[i] = c->target[i / 2];
  mg_tensor *x = tensor_of(MG_FLOAT64, turned, SHAPE(CLASSES, ROWS)), *labels = tensor_of(MG_INT32, twice, SHAPE(2 * ROWS));
  mg_tensor *one = tensor_of(MG_FLOAT64, ones, SHAPE(1)), *dloss = empty_tensor();
  mg_tensor *loss = new_tensor(MG_FLOAT64, SHAPE(ROWS)), *d = new_tensor(MG_FLOAT64, SHAPE(CLASSES, ROWS));
  const int32_t swap[2] = {1, 0};
  check_must(mg_tensor_permute(x, x, swap));
  check_must(mg_tensor_permute(d, d, swap));
  check_must(mg_tensor_slice(labels, labels, 0, 0, ROWS, 2));
  check_must(mg_tensor_broadcast(dloss, one, SHAPE(ROWS)));
  CHECK_OK(mg_cross_entropy_forward(loss, d, x, labels, NULL));
  CHECK_OK(mg_cross_entropy_backward(d, dloss, d, labels, NULL));
  for (int i = 0; i < ROWS; i++) CHECK_NEAR(element(loss, i), c->loss[i], 1e-10);
  for (int i = 0; i < ROWS * CLASSES; i++) CHECK_NEAR(element(d, i), c->slope[i], 1e-10);
  mg_tensor_destroy(x), mg_tensor_destroy(labels), mg_tensor_destroy(one), mg_tensor_destroy(dloss);
  mg_tensor_destroy(loss), mg_tensor_destroy(d);
}

static void test_threads(void) {
  const int64_t n = 901, classes = 96;
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(n, classes)), *labels = new_tensor(MG_INT32, SHAPE(n)), *loss[2], *p[2];
  mg_random_key key = {3, 4, 0};
  check_must(mg_random_fill(MG_RANDOM_NORMAL, x, &key, 0, 3));
  check_must(mg_fill(labels, 7));
  for (int run = 0; run < 2; run++) {
    CHECK_OK(mg_set_threads(run ? 3 : 1));
    loss[run] = new_tensor(MG_FLOAT32, SHAPE(n)), p[run] = new_tensor(MG_FLOAT32, SHAPE(n, classes));
    CHECK_OK(mg_cross_entropy_forward(loss[run], p[run], x, labels, NULL));
  }
  CHECK(memcmp(mg_tensor_read(loss[0]), mg_tensor_read(loss[1]), (size_t)n * 4) == 0);
  CHECK(memcmp(mg_tensor_read(p[0]), mg_tensor_read(p[1]), (size_t)(n * classes) * 4) == 0);
  for (int run = 0; run < 2; run++) mg_tensor_destroy(loss[run]), mg_tensor_destroy(p[run]);
  mg_tensor_destroy(x), mg_tensor_destroy(labels);
}

static void test_mistakes(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *p = new_tensor(MG_FLOAT32, SHAPE(2, 3));
  mg_tensor *loss = new_tensor(MG_FLOAT32, SHAPE(2));
  mg_tensor *labels = tensor_of(MG_INT32, (double[]){0, 3}, SHAPE(2)), *w = new_tensor(MG_FLOAT64, SHAPE(2));
  check_must(mg_fill(x, 0)), check_must(mg_fill(loss, -1));
  CHECK_FAILS(mg_cross_entropy_forward(loss, p, x, labels, NULL), MG_EINVAL, "3 in row 1");
  CHECK(element(loss, 0) == -1); /* nothing was touched */
  CHECK_FAILS(mg_cross_entropy_backward(x, loss, p, labels, NULL), MG_EINVAL, "3 in row 1");
  CHECK_FAILS(mg_cross_entropy_forward(loss, p, x, p, w), MG_EDTYPE, "weights");
  CHECK_FAILS(mg_cross_entropy_forward(loss, x, x, labels, NULL), MG_EINVAL, "probabilities");
  CHECK_FAILS(mg_cross_entropy_forward(loss, p, loss, labels, NULL), MG_ESHAPE, "(2)");
  CHECK_FAILS(mg_cross_entropy_forward(NULL, p, x, labels, NULL), MG_EINVAL, "loss");
  CHECK_FAILS(mg_cross_entropy_forward(loss, p, x, NULL, NULL), MG_EINVAL, "labels");
  CHECK_FAILS(mg_pointwise_loss_forward(9, loss, x, p, NULL, 1), MG_EINVAL, "kind");
  CHECK_FAILS(mg_pointwise_loss_forward(MG_LOSS_HUBER, loss, x, p, NULL, 0), MG_EINVAL, "delta");
  CHECK_FAILS(mg_pointwise_loss_forward(MG_LOSS_SQUARED, loss, x, loss, NULL, 0), MG_ESHAPE, "target");
  CHECK_FAILS(mg_pointwise_loss_backward(MG_LOSS_SQUARED, x, loss, x, p, NULL, 0), MG_EINVAL, "dprediction");
  mg_tensor_destroy(x), mg_tensor_destroy(p), mg_tensor_destroy(loss), mg_tensor_destroy(labels), mg_tensor_destroy(w);
}

int main(void) {
  RUN(test_keras);
  RUN(test_instruction_sets);
  RUN(test_weights);
  RUN(test_impossible_class);
  RUN(test_views);
  RUN(test_threads);
  RUN(test_mistakes);
  return finish();
}
