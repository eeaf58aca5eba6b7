/* rows.h: operands of operations along one axis, as contiguous rows (..., n). Private to op_*.c. */
#ifndef MG_ROWS_H
#define MG_ROWS_H

#include "tensor.h"

/* t[i] is an input or output with the axis moved to the end, contiguous: a view where its memory already lies so, else a copy.
 * Outputs that are copies go back at the end. Start with {0}. */
typedef struct mg_rows {
  mg_tensor t[3];
  mg_tensor moved[3]; /* an output's view with the axis at the end; empty: t[i] is it */
  mg_tensor *out[3];
} mg_rows;

mg_status mg_rows_in(mg_rows *rows, int i, const mg_tensor *x, int32_t axis);
mg_status mg_rows_out(mg_rows *rows, int i, mg_tensor *out, int32_t axis);
/* Writes outputs back when status is MG_OK, marks them written and drops everything. Returns what then holds. */
mg_status mg_rows_end(mg_rows *rows, mg_status status);

#endif
