/* op_copy.c: copies across shapes, dtypes and devices, and fills. */
#include "backend.h"
#include "error.h"

/* out = x, both of one shape and device, apart or the same view. */
static mg_status copy_here(mg_tensor *out, const mg_tensor *x) { return x->buffer->backend->copy(out, x); }

static mg_status alloc_beside(mg_tensor *tmp, mg_device device, const mg_tensor *x) {
  *tmp = (mg_tensor){0};
  return mg_tensor_alloc(tmp, device, x->dtype, x->ndim, x->shape);
}

/* A contiguous copy of x in plain memory. */
static mg_status bring_to_host(mg_tensor *host, const mg_tensor *x) {
  mg_tensor dense;
  MG_TRY(mg_borrow_contiguous(&dense, x));
  mg_status status = alloc_beside(host, MG_CPU, x);
  if (status == MG_OK) {
    status = x->buffer->backend->memory_read(mg_elements(host), mg_elements(&dense), host->buffer->bytes);
    if (status != MG_OK) mg_release(host);
  }
  mg_release(&dense);
  return status;
}

/* out (another device) = host: cast here, sent as one block, spread there. */
static mg_status send(mg_tensor *out, const mg_tensor *host) {
  mg_tensor cast, dense;
  MG_TRY(alloc_beside(&cast, MG_CPU, out));
  mg_status status = copy_here(&cast, host);
  if (status == MG_OK) status = alloc_beside(&dense, mg_tensor_device(out), out);
  if (status == MG_OK) {
    status = out->buffer->backend->memory_write(mg_elements(&dense), mg_elements(&cast), cast.buffer->bytes);
    if (status == MG_OK) status = copy_here(out, &dense);
    mg_release(&dense);
  }
  mg_release(&cast);
  return status;
}

static mg_status copy_across(mg_tensor *out, const mg_tensor *x) {
  mg_tensor host;
  MG_TRY(bring_to_host(&host, x));
  mg_status status = mg_tensor_device(out) == MG_CPU ? copy_here(out, &host) : send(out, &host);
  mg_release(&host);
  return status;
}

mg_status mg_copy(mg_tensor *out, const mg_tensor *x) {
  MG_TRY(mg_check_writable("copy", "out", out));
  MG_TRY(mg_check_tensor("copy", "x", x));
  mg_tensor view;
  MG_TRY(mg_broadcast_input(&view, "copy", "x", x, out));
  mg_status status = MG_OK;
  if (mg_element_count(out) > 0)
    status = mg_tensor_device(out) == mg_tensor_device(x) ? copy_here(out, &view) : copy_across(out, &view);
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
