/* copy_transposed.c: copies whose source runs along another axis than their target: transposed matrices.
 *
 * Row by row, every element of x would cost a cache line. Here tiles of 16 by 16 are read along x's lines into a small square and
 * written along out's lines from there, so each line is touched once, whatever the strides are: powers of two share a cache set. */
#include <string.h>

#include "../threads.h"
#include "copy.h"

enum { TILE = 16, BLOCK = 128, SMALLEST = 256 /* elements; less is in the first cache anyway */ };

/* out[i][k] = x[i][k], i < rows, k < columns: out runs along k, x along i. */
typedef struct plane {
  char *out, *x;
  int64_t rows, columns;
  int64_t out_step, x_step; /* bytes: of i in out, of k in x */
} plane;

#define MG_COPY_TILES(name, type)                                                                       \
  static void name##_tile(const plane *p, int64_t i0, int64_t k0, int64_t rows, int64_t columns) {      \
    type square[TILE][TILE];                                                                            \
    for (int64_t k = 0; k < columns; k++) {                                                             \
      const type *x = (const type *)(p->x + (k0 + k) * p->x_step) + i0;                                 \
      for (int64_t i = 0; i < rows; i++) square[i][k] = x[i];                                           \
    }                                                                                                   \
    for (int64_t i = 0; i < rows; i++)                                                                  \
      memcpy((type *)(p->out + (i0 + i) * p->out_step) + k0, square[i], (size_t)columns * sizeof(type)); \
  }                                                                                                     \
  static void name(const plane *p) {                                                                    \
    for (int64_t i = 0; i < p->rows; i += TILE)                                                         \
      for (int64_t k = 0; k < p->columns; k += TILE) {                                                  \
        int64_t rows = p->rows - i, columns = p->columns - k;                                           \
        if (rows >= TILE && columns >= TILE) name##_tile(p, i, k, TILE, TILE);                          \
        else name##_tile(p, i, k, rows < TILE ? rows : TILE, columns < TILE ? columns : TILE);          \
      }                                                                                                 \
  }

MG_COPY_TILES(copy_4, uint32_t)
MG_COPY_TILES(copy_8, uint64_t)

typedef struct job {
  const mg_iterator *it;
  int axis;                                 /* of i; the last one is that of k */
  int64_t element, row_blocks, column_blocks;
} job;

static int64_t part(int64_t size, int64_t begin) { return size - begin < BLOCK ? size - begin : BLOCK; }

/* Piece number -> a block of one plane; the planes are counted by the axes that remain. */
static mg_status copy_block(void *context, int64_t index) {
  const job *j = context;
  const mg_iterator *it = j->it;
  int last = it->ndim - 1, axis = j->axis;
  int64_t k = index % j->column_blocks * BLOCK, rest = index / j->column_blocks;
  int64_t i = rest % j->row_blocks * BLOCK;
  rest /= j->row_blocks;
  plane p = {.out = it->data[0], .x = it->data[1], .rows = part(it->shape[axis], i), .columns = part(it->shape[last], k),
             .out_step = it->strides[axis][0], .x_step = it->strides[last][1]};
  for (int a = last - 1; a >= 0; a--) {
    if (a == axis) continue;
    p.out += rest % it->shape[a] * it->strides[a][0];
    p.x += rest % it->shape[a] * it->strides[a][1];
    rest /= it->shape[a];
  }
  p.out += i * p.out_step + k * j->element;
  p.x += k * p.x_step + i * j->element;
  if (j->element == 4) copy_4(&p);
  else copy_8(&p);
  return MG_OK;
}

/* The axis that x runs along, when it is not the one that out does; -1 when rows are better. */
static int find_axis(const mg_iterator *it, int64_t element) {
  int last = it->ndim - 1;
  int64_t columns = it->shape[last], step = it->strides[last][1];
  if (it->strides[last][0] != element || step == element || step == 0 || columns < 4) return -1;
  for (int a = 0; a < last; a++)
    if (it->strides[a][1] == element && it->shape[a] >= 4 && it->shape[a] * columns >= SMALLEST) return a;
  return -1;
}

int mg_copy_transposed(mg_status *status, const mg_iterator *it, int64_t element) {
  int axis = element == 4 || element == 8 ? find_axis(it, element) : -1;
  if (axis < 0) return 0;
  int64_t rows = it->shape[axis], columns = it->shape[it->ndim - 1];
  job j = {it, axis, element, mg_pieces(rows, BLOCK), mg_pieces(columns, BLOCK)};
  *status = mg_parallel(it->count / (rows * columns) * j.row_blocks * j.column_blocks, copy_block, &j);
  return 1;
}
