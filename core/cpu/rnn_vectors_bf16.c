/* rnn_vectors_bf16.c: products of bf16 pieces with VDPBF16PS, which adds two products to each float of a vector. A tile of c stays
 * in registers over the whole sum, as in rnn_product_body.h; every size is its own noinline function for the same reason. */
#include <immintrin.h>
#include <string.h>

#include "rnn_pieces.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct tile_place {
  float *c;
  int64_t ldc, pairs;
  const uint32_t *a; /* pairs */
  int64_t row, step;
  const uint16_t *b;
  int accumulate;
} tile_place;

INLINE __m512bh load_pairs(const uint16_t *b) { return (__m512bh)_mm512_loadu_si512(b); }
INLINE __m512bh same_pair(uint32_t pair) { return (__m512bh)_mm512_set1_epi32((int)pair); }

INLINE void store(float *c, __m512 sum, int accumulate) {
  _mm512_storeu_ps(c, accumulate ? _mm512_add_ps(_mm512_loadu_ps(c), sum) : sum);
}

INLINE void tile(const int rows, const int vectors, const tile_place *p) {
  __m512 acc[8][3];
  const uint32_t *a = p->a;
  const uint16_t *b = p->b;
  const int64_t row = p->row, step = p->step;
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = _mm512_setzero_ps();
  for (int64_t pair = p->pairs; pair > 0; pair--) {
    __m512bh panel[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) panel[v] = load_pairs(b + v * 2 * RNN_LANES);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const __m512bh value = same_pair(a[i * row]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = _mm512_dpbf16_ps(acc[i][v], value, panel[v]);
    }
    a += step;
    b += vectors * 2 * RNN_LANES;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) store(p->c + i * p->ldc + v * RNN_LANES, acc[i][v], p->accumulate);
}

typedef void (*tile_function)(const tile_place *p);
#define TILE(rows, vectors) \
  static __attribute__((noinline)) void bf16_tile_##rows##_##vectors(const tile_place *p) { tile(rows, vectors, p); }
#define TILES(rows)                                                                                       \
  TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)                                                               \
  static const tile_function tiles_of_##rows[] = { bf16_tile_##rows##_1, bf16_tile_##rows##_2, bf16_tile_##rows##_3 };
TILES(1)
TILES(2)
TILES(4)
TILES(8)

static tile_function tile_for(int64_t rows_left, int64_t vectors, int64_t *rows) {
  *rows = rows_left >= 8 ? 8 : rows_left >= 4 ? 4 : rows_left >= 2 ? 2 : 1;
  return (*rows == 8 ? tiles_of_8 : *rows == 4 ? tiles_of_4 : *rows == 2 ? tiles_of_2 : tiles_of_1)[vectors - 1];
}

static void multiply(const rnn_pieces_product *p) {
  tile_place place = { .ldc = p->ldc, .pairs = p->pairs, .row = p->row, .step = p->step, .accumulate = p->accumulate };
  for (int64_t v = 0, vectors; v < p->vectors; v += vectors) {
    vectors = rnn_pieces_cut(&rnn_vectors_bf16, p->vectors - v);
    place.b = p->b + (v * p->b_pairs + vectors * p->first_pair) * 2 * RNN_LANES;
    for (int64_t i = 0, rows; i < p->M; i += rows) {
      place.c = p->c + i * p->ldc + v * RNN_LANES;
      place.a = (const uint32_t *)(const void *)p->a + i * p->row;
      tile_for(p->M - i, vectors, &rows)(&place);
    }
  }
}

const rnn_engine rnn_vectors_bf16 = { .name = "VDPBF16PS", .most = 1, .panel = 3, .multiply = multiply };
