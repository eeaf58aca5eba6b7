/* reduce_rows.c: where the extreme of a row is, its k largest elements, its running sums. Rows are contiguous: (rows, n). */
#include <math.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "cpu.h"
#include "float32.h"

enum { PIECE = 8192 }; /* elements */

typedef struct call {
  const void *x;
  void *out;        /* of x's dtype, or the indices of arg_reduce */
  int32_t *indices; /* top_k */
  mg_dtype dtype;
  int64_t rows, n, k;
  int32_t option; /* MG_ARG_*, or reverse */
  mg_status (*row)(const struct call *c, int64_t row);
} call;

static double value_at(const call *c, int64_t i) {
  switch (c->dtype) {
    case MG_FLOAT32: return ((const float *)c->x)[i];
    case MG_FLOAT64: return ((const double *)c->x)[i];
    case MG_INT32: return ((const int32_t *)c->x)[i];
    default: return ((const uint8_t *)c->x)[i];
  }
}

static mg_status some_rows(void *context, int64_t index) {
  const call *c = context;
  int64_t per = PIECE / c->n + 1, first = index * per, end = first + per < c->rows ? first + per : c->rows;
  for (int64_t r = first; r < end; r++) MG_TRY(c->row(c, r));
  return MG_OK;
}

static mg_status all_rows(call *c, const mg_tensor *x) {
  c->x = mg_elements(x);
  c->dtype = x->dtype;
  c->n = mg_axis_size(x, -1);
  c->rows = mg_element_count(x) / c->n;
  return mg_parallel(mg_pieces(c->rows, PIECE / c->n + 1), some_rows, c);
}

/* The first of equals; a NaN beats everything, as in numpy. */
static mg_status arg_row(const call *c, int64_t row) {
  int64_t start = row * c->n, best = 0;
  if (c->dtype == MG_FLOAT32) {
    const float *x = (const float *)c->x + start;
    const mg_float32 *loops = mg_float32_now();
    best = loops->find(c->n, x, (float)loops->reduce(c->option == MG_ARG_MAX ? MG_REDUCE_MAX : MG_REDUCE_MIN, c->n, x));
  } else {
    double top = value_at(c, start);
    for (int64_t i = 1; i < c->n && !isnan(top); i++) {
      double v = value_at(c, start + i);
      if (!(isnan(v) || (c->option == MG_ARG_MAX ? v > top : v < top))) continue;
      top = v;
      best = i;
    }
  }
  ((int32_t *)c->out)[row] = (int32_t)best;
  return MG_OK;
}

mg_status mg_cpu_arg_reduce(int32_t op, mg_tensor *out, const mg_tensor *x) {
  call c = {.out = mg_elements(out), .option = op, .row = arg_row};
  if (mg_axis_size(x, -1) > INT32_MAX)
    return mg_fail(MG_EUNSUPPORTED, "arg_reduce: x %s; expected an axis below 2^31", mg_shape_text(x));
  return all_rows(&c, x);
}

/* ---- top_k: a heap of the k best with the worst of them on top ------------------------------------------------------------- */

typedef struct entry {
  double value;
  int32_t index;
} entry;

/* NaN counts as the largest, as in numpy's sort; of equals the lower index comes first. */
static int is_better(const entry *a, const entry *b) {
  if (isnan(a->value) || isnan(b->value)) {
    if (isnan(a->value) != isnan(b->value)) return isnan(a->value);
  } else if (a->value != b->value) {
    return a->value > b->value;
  }
  return a->index < b->index;
}

static void sink(entry *heap, int64_t size, int64_t at, entry e) {
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && is_better(&heap[child], &heap[child + 1])) child++;
    if (!is_better(&e, &heap[child])) break;
    heap[at] = heap[child];
  }
  heap[at] = e;
}

static void select_best(const call *c, int64_t start, entry *heap) {
  for (int64_t i = 0; i < c->k; i++) heap[i] = (entry){value_at(c, start + i), (int32_t)i};
  for (int64_t i = c->k / 2; i-- > 0;) sink(heap, c->k, i, heap[i]);
  for (int64_t i = c->k; i < c->n; i++) {
    entry e = {value_at(c, start + i), (int32_t)i};
    if (is_better(&e, &heap[0])) sink(heap, c->k, 0, e);
  }
  for (int64_t size = c->k - 1; size > 0; size--) { /* the best one first */
    entry worst = heap[0];
    sink(heap, size, 0, heap[size]);
    heap[size] = worst;
  }
}

static void store_value(const call *c, int64_t i, double v) {
  switch (c->dtype) {
    case MG_FLOAT32: ((float *)c->out)[i] = (float)v; break;
    case MG_FLOAT64: ((double *)c->out)[i] = v; break;
    case MG_INT32: ((int32_t *)c->out)[i] = (int32_t)v; break;
    default: ((uint8_t *)c->out)[i] = (uint8_t)v;
  }
}

static mg_status top_row(const call *c, int64_t row) {
  size_t mark = mg_workspace_mark();
  entry *heap = mg_workspace_take((size_t)c->k * sizeof *heap);
  if (!heap) return mg_fail(MG_ENOMEM, "top_k: no memory for %lld elements", (long long)c->k);
  select_best(c, row * c->n, heap);
  for (int64_t i = 0; i < c->k; i++) {
    store_value(c, row * c->k + i, heap[i].value);
    c->indices[row * c->k + i] = heap[i].index;
  }
  mg_workspace_give_back(mark);
  return MG_OK;
}

mg_status mg_cpu_top_k(mg_tensor *values, mg_tensor *indices, const mg_tensor *x) {
  call c = {.out = mg_elements(values), .indices = mg_elements(indices), .k = mg_axis_size(values, -1), .row = top_row};
  if (mg_axis_size(x, -1) > INT32_MAX)
    return mg_fail(MG_EUNSUPPORTED, "top_k: x %s; expected a last axis below 2^31", mg_shape_text(x));
  return all_rows(&c, x);
}

/* ---- running sums: floats in double, integers wrap ------------------------------------------------------------------------- */

static mg_status sum_row(const call *c, int64_t row) {
  double total = 0;
  uint32_t wrapped = 0;
  for (int64_t i = 0; i < c->n; i++) {
    int64_t at = row * c->n + (c->option ? c->n - 1 - i : i);
    double v = value_at(c, at);
    if (mg_dtype_is_float(c->dtype)) {
      store_value(c, at, total += v);
      continue;
    }
    wrapped += (uint32_t)(int64_t)v;
    if (c->dtype == MG_INT32) ((int32_t *)c->out)[at] = (int32_t)wrapped;
    else ((uint8_t *)c->out)[at] = (uint8_t)wrapped;
  }
  return MG_OK;
}

mg_status mg_cpu_cumulative_sum(mg_tensor *out, const mg_tensor *x, int32_t reverse) {
  call c = {.out = mg_elements(out), .option = reverse, .row = sum_row};
  return all_rows(&c, x);
}
