/* activation_scalar.h: Keras's elementwise activations and their slopes in double, both from x. Private to core/cpu.
 * Formulas: keras.activations. At kinks the slope is that of Keras on TensorFlow. */
#ifndef MG_ACTIVATION_SCALAR_H
#define MG_ACTIVATION_SCALAR_H

#include <math.h>

#include "../moongate.h"

#define MG_SELU_ALPHA 1.6732632423543772848
#define MG_SELU_SCALE 1.0507009873554804934
#define MG_ROOT_2_OVER_PI 0.79788456080286535588

static inline double mg_sigmoid(double x) {
  const double e = exp(-fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
static inline double mg_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static inline double mg_clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
static inline double mg_elu(double x, double alpha) { return x < 0 ? alpha * expm1(x) : x; }

/* max(x, 0), or x where x > c; limited to b; minus a times what lies below c. */
static inline double mg_relu(double x, double a, double b, double c) {
  double y = c != 0 ? (x > c ? x : x != x ? x : 0) : x < 0 ? 0 : x;
  if (b < INFINITY) y = mg_clip(y, 0, b);
  return a != 0 && x < c ? y - a * (c - x) : y;
}

static inline double mg_activation_value(const mg_activation *activation, double x) {
  const double a = activation->a, b = activation->b;
  switch (activation->kind) {
    case MG_ACT_TANH: return tanh(x);
    case MG_ACT_SIGMOID: return mg_sigmoid(x);
    case MG_ACT_HARD_SIGMOID: return mg_clip(a * x + b, 0, 1);
    case MG_ACT_RELU: return mg_relu(x, a, b, activation->c);
    case MG_ACT_ELU: return mg_elu(x, a);
    case MG_ACT_SELU: return MG_SELU_SCALE * mg_elu(x, MG_SELU_ALPHA);
    case MG_ACT_CELU: return x < 0 ? a * expm1(x / a) : x;
    case MG_ACT_GELU: return x * 0.5 * erfc(-x * M_SQRT1_2);
    case MG_ACT_GELU_TANH: return x * mg_sigmoid(2 * MG_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x));
    case MG_ACT_SILU: return x * mg_sigmoid(x);
    case MG_ACT_HARD_SILU: return x * mg_clip(x / 6 + 0.5, 0, 1);
    case MG_ACT_HARD_TANH: return mg_clip(x, -1, 1);
    case MG_ACT_SOFTPLUS: return mg_softplus(x);
    case MG_ACT_SOFTSIGN: return x / (1 + fabs(x));
    case MG_ACT_EXPONENTIAL: return exp(x);
    case MG_ACT_MISH: return x * tanh(mg_softplus(x));
    case MG_ACT_LOG_SIGMOID: return -mg_softplus(-x);
    case MG_ACT_HARD_SHRINK: return fabs(x) <= a ? 0 : x;
    case MG_ACT_SOFT_SHRINK: return x > a ? x - a : x < -a ? x + a : x != x ? x : 0;
    case MG_ACT_TANH_SHRINK: return x - tanh(x);
    case MG_ACT_SQUAREPLUS: return 0.5 * (x + sqrt(x * x + a)); /* cancels far below 0, as Keras's */
    case MG_ACT_SPARSE_PLUS: return x <= -1 ? 0 : x < 1 ? 0.25 * (x + 1) * (x + 1) : x;
    case MG_ACT_SPARSE_SIGMOID: return mg_clip(0.5 * (x + 1), 0, 1);
    case MG_ACT_THRESHOLD: return x <= a ? b : x;
    default: return x;
  }
}

/* At c it is 0, but a for a leaky relu (c = 0, no limit); at the limit b 1, but 0 for a plain one (a = c = 0). */
static inline double mg_relu_slope(double x, double a, double b, double c) {
  if (a == 0 && c == 0) return x > 0 && x < b ? 1 : 0;
  if (x < c || (x == 0 && c == 0 && b == INFINITY)) return a;
  return x > c && (b == INFINITY || (x >= 0 && x <= b)) ? 1 : 0;
}

/* Phi(x) + x phi(x), the normal distribution; far out the density is 0 and x may be infinite. */
static inline double mg_gelu_slope(double x) {
  const double density = 0.5 * M_2_SQRTPI * M_SQRT1_2 * exp(-0.5 * x * x);
  return 0.5 * erfc(-x * M_SQRT1_2) + (density > 0 ? x * density : 0);
}

static inline double mg_gelu_tanh_slope(double x) {
  const double s = mg_sigmoid(2 * MG_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x));
  return s * (1 - s) == 0 ? s : s + x * s * (1 - s) * 2 * MG_ROOT_2_OVER_PI * (1 + 3 * 0.044715 * x * x);
}

static inline double mg_mish_slope(double x) {
  const double w = tanh(mg_softplus(x));
  return w + x * (1 - w * w) * mg_sigmoid(x);
}

static inline double mg_activation_slope(const mg_activation *activation, double x) {
  const double a = activation->a, s = mg_sigmoid(x), t = tanh(x);
  switch (activation->kind) {
    case MG_ACT_TANH: return 1 - t * t;
    case MG_ACT_SIGMOID: return s * (1 - s);
    case MG_ACT_HARD_SIGMOID: return a * x + activation->b > 0 && a * x + activation->b < 1 ? a : 0;
    case MG_ACT_RELU: return mg_relu_slope(x, a, activation->b, activation->c);
    case MG_ACT_ELU: return x > 0 ? 1 : a * exp(x);
    case MG_ACT_SELU: return MG_SELU_SCALE * (x < 0 ? MG_SELU_ALPHA * exp(x) : 1);
    case MG_ACT_CELU: return x < 0 ? exp(x / a) : x == 0 ? 2 : 1; /* max(x, 0) + a expm1(min(x, 0) / a): both count at 0 */
    case MG_ACT_GELU: return mg_gelu_slope(x);
    case MG_ACT_GELU_TANH: return mg_gelu_tanh_slope(x);
    case MG_ACT_SILU: return s * (1 + x * (1 - s));
    case MG_ACT_HARD_SILU: return mg_clip(x / 6 + 0.5, 0, 1) + (fabs(x) < 3 ? x / 6 : 0);
    case MG_ACT_HARD_TANH: return fabs(x) <= 1 ? 1 : 0;
    case MG_ACT_SOFTPLUS: return s;
    case MG_ACT_SOFTSIGN: return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
    case MG_ACT_EXPONENTIAL: return exp(x);
    case MG_ACT_MISH: return mg_mish_slope(x);
    case MG_ACT_LOG_SIGMOID: return mg_sigmoid(-x);
    case MG_ACT_HARD_SHRINK:
    case MG_ACT_SOFT_SHRINK: return fabs(x) > a ? 1 : 0;
    case MG_ACT_TANH_SHRINK: return t * t;
    case MG_ACT_SQUAREPLUS: return 0.5 * (1 + x / sqrt(x * x + a));
    case MG_ACT_SPARSE_PLUS: return mg_clip(0.5 * (x + 1), 0, 1);
    case MG_ACT_SPARSE_SIGMOID: return fabs(x) < 1 ? 0.5 : 0;
    case MG_ACT_THRESHOLD: return x > a ? 1 : 0;
    default: return 1;
  }
}

#endif
