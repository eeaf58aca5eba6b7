/* vector.h: float32 vectors of the widest kind the including file is compiled for: 16 lanes (AVX-512), 8 (AVX2 with FMA) or 4.
 * GCC vector types, so + - * / work lane by lane. Private to core/cpu; everything here is inline, one copy per instruction set. */
#ifndef MG_VECTOR_H
#define MG_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define MG_VW 16
#elif defined(__AVX2__) && defined(__FMA__)
#define MG_VW 8
#else
#define MG_VW 4
#endif

#ifdef __SSE2__
#include <immintrin.h>
#define MG_VECTOR_X86 1
#endif

typedef float vf __attribute__((vector_size(4 * MG_VW)));
typedef int32_t vi __attribute__((vector_size(4 * MG_VW)));
typedef uint32_t vu __attribute__((vector_size(4 * MG_VW)));
#define MG_INLINE static inline __attribute__((always_inline, unused))

#if MG_VW == 16
#define VX(name) _mm512_##name
typedef __mmask16 vm; /* what comparisons give; & | ^ combine them */
#elif MG_VW == 8
#define VX(name) _mm256_##name
typedef vi vm;
#else
#define VX(name) _mm_##name
typedef vi vm;
#endif

MG_INLINE vf vset(float x) { return x - (vf){0}; } /* x - 0 keeps the sign of a zero */
MG_INLINE vi vseti(int32_t x) { return x - (vi){0}; }
MG_INLINE vi vbits(vf x) { return (vi)x; }
MG_INLINE vf vfloat_of_bits(vi x) { return (vf)x; }

