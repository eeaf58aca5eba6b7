/* layer_norm_test.c: rows normalized, and their gradients, against the formulas in double; views, threads and refusals. */
#include "ops.h"

enum { MOST = 200 };

typedef struct norm {
  int64_t N, C;
  mg_tensor *x, *gamma, *beta, *dy, *y, *mean, *inverse, *dx, *dgamma, *dbeta;
} norm;

/* x about `level`; layouts take turns, scaled: with gamma and beta. */
static norm new_norm(int dtype, int64_t N, int64_t C, int scaled, int layout, double level) {
  const int64_t *all = (int64_t[]){N, C};
  norm k = {.N = N, .C = C, .x = fill_random(laid_out(layout, dtype, 2, all), level - 1, level + 1, 5)};
  k.dy = fill_random(laid_out((layout + 1) % LAYOUTS, dtype, 2, all), -1, 1, 6);
  k.y = laid_out((layout + 2) % LAYOUTS, dtype, 2, all);
  k.dx = laid_out(layout, dtype, 2, all);
  k.mean = new_tensor(dtype, SHAPE(N));
  k.inverse = new_tensor(dtype, SHAPE(N));
  k.dgamma = new_tensor(dtype, SHAPE(C));
  k.dbeta = new_tensor(dtype, SHAPE(C));
  if (scaled) k.gamma = fill_random(new_tensor(dtype, SHAPE(C)), 0.5, 2, 7);
  if (scaled) k.beta = fill_random(new_tensor(dtype, SHAPE(C)), -1, 1, 8);
  return k;
}

static void free_norm(norm *k) {
  mg_tensor *all[] = {k->x, k->gamma, k->beta, k->dy, k->y, k->mean, k->inverse, k->dx, k->dgamma, k->dbeta};
  for (int i = 0; i < 10; i++) mg_tensor_destroy(all[i]);
}

static mg_status forward(norm *k, double epsilon) {
  return mg_layer_norm_forward(k->y, k->mean, k->inverse, k->x, k->gamma, k->beta, epsilon);
}
static mg_status backward(norm *k) {
  return mg_layer_norm_backward(k->dx, k->dgamma, k->dbeta, k->dy, k->x, k->mean, k->inverse, k->gamma);
}

static double weight_of(const norm *k, int64_t i) { return k->gamma ? element(k->gamma, i) : 1; }

/* n of a row, by definition; returns 1 / sqrt(variance + epsilon). */
static double normalized_row(const norm *k, int64_t row, double epsilon, double n[MOST]) {
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < k->C; i++) mean += element(k->x, row * k->C + i) / (double)k->C;
  for (int64_t i = 0; i < k->C; i++) variance += pow(element(k->x, row * k->C + i) - mean, 2) / (double)k->C;
  const double inverse = 1 / sqrt(variance + epsilon);
  for (int64_t i = 0; i < k->C; i++) n[i] = (element(k->x, row * k->C + i) - mean) * inverse;
  CHECK_NEAR(element(k->mean, row), mean, 1e-7 * fmax(1, fabs(mean)));
  CHECK_NEAR(element(k->inverse, row), inverse, 2e-6 * inverse);
  return inverse;
}

static void check_numbers(norm *k, double epsilon, double tolerance) {
  double n[MOST], dgamma[MOST] = {0}, dbeta[MOST] = {0};
  for (int64_t row = 0; row < k->N; row++) {
    const int64_t at = row * k->C;
    const double inverse = normalized_row(k, row, epsilon, n);
    double of_g = 0, of_gn = 0;
    for (int64_t i = 0; i < k->C; i++) {
      const double dy = element(k->dy, at + i), g = dy * weight_of(k, i);
      CHECK_NEAR(element(k->y, at + i), n[i] * weight_of(k, i) + (k->beta ? element(k->beta, i) : 0), tolerance);
      of_g += g / (double)k->C;
      of_gn += g * n[i] / (double)k->C;
      dgamma[i] += dy * n[i];
      dbeta[i] += dy;
    }
    for (int64_t i = 0; i < k->C; i++) {
      const double g = element(k->dy, at + i) * weight_of(k, i);
      CHECK_NEAR(element(k->dx, at + i), (g - of_g - n[i] * of_gn) * inverse, tolerance * fmax(1, inverse));
    }
  }
  for (int64_t i = 0; i < k->C; i++) {
    CHECK_NEAR(element(k->dgamma, i), dgamma[i], tolerance * fmax(1, sqrt((double)k->N)));
    CHECK_NEAR(element(k->dbeta, i), dbeta[i], tolerance * fmax(1, sqrt((double)k->N)));
  }
}

static void test_numbers(void) {
  static const int64_t sizes[][2] = {{1, 1}, {3, 5}, {33, 16}, {5, 64}, {7, 40}, {70, 33}, {600, 17}, {9, 200}};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (unsigned i = 0; i < 8; i++)
      for (int layout = DENSE; layout < LAYOUTS; layout++) {
        norm k = new_norm(dtype, sizes[i][0], sizes[i][1], (int)(i + (unsigned)layout) % 2, layout, 0);
        CHECK_OK(forward(&k, 1e-3));
        CHECK_OK(backward(&k));
        check_numbers(&k, 1e-3, dtype == MG_FLOAT32 ? 2e-6 : 1e-12);
        free_norm(&k);
      }
}

