/* iterate.h: walking tensors of one shape together. Private to core/cpu.
 *
 * Operands have equal shapes and any strides (broadcast axes have stride 0). The iterator drops axes of one element, turns axes on
 * which operand 0 (the output) runs backwards, orders them by operand 0's strides, and merges neighbours that all operands pass
 * without a jump; what is left is a number of rows. A row is what a kernel sees: one pointer and one stride (in bytes) per operand,
 * and a length. Contiguous tensors are a single row, cut into pieces.
 *
 *   static void add_f32(void *context, char *const *p, const int64_t *stride, int64_t n) {
 *     if (stride[0] == 4 && stride[1] == 4 && stride[2] == 4) ... contiguous loop
 *     else for (int64_t i = 0; i < n; i++) *(float *)(p[0] + i * stride[0]) = ...
 *   }
 *   const mg_tensor *operands[] = {out, a, b};
 *   return mg_iterate(operands, 3, MG_PIECE_LIGHT, add_f32, context);
 *
 * Order of elements and rows is not promised, so operations on overlapping memory need mg_detach_input first. Pieces depend on the
 * shapes alone; rows may be called from several threads at the same time and must not fail. A piece may begin and end inside a row:
 * an element's result must not depend on its place in the row. */
#ifndef MG_ITERATE_H
#define MG_ITERATE_H

#include "../tensor.h"

enum {
  MG_MAX_OPERANDS = 4,
  MG_PIECE_LIGHT = 32768, /* elements of a piece: for work that memory bounds (add, copy) */
  MG_PIECE_HEAVY = 4096   /* for exp, tanh, division and the like */
};

typedef void (*mg_row)(void *context, char *const *data, const int64_t *strides /*bytes*/, int64_t n);

typedef struct mg_iterator {
  int32_t operands;
  int32_t ndim;                                      /* at least 1; the last axis is the row */
  int64_t count;                                     /* elements */
  int64_t shape[MG_MAX_DIMS];
  int64_t strides[MG_MAX_DIMS][MG_MAX_OPERANDS];     /* bytes: [axis][operand] */
  char *data[MG_MAX_OPERANDS];                       /* element 0 */
} mg_iterator;

void mg_iterator_init(mg_iterator *it, const mg_tensor *const *operands, int count);
/* Rows of the elements first..first+n-1, counted in the iterator's own order. */
void mg_iterator_walk(const mg_iterator *it, int64_t first, int64_t n, mg_row row, void *context);

/* Both, in parallel over pieces of `piece` elements. */
mg_status mg_iterate(const mg_tensor *const *operands, int count, int64_t piece, mg_row row, void *context);

#endif
