/* rnn_vectors_bf16.c: products of bf16 pieces with VDPBF16PS, which adds two products to each float of a vector. A tile of c stays
 * in registers over the whole sum, as in rnn_product_body.h; every size is its own noinline function for the same reason. */
#include <immintrin.h>
#include <string.h>

#include "rnn_pieces.h"

#define INLINE static inline __attribute__((always_inline))

enum { TILE_ROWS = 8 };

typedef struct tile_place {
  float *c;
  int64_t ldc, pairs;
  const uint32_t *a; /* pairs */
  int64_t row, step;
  const uint16_t *b, *next; /* the panel, and what other tiles will read: brought nearer meanwhile */
  int accumulate;
} tile_place;

INLINE __m512bh load_pairs(const uint16_t *b) { return (__m512bh)_mm512_loadu_si512(b); }
INLINE __m512bh same_pair(uint32_t pair) { return (__m512bh)_mm512_set1_epi32((int)pair); }

/* c = or += acc */
INLINE void end_tile(const int rows, const int vectors, const tile_place *p, __m512 acc[8][3]) {
  float *c = p->c;
  const int64_t ldc = p->ldc;
  if (p->accumulate) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++)
        acc[i][v] = _mm512_add_ps(_mm512_loadu_ps(c + i * ldc + v * RNN_LANES), acc[i][v]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) _mm512_storeu_ps(c + i * ldc + v * RNN_LANES, acc[i][v]);
}

INLINE void tile(const int rows, const int vectors, const tile_place *p) {
  __m512 acc[8][3];
  const uint32_t *a = p->a;
  const uint16_t *b = p->b, *next = p->next;
  const int64_t row = p->row, step = p->step;
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = _mm512_setzero_ps();
  for (int64_t pair = p->pairs; pair > 0; pair--) {
    __m512bh panel[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) panel[v] = load_pairs(b + v * 2 * RNN_LANES);
    __builtin_prefetch(next, 0, 2);
    next += 2 * RNN_LANES;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const __m512bh value = same_pair(a[i * row]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = _mm512_dpbf16_ps(acc[i][v], value, panel[v]);
    }
    a += step;
    b += vectors * 2 * RNN_LANES;
  }
  end_tile(rows, vectors, p, acc);
}

typedef void (*tile_function)(const tile_place *p);
#define TILE(rows, vectors) \
  static __attribute__((noinline)) void bf16_tile_##rows##_##vectors(const tile_place *p) { tile(rows, vectors, p); }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)
#define ROW(rows) { bf16_tile_##rows##_1, bf16_tile_##rows##_2, bf16_tile_##rows##_3 }
static const tile_function tiles[TILE_ROWS][3] = { ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8) };

/* All rows of a panel, in tiles of nearly equal size. */
static void tile_rows(const rnn_pieces_product *p, tile_place *place, int64_t vectors, float *c) {
  const int64_t count = (p->M + TILE_ROWS - 1) / TILE_ROWS, size = p->M / count, larger = p->M % count;
  const int64_t third = p->pairs * 2 * RNN_LANES; /* of the next panel, or a half: one for each tile */
  const uint16_t *next = place->b + vectors * third;
  const uint32_t *a = (const uint32_t *)(const void *)p->a;
  for (int64_t i = 0, t = 0, rows; t < count; i += rows, t++) {
    rows = size + (t < larger);
    place->c = c + i * p->ldc;
    place->a = a + i * p->row;
    place->next = next + t % vectors * third;
    tiles[rows - 1][vectors - 1](place);
  }
}

static void multiply(const rnn_pieces_product *p) {
  tile_place place = { .ldc = p->ldc, .pairs = p->pairs, .row = p->row, .step = p->step, .accumulate = p->accumulate };
  for (int64_t v = 0, vectors; v < p->vectors; v += vectors) {
    vectors = rnn_pieces_cut(&rnn_vectors_bf16, p->vectors - v);
    place.b = p->b + (v * p->b_pairs + vectors * p->first_pair) * 2 * RNN_LANES;
    tile_rows(p, &place, vectors, p->c + v * RNN_LANES);
  }
}

const rnn_engine rnn_vectors_bf16 = { .name = "VDPBF16PS", .most = 1, .panel = 3, .multiply = multiply };
