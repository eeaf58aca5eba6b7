/* activation.c: activations on the CPU. float32 through the vector loops (activation_body.h), float64 here through libm.
 * Formulas: keras.activations. */
#include <math.h>

#include "cpu.h"
#include "elementwise.h"
#include "float32.h"

static const double SELU_ALPHA = 1.6732632423543772848, SELU_SCALE = 1.0507009873554804934;
static const double GELU_K = 0.79788456080286535588 /* sqrt(2 / pi) */, GELU_C = 0.044715;

static double clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
static double positive(double x) { return x < 0 ? 0 : x; }
static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static double softplus(double x) { return positive(x) + log1p(exp(-fabs(x))); }
static double elu(double x, double alpha) { return x < 0 ? alpha * expm1(x) : x; }

static double relu(double x, const mg_activation *p) {
  double y = p->c == 0 ? positive(x) : x > p->c ? x : 0;
  if (p->b < INFINITY) y = clip(y, 0, p->b);
  return p->a == 0 ? y : y - p->a * positive(p->c - x);
}

static double gelu_tanh_argument(double x) { return GELU_K * (x + GELU_C * x * x * x); }

static double squareplus(double x, double b) { return (x + sqrt(x * x + b)) / 2; }

static double value(const mg_activation *p, double x) {
  switch (p->kind) {
    case MG_ACT_TANH: return tanh(x);
    case MG_ACT_SIGMOID: return sigmoid(x);
    case MG_ACT_HARD_SIGMOID: return clip(p->a * x + p->b, 0, 1);
    case MG_ACT_RELU: return relu(x, p);
    case MG_ACT_ELU: return elu(x, p->a);
    case MG_ACT_SELU: return SELU_SCALE * elu(x, SELU_ALPHA);
    case MG_ACT_CELU: return x < 0 ? p->a * expm1(x / p->a) : x;
    case MG_ACT_GELU: return 0.5 * x * erfc(-x * 0.70710678118654752440);
    case MG_ACT_GELU_TANH: return x * sigmoid(2 * gelu_tanh_argument(x));
    case MG_ACT_SILU: return x * sigmoid(x);
    case MG_ACT_HARD_SILU: return x * clip(x / 6 + 0.5, 0, 1);
    case MG_ACT_HARD_TANH: return clip(x, -1, 1);
    case MG_ACT_SOFTPLUS: return softplus(x);
    case MG_ACT_SOFTSIGN: return x / (1 + fabs(x));
    case MG_ACT_EXPONENTIAL: return exp(x);
    case MG_ACT_MISH: return x * tanh(softplus(x));
    case MG_ACT_LOG_SIGMOID: return -softplus(-x);
    case MG_ACT_HARD_SHRINK: return fabs(x) <= p->a ? 0 : x;
    case MG_ACT_SOFT_SHRINK: return x > p->a ? x - p->a : x < -p->a ? x + p->a : 0;
    case MG_ACT_TANH_SHRINK: return x - tanh(x);
    case MG_ACT_SQUAREPLUS: return squareplus(x, p->a);
    case MG_ACT_SPARSE_PLUS: return x <= -1 ? 0 : x < 1 ? 0.25 * (x + 1) * (x + 1) : x;
    case MG_ACT_SPARSE_SIGMOID: return clip(0.5 * (x + 1), 0, 1);
    case MG_ACT_THRESHOLD: return x > p->a ? x : p->b;
    default: return x;
  }
}

/* From y when a = c = 0, else from x. At c it is 0, but a for a leaky relu (c = 0, no limit); at the limit b 1, from y 0. */
static double relu_slope(double v, const mg_activation *p) {
  if (p->a == 0 && p->c == 0) return v > 0 && v < p->b;
  if (v < p->c || (v == 0 && p->c == 0 && p->b == INFINITY)) return p->a;
  return v > p->c && (p->b == INFINITY || (v >= 0 && v <= p->b));
}

/* Phi(x) + x phi(x), the normal distribution. */
static double gelu_slope(double x) {
  double density = 0.39894228040143267794 * exp(-0.5 * x * x);
  return 0.5 * erfc(-x * 0.70710678118654752440) + (density > 0 ? x * density : 0);
}

