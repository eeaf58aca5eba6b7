/* activation_slope_body.h: slopes of the float32 activations, from y for the kinds marked so, else from x. Included once per
 * instruction set by float32_body.h, after activation_body.h. At kinks the slope is Keras's on TensorFlow. */

MG_INLINE vf one_where(vm mask) { return vselect(mask, vset(1.0f), vset(0.0f)); }
MG_INLINE vm inside(vf low, vf v, vf high) { return vlt(low, v) & vlt(v, high); }

/* d/dx of relu_value from x. At c it is 0, but a for a leaky relu (c = 0, no limit); at the limit b it is 1. */
MG_INLINE vf relu_slope(vf x, constants k) {
  vf zero = vset(0.0f);
  vm limited = vlt(k.b, vset(INFINITY)), leaky = veq(k.c, zero) & vge(k.b, vset(INFINITY));
  vf above = vselect(vgt(x, k.c), vselect(limited, one_where(vle(zero, x) & vle(x, k.b)), vset(1.0f)), zero);
  return above + vselect(vlt(x, k.c) | (leaky & veq(x, k.c)), k.a, zero);
}

/* From y, when a = c = 0: 0 at both ends. */
MG_INLINE vf plain_relu_slope(vf y, constants k) { return one_where(inside(vset(0.0f), y, k.b)); }

/* At 0 Keras's formula, max(x, 0) + a expm1(min(x, 0) / a), lets the gradient through twice. */
MG_INLINE vf celu_slope(vf x, vf alpha) {
  return vselect(veq(x, vset(0.0f)), vset(2.0f), vexp(negative(x) / alpha));
}

/* Phi(x) + x phi(x), the normal distribution; |x| limited: the density is 0 long before 20. */
MG_INLINE vf gelu_slope(vf x) {
  vf limited = clip_value(vset(-20.0f), vset(20.0f), x), half = vset(0.5f);
  vf density = vset(0.398942280f) * vexp(-half * limited * limited);
  return vfma(limited, density, half * (vset(1.0f) + verf(limited * vset(0.707106781f))));
}

/* y = x s(2u), u = k (x + c x^3): s + x s (1 - s) 2 u'. */
MG_INLINE vf gelu_tanh_slope(vf x) {
  vf limited = clip_value(vset(-20.0f), vset(20.0f), x), square = limited * limited, one = vset(1.0f);
  vf u = vset(GELU_K) * limited * vfma(vset(GELU_C), square, one);
  vf s = vsigmoid(u + u), du = vset(2 * GELU_K) * vfma(vset(3 * GELU_C), square, one);
  return vfma(limited * s * (one - s), du, s);
}

MG_INLINE vf silu_slope(vf x) {
  vf s = vsigmoid(x);
  return s * vfma(x, vset(1.0f) - s, vset(1.0f));
}

MG_INLINE vf hard_silu_slope(vf x) {
  vf sixth = vset(1.0f / 6.0f), y = clip_value(vset(0.0f), vset(1.0f), vfma(x, sixth, vset(0.5f)));
  return y + vselect(inside(vset(-3.0f), x, vset(3.0f)), x * sixth, vset(0.0f));
}

/* w = tanh(softplus x): w + x (1 - w^2) sigmoid x. */
MG_INLINE vf mish_slope(vf x) {
  vf w = tanh_softplus(x);
  return vfma(x * vsigmoid(x), vset(1.0f) - w * w, w);
}

MG_INLINE vf squareplus_slope(vf x, vf b) { return vfma(vset(0.5f), x / vsqrt(vfma(x, x, b)), vset(0.5f)); }

MG_INLINE vf softsign_slope(vf y) {
  vf rest = vset(1.0f) - vabs(y);
  return rest * rest;
}

/* y may be so small that exp(x) is 1 in float32; there the library's y is 0, and its slope that of the straight side. */
MG_INLINE vf selu_slope(vf y) {
  vf steep = vset(SELU_SCALE * SELU_ALPHA);
  return vselect(vlt(y, steep * vset(-0x1p-25f)), y + steep, vset(SELU_SCALE));
}