MG_INLINE vf vload(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
MG_INLINE void vstore(float *p, vf v) { memcpy(p, &v, sizeof v); }

/* The first n (0..MG_VW) lanes; the others read as 0, or `rest`, and are not written. */
#if MG_VW == 16
MG_INLINE vf vload_part(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
MG_INLINE vf vload_part_or(const float *p, int n, float rest) {
  return _mm512_mask_loadu_ps(vset(rest), (__mmask16)((1u << n) - 1), p);
}
MG_INLINE void vstore_part(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
#else
MG_INLINE vf vload_part(const float *p, int n) {
  float lane[MG_VW] = {0};
  for (int i = 0; i < n; i++) lane[i] = p[i];
  return vload(lane);
}
MG_INLINE vf vload_part_or(const float *p, int n, float rest) {
  float lane[MG_VW];
  for (int i = 0; i < MG_VW; i++) lane[i] = i < n ? p[i] : rest;
  return vload(lane);
}
MG_INLINE void vstore_part(float *p, vf v, int n) {
  float lane[MG_VW];
  vstore(lane, v);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}
#endif

/* Comparisons (false where a NaN is involved, vne true) and the choice mask ? a : b. */
#if MG_VW == 16
MG_INLINE vm vlt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
MG_INLINE vm vle(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
MG_INLINE vm veq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
MG_INLINE vm vne(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
MG_INLINE vf vselect(vm mask, vf a, vf b) { return _mm512_mask_blend_ps(mask, b, a); }
MG_INLINE vm vnot_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); } /* true where a NaN is involved */
MG_INLINE vf vzero_unless(vm mask, vf a) { return _mm512_maskz_mov_ps(mask, a); }
#else
MG_INLINE vm vlt(vf a, vf b) { return (vm)(a < b); }
MG_INLINE vm vle(vf a, vf b) { return (vm)(a <= b); }
MG_INLINE vm veq(vf a, vf b) { return (vm)(a == b); }
MG_INLINE vm vne(vf a, vf b) { return (vm)(a != b); }
MG_INLINE vf vselect(vm mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
MG_INLINE vm vnot_less(vf a, vf b) { return ~(vm)(a < b); }
MG_INLINE vf vzero_unless(vm mask, vf a) { return (vf)(mask & (vi)a); }
#endif

/* Whether any lane of a mask is set. */
#if MG_VW == 16
MG_INLINE int vany(vm mask) { return mask != 0; }
#elif defined(MG_VECTOR_X86)
MG_INLINE int vany(vm mask) { return VX(movemask_ps)((vf)mask) != 0; }
#else
MG_INLINE int vany(vm mask) {
  int any = 0;
  for (int i = 0; i < MG_VW; i++) any |= mask[i];
  return any;
}
#endif

MG_INLINE vm vgt(vf a, vf b) { return vlt(b, a); }
MG_INLINE vm vge(vf a, vf b) { return vle(b, a); }

/* a < b ? a : b and a > b ? a : b: the second one where either is NaN. */
#ifdef MG_VECTOR_X86
MG_INLINE vf vmin(vf a, vf b) { return VX(min_ps)(a, b); }
MG_INLINE vf vmax(vf a, vf b) { return VX(max_ps)(a, b); }
MG_INLINE vf vsqrt(vf x) { return VX(sqrt_ps)(x); }
#else
MG_INLINE vf vmin(vf a, vf b) { return vselect(vlt(a, b), a, b); }
MG_INLINE vf vmax(vf a, vf b) { return vselect(vgt(a, b), a, b); }
MG_INLINE vf vsqrt(vf x) {
  for (int i = 0; i < MG_VW; i++) x[i] = sqrtf(x[i]);
  return x;
}
#endif

/* a * b + c, rounded once where the instruction set can. */
#if MG_VW >= 8
MG_INLINE vf vfma(vf a, vf b, vf c) { return VX(fmadd_ps)(a, b, c); }
#else
MG_INLINE vf vfma(vf a, vf b, vf c) { return a * b + c; }
#endif

MG_INLINE vf vabs(vf x) { return (vf)((vi)x & 0x7fffffff); }
MG_INLINE vf vsign_bit(vf x) { return (vf)((vi)x & (int32_t)0x80000000); }
MG_INLINE vf vcopysign(vf magnitude, vf sign) { return (vf)((vi)vabs(magnitude) | (vi)vsign_bit(sign)); }

/* max and min that pass NaN on, as numpy's maximum and minimum. */
MG_INLINE vf vmax_nan(vf a, vf b) { return vselect(vne(a, a), a, vmax(a, b)); }
MG_INLINE vf vmin_nan(vf a, vf b) { return vselect(vne(a, a), a, vmin(a, b)); }

/* Over the lanes, as a balanced tree: lane i with lane i + MG_VW/2, and so on; max and min pass NaN on. */
#define MG_VECTOR_FOLD(v, combine)                                                                   \
  float lane[MG_VW];                                                                                 \
  vstore(lane, v);                                                                                   \
  for (int half = MG_VW / 2; half > 0; half /= 2)                                                    \
    for (int i = 0; i < half; i++) lane[i] = combine;                                                \
  return lane[0]

/* vsum, and vhighest, the larger ones as a > b ? a : b: a NaN may be lost. In registers where that tree is a few shuffles. */
#if MG_VW >= 8
#if MG_VW == 16
#define MG_LOWER_8(v) _mm512_castps512_ps256(v)
#define MG_FOLD_16(op, v) op##256(MG_LOWER_8(v), _mm512_extractf32x8_ps(v, 1))
#else
#define MG_FOLD_16(op, v) (v)
#endif
#define MG_ADD_256(a, b) _mm256_add_ps(a, b)
#define MG_ADD_128(a, b) _mm_add_ps(a, b)
#define MG_MAX_256(a, b) _mm256_max_ps(a, b)
#define MG_MAX_128(a, b) _mm_max_ps(a, b)
#define MG_FOLD_LANES(op, v)                                                              \
  __m256 eight = MG_FOLD_16(op##_, v);                                                    \
  __m128 four = op##_128(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)); \
  four = op##_128(four, _mm_movehl_ps(four, four));                                       \
  return _mm_cvtss_f32(op##_128(four, _mm_shuffle_ps(four, four, 1)))
MG_INLINE float vsum(vf v) { MG_FOLD_LANES(MG_ADD, v); }
MG_INLINE float vhighest(vf v) { MG_FOLD_LANES(MG_MAX, v); }
#else
MG_INLINE float vsum(vf v) { MG_VECTOR_FOLD(v, lane[i] + lane[i + half]); }
MG_INLINE float vhighest(vf v) { MG_VECTOR_FOLD(v, lane[i] > lane[i + half] ? lane[i] : lane[i + half]); }
#endif
MG_INLINE float vmax_lanes(vf v) { MG_VECTOR_FOLD(v, lane[i] > lane[i + half] || lane[i] != lane[i] ? lane[i] : lane[i + half]); }
MG_INLINE float vmin_lanes(vf v) { MG_VECTOR_FOLD(v, lane[i] < lane[i + half] || lane[i] != lane[i] ? lane[i] : lane[i + half]); }

#endif
