/* unary.c: unary operations on the CPU. float32 through the vector loops where there is one, the rest through libm. */
#include <math.h>

#include "../error.h"
#include "cpu.h"
#include "elementwise.h"
#include "float32.h"

typedef struct call {
  const mg_float32 *loops;
  int32_t op;
  double a, b;
} call;

static double double_value(int32_t op, double x, double a, double b) {
  switch (op) {
    case MG_UNARY_AFFINE: return b == 0 ? a * x : a * x + b; /* keeps -0 */
    case MG_UNARY_POW: return pow(x, a);
    case MG_UNARY_POW_OF: return pow(a, x);
    case MG_UNARY_DIV: return x / a;
    case MG_UNARY_DIV_INTO: return a / x;
    case MG_UNARY_CLIP: x = a > x ? a : x; return b < x ? b : x;
    case MG_UNARY_ABS: return fabs(x);
    case MG_UNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case MG_UNARY_SQUARE: return x * x;
    case MG_UNARY_SQRT: return sqrt(x);
    case MG_UNARY_RSQRT: return 1 / sqrt(x);
    case MG_UNARY_RECIPROCAL: return 1 / x;
    case MG_UNARY_EXP: return exp(x);
    case MG_UNARY_EXPM1: return expm1(x);
    case MG_UNARY_LOG: return log(x);
    case MG_UNARY_LOG1P: return log1p(x);
    case MG_UNARY_SIN: return sin(x);
    case MG_UNARY_COS: return cos(x);
    case MG_UNARY_FLOOR: return floor(x);
    case MG_UNARY_CEIL: return ceil(x);
    default: return nearbyint(x); /* MG_UNARY_ROUND; half to even in the default rounding mode */
  }
}

static void of_float64(const void *context, int64_t n, void *out, const void *const *in) {
  const call *c = context;
  const double *x = in[0];
  double *y = out;
  for (int64_t i = 0; i < n; i++) y[i] = double_value(c->op, x[i], c->a, c->b);
}

/* What the vector loops leave: powers, sine, cosine. */
static float float_value(int32_t op, float x, float a) {
  switch (op) {
    case MG_UNARY_POW: return powf(x, a);
    case MG_UNARY_POW_OF: return powf(a, x);
    case MG_UNARY_SIN: return sinf(x);
    default: return cosf(x);
  }
}

static void of_float32(const void *context, int64_t n, void *out, const void *const *in) {
  const call *c = context;
  const float *x = in[0];
  float *y = out;
  if (c->loops->unary(c->op, n, y, x, (float)c->a, (float)c->b)) return;
  for (int64_t i = 0; i < n; i++) y[i] = float_value(c->op, x[i], (float)c->a);
}

static int64_t truncated(double v) {
  if (!(fabs(v) < 9e18)) return v > 0 ? INT64_MAX : v < 0 ? INT64_MIN : 0;
  return (int64_t)v;
}

/* Affine and abs wrap like integer arithmetic, clip stays within [least, greatest]. */
static int64_t integer_value(const call *c, int64_t x, int64_t least, int64_t greatest) {
  if (c->op == MG_UNARY_ABS) return x < 0 ? -x : x;
  if (c->op == MG_UNARY_AFFINE) return truncated(c->a * (double)x + c->b);
  double low = c->a > (double)x ? c->a : (double)x;
  int64_t v = truncated(c->b < low ? c->b : low);
  return v < least ? least : v > greatest ? greatest : v;
}

static void of_int32(const void *context, int64_t n, void *out, const void *const *in) {
  const int32_t *x = in[0];
  int32_t *y = out;
  for (int64_t i = 0; i < n; i++) y[i] = (int32_t)integer_value(context, x[i], INT32_MIN, INT32_MAX);
}

static void of_uint8(const void *context, int64_t n, void *out, const void *const *in) {
  const uint8_t *x = in[0];
  uint8_t *y = out;
  for (int64_t i = 0; i < n; i++) y[i] = (uint8_t)integer_value(context, x[i], 0, UINT8_MAX);
}

/* is_nan, is_finite, not */
static uint8_t predicate(int32_t op, double x) {
  return op == MG_UNARY_IS_NAN ? isnan(x) != 0 : op == MG_UNARY_IS_FINITE ? isfinite(x) != 0 : x == 0;
}

#define PREDICATE(name, type)                                                                     \
  static void name(const void *context, int64_t n, void *out, const void *const *in) {            \
    const type *x = in[0];                                                                        \
    uint8_t *y = out;                                                                             \
    for (int64_t i = 0; i < n; i++) y[i] = predicate(((const call *)context)->op, (double)x[i]);  \
  }
PREDICATE(predicate_float32, float)
PREDICATE(predicate_float64, double)
PREDICATE(predicate_int32, int32_t)
PREDICATE(predicate_uint8, uint8_t)

mg_status mg_cpu_unary(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b) {
  static const mg_kernel values[] = {[MG_FLOAT32] = of_float32, [MG_FLOAT64] = of_float64,
                                     [MG_INT32] = of_int32, [MG_UINT8] = of_uint8};
  static const mg_kernel predicates[] = {[MG_FLOAT32] = predicate_float32, [MG_FLOAT64] = predicate_float64,
                                         [MG_INT32] = predicate_int32, [MG_UINT8] = predicate_uint8};
  call c = {.loops = mg_float32_now(), .op = op, .a = a, .b = b};
  int64_t piece = op >= MG_UNARY_IS_NAN || op == MG_UNARY_AFFINE ? MG_PIECE_LIGHT : MG_PIECE_HEAVY;
  return mg_elementwise(out, &x, 1, piece, (op >= MG_UNARY_IS_NAN ? predicates : values)[x->dtype], &c);
}
