/* vector_math.h: elementary functions on vf, lane by lane. Inline, one copy per instruction set; private to core/cpu.
 *
 * Largest errors over all floats, in units of the last place: see each function; tests/c/vector_math_test.c measures them against
 * libm in double. NaN gives NaN, infinities and subnormal results are handled; the sign of a zero result is right.
 * Coefficients: minimax fits (Lawson's iteration) of the expressions named beside them. */
#ifndef MG_VECTOR_MATH_H
#define MG_VECTOR_MATH_H

#include "vector.h"

/* x = n ln 2 + r, |r| <= ln 2 / 2; returns (e^r - 1). ln 2 in two parts (Cody and Waite). |x| < 2^21. */
MG_INLINE vf vexp_reduce(vf x, vf *n) {
  const vf magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  *n = vfma(x, vset(1.44269504f), magic) - magic;
  vf r = vfma(*n, vset(-0.693359375f), x);
  r = vfma(*n, vset(2.12194440e-4f), r);
  vf p = vset(1.395060215e-3f); /* (e^r - 1 - r) / r^2 */
  p = vfma(p, r, vset(8.368953131e-3f));
  p = vfma(p, r, vset(4.166620597e-2f));
  p = vfma(p, r, vset(1.666651815e-1f));
  p = vfma(p, r, vset(0.5f));
  return vfma(p, r * r, r);
}

MG_INLINE vi vint_of_small(vf n) { return vbits(n + vset(12582912.0f)) - 0x4b400000; } /* |n| < 2^21, an integer */
MG_INLINE vf vpower_of_two(vi n) { return vfloat_of_bits((n + 127) << 23); }          /* -126 <= n <= 127 */

/* x * 2^n for -252 <= n <= 254, one rounding but for subnormal results. */
MG_INLINE vf vscale(vf x, vf n) {
#if MG_VW == 16
  return _mm512_scalef_ps(x, n);
#else
  vi k = vint_of_small(n), half = k >> 1;
  return x * vpower_of_two(half) * vpower_of_two(k - half);
#endif
}

/* e^x. 1 ulp. */
MG_INLINE vf vexp(vf x) {
  vf n, limited = vmax(vset(-105.0f), vmin(vset(89.0f), x)); /* this order keeps NaN */
  vf r = vexp_reduce(limited, &n);
  return vscale(r + vset(1.0f), n);
}

/* e^x - 1. 2 ulp. */
MG_INLINE vf vexpm1(vf x) {
  vf n, limited = vmax(vset(-20.0f), vmin(vset(89.0f), x));
  vf r = vexp_reduce(limited, &n);
  vf half = vpower_of_two(vint_of_small(n) - 1); /* 2^n itself may overflow */
  vf y = vfma(half, r, half - vset(0.5f));
  return vselect(veq(r, vset(0.0f)), vselect(veq(n, vset(0.0f)), x, y + y), y + y);
}

/* 1 / x for 0.5 <= x <= 2^126. 1 ulp. */
MG_INLINE vf vreciprocal_near_one(vf x) {
#if MG_VW == 16
  vf y = _mm512_rcp14_ps(x);
  return vfma(y, vfma(-x, y, vset(1.0f)), y);
#else
  return vset(1.0f) / x;
#endif
}

/* 1 / (1 + e^-x), from e^-|x| so that nothing overflows and small values keep their digits. 3 ulp. */
MG_INLINE vf vsigmoid(vf x) {
  vf e = vexp(-vabs(x));
  vf y = vreciprocal_near_one(e + vset(1.0f));
  return vselect(vlt(x, vset(0.0f)), e * y, y);
}

/* The same where results below 2^-126 may be 0: what gates take, in fewer operations: x < -87 is cut off at the end, and e^-x of
 * any other x is a normal number. 3 ulp. */
MG_INLINE vf vsigmoid_gate(vf x) {
  const vf magic = vset(12582912.0f), one = vset(1.0f), y = vmin(vset(87.0f), x);
  const vf t = vfma(y, vset(-1.44269504f), magic), n = t - magic;
  const vf r = vfma(n, vset(2.12194440e-4f), vfma(n, vset(-0.693359375f), -y)), square = r * r;
  const vf low = vfma(r, vset(1.666651815e-1f), vset(0.5f)), high = vfma(r, vset(8.368953131e-3f), vset(4.166620597e-2f));
  const vf p = vfma(vfma(vfma(vset(1.395060215e-3f), square, high), square, low), square, r) + one; /* as vexp_reduce, in pairs */
  const vf e = vfloat_of_bits((vi)((vu)p + ((vu)t << 23)));
  return vzero_unless(vnot_less(x, vset(-87.0f)), vreciprocal_near_one(e + one));
}