/* The variance is taken about the mean: a level far from 0 costs no digits but those that x itself lacks. */
static void test_far_from_zero(void) {
  norm k = new_norm(MG_FLOAT32, 4, 150, 1, DENSE, 4096);
  CHECK_OK(forward(&k, 0));
  CHECK_OK(backward(&k));
  check_numbers(&k, 0, 1e-3);
  free_norm(&k);
}

static void test_parts_of_it(void) {
  norm k = new_norm(MG_FLOAT32, 65, 20, 1, DENSE, 0), all = new_norm(MG_FLOAT32, 65, 20, 1, DENSE, 0);
  CHECK_OK(forward(&all, 1e-5));
  CHECK_OK(backward(&all));
  CHECK_OK(mg_layer_norm_backward(k.dx, NULL, NULL, all.dy, all.x, all.mean, all.inverse, all.gamma));
  CHECK_OK(mg_layer_norm_backward(NULL, k.dgamma, NULL, all.dy, all.x, all.mean, all.inverse, all.gamma));
  CHECK_OK(mg_layer_norm_backward(NULL, NULL, k.dbeta, all.dy, all.x, all.mean, all.inverse, all.gamma));
  CHECK(same_bits(k.dx, all.dx) && same_bits(k.dgamma, all.dgamma) && same_bits(k.dbeta, all.dbeta));
  free_norm(&k);
  free_norm(&all);
}

static void test_threads(void) {
  norm one = new_norm(MG_FLOAT32, 3000, 37, 1, DENSE, 0), two = new_norm(MG_FLOAT32, 3000, 37, 1, DENSE, 0);
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(forward(&one, 1e-3));
  CHECK_OK(backward(&one));
  CHECK_OK(mg_set_threads(3));
  CHECK_OK(forward(&two, 1e-3));
  CHECK_OK(backward(&two));
  CHECK(same_bits(one.y, two.y) && same_bits(one.dx, two.dx));
  CHECK(same_bits(one.dgamma, two.dgamma) && same_bits(one.dbeta, two.dbeta));
  free_norm(&one);
  free_norm(&two);
}

static void test_nan_stays_in_its_row(void) {
  norm k = new_norm(MG_FLOAT32, 5, 21, 0, DENSE, 0);
  mg_tensor *last = empty_tensor();
  check_must(mg_tensor_slice(last, k.x, 0, 2, 1, 1));
  check_must(mg_tensor_slice(last, last, 1, 20, 1, 1));
  CHECK_OK(mg_fill(last, NAN));
  CHECK_OK(forward(&k, 1e-3));
  for (int64_t i = 0; i < 5 * 21; i++) CHECK(isnan(element(k.y, i)) == (i / 21 == 2));
  mg_tensor_destroy(last);
  free_norm(&k);
}

static void test_failures(void) {
  norm k = new_norm(MG_FLOAT32, 2, 3, 1, DENSE, 0), d = new_norm(MG_FLOAT64, 2, 3, 1, DENSE, 0);
  norm none = new_norm(MG_FLOAT32, 0, 3, 1, DENSE, 0);
  mg_tensor *line = new_tensor(MG_FLOAT32, SHAPE(6)), *bare = new_tensor(MG_FLOAT32, SHAPE(2, 0));
  CHECK_FAILS(mg_layer_norm_forward(k.y, k.mean, k.inverse, line, NULL, NULL, 0), MG_ESHAPE, "layer_norm: x (6): expected (N, C)");
  CHECK_FAILS(mg_layer_norm_forward(k.y, k.mean, k.inverse, bare, NULL, NULL, 0), MG_ESHAPE, "rows of no element");
  CHECK_FAILS(forward(&k, -1), MG_EINVAL, "layer_norm: epsilon is -1");
  CHECK_FAILS(mg_layer_norm_forward(k.y, k.mean, k.inverse, k.x, k.mean, NULL, 0), MG_ESHAPE, "layer_norm: gamma");
  CHECK_FAILS(mg_layer_norm_forward(k.y, k.mean, k.inverse, k.x, NULL, d.beta, 0), MG_EDTYPE, "layer_norm: beta");
  CHECK_FAILS(mg_layer_norm_forward(k.x, k.mean, k.inverse, k.x, NULL, NULL, 0), MG_EINVAL, "layer_norm: y");
  CHECK_FAILS(mg_layer_norm_forward(k.y, k.mean, NULL, k.x, NULL, NULL, 0), MG_EINVAL, "layer_norm: inverse");
  CHECK_FAILS(mg_layer_norm_backward(k.dx, NULL, NULL, NULL, k.x, k.mean, k.inverse, NULL), MG_EINVAL, "layer_norm backward: dy");
  CHECK_FAILS(mg_layer_norm_backward(k.dy, NULL, NULL, k.dy, k.x, k.mean, k.inverse, NULL), MG_EINVAL, "layer_norm backward: dx");
  CHECK_FAILS(mg_layer_norm_backward(NULL, k.mean, NULL, k.dy, k.x, k.mean, k.inverse, NULL), MG_ESHAPE, "backward: dgamma");
  CHECK_OK(mg_fill(none.dgamma, 7));
  CHECK_OK(forward(&none, 0));
  CHECK_OK(backward(&none));
  CHECK(element(none.dgamma, 1) == 0 && element(none.dbeta, 1) == 0);
  mg_tensor_destroy(line);
  mg_tensor_destroy(bare);
  free_norm(&k);
  free_norm(&d);
  free_norm(&none);
}

static int tests(void) {
  RUN(test_numbers);
  RUN(test_far_from_zero);
  RUN(test_parts_of_it);
  RUN(test_threads);
  RUN(test_nan_stays_in_its_row);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
