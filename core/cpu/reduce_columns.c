/* reduce_columns.c: reductions whose outputs lie side by side in x, as in the sum over the rows of a matrix. float32 and float64;
 * totals in double. A piece is a block of columns of one row of outputs; few pieces of many rows are cut into chunks of rows. */
#include <math.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "reduce.h"

enum { BLOCK = 1024, ENOUGH_PIECES = 16, LEAST_ROWS = 64 };

typedef struct block {
  const mg_reduction *r;
  double *total;
  int64_t column, columns, first, rows;
} block;

static void add_doubles(int32_t op, double *total, const char *x, int64_t rows, int64_t stride, int64_t columns) {
  for (int64_t i = 0; i < rows; i++, x += stride)
    for (int64_t j = 0; j < columns; j++) {
      double v = ((const double *)x)[j];
      if (op == MG_REDUCE_PROD) total[j] *= v;
      else if (op == MG_REDUCE_MAX) total[j] = v > total[j] || isnan(v) ? v : total[j];
      else if (op == MG_REDUCE_MIN) total[j] = v < total[j] || isnan(v) ? v : total[j];
      else total[j] += op == MG_REDUCE_SUM_OF_SQUARES ? v * v : v;
    }
}

static void add_rows(void *context, char *const *data, const int64_t *strides, int64_t rows) {
  const block *b = context;
  const mg_reduction *r = b->r;
  if (r->dtype == MG_FLOAT32)
    r->loops->reduce_columns(r->op, b->total, (const float *)data[0], rows, strides[0] / 4, b->columns);
  else
    add_doubles(r->op, b->total, data[0], rows, strides[0], b->columns);
}

/* One row of outputs: its columns from b->column on, its elements from b->first on. */
static void reduce_block(void *context, char *const *data, const int64_t *strides, int64_t n) {
  const block *b = context;
  const mg_reduction *r = b->r;
  mg_iterator elements = r->reduced;
  double own[BLOCK], *total = b->total ? b->total : own;
  block to = *b;
  (void)strides, (void)n; /* one */
  to.total = total;
  for (int64_t j = 0; j < b->columns; j++) total[j] = mg_total_start(r->op).value;
  elements.data[0] = data[1] + r->flip + b->column * mg_dtype_bytes(r->dtype);
  mg_iterator_walk(&elements, b->first, b->rows, add_rows, &to);
  if (b->total) return;
  for (int64_t j = 0; j < b->columns; j++)
    mg_total_store(r, data[0] + (b->column + j) * r->out_stride, &(mg_total){.value = own[j]});
}

/* Pieces count chunks innermost, then blocks, then rows of outputs. */
static mg_status columns_piece(void *context, int64_t index) {
  const mg_reduction *r = context;
  int64_t chunk = index % r->chunks, at = index / r->chunks % r->blocks, row = index / r->chunks / r->blocks;
  block b = {.r = r, .column = at * BLOCK, .first = chunk * r->rows_per_chunk};
  b.columns = r->columns - b.column < BLOCK ? r->columns - b.column : BLOCK;
  b.rows = r->count - b.first < r->rows_per_chunk ? r->count - b.first : r->rows_per_chunk;
  if (r->chunks > 1) b.total = (double *)r->partial + index * BLOCK;
  mg_iterator_walk(&r->kept, row, 1, reduce_block, &b);
  return MG_OK;
}

/* Adds up the chunks of one row of outputs. */
typedef struct gathering {
  const mg_reduction *r;
  int64_t row;
} gathering;

static void gather_rows(void *context, char *const *data, const int64_t *strides, int64_t n) {
  gathering *g = context;
  const mg_reduction *r = g->r;
  int32_t op = r->op == MG_REDUCE_SUM_OF_SQUARES ? MG_REDUCE_SUM : r->op;
  for (int64_t i = 0; i < n; i++, g->row++)
    for (int64_t j = 0; j < r->columns; j++) {
      const double *part = (const double *)r->partial + (g->row * r->blocks + j / BLOCK) * r->chunks * BLOCK + j % BLOCK;
      mg_total t = mg_total_start(op);
      for (int64_t c = 0; c < r->chunks; c++) mg_total_add(op, &t, part[c * BLOCK]);
      mg_total_store(r, data[0] + i * strides[0] + j * r->out_stride, &t);
    }
}

mg_status mg_reduce_columns(mg_reduction *r) {
  r->blocks = mg_pieces(r->columns, BLOCK);
  r->chunks = r->kept.count * r->blocks >= ENOUGH_PIECES ? 1 : mg_pieces(r->count, LEAST_ROWS);
  if (r->chunks > ENOUGH_PIECES) r->chunks = ENOUGH_PIECES;
  r->rows_per_chunk = mg_pieces(r->count, r->chunks);
  r->chunks = mg_pieces(r->count, r->rows_per_chunk);
  int64_t pieces = r->kept.count * r->blocks * r->chunks;
  if (r->chunks == 1) return mg_parallel(pieces, columns_piece, r);
  size_t mark = mg_workspace_mark();
  r->partial = mg_workspace_take((size_t)pieces * BLOCK * sizeof(double));
  if (!r->partial) return mg_fail(MG_ENOMEM, "reduce: no memory for %lld partial totals", (long long)pieces * BLOCK);
  mg_status status = mg_parallel(pieces, columns_piece, r);
  gathering g = {r, 0};
  if (status == MG_OK) mg_iterator_walk(&r->kept, 0, r->kept.count, gather_rows, &g);
  mg_workspace_give_back(mark);
  return status;
}
