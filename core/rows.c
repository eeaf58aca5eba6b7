/* rows.c: see rows.h. */
#include "rows.h"

#include "error.h"

static mg_status move_axis_last(mg_tensor *view, const mg_tensor *x, int32_t axis) {
  int32_t order[MG_MAX_DIMS];
  for (int32_t d = 0; d < x->ndim; d++) order[d] = d < axis ? d : d + 1 < x->ndim ? d + 1 : axis;
  return mg_tensor_permute(view, x, order);
}

mg_status mg_rows_in(mg_rows *rows, int i, const mg_tensor *x, int32_t axis) {
  mg_tensor view = {0};
  MG_TRY(move_axis_last(&view, x, axis));
  mg_status status = mg_borrow_contiguous(&rows->t[i], &view);
  mg_release(&view);
  return status;
}

mg_status mg_rows_out(mg_rows *rows, int i, mg_tensor *out, int32_t axis) {
  rows->out[i] = out;
  MG_TRY(move_axis_last(&rows->moved[i], out, axis));
  if (!mg_is_contiguous(&rows->moved[i])) return mg_alloc_like(&rows->t[i], &rows->moved[i]);
  rows->t[i] = rows->moved[i];
  rows->moved[i].buffer = NULL;
  return MG_OK;
}

mg_status mg_rows_end(mg_rows *rows, mg_status status) {
  for (int i = 0; i < 3; i++) {
    if (status == MG_OK && rows->moved[i].buffer) status = mg_copy(&rows->moved[i], &rows->t[i]);
    if (status == MG_OK && rows->out[i]) mg_mark_written(rows->out[i]);
    mg_release(&rows->moved[i]);
    mg_release(&rows->t[i]);
  }
  return status;
}
