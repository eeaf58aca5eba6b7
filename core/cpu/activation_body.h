/* activation_body.h: Keras's elementwise activations in float32. Included once per instruction set by float32_body.h.
 * Formulas: keras.activations; those that would overflow or cancel are written in e^-|x|. Selections are such that NaN stays. */

static const float SELU_ALPHA = 1.67326324f, SELU_SCALE = 1.05070099f;
static const float GELU_K = 0.797884561f /* sqrt(2 / pi) */, GELU_C = 0.044715f;

typedef struct constants { vf a, b, c; } constants;

MG_INLINE constants load_constants(const mg_activation *activation) {
  return (constants){vset((float)activation->a), vset((float)activation->b), vset((float)activation->c)};
}

MG_INLINE vf positive(vf x) { return vmax(vset(0.0f), x); } /* NaN stays */
MG_INLINE vf negative(vf x) { return vmin(vset(0.0f), x); }
MG_INLINE vf clip_value(vf low, vf high, vf x) { return vmin(high, vmax(low, x)); }

/* c = 0: max(x, 0), else x where x > c; limited to b; minus a times what lies below c. */
MG_INLINE vf relu_value(vf x, constants k) {
  vf zero = vset(0.0f);
  vf y = vselect(veq(k.c, zero), positive(x), vselect(vle(x, k.c), zero, x));
  y = vselect(vlt(k.b, vset(INFINITY)), clip_value(zero, k.b, y), y);
  return vselect(veq(k.a, zero), y, y - k.a * positive(k.c - x));
}

MG_INLINE vf elu_value(vf x, vf alpha) { return vselect(vlt(x, vset(0.0f)), alpha * vexpm1(x), x); }
MG_INLINE vf softplus_value(vf x) { return positive(x) + vlog1p(vexp(-vabs(x))); }
MG_INLINE vf gelu_value(vf x) { return vset(0.5f) * x * (vset(1.0f) + verf(x * vset(0.707106781f))); }
MG_INLINE vf gelu_tanh_value(vf x) {
  vf u = vset(GELU_K) * vfma(vset(GELU_C) * x * x, x, x);
  return x * vsigmoid(u + u);
}

/* tanh(softplus(x)) with t = e^-|x|: (1 + 2t) / (1 + 2t + 2t^2) for x >= 0, (t^2 + 2t) / (t^2 + 2t + 2) below. */
MG_INLINE vf tanh_softplus(vf x) {
  vf t = vexp(-vabs(x)), two = vset(2.0f), square = t * t;
  vf above = vfma(two, t, vset(1.0f)), below = vfma(two, t, square);
  vm minus = vlt(x, vset(0.0f));
  return vselect(minus, below, above) / vselect(minus, below + two, vfma(two, square, above));
}

MG_INLINE vf soft_shrink_value(vf x, vf threshold) {
  vf y = vselect(vgt(x, threshold), x - threshold, x + threshold);
  return vselect(vle(vabs(x), threshold), vset(0.0f), y);
}

/* As Keras writes it: far below 0 it cancels there, and here. */
MG_INLINE vf squareplus_value(vf x, vf b) { return vset(0.5f) * (x + vsqrt(vfma(x, x, b))); }

MG_INLINE vf sparse_plus_value(vf x) {
  vf one = vset(1.0f), u = x + one;
  return vselect(vle(x, -one), vset(0.0f), vselect(vlt(x, one), vset(0.25f) * u * u, x));
}

