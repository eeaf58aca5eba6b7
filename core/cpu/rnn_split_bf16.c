/* rnn_split_bf16.c: float32 as bf16 pieces, for processors with VCVTNE2PS2BF16. Layouts: rnn_pieces.h. */
#include <immintrin.h>

#include "rnn_pieces.h"

#define INLINE static inline __attribute__((always_inline))

/* From here on bf16 rounds to infinity: its largest number and half a step. */
enum { UNFIT = 0x7f7f8000, MAGNITUDE = 0x7fffffff };
enum { AHEAD = 16 /* rows */ };

INLINE __m512i larger(__m512i most, __m512 x) {
  return _mm512_max_epu32(most, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(MAGNITUDE)));
}
INLINE int all_fit(__m512i most) { return _mm512_cmpge_epu32_mask(most, _mm512_set1_epi32(UNFIT)) == 0; }

/* The next pieces of 32 numbers, a below b, which keep the rest. */
INLINE __m512i next_piece(__m512 *a, __m512 *b, int more) {
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(*b, *a);
  if (more) {
    const __m512i high = _mm512_set1_epi32((int)0xffff0000);
    const __m512i x = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
    const __m512i y = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1));
    *a = _mm512_sub_ps(*a, _mm512_castsi512_ps(_mm512_and_si512(_mm512_slli_epi32(x, 16), high)));
    *b = _mm512_sub_ps(*b, _mm512_castsi512_ps(_mm512_and_si512(_mm512_slli_epi32(y, 16), high)));
  }
  return both;
}

INLINE __mmask16 lanes(int64_t left) { return left >= RNN_LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1); }

INLINE __m512i split_row(const int count, const rnn_split_rows *s, const float *from, uint16_t *to, __m512i most) {
  for (int64_t k = 0; k < s->K; k += RNN_BLOCK, to += s->block) {
    const int64_t left = s->K - k;
    __m512 a = _mm512_maskz_loadu_ps(lanes(left), from + k);
    __m512 b = _mm512_maskz_loadu_ps(lanes(left - RNN_LANES), from + k + RNN_LANES);
    most = larger(larger(most, a), b);
#pragma GCC unroll 3
    for (int piece = 0; piece < count; piece++)
      _mm512_storeu_si512(to + piece * s->piece, next_piece(&a, &b, piece + 1 < count));
  }
  return most;
}

INLINE int split_all_rows(const int count, const rnn_split_rows *s) {
  __m512i most = _mm512_setzero_si512();
  for (int64_t i = 0; i < s->M; i++)
    most = split_row(count, s, s->from + i * s->ld, s->to + i / 16 * s->rows16 + i % 16 * s->row, most);
  return all_fit(most);
}

static int split_rows(const rnn_split_rows *s) {
  return s->count == 1 ? split_all_rows(1, s) : s->count == 2 ? split_all_rows(2, s) : split_all_rows(3, s);
}

/* Numbers of two rows side by side. */
INLINE __m512i interleaved(__m512i both) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                         19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, both);
}

typedef struct columns_state {
  __m512i most;
  __m512 sum[3];
  __mmask16 mask[3];
} columns_state;

/* One pair of rows, `rows` (0, 1 or 2) of which are there. */
INLINE void split_pair(const int count, const int vectors, const int rows, const rnn_split_columns *s, const float *from,
                       uint16_t *to, columns_state *state) {
#pragma GCC unroll 3
  for (int v = 0; v < vectors; v++) {
    const __m512 zero = _mm512_setzero_ps();
    if (rows > 1) { /* no prefetcher of the processor's follows rows that are pages apart */
      _mm_prefetch((const char *)(from + AHEAD * s->ld + v * RNN_LANES), _MM_HINT_T0);
      _mm_prefetch((const char *)(from + (AHEAD + 1) * s->ld + v * RNN_LANES), _MM_HINT_T0);
    }
    __m512 a = rows > 0 ? _mm512_maskz_loadu_ps(state->mask[v], from + v * RNN_LANES) : zero;
    __m512 b = rows > 1 ? _mm512_maskz_loadu_ps(state->mask[v], from + s->ld + v * RNN_LANES) : zero;
    state->most = larger(larger(state->most, a), b);
    if (rows > 0) state->sum[v] = _mm512_add_ps(state->sum[v], a);
    if (rows > 1) state->sum[v] = _mm512_add_ps(state->sum[v], b);
#pragma GCC unroll 3
    for (int piece = 0; piece < count; piece++) {
      const __m512i both = next_piece(&a, &b, piece + 1 < count);
      _mm512_storeu_si512(to + piece * RNN_BLOCK_PAIRS * s->pair + v * 2 * RNN_LANES, interleaved(both));
    }
  }
}

