/* rnn_tiles_body.h: products of bf16 pieces in tiles of 16 rows by 64 bytes. Included by rnn_tiles_amx.c, and by a C test that
 * computes in plain C what the instructions do. The includer gives:
 *
 *   tiles_open(), tiles_close()        all eight tiles are 16 rows of 64 bytes; and none are
 *   tile_zero(t), tile_load(t, from, bytes), tile_store(t, to, bytes)   rows `bytes` apart
 *   tile_dot(c, a, b)                  c[m][n] += sum over k of a[m][2k] b[k][2n] + a[m][2k + 1] b[k][2n + 1]
 *
 * Tiles 0 to 3 are c, two by two; 4 and 5 rows of a; 6 and 7 columns of b. */
#include <string.h>

#include "rnn_pieces.h"

#define TILES_INLINE static inline __attribute__((always_inline))

enum { TILE_ROWS = 16, TILE_BYTES = 64 };

typedef struct tiles_place {
  int64_t blocks;
  const uint16_t *a[2], *b; /* the rows' blocks and the panel's */
  float *c;
  int64_t ldc;
} tiles_place;

TILES_INLINE void load_a(const int rows, const tiles_place *p, int64_t at) {
  tile_load(4, p->a[0] + at, TILE_BYTES);
  if (rows == 2) tile_load(5, p->a[1] + at, TILE_BYTES);
}

TILES_INLINE void load_b(const int columns, const uint16_t *b) {
  tile_load(6, b, columns * TILE_BYTES);
  if (columns == 2) tile_load(7, b + 2 * RNN_LANES, columns * TILE_BYTES);
}

TILES_INLINE void dot(const int rows, const int columns) {
  tile_dot(0, 4, 6);
  if (columns == 2) tile_dot(1, 4, 7);
  if (rows == 2) tile_dot(2, 5, 6);
  if (rows == 2 && columns == 2) tile_dot(3, 5, 7);
}

/* The products of a block of 32 k. Small ones come first: what they add is not lost beside the large sum. Of two neighbouring
 * products one factor stays where it is. */
TILES_INLINE void block_products(const int count, const int rows, const int columns, const tiles_place *p, int64_t block) {
  const int64_t a = block * count * RNN_TILE, each = columns * RNN_TILE;
  const uint16_t *b = p->b + block * count * each;
  load_a(rows, p, a);
  if (count == 3) {
    load_b(columns, b + 2 * each);
    dot(rows, columns);
  }
  if (count >= 2) {
    load_b(columns, b + each);
    dot(rows, columns);
    load_a(rows, p, a + RNN_TILE);
    dot(rows, columns);
  }
  load_b(columns, b);
  if (count >= 2) dot(rows, columns);
  if (count == 3) {
    load_a(rows, p, a + 2 * RNN_TILE);
    dot(rows, columns);
  }
  if (count >= 2) load_a(rows, p, a);
  dot(rows, columns);
}

TILES_INLINE void c_block(const int count, const int rows, const int columns, const tiles_place *p) {
  tile_zero(0);
  if (columns == 2) tile_zero(1);
  if (rows == 2) tile_zero(2);
  if (rows == 2 && columns == 2) tile_zero(3);
  for (int64_t block = 0; block < p->blocks; block++) block_products(count, rows, columns, p, block);
  const int64_t bytes = p->ldc * (int64_t)sizeof *p->c;
  float *below = p->c + TILE_ROWS * p->ldc;
  tile_store(0, p->c, bytes);
  if (columns == 2) tile_store(1, p->c + RNN_LANES, bytes);
  if (rows == 2) tile_store(2, below, bytes);
  if (rows == 2 && columns == 2) tile_store(3, below + RNN_LANES, bytes);
}

typedef void (*c_block_function)(const tiles_place *p);
#define C_BLOCK(count, rows, columns)                                                                \
  static __attribute__((noinline)) void amx_tile_##count##_##rows##_##columns(const tiles_place *p) { \
    c_block(count, rows, columns, p);                                                                \
  }