static double gelu_tanh_slope(double x) {
  double s = sigmoid(2 * gelu_tanh_argument(x)), spread = s * (1 - s);
  return s + (spread > 0 ? x * spread * 2 * GELU_K * (1 + 3 * GELU_C * x * x) : 0);
}

static double mish_slope(double x) {
  double w = tanh(softplus(x));
  return w + x * (1 - w * w) * sigmoid(x);
}

/* v: y for the kinds marked so, else x. At kinks the slope is Keras's on TensorFlow. */
static double slope(const mg_activation *p, double v) {
  double s;
  switch (p->kind) {
    case MG_ACT_TANH: return 1 - v * v;                                       /* y */
    case MG_ACT_SIGMOID: return v * (1 - v);                                  /* y */
    case MG_ACT_HARD_SIGMOID: return v > 0 && v < 1 ? p->a : 0;               /* y */
    case MG_ACT_RELU: return relu_slope(v, p);
    case MG_ACT_ELU: return v <= 0 ? v + p->a : 1;                            /* y */
    case MG_ACT_SELU: return v < 0 ? v + SELU_SCALE * SELU_ALPHA : SELU_SCALE; /* y */
    case MG_ACT_CELU: return v < 0 ? exp(v / p->a) : v == 0 ? 2 : 1; /* at 0 Keras's formula lets the gradient through twice */
    case MG_ACT_GELU: return gelu_slope(v);
    case MG_ACT_GELU_TANH: return gelu_tanh_slope(v);
    case MG_ACT_SILU: s = sigmoid(v); return s * (1 + v * (1 - s));
    case MG_ACT_HARD_SILU: return clip(v / 6 + 0.5, 0, 1) + (fabs(v) < 3 ? v / 6 : 0);
    case MG_ACT_HARD_TANH: return fabs(v) <= 1;
    case MG_ACT_SOFTPLUS: return sigmoid(v);
    case MG_ACT_SOFTSIGN: s = 1 - fabs(v); return s * s;                      /* y */
    case MG_ACT_EXPONENTIAL: return v;                                        /* y */
    case MG_ACT_MISH: return mish_slope(v);
    case MG_ACT_LOG_SIGMOID: return sigmoid(-v);
    case MG_ACT_HARD_SHRINK:
    case MG_ACT_SOFT_SHRINK: return fabs(v) > p->a;
    case MG_ACT_TANH_SHRINK: s = tanh(v); return s * s;
    case MG_ACT_SQUAREPLUS: return 0.5 + 0.5 * v / sqrt(v * v + p->a);
    case MG_ACT_SPARSE_PLUS: return clip(0.5 * (v + 1), 0, 1);
    case MG_ACT_SPARSE_SIGMOID: return fabs(v) < 1 ? 0.5 : 0;
    case MG_ACT_THRESHOLD: return v > p->a;
    default: return 1;
  }
}

static void forward_float32(const void *context, int64_t n, void *out, const void *const *in) {
  mg_float32_now()->activation(context, n, out, in[0]);
}

static void forward_float64(const void *context, int64_t n, void *out, const void *const *in) {
  const double *x = in[0];
  for (int64_t i = 0; i < n; i++) ((double *)out)[i] = value(context, x[i]);
}

static void backward_float32(const void *context, int64_t n, void *out, const void *const *in) {
  mg_float32_now()->activation_slope(context, n, out, in[0], in[1]);
}

static void backward_float64(const void *context, int64_t n, void *out, const void *const *in) {
  const double *dy = in[0], *v = in[1];
  for (int64_t i = 0; i < n; i++) ((double *)out)[i] = dy[i] * slope(context, v[i]);
}

mg_status mg_cpu_activation_forward(mg_tensor *out, const mg_tensor *x, const mg_activation *activation) {
  return mg_elementwise(out, &x, 1, MG_PIECE_HEAVY, x->dtype == MG_FLOAT32 ? forward_float32 : forward_float64, activation);
}

mg_status mg_cpu_activation_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                     const mg_activation *activation) {
  const mg_tensor *in[] = {dy, y ? y : x ? x : dy}; /* dy: linear, whose slope needs neither */
  return mg_elementwise(dx, in, 2, MG_PIECE_HEAVY, dx->dtype == MG_FLOAT32 ? backward_float32 : backward_float64, activation);
}