enum { PLAIN_RELU = MG_ACT_COUNT, ELU_BY_X };

MG_INLINE vf slope_value(int kind, vf v, constants k) {
  vf one = vset(1.0f), zero = vset(0.0f), t;
  switch (kind) {
    case MG_ACT_TANH: return one - v * v;                                                   /* y */
    case MG_ACT_SIGMOID: return v * (one - v);                                              /* y */
    case MG_ACT_HARD_SIGMOID: return vselect(inside(zero, v, one), k.a, zero);              /* y */
    case MG_ACT_RELU: return relu_slope(v, k);
    case MG_ACT_ELU: return vselect(vle(v, zero), v + k.a, one);                            /* y */
    case MG_ACT_SELU: return selu_slope(v);                                                 /* y */
    case MG_ACT_CELU: return celu_slope(v, k.a);
    case MG_ACT_GELU: return gelu_slope(v);
    case MG_ACT_GELU_TANH: return gelu_tanh_slope(v);
    case MG_ACT_SILU: return silu_slope(v);
    case MG_ACT_HARD_SILU: return hard_silu_slope(v);
    case MG_ACT_HARD_TANH: return one_where(vle(vabs(v), one));
    case MG_ACT_SOFTPLUS: return vsigmoid(v);
    case MG_ACT_SOFTSIGN: return softsign_slope(v);                                         /* y */
    case MG_ACT_EXPONENTIAL: return v;                                                      /* y */
    case MG_ACT_MISH: return mish_slope(v);
    case MG_ACT_LOG_SIGMOID: return vsigmoid(-v);
    case MG_ACT_HARD_SHRINK:
    case MG_ACT_SOFT_SHRINK: return one_where(vgt(vabs(v), k.a));
    case MG_ACT_TANH_SHRINK: t = vtanh(v); return t * t;
    case MG_ACT_SQUAREPLUS: return squareplus_slope(v, k.a);
    case MG_ACT_SPARSE_PLUS: return clip_value(zero, one, vset(0.5f) * (v + one));
    case MG_ACT_SPARSE_SIGMOID: return vselect(inside(-one, v, one), vset(0.5f), zero);
    case MG_ACT_THRESHOLD: return one_where(vgt(v, k.a));
    case PLAIN_RELU: return plain_relu_slope(v, k);                                         /* y */
    case ELU_BY_X: return vselect(vgt(v, zero), one, k.a * vexp(v));
    default: return one;
  }
}

MG_INLINE void slope_loop(int kind, const mg_activation *activation, int64_t n, float *dx, const float *dy, const float *v) {
  constants k = load_constants(activation);
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(dx + i, vload(dy + i) * slope_value(kind, vload(v + i), k));
  int rest = (int)(n - i);
  if (rest) vstore_part(dx + i, vload_part(dy + i, rest) * slope_value(kind, vload_part(v + i, rest), k), rest);
}

static void relu_slope_loop(const mg_activation *activation, int64_t n, float *dx, const float *dy, const float *v) {
  if (activation->a == 0 && activation->c == 0) slope_loop(PLAIN_RELU, activation, n, dx, dy, v);
  else slope_loop(MG_ACT_RELU, activation, n, dx, dy, v);
}

static void elu_slope_loop(const mg_activation *activation, int64_t n, float *dx, const float *dy, const float *v) {
  if (activation->a < 0) slope_loop(ELU_BY_X, activation, n, dx, dy, v);
  else slope_loop(MG_ACT_ELU, activation, n, dx, dy, v);
}

static void activation_slope_float32(const mg_activation *activation, int64_t n, float *dx, const float *dy, const float *v) {
  switch (activation->kind) {
#define CASE(KIND) case KIND: slope_loop(KIND, activation, n, dx, dy, v); break;
    EACH_PLAIN_ACTIVATION(CASE)
    case MG_ACT_RELU: relu_slope_loop(activation, n, dx, dy, v); break;
    case MG_ACT_ELU: elu_slope_loop(activation, n, dx, dy, v); break;
#undef CASE
    default: slope_loop(MG_ACT_LINEAR, activation, n, dx, dy, v);
  }
}
