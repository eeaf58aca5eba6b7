/* rnn_pieces.h: matrix products of the recurrent layers on bf16 pieces. Private to core/cpu.
 *
 * A float32 x is hi + mid + lo with hi = bf16(x), mid = bf16(x - hi), lo = bf16(x - hi - mid): 8 bits of its 24 each. Products of
 * pieces are exact in float32, where they are added up: of one piece each ("medium"), of two ("high": all four; without
 * mid mid, as large as what two pieces leave out, errors pass 1e-5) or of three (those of piece numbers i + j <= 2: as exact as
 * float32 products, "highest"). Numbers that round to infinity in bf16, or are none, do not fit: such a product is computed on the
 * floats.
 *
 * Pieces lie as the instructions take them, two neighbours of k together (a pair), in blocks of 16 pairs:
 *
 *   b  [panel of 1 to 3 vectors][block][piece][pair][vector of the panel][column][2]
 *   a  tiles: [16 rows][block][piece][row][pair][2]; vectors: [row][pair][2], or transposed [pair][row][2], of one piece */
#ifndef MG_RNN_PIECES_H
#define MG_RNN_PIECES_H

#include "../rnn.h"

enum { RNN_LANES = 16, RNN_BLOCK_PAIRS = 16, RNN_BLOCK = 2 * RNN_BLOCK_PAIRS, RNN_TILE = 2 * RNN_LANES * RNN_BLOCK_PAIRS };

/* c (M, vectors) = or += a (M, K) b (K, vectors), all in pieces. */
typedef struct rnn_pieces_product {
  int count; /* pieces of each factor */
  float *c;
  int64_t ldc, M, vectors;
  const uint16_t *a;
  int64_t row, step; /* vectors: distance of rows and of pairs of a, in pairs */
  const uint16_t *b;
  int64_t b_pairs;           /* of a panel */
  int64_t first_pair, pairs; /* those of the sum */
  int accumulate;
} rnn_pieces_product;

/* An instruction that multiplies pieces. */
typedef struct rnn_engine {
  const char *name;
  int most;    /* pieces */
  int tiles;   /* the layout of a; k and rows come in whole blocks */
  int panel;   /* vectors of a panel of b, 3: cut as those of float32 */
  void (*multiply)(const rnn_pieces_product *p);
} rnn_engine;

static inline int64_t rnn_pieces_cut(const rnn_engine *engine, int64_t left) {
  if (engine->panel == 2) return left >= 2 ? 2 : 1;
  return left == 4 || left == 2 ? 2 : left >= 3 ? 3 : 1;
}

/* (M, K) float32, rows `ld` apart, as pieces; k is filled up to whole blocks with zeros. Distances in elements of bf16. */
typedef struct rnn_split_rows {
  const float *from;
  int64_t ld, M, K;
  uint16_t *to;
  int64_t rows16, row, block, piece; /* distances of 16 rows, of rows, of blocks and of pieces */
  int count;
} rnn_split_rows;

/* (K, columns) float32, columns at most three vectors, as pairs of rows; filled up to `pairs` with zeros. */
typedef struct rnn_split_columns {
  const float *from;
  int64_t ld, K, columns;
  uint16_t *to;
  int64_t pair, pairs; /* distance of pairs in elements; all of them lie in blocks */
  int count;
  float *sums; /* (columns): += the sums over K; NULL: not wanted */
} rnn_split_columns;

/* What splits; each tells whether all numbers fit. */
typedef struct rnn_split {
  int (*rows)(const rnn_split_rows *s);
  int (*columns)(const rnn_split_columns *s);
  /* a[k * ld + row], row below M, as tiles. */
  int (*transposed)(const float *a, int64_t ld, int64_t M, int64_t K, uint16_t *to, int count);
} rnn_split;

extern const rnn_split rnn_split_bf16;   /* rnn_split_bf16.c */
extern const rnn_engine rnn_vectors_bf16; /* rnn_vectors_bf16.c: VDPBF16PS */
extern const rnn_engine rnn_tiles_amx;    /* rnn_tiles_amx.c: TDPBF16PS */

/* The engine of this processor by the layer's shape and the precision; NULL: float32. *count: pieces. */
const rnn_engine *rnn_engine_for(const mg_rnn_dims *d, int precision, int *count);
#define RNN_FAST_NAME "fused float32"
#define RNN_FEW_ROWS RNN_FAST_NAME ", kernels of few rows"
/* The name, and how its products are computed; few_rows: by rnn_row.c. Static. */
const char *rnn_precision_text(const mg_rnn_dims *d, int precision, int few_rows);
/* Rows of a block, whole tiles: of shape and instruction set alone, since `saved` lies in blocks and the precision may change. */
int64_t rnn_tile_rows(const mg_rnn_dims *d, int64_t rows);
void rnn_tiles_use(const rnn_engine *engine); /* for tests: this one as if it were the processor's; NULL: the processor's */

#endif
