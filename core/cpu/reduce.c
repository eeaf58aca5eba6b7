/* reduce.c: reductions over any axes of a strided tensor. Two ways to go through it:
 *   outputs  one output after the other, each reading its elements in runs; few outputs of many elements are cut into chunks
 *   columns  where outputs lie side by side in x: a row of totals takes up row after row
 * Sums of float32 are kept in double, those of float64 and integers as a pair value + low of doubles, so the order of the axes
 * hardly matters; chunks depend on the shapes alone and are put together in order. */
#include "reduce.h"

#include <math.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "cpu.h"

enum { BUFFER = 512, CHUNK = 65536, LIGHT = 32768 };

void mg_total_add(int32_t op, mg_total *t, double v) {
  double sum, shift;
  switch (op) {
    case MG_REDUCE_PROD: t->value *= v; break;
    case MG_REDUCE_MAX: t->value = v > t->value || isnan(v) ? v : t->value; break;
    case MG_REDUCE_MIN: t->value = v < t->value || isnan(v) ? v : t->value; break;
    default: /* Knuth's two-sum */
      sum = t->value + v;
      shift = sum - t->value;
      t->low += (t->value - (sum - shift)) + (v - shift);
      t->value = sum;
  }
}

static void merge(int32_t op, mg_total *t, const mg_total *other) {
  mg_total_add(op, t, other->value);
  t->low += other->low;
  t->bits *= other->bits;
}

mg_total mg_total_start(int32_t op) {
  double value = op == MG_REDUCE_PROD ? 1 : op == MG_REDUCE_MAX ? -INFINITY : op == MG_REDUCE_MIN ? INFINITY : 0;
  return (mg_total){.value = value, .bits = 1};
}

void mg_total_store(const mg_reduction *r, void *out, const mg_total *t) {
  double value = isfinite(t->value) ? t->value + t->low : t->value;
  int64_t integer = r->op == MG_REDUCE_PROD ? (int64_t)t->bits : 0;
  if (r->op == MG_REDUCE_MEAN) value /= (double)r->count;
  if (r->op != MG_REDUCE_PROD && fabs(value) < 9e18) integer = (int64_t)t->value + (int64_t)t->low;
  switch (r->out_dtype) {
    case MG_FLOAT32: *(float *)out = (float)value; break;
    case MG_FLOAT64: *(double *)out = value; break;
    case MG_INT32: *(int32_t *)out = (int32_t)integer; break;
    default: *(uint8_t *)out = (uint8_t)integer;
  }
}

/* ---- one output -------------------------------------------------------------------------------------------------------------- */