MG_INLINE vf activation_value(int kind, vf x, constants k) {
  vf one = vset(1.0f), zero = vset(0.0f), sixth = vset(1.0f / 6.0f), half = vset(0.5f);
  switch (kind) {
    case MG_ACT_TANH: return vtanh(x);
    case MG_ACT_SIGMOID: return vsigmoid(x);
    case MG_ACT_HARD_SIGMOID: return clip_value(zero, one, vfma(x, k.a, k.b));
    case MG_ACT_RELU: return relu_value(x, k);
    case MG_ACT_ELU: return elu_value(x, k.a);
    case MG_ACT_SELU: return vset(SELU_SCALE) * elu_value(x, vset(SELU_ALPHA));
    case MG_ACT_CELU: return positive(x) + k.a * vexpm1(negative(x) / k.a);
    case MG_ACT_GELU: return gelu_value(x);
    case MG_ACT_GELU_TANH: return gelu_tanh_value(x);
    case MG_ACT_SILU: return x * vsigmoid(x);
    case MG_ACT_HARD_SILU: return x * clip_value(zero, one, vfma(x, sixth, half));
    case MG_ACT_HARD_TANH: return clip_value(-one, one, x);
    case MG_ACT_SOFTPLUS: return softplus_value(x);
    case MG_ACT_SOFTSIGN: return x / (one + vabs(x));
    case MG_ACT_EXPONENTIAL: return vexp(x);
    case MG_ACT_MISH: return x * tanh_softplus(x);
    case MG_ACT_LOG_SIGMOID: return -softplus_value(-x);
    case MG_ACT_HARD_SHRINK: return vselect(vle(vabs(x), k.a), zero, x);
    case MG_ACT_SOFT_SHRINK: return soft_shrink_value(x, k.a);
    case MG_ACT_TANH_SHRINK: return x - vtanh(x);
    case MG_ACT_SQUAREPLUS: return squareplus_value(x, k.a);
    case MG_ACT_SPARSE_PLUS: return sparse_plus_value(x);
    case MG_ACT_SPARSE_SIGMOID: return clip_value(zero, one, half * (x + one));
    case MG_ACT_THRESHOLD: return vselect(vle(x, k.a), k.b, x);
    default: return x;
  }
}

MG_INLINE void activation_loop(int kind, const mg_activation *activation, int64_t n, float *out, const float *x) {
  constants k = load_constants(activation);
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(out + i, activation_value(kind, vload(x + i), k));
  if (i < n) vstore_part(out + i, activation_value(kind, vload_part(x + i, (int)(n - i)), k), (int)(n - i));
}

/* The kinds whose value and whose slope take one loop each: not RELU and ELU, whose slopes have several, nor LINEAR. */
#define EACH_PLAIN_ACTIVATION(CASE) \
  CASE(MG_ACT_TANH) \
  CASE(MG_ACT_SIGMOID) \
  CASE(MG_ACT_HARD_SIGMOID) \
  CASE(MG_ACT_SELU) \
  CASE(MG_ACT_CELU) \
  CASE(MG_ACT_GELU) \
  CASE(MG_ACT_GELU_TANH) \
  CASE(MG_ACT_SILU) \
  CASE(MG_ACT_HARD_SILU) \
  CASE(MG_ACT_HARD_TANH) \
  CASE(MG_ACT_SOFTPLUS) \
  CASE(MG_ACT_SOFTSIGN) \
  CASE(MG_ACT_EXPONENTIAL) \
  CASE(MG_ACT_MISH) \
  CASE(MG_ACT_LOG_SIGMOID) \
  CASE(MG_ACT_HARD_SHRINK) \
  CASE(MG_ACT_SOFT_SHRINK) \
  CASE(MG_ACT_TANH_SHRINK) \
  CASE(MG_ACT_SQUAREPLUS) \
  CASE(MG_ACT_SPARSE_PLUS) \
  CASE(MG_ACT_SPARSE_SIGMOID) \
  CASE(MG_ACT_THRESHOLD)

static void activation_float32(const mg_activation *activation, int64_t n, float *out, const float *x) {
  switch (activation->kind) {
#define CASE(KIND) case KIND: activation_loop(KIND, activation, n, out, x); break;
    EACH_PLAIN_ACTIVATION(CASE)
    CASE(MG_ACT_RELU)
    CASE(MG_ACT_ELU)
#undef CASE
    default: activation_loop(MG_ACT_LINEAR, activation, n, out, x);
  }
}
