/* op_copy.c: copies across shapes, dtypes and devices, and fills. */
#include "backend.h"
#include "error.h"
#include "transport.h"

mg_status mg_copy(mg_tensor *out, const mg_tensor *x) {
  MG_TRY(mg_check_writable("copy", "out", out));
  MG_TRY(mg_check_tensor("copy", "x", x));
  mg_tensor view;
  mg_empty_handle(&view);
  MG_TRY(mg_elementwise_input(&x, &view, "copy", "x", x, out));
  mg_status status = MG_OK;
  if (mg_element_count(out) > 0)
    status = mg_tensor_device(out) == mg_tensor_device(x) ? out->buffer->backend->copy(out, x) : mg_transport(out, x);
  mg_release(&view);
  if (status == MG_OK) mg_mark_written(out);
  return status;
}

mg_status mg_fill(mg_tensor *out, double value) {
  MG_TRY(mg_check_writable("fill", "out", out));
  if (mg_element_count(out) > 0) MG_TRY(out->buffer->backend->fill(out, value));
  mg_mark_written(out);
  return MG_OK;
}
