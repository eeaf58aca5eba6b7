/* activation.c: activations on the CPU. float32 through the vector loops (activation_body.h), float64 through activation_scalar.h
 * in double. */
#include "activation_scalar.h"
#include "cpu.h"
#include "elementwise.h"
#include "float32.h"

/* For the kinds whose slope mg_activation_backward takes from y. */
static double slope_from_y(const mg_activation *p, double y) {
  switch (p->kind) {
    case MG_ACT_TANH: return 1 - y * y;
    case MG_ACT_SIGMOID: return y * (1 - y);
    case MG_ACT_HARD_SIGMOID: return y > 0 && y < 1 ? p->a : 0;
    case MG_ACT_RELU: return mg_relu_slope(y, 0, p->b, 0);
    case MG_ACT_ELU: return y > 0 ? 1 : y + p->a;
    case MG_ACT_SELU: return y < 0 ? y + MG_SELU_SCALE * MG_SELU_ALPHA : MG_SELU_SCALE;
    case MG_ACT_SOFTSIGN: return (1 - fabs(y)) * (1 - fabs(y));
    case MG_ACT_EXPONENTIAL: return y;
    default: return 1; /* linear */
  }
}

static void forward_float32(const void *context, int64_t n, void *out, const void *const *in) {
  mg_float32_now()->activation(context, n, out, in[0]);
}

static void forward_float64(const void *context, int64_t n, void *out, const void *const *in) {
  const double *x = in[0];
  for (int64_t i = 0; i < n; i++) ((double *)out)[i] = mg_activation_value(context, x[i]);
}

static void backward_float32(const void *context, int64_t n, void *out, const void *const *in) {
  mg_float32_now()->activation_slope(context, n, out, in[0], in[1]);
}

static void backward_from_y(const void *context, int64_t n, void *out, const void *const *in) {
  const double *dy = in[0], *y = in[1];
  for (int64_t i = 0; i < n; i++) ((double *)out)[i] = dy[i] * slope_from_y(context, y[i]);
}

static void backward_from_x(const void *context, int64_t n, void *out, const void *const *in) {
  const double *dy = in[0], *x = in[1];
  for (int64_t i = 0; i < n; i++) ((double *)out)[i] = dy[i] * mg_activation_slope(context, x[i]);
}

mg_status mg_cpu_activation_forward(mg_tensor *out, const mg_tensor *x, const mg_activation *activation) {
  return mg_elementwise(out, &x, 1, MG_PIECE_HEAVY, x->dtype == MG_FLOAT32 ? forward_float32 : forward_float64, activation);
}

mg_status mg_cpu_activation_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                     const mg_activation *activation) {
  const mg_tensor *in[] = {dy, y ? y : x ? x : dy}; /* dy: linear, whose slope needs neither */
  mg_kernel kernel = dx->dtype == MG_FLOAT32 ? backward_float32 : x ? backward_from_x : backward_from_y;
  return mg_elementwise(dx, in, 2, MG_PIECE_HEAVY, kernel, activation);
}