/* tanh x = -t / (t + 2), t = e^(-2|x|) - 1, with n and r of -2|x|: r = -2s. 3 ulp. */
MG_INLINE vf vtanh(vf x) {
  const vf magic = vset(12582912.0f), one = vset(1.0f), y = vmin(vset(10.0f), vabs(x)), t = vfma(y, vset(-2.88539008f), magic);
  const vf n = t - magic, s = vfma(n, vset(-1.06097220e-4f), vfma(n, vset(0.3466796875f), y)), square = s * s;
  const vf low = vfma(s, vset(-1.333321452f), vset(2.0f)), high = vfma(s, vset(-2.678065002e-1f), vset(6.666592955e-1f));
  const vf p = vfma(vfma(vfma(vset(8.928385377e-2f), square, high), square, low), square, vset(-2.0f) * s);
  const vf power = vfloat_of_bits((vi)(((vu)t << 23) + 0x3f800000u)), d = vfma(power, p, power - one);
  return vcopysign(d * vreciprocal_near_one(d + vset(2.0f)), x);
}

/* Natural logarithm: x = 2^n m, sqrt(1/2) <= m < sqrt 2. 1 ulp. */
MG_INLINE vf vlog(vf x) {
  vm tiny = vlt(x, vset(1.17549435e-38f));
  vi bits = vbits(vabs(vselect(tiny, x * vset(8388608.0f), x))) - 0x3f3504f3; /* sqrt(1/2); x < 0 ends as NaN */
  vf n = vfloat_of_bits((bits >> 23) + 0x4b400000) - vset(12582912.0f) - vselect(tiny, vset(23.0f), vset(0.0f));
  vf f = vfloat_of_bits((bits & 0x7fffff) + 0x3f3504f3) - vset(1.0f);
  vf p = vset(-7.634492964e-2f); /* (log(1 + f) - f + f^2 / 2) / f^3 */
  p = vfma(p, f, vset(1.276157498e-1f));
  p = vfma(p, f, vset(-1.316018254e-1f));
  p = vfma(p, f, vset(1.420175880e-1f));
  p = vfma(p, f, vset(-1.662335694e-1f));
  p = vfma(p, f, vset(2.000122666e-1f));
  p = vfma(p, f, vset(-2.500081956e-1f));
  p = vfma(p, f, vset(3.333333135e-1f));
  vf square = f * f, y = p * f * square;
  y = vfma(n, vset(-2.12194440e-4f), y);
  y = vfma(square, vset(-0.5f), y);
  y = vfma(n, vset(0.693359375f), y + f);
  y = vselect(vlt(vset(0.0f), x), y, vselect(veq(x, vset(0.0f)), vset(-INFINITY), vset(NAN)));
  return vselect(vlt(x, vset(INFINITY)), y, vselect(vne(x, x), x, vset(INFINITY)));
}

/* log(1 + x): log u corrected by what 1 + x = u lost. 2 ulp. */
MG_INLINE vf vlog1p(vf x) {
  vf u = x + vset(1.0f), y = vlog(u);
  vf corrected = y + (x - (u - vset(1.0f))) / u;
  vm plain = veq(y + y, y) & vne(y, vset(0.0f)); /* infinite: u is 0 or infinity */
  return vselect(veq(u, vset(1.0f)), x, vselect(plain, y, corrected));
}

/* Gauss's error function. 2 ulp. */
MG_INLINE vf verf(vf x) {
  vf t = vmin(vset(4.0f), vabs(x)), s = t * t;
  vf p = vset(7.853907300e-5f); /* erf(t) / t - 1, t < 1 */
  p = vfma(p, s, vset(-8.010208840e-4f));
  p = vfma(p, s, vset(5.188329611e-3f));
  p = vfma(p, s, vset(-2.685381286e-2f));
  p = vfma(p, s, vset(1.128358543e-1f));
  p = vfma(p, s, vset(-3.761262596e-1f));
  p = vfma(p, s, vset(1.283791661e-1f));
  vf q = vset(1.863792568e-4f); /* log erfc(t), 1 <= t <= 4 */
  q = vfma(q, t, vset(-2.947658999e-3f));
  q = vfma(q, t, vset(2.183806710e-2f));
  q = vfma(q, t, vset(-1.031067595e-1f));
  q = vfma(q, t, vset(-6.381448507e-1f));
  q = vfma(q, t, vset(-1.127089143e0f));
  q = vfma(q, t, vset(-3.415223036e-4f));
  return vcopysign(vselect(vlt(t, vset(1.0f)), vfma(p, t, t), vset(1.0f) - vexp(q)), x);
}

#endif
