/* vector_short.h: sigmoid and tanh for a value that everything waits for, as in one step of a small recurrent layer: their chains
 * of dependent operations are two thirds as long as in vector_math.h, at more operations. Inline, one copy per instruction set.
 *
 * Both from s = 2^n and r, t = n ln 2 + r: e^t = s (1 + r + r^2 p(r)), p as in vexp_reduce. Parts that do not wait for each other
 * stand beside each other (Estrin's scheme), a quotient needs no further step, and large x, for which e^x would not do, are put
 * right beside the chain, not in it. sigmoid 3 ulp, 0 below -87.3; tanh 3.4 ulp. NaN gives NaN. tests/c/stream_test.c measures
 * them. */
#ifndef MG_VECTOR_SHORT_H
#define MG_VECTOR_SHORT_H

#include "vector.h"

typedef struct short_exp { vf s, r, square; } short_exp; /* square: of r */

/* For t = x * times, |t| < 87.4; of others nothing that counts. */
MG_INLINE short_exp short_reduce(vf x, float times) {
  const vf magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  const vf shifted = vfma(x, vset(1.44269504f * times), magic), n = shifted - magic;
  const vf power = vfloat_of_bits((vi)(((vu)vbits(shifted) - (0x4b400000 - 127)) << 23));
  short_exp e;
#if MG_VW >= 8
  e.r = vfma(n, vset(-0.693147182f), x * vset(times)); /* one rounding; what ln 2 has beyond, times n, goes into s */
  e.s = vfma(power, n * vset(1.90465421e-9f), power);
#else
  e.r = vfma(n, vset(2.12194440e-4f), vfma(n, vset(-0.693359375f), x * vset(times)));
  e.s = power;
#endif
  e.square = e.r * e.r;
  return e;
}

/* a / b where |x| < limit; elsewhere x itself, no more than `high` and no less than `low`. */
MG_INLINE vf divide_within(float limit, vf x, vf a, vf b, float low, float high) {
  const vf rest = vmin(vset(high), vmax(vset(low), x)); /* this order keeps NaN */
  const vm within = vlt(vabs(x), vset(limit));
#if MG_VW == 16
  return _mm512_mask_div_ps(rest, within, a, b);
#else
  return vselect(within, a / b, rest);
#endif
}

/* 1 + e^-x */
MG_INLINE vf short_sigmoid_divisor(vf x) {
  const short_exp e = short_reduce(x, -1.0f);
  const vf one = vset(1.0f), sr = e.s * e.r, first = vfma(vset(0.5f), e.r, one);
  const vf middle = vfma(vset(4.166620597e-2f), e.r, vset(1.666651815e-1f));
  const vf high = vfma(vset(1.395060215e-3f), e.r, vset(8.368953131e-3f));
  return vfma(sr * e.square, vfma(high, e.square, middle), vfma(sr, first, e.s + one));
}

/* 1 / (1 + e^-x) */
MG_INLINE vf vsigmoid_short(vf x) { return divide_within(87.3f, x, vset(1.0f), short_sigmoid_divisor(x), 0.0f, 1.0f); }

/* (e^2x - 1) / (e^2x + 1); near 0 the numerator is rounded but once. */
MG_INLINE vf vtanh_short(vf x) {
  const short_exp e = short_reduce(x, 2.0f);
  const vf one = vset(1.0f), scaled = e.s * e.square, low = vfma(vset(1.666651815e-1f), e.r, vset(0.5f));
  const vf high = vfma(vset(1.395060215e-3f), e.square, vfma(vset(8.368953131e-3f), e.r, vset(4.166620597e-2f)));
  const vf p = vfma(high, e.square, low);
  const vf above = vfma(scaled, p, vfma(e.s, e.r, e.s - one)), below = vfma(scaled, p, vfma(e.s, e.r, e.s + one));
  return divide_within(10.0f, x, above, below, -1.0f, 1.0f);
}

#endif
