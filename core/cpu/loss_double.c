/* loss_double.c: the losses in float64, the formulas as they are written. */
#include <math.h>
#include <string.h>

#include "loss_kernels.h"

static double weight_of(const mg_loss_rows *rows, int64_t row) {
  return rows->weights ? ((const double *)rows->weights)[row] : 1.0;
}

static double target_of(const mg_loss_rows *rows, int64_t row, int64_t c) {
  return rows->target ? ((const double *)rows->target)[row * rows->classes + c] : rows->labels[row] == c;
}

static void cross_entropy_row(const mg_loss_rows *rows, int64_t row, double weight) {
  const int64_t n = rows->classes;
  const double *x = (const double *)rows->input + row * n;
  double *p = rows->result ? (double *)rows->result + row * n : NULL;
  double largest = -INFINITY, sum = 0, loss = 0;
  for (int64_t c = 0; c < n; c++) largest = x[c] > largest ? x[c] : largest;
  for (int64_t c = 0; c < n; c++) sum += exp(x[c] - largest);
  const double log_sum = largest + log(sum);
  for (int64_t c = 0; c < n; c++) {
    double t = target_of(rows, row, c);
    if (t != 0) loss += t * (log_sum - x[c]); /* a target of 0 counts as 0 even where x is infinite */
    if (p) p[c] = exp(x[c] - largest) / sum;
  }
  ((double *)rows->loss)[row] = loss * weight;
}

static void cross_entropy_forward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  for (int64_t row = first; row < last; row++) {
    double weight = weight_of(rows, row);
    if (weight != 0) {
      cross_entropy_row(rows, row, weight);
    } else {
      ((double *)rows->loss)[row] = 0;
      if (rows->result) memset((double *)rows->result + row * rows->classes, 0, sizeof(double) * (size_t)rows->classes);
    }
  }
}

/* d = (p sum_c target[c] - target) * dloss * weight */
static void cross_entropy_backward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  const int64_t n = rows->classes;
  for (int64_t row = first; row < last; row++) {
    const double *p = (const double *)rows->input + row * n;
    double *d = (double *)rows->result + row * n, weight = weight_of(rows, row), sum = 0;
    const double factor = weight * ((const double *)rows->dloss)[row];
    for (int64_t c = 0; c < n; c++) sum += target_of(rows, row, c);
    for (int64_t c = 0; c < n; c++) d[c] = weight != 0 ? factor * (p[c] * sum - target_of(rows, row, c)) : 0;
  }
}

static double loss_of(int32_t kind, double p, double t, double delta) {
  double e = p - t, a = fabs(e);
  switch (kind) {
    case MG_LOSS_SQUARED: return e * e;
    case MG_LOSS_ABSOLUTE: return a;
    case MG_LOSS_HUBER: return a <= delta ? 0.5 * e * e : delta * (a - 0.5 * delta);
    default: return (p > 0 ? p : 0) - p * t + log1p(exp(-fabs(p)));
  }
}

static double slope_of(int32_t kind, double p, double t, double delta) {
  double e = p - t;
  switch (kind) {
    case MG_LOSS_SQUARED: return 2 * e;
    case MG_LOSS_ABSOLUTE: return e > 0 ? 1 : e < 0 ? -1 : e;
    case MG_LOSS_HUBER: return e > delta ? delta : e < -delta ? -delta : e;
    default: return (p < 0 ? exp(p) / (1 + exp(p)) : 1 / (1 + exp(-p))) - t;
  }
}

static void pointwise_forward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  const int64_t n = rows->classes;
  for (int64_t row = first; row < last; row++) {
    const double *p = (const double *)rows->input + row * n, *t = (const double *)rows->target + row * n;
    double weight = weight_of(rows, row), sum = 0;
    for (int64_t c = 0; c < n; c++) sum += loss_of(rows->kind, p[c], t[c], rows->delta);
    ((double *)rows->loss)[row] = weight != 0 ? weight * sum / (double)n : 0;
  }
}

static void pointwise_backward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  const int64_t n = rows->classes;
  for (int64_t row = first; row < last; row++) {
    const double *p = (const double *)rows->input + row * n, *t = (const double *)rows->target + row * n;
    double *d = (double *)rows->result + row * n, weight = weight_of(rows, row);
    const double factor = weight * ((const double *)rows->dloss)[row] / (double)n;
    for (int64_t c = 0; c < n; c++) d[c] = weight != 0 ? factor * slope_of(rows->kind, p[c], t[c], rows->delta) : 0;
  }
}

const mg_loss_kernels mg_loss_double = {cross_entropy_forward, cross_entropy_backward, pointwise_forward, pointwise_backward};
