/* rnn_row_bf16.c: one row's sums at precision "medium": recurrent weights of one bf16 piece, half the memory to read in a step, and
 * VDPBF16PS. Layout: rnn_row.h. */
#include <immintrin.h>

#include "rnn_row.h"

#define INLINE static inline __attribute__((always_inline))

enum { CHUNK = 256 /* pairs */ };

/* Pairs of neighbours of h, zeros from K on: what follows may be anything. */
INLINE void round_pairs(uint32_t *to, const float *h, int64_t K) {
  for (int64_t k = 0; k < K; k += 2 * RNN_LANES) {
    const uint32_t there = K - k >= 2 * RNN_LANES ? 0xffffffffu : (1u << (K - k)) - 1;
    const __m512 low = _mm512_maskz_loadu_ps((__mmask16)there, h + k);
    const __m512 high = _mm512_maskz_loadu_ps((__mmask16)(there >> 16), h + k + RNN_LANES);
    _mm512_storeu_si512(to + k / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

/* sum += pairs of h times those of the weights. The sum of each column has `parts` parts: the latency of the additions. */
INLINE void add_pairs_of(const int vectors, const int parts, __m512 *sum, const uint32_t *h, const uint16_t *weights,
                         int64_t pairs) {
  __m512 acc[8][4];
#pragma GCC unroll 8
  for (int part = 0; part < parts; part++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) acc[part][v] = part == 0 ? sum[v] : _mm512_setzero_ps();
  for (; pairs > 0; pairs -= parts, h += parts, weights += parts * vectors * 2 * RNN_LANES) {
#pragma GCC unroll 8
    for (int part = 0; part < parts; part++) {
      const __m512bh pair = (__m512bh)_mm512_set1_epi32((int)h[part]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++)
        acc[part][v] = _mm512_dpbf16_ps(acc[part][v], pair,
                                        (__m512bh)_mm512_loadu_si512(weights + (part * vectors + v) * 2 * RNN_LANES));
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 3
    for (int apart = parts / 2; apart > 0; apart /= 2)
#pragma GCC unroll 4
      for (int part = 0; part < apart; part++) acc[part][v] = _mm512_add_ps(acc[part][v], acc[part + apart][v]);
    sum[v] = acc[0][v];
  }
}

/* Pairs come in whole groups of RNN_ROW_PAIRS: those behind K are zero. */
INLINE void add_chunks(const int vectors, const int parts, void *sums, const float *h, const uint16_t *weights, int64_t K) {
  uint32_t pairs[CHUNK + RNN_LANES];
  __m512 *sum = sums;
  for (int64_t first = 0; first < K; first += 2 * CHUNK) {
    const int64_t values = K - first < 2 * CHUNK ? K - first : 2 * CHUNK;
    const int64_t count = (values + 2 * RNN_ROW_PAIRS - 1) / (2 * RNN_ROW_PAIRS) * RNN_ROW_PAIRS;
    round_pairs(pairs, h + first, values);
    add_pairs_of(vectors, parts, sum, pairs, weights + first * vectors * RNN_LANES, count);
  }
}

#define SUM(vectors, parts)                                                                                                    \
  static __attribute__((noinline)) void bf16_sum_##vectors(void *sum, const float *h, const uint16_t *weights, int64_t K) {    \
    add_chunks(vectors, parts, sum, h, weights, K);                                                                            \
  }
SUM(1, 8) SUM(2, 8) SUM(3, 4) SUM(4, 4)
const rnn_row_pieces_sum rnn_row_pieces_sums[] = { bf16_sum_1, bf16_sum_2, bf16_sum_3, bf16_sum_4 };