static double sum_of_doubles(int32_t op, int64_t n, const double *x) {
  double part[8] = {0};
  int square = op == MG_REDUCE_SUM_OF_SQUARES;
  for (int64_t i = 0; i < n; i++) part[i & 7] += square ? x[i] * x[i] : x[i];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

static double reduce_doubles(int32_t op, int64_t n, const double *x) {
  if (op <= MG_REDUCE_SUM_OF_SQUARES) return sum_of_doubles(op, n, x);
  mg_total t = mg_total_start(op);
  for (int64_t i = 0; i < n; i++) mg_total_add(op, &t, x[i]);
  return t.value;
}

static double value_at(mg_dtype dtype, const char *p) {
  switch (dtype) {
    case MG_FLOAT32: return *(const float *)p;
    case MG_FLOAT64: return *(const double *)p;
    case MG_INT32: return *(const int32_t *)p;
    default: return *(const uint8_t *)p;
  }
}

/* A walk over the elements of one output. */
typedef struct reading {
  const mg_reduction *r;
  mg_total total;
} reading;

static void read_floats(reading *reading, const char *p, int64_t stride, int64_t n) {
  const mg_reduction *r = reading->r;
  float buffer[BUFFER];
  if (stride == 4) {
    mg_total_add(r->op, &reading->total, r->loops->reduce(r->op, n, (const float *)p));
    return;
  }
  for (int64_t i = 0; i < n; i += BUFFER) {
    int64_t count = n - i < BUFFER ? n - i : BUFFER;
    for (int64_t k = 0; k < count; k++) buffer[k] = *(const float *)(p + (i + k) * stride);
    mg_total_add(r->op, &reading->total, r->loops->reduce(r->op, count, buffer));
  }
}

static void read_others(reading *reading, const char *p, int64_t stride, int64_t n) {
  const mg_reduction *r = reading->r;
  double buffer[BUFFER];
  for (int64_t i = 0; i < n; i += BUFFER) {
    int64_t count = n - i < BUFFER ? n - i : BUFFER;
    for (int64_t k = 0; k < count; k++) buffer[k] = value_at(r->dtype, p + (i + k) * stride);
    mg_total_add(r->op, &reading->total, reduce_doubles(r->op, count, buffer));
    if (r->op == MG_REDUCE_PROD && !mg_dtype_is_float(r->dtype))
      for (int64_t k = 0; k < count; k++) reading->total.bits *= (uint64_t)(int64_t)buffer[k]; /* wraps */
  }
}

static void read_run(void *context, char *const *data, const int64_t *strides, int64_t n) {
  reading *reading = context;
  if (reading->r->dtype == MG_FLOAT32) read_floats(reading, data[0], strides[0], n);
  else read_others(reading, data[0], strides[0], n);
}

/* Elements first..first+n-1 of each output in a run of outputs. */
typedef struct outputs {
  const mg_reduction *r;
  mg_total *partial; /* where the total goes; NULL: to out */
  int64_t first, n;
} outputs;

static void reduce_outputs(void *context, char *const *data, const int64_t *strides, int64_t n) {
  const outputs *o = context;
  mg_iterator elements = o->r->reduced;
  for (int64_t i = 0; i < n; i++) {
    reading reading = {o->r, mg_total_start(o->r->op)};
    elements.data[0] = data[1] + i * strides[1] + o->r->flip;
    mg_iterator_walk(&elements, o->first, o->n, read_run, &reading);
    if (o->partial) *o->partial = reading.total;
    else mg_total_store(o->r, data[0] + i * strides[0], &reading.total);
  }
}

static mg_status outputs_piece(void *context, int64_t index) {
  const mg_reduction *r = context;
  int64_t piece = LIGHT / r->count + 1, first = index * piece, n = r->kept.count - first < piece ? r->kept.count - first : piece;
  outputs o = {r, NULL, 0, r->count};
  mg_iterator_walk(&r->kept, first, n, reduce_outputs, &o);
  return MG_OK;
}

static mg_status chunk_piece(void *context, int64_t index) {
  const mg_reduction *r = context;
  int64_t first = index % r->chunks * CHUNK, n = r->count - first < CHUNK ? r->count - first : CHUNK;
  outputs o = {r, (mg_total *)r->partial + index, first, n};
  mg_iterator_walk(&r->kept, index / r->chunks, 1, reduce_outputs, &o);
  return MG_OK;
}

/* The chunks of each output in order. */
typedef struct gathering {
  const mg_reduction *r;
  const mg_total *next;
} gathering;

static void gather_chunks(void *context, char *const *data, const int64_t *strides, int64_t n) {
  gathering *g = context;
  for (int64_t i = 0; i < n; i++) {
    mg_total t = mg_total_start(g->r->op);
    for (int64_t c = 0; c < g->r->chunks; c++) merge(g->r->op, &t, g->next++);
    mg_total_store(g->r, data[0] + i * strides[0], &t);
  }
}

static mg_status reduce_by_outputs(mg_reduction *r) {
  int64_t piece = LIGHT / r->count + 1;
  r->chunks = r->kept.count < 16 ? mg_pieces(r->count, CHUNK) : 1;
  if (r->chunks == 1) return mg_parallel(mg_pieces(r->kept.count, piece), outputs_piece, r);
  size_t mark = mg_workspace_mark();
  r->partial = mg_workspace_take((size_t)(r->kept.count * r->chunks) * sizeof(mg_total));
  if (!r->partial) return mg_fail(MG_ENOMEM, "reduce: no memory for %lld partial totals", (long long)(r->kept.count * r->chunks));
  mg_status status = mg_parallel(r->kept.count * r->chunks, chunk_piece, r);
  gathering g = {r, r->partial};
  if (status == MG_OK) mg_iterator_walk(&r->kept, 0, r->kept.count, gather_chunks, &g);
  mg_workspace_give_back(mark);
  return status;
}

/* ---- which way --------------------------------------------------------------------------------------------------------------- */

/* t with these axes alone; borrows its memory. */
static mg_tensor with_axes(const mg_tensor *t, uint32_t axes) {
  mg_tensor view = *t;
  view.ndim = 0;
  for (int d = 0; d < t->ndim; d++) {
    if (!(axes >> d & 1)) continue;
    view.shape[view.ndim] = t->shape[d];
    view.strides[view.ndim++] = t->strides[d];
  }
  return view;
}

/* The axis whose outputs lie side by side in x; -1: none. */
static int column_axis(const mg_tensor *x, uint32_t axes, int64_t count) {
  for (int d = 0; d < x->ndim; d++)
    if (!(axes >> d & 1) && x->strides[d] == 1 && x->shape[d] >= 4) return mg_dtype_is_float(x->dtype) && count > 1 ? d : -1;
  return -1;
}

mg_status mg_cpu_reduce(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes) {
  mg_tensor reduced = with_axes(x, axes);
  mg_reduction r = {.loops = mg_float32_now(), .op = op, .dtype = x->dtype, .out_dtype = out->dtype};
  r.count = mg_element_count(&reduced);
  int column = column_axis(x, axes, r.count);
  uint32_t kept = column < 0 ? ~axes : ~axes & ~(1u << column);
  mg_tensor kept_out = with_axes(out, kept), kept_x = with_axes(x, kept);
  mg_iterator_init(&r.kept, (const mg_tensor *[]){&kept_out, &kept_x}, 2);
  mg_iterator_init(&r.reduced, (const mg_tensor *[]){&reduced}, 1);
  r.flip = r.reduced.data[0] - (char *)mg_elements(x);
  if (column < 0) return reduce_by_outputs(&r);
  r.columns = x->shape[column];
  r.out_stride = out->strides[column] * mg_dtype_bytes(out->dtype);
  return mg_reduce_columns(&r);
}
