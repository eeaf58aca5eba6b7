/* index.c: rows of a table by index on the CPU. Everything is contiguous; ids are checked before. */
#include <string.h>

#include "../threads.h"
#include "cpu.h"

enum { PIECE_BYTES = 65536, COLUMNS = 16, LEAST_SHARED = 16384, AHEAD = 4, IDS_PIECE = 65536 };

/* ---- check_ids ------------------------------------------------------------------------------------------------------------- */

/* Branch-free over a block, then the place in it. */
mg_status mg_cpu_check_ids(int64_t *first_bad, const mg_tensor *ids, int64_t limit) {
  const int32_t *id = mg_elements(ids);
  int64_t n = mg_element_count(ids);
  uint32_t end = limit > INT32_MAX ? (uint32_t)INT32_MAX + 1 : (uint32_t)limit;
  *first_bad = -1;
  for (int64_t i = 0; i < n; i += IDS_PIECE) {
    int64_t count = n - i < IDS_PIECE ? n - i : IDS_PIECE;
    int bad = 0;
    for (int64_t k = 0; k < count; k++) bad |= (uint32_t)id[i + k] >= end;
    if (!bad) continue;
    while ((uint32_t)id[i] < end) i++;
    *first_bad = i;
    return MG_OK;
  }
  return MG_OK;
}

/* ---- gather, one_hot: rows of the output are independent ------------------------------------------------------------------- */

typedef struct rows {
  char *out;
  const char *table;
  const int32_t *ids;
  int64_t count, bytes, per_piece; /* ids, bytes of a row, ids of a piece */
  int64_t classes;                 /* one_hot */
  mg_dtype dtype;
} rows;

static mg_status gather_piece(void *context, int64_t index) {
  const rows *r = context;
  int64_t first = index * r->per_piece, end = first + r->per_piece < r->count ? first + r->per_piece : r->count;
  for (int64_t i = first; i < end; i++) memcpy(r->out + i * r->bytes, r->table + r->ids[i] * r->bytes, (size_t)r->bytes);
  return MG_OK;
}

static void cut(rows *r, const mg_tensor *ids, int64_t bytes) {
  r->ids = mg_elements(ids);
  r->count = mg_element_count(ids);
  r->bytes = bytes;
  r->per_piece = PIECE_BYTES / bytes + 1;
}

mg_status mg_cpu_gather(mg_tensor *out, const mg_tensor *table, const mg_tensor *ids) {
  rows r = {.out = mg_elements(out), .table = mg_elements(table)};
  cut(&r, ids, mg_element_count(table) / table->shape[0] * mg_dtype_bytes(table->dtype));
  return mg_parallel(mg_pieces(r.count, r.per_piece), gather_piece, &r);
}

static mg_status one_hot_piece(void *context, int64_t index) {
  const rows *r = context;
  int64_t first = index * r->per_piece, end = first + r->per_piece < r->count ? first + r->per_piece : r->count;
  memset(r->out + first * r->bytes, 0, (size_t)((end - first) * r->bytes));
  for (int64_t i = first; i < end; i++) {
    if (r->ids[i] < 0 || r->ids[i] >= r->classes) continue;
    int64_t at = i * r->classes + r->ids[i];
    switch (r->dtype) {
      case MG_FLOAT32: ((float *)r->out)[at] = 1; break;
      case MG_FLOAT64: ((double *)r->out)[at] = 1; break;
      case MG_INT32: ((int32_t *)r->out)[at] = 1; break;
      default: ((uint8_t *)r->out)[at] = 1;
    }
  }
  return MG_OK;
}

mg_status mg_cpu_one_hot(mg_tensor *out, const mg_tensor *ids) {
  rows r = {.out = mg_elements(out), .classes = mg_axis_size(out, -1), .dtype = out->dtype};
  cut(&r, ids, r.classes * mg_dtype_bytes(out->dtype));
  return mg_parallel(mg_pieces(r.count, r.per_piece), one_hot_piece, &r);
}

/* ---- scatter_add: a piece is a slice of columns, for which it goes through all ids in order: the width of the slices, which
 * follows the number of threads so that one thread walks whole rows, changes no sum ---------------------------------------- */

typedef struct scatter {
  void *table;
  const void *rows;
  const int32_t *ids;
  int64_t count, columns, slice;
  mg_dtype dtype;
} scatter;

static void add_float32(float *restrict to, const float *restrict from, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static void add_float64(double *restrict to, const double *restrict from, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static mg_status scatter_piece(void *context, int64_t index) {
  const scatter *s = context;
  int64_t column = index * s->slice, n = s->columns - column < s->slice ? s->columns - column : s->slice;
  for (int64_t i = 0; i < s->count; i++) {
    int64_t to = s->ids[i] * s->columns + column, from = i * s->columns + column;
    if (s->dtype == MG_FLOAT32) {
      if (i + AHEAD < s->count) __builtin_prefetch((float *)s->table + s->ids[i + AHEAD] * s->columns + column, 1);
      add_float32((float *)s->table + to, (const float *)s->rows + from, n);
    } else {
      add_float64((double *)s->table + to, (const double *)s->rows + from, n);
    }
  }
  return MG_OK;
}

mg_status mg_cpu_scatter_add(mg_tensor *table, const mg_tensor *ids, const mg_tensor *rows) {
  scatter s = {.table = mg_elements(table), .rows = mg_elements(rows), .ids = mg_elements(ids), .dtype = table->dtype};
  s.count = mg_element_count(ids);
  s.columns = mg_element_count(rows) / s.count;
  int64_t share = mg_pieces(mg_pieces(s.columns, mg_get_threads()), COLUMNS) * COLUMNS;
  s.slice = s.count * s.columns < LEAST_SHARED ? s.columns : share;
  return mg_parallel(mg_pieces(s.columns, s.slice), scatter_piece, &s);
}