#define C_BLOCKS(count) C_BLOCK(count, 1, 1) C_BLOCK(count, 1, 2) C_BLOCK(count, 2, 1) C_BLOCK(count, 2, 2)
C_BLOCKS(1)
C_BLOCKS(2)
C_BLOCKS(3)
#define C_BLOCK_ROW(count)                                      \
  { { amx_tile_##count##_1_1, amx_tile_##count##_1_2 }, { amx_tile_##count##_2_1, amx_tile_##count##_2_2 } }
static const c_block_function c_blocks[3][2][2] = { C_BLOCK_ROW(1), C_BLOCK_ROW(2), C_BLOCK_ROW(3) };

/* c = or += the part of a block of c that is there. */
static void copy_part(const rnn_pieces_product *p, float *c, const float *block, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++) {
    float *to = c + i * p->ldc;
    const float *from = block + i * 2 * RNN_LANES;
    if (p->accumulate) for (int64_t j = 0; j < columns; j++) to[j] += from[j];
    else memcpy(to, from, (size_t)columns * sizeof *to);
  }
}

/* Rows `row` and on, at most two tiles of them, of one panel. */
static void rows_of_panel(const rnn_pieces_product *p, tiles_place *place, int64_t row, int64_t columns, float *c) {
  _Alignas(64) float block[2 * TILE_ROWS * 2 * RNN_LANES];
  const int64_t left = p->M - row, rows = left < 2 * TILE_ROWS ? left : 2 * TILE_ROWS, two = rows > TILE_ROWS;
  const int apart = p->accumulate || rows % TILE_ROWS != 0;
  for (int i = 0; i < 2; i++) place->a[i] = p->a + (row / TILE_ROWS + i) * place->blocks * p->count * RNN_TILE;
  place->c = apart ? block : c;
  place->ldc = apart ? 2 * RNN_LANES : p->ldc;
  c_blocks[p->count - 1][two][columns - 1](place);
  if (apart) copy_part(p, c, block, rows, columns * RNN_LANES);
}

static void tiles_multiply(const rnn_pieces_product *p) {
  tiles_place place = { .blocks = p->pairs / RNN_BLOCK_PAIRS };
  tiles_open();
  for (int64_t v = 0, columns; v < p->vectors; v += columns) {
    columns = p->vectors - v >= 2 ? 2 : 1;
    place.b = p->b + (v * p->b_pairs + columns * p->first_pair) * p->count * 2 * RNN_LANES;
    for (int64_t row = 0; row < p->M; row += 2 * TILE_ROWS)
      rows_of_panel(p, &place, row, columns, p->c + row * p->ldc + v * RNN_LANES);
  }
  tiles_close();
}

/* Whether a small product of whole numbers comes out right. */
enum { CHECK_ROWS = 33, CHECK_VECTORS = 3, CHECK_K = 64 };
static float check_number(int64_t i, int64_t j) { return (float)((i * 7 + j * 5) % 13 - 6); }
static uint16_t bf16_of_whole(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)(bits >> 16);
}

static __attribute__((unused)) int tiles_check(void) {
  static _Alignas(64) uint16_t a[3 * CHECK_K / RNN_BLOCK * RNN_TILE], b[CHECK_VECTORS * CHECK_K * RNN_LANES];
  static float c[CHECK_ROWS * CHECK_VECTORS * RNN_LANES];
  const int64_t blocks = CHECK_K / RNN_BLOCK, columns = CHECK_VECTORS * RNN_LANES;
  for (int64_t i = 0; i < CHECK_ROWS; i++)
    for (int64_t k = 0; k < CHECK_K; k++)
      a[(i / 16 * blocks + k / RNN_BLOCK) * RNN_TILE + i % 16 * RNN_BLOCK + k % RNN_BLOCK] = bf16_of_whole(check_number(i, k));
  for (int64_t j = 0; j < columns; j++) {
    const int64_t v = j / RNN_LANES, first = v / 2 * 2, width = CHECK_VECTORS - first >= 2 ? 2 : 1;
    for (int64_t k = 0; k < CHECK_K; k++)
      b[first * CHECK_K * RNN_LANES + ((k / 2 * width + v - first) * RNN_LANES + j % RNN_LANES) * 2 + k % 2] =
          bf16_of_whole(check_number(k, j));
  }
  tiles_multiply(&(rnn_pieces_product){ .count = 1, .c = c, .ldc = columns, .M = CHECK_ROWS, .vectors = CHECK_VECTORS, .a = a,
                                        .b = b, .b_pairs = CHECK_K / 2, .pairs = CHECK_K / 2 });
  for (int64_t i = 0; i < CHECK_ROWS; i++) {
    for (int64_t j = 0; j < columns; j++) {
      float sum = 0;
      for (int64_t k = 0; k < CHECK_K; k++) sum += check_number(i, k) * check_number(k, j);
      if (c[i * columns + j] != sum) return 0;
    }
  }
  return 1;
}
