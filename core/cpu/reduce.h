/* reduce.h: one reduction on its way through the CPU; shared by reduce.c and reduce_columns.c. */
#ifndef MG_REDUCE_H
#define MG_REDUCE_H

#include "float32.h"
#include "iterate.h"

/* value + low; bits: an integer product, which wraps. */
typedef struct mg_total {
  double value, low;
  uint64_t bits;
} mg_total;

typedef struct mg_reduction {
  const mg_float32 *loops;
  int32_t op;
  mg_dtype dtype, out_dtype;
  mg_iterator kept;    /* (out, x) over the outputs, or over their rows of columns */
  mg_iterator reduced; /* x over the elements of one output */
  int64_t count;       /* of them */
  int64_t flip;        /* bytes from an output's first element to where `reduced` starts */
  int64_t columns, out_stride; /* outputs side by side in x, bytes apart in out */
  int64_t chunks, blocks, rows_per_chunk;
  void *partial; /* totals of the chunks, or NULL */
} mg_reduction;

mg_total mg_total_start(int32_t op);
void mg_total_add(int32_t op, mg_total *t, double v);
void mg_total_store(const mg_reduction *r, void *out, const mg_total *t);
mg_status mg_reduce_columns(mg_reduction *r);

#endif
