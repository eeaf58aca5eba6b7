/* vector_short.h: sigmoid and tanh for a value that everything waits for, as in one step of a small recurrent layer: their chains of
 * dependent operations are two thirds as long as in vector_math.h, at more operations. Inline, one copy per instruction set.
 *
 * Both from 2^n and r, x log2 e = n + r: e^x - 1 = (s - 1) + s r q(r), s = 2^n, q(r) = (2^r - 1) / r, a minimax fit (Lawson's
 * iteration). Parts that do not wait for each other stand beside each other (Estrin's scheme), and a quotient needs no further
 * step. 3 ulp; below -87 sigmoid stays at 2^-126. NaN gives NaN. tests/c/stream_test.c measures them. */
#ifndef MG_VECTOR_SHORT_H
#define MG_VECTOR_SHORT_H

#include "vector.h"


/* For t = x * scale, scale being log2 e times a power of two, |t| < 126. correction: what scale lacks of that, times ln 2. */
MG_INLINE void short_expm1(vf x, float scale, float correction, vf *minus_one, vf *plus_one) {
  const vf magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  const vf shifted = vfma(x, vset(scale), magic), n = shifted - magic;
  const vf power = vfloat_of_bits((vbits(shifted) << 23) + 0x3f800000);
  const vf s = correction == 0 ? power : vfma(power, x * vset(correction), power);
  const vf r = vfma(x, vset(scale), -n), square = r * r, sr = s * r;
  const vf low = vfma(vset(2.402264923e-1f), r, vset(6.931471825e-1f));
  const vf middle = vfma(vset(9.618308395e-3f), r, vset(5.550367385e-2f));
  const vf high = vfma(vset(1.538341603e-4f), r, vset(1.338740112e-3f));
  const vf upper = vfma(high, square, middle), scaled = sr * square;
  if (minus_one != NULL) *minus_one = vfma(scaled, upper, vfma(sr, low, s - vset(1.0f)));
  *plus_one = vfma(scaled, upper, vfma(sr, low, s + vset(1.0f)));
}

/* 1 / (1 + e^-x) */
MG_INLINE vf vsigmoid_short(vf x) {
  vf sum;
  short_expm1(vmin(vset(87.0f), vmax(vset(-87.3f), x)), -1.44269502f, -1.33497582e-8f, NULL, &sum);
  return vset(1.0f) / sum;
}

/* (e^2x - 1) / (e^2x + 1) */
MG_INLINE vf vtanh_short(vf x) {
  vf difference, sum;
  short_expm1(vmin(vset(10.0f), vmax(vset(-10.0f), x)), 2.88539004f, 0, &difference, &sum);
  return difference / sum;
}

#endif