INLINE int split_all_columns(const int count, const int vectors, const rnn_split_columns *s) {
  columns_state state = { .most = _mm512_setzero_si512() };
  for (int v = 0; v < 3; v++) {
    state.sum[v] = _mm512_setzero_ps();
    state.mask[v] = lanes(s->columns - v * RNN_LANES);
  }
  const float *from = s->from;
  for (int64_t pair = 0; pair < s->pairs; pair++, from += 2 * s->ld) {
    uint16_t *to = s->to + (pair / RNN_BLOCK_PAIRS * count * RNN_BLOCK_PAIRS + pair % RNN_BLOCK_PAIRS) * s->pair;
    const int64_t left = s->K - 2 * pair;
    if (left >= 2) split_pair(count, vectors, 2, s, from, to, &state);
    else if (left == 1) split_pair(count, vectors, 1, s, from, to, &state);
    else split_pair(count, vectors, 0, s, from, to, &state);
  }
  for (int v = 0; s->sums != NULL && v < vectors; v++) {
    float *sum = s->sums + v * RNN_LANES;
    _mm512_mask_storeu_ps(sum, state.mask[v], _mm512_add_ps(_mm512_maskz_loadu_ps(state.mask[v], sum), state.sum[v]));
  }
  return all_fit(state.most);
}

#define COLUMNS(count)                                                                                        \
  static __attribute__((noinline)) int split_columns_##count(const rnn_split_columns *s) {                    \
    if (s->columns > 2 * RNN_LANES) return split_all_columns(count, 3, s);                                    \
    return s->columns > RNN_LANES ? split_all_columns(count, 2, s) : split_all_columns(count, 1, s);          \
  }
COLUMNS(1)
COLUMNS(2)
COLUMNS(3)

static int split_columns(const rnn_split_columns *s) {
  return s->count == 1 ? split_columns_1(s) : s->count == 2 ? split_columns_2(s) : split_columns_3(s);
}

/* (16, 16) of 32 bits, transposed in place: by 1, 2, 4 and 8 columns. */
static void transpose(uint16_t *tile) {
  __m512i x[16], y[16];
  for (int i = 0; i < 16; i++) x[i] = _mm512_loadu_si512(tile + 32 * i);
  for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; j++) {
      x[i + 2 * j] = _mm512_unpacklo_epi64(y[i + j], y[i + j + 2]);
      x[i + 2 * j + 1] = _mm512_unpackhi_epi64(y[i + j], y[i + j + 2]);
    }
  }
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 4; j++) {
      y[i + j] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0x88);
      y[i + j + 4] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0xdd);
    }
  }
  for (int j = 0; j < 8; j++) {
    x[j] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0x88);
    x[j + 8] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0xdd);
  }
  for (int i = 0; i < 16; i++) _mm512_storeu_si512(tile + 32 * i, x[i]);
}

/* Pairs of k for 16 rows at a time, [pair][row][2], turned block by block into [row][pair][2]. */
static int split_transposed(const float *a, int64_t ld, int64_t M, int64_t K, uint16_t *to, int count) {
  const int64_t blocks = (K + RNN_BLOCK - 1) / RNN_BLOCK;
  int fits = 1;
  for (int64_t i = 0; i < M; i += RNN_LANES) {
    const int64_t columns = M - i < RNN_LANES ? M - i : RNN_LANES;
    fits &= split_columns(&(rnn_split_columns){ .from = a + i, .ld = ld, .K = K, .columns = columns, .to = to,
                                                .pair = 2 * RNN_LANES, .pairs = blocks * RNN_BLOCK_PAIRS, .count = count });
    for (int64_t tile = 0; tile < blocks * count; tile++, to += RNN_TILE) transpose(to);
  }
  return fits;
}

const rnn_split rnn_split_bf16 = { .rows = split_rows, .columns = split_columns, .transposed = split_transposed };
