/* transport.c: copies between devices, through plain memory. */
#include "transport.h"

#include "backend.h"
#include "error.h"

/* out = x, both of one shape and device, apart or the same view. */
static mg_status copy_here(mg_tensor *out, const mg_tensor *x) { return x->buffer->backend->copy(out, x); }

/* A contiguous copy of x in plain memory. */
static mg_status bring_to_host(mg_tensor *host, const mg_tensor *x) {
  mg_tensor dense;
  MG_TRY(mg_borrow_contiguous(&dense, x));
  mg_status status = mg_alloc_on(host, &mg_cpu_backend, x);
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
  MG_TRY(mg_alloc_on(&cast, &mg_cpu_backend, out));
  mg_status status = copy_here(&cast, host);
  if (status == MG_OK) status = mg_alloc_on(&dense, out->buffer->backend, out);
  if (status == MG_OK) {
    status = out->buffer->backend->memory_write(mg_elements(&dense), mg_elements(&cast), cast.buffer->bytes);
    if (status == MG_OK) status = copy_here(out, &dense);
    mg_release(&dense);
  }
  mg_release(&cast);
  return status;
}

mg_status mg_transport(mg_tensor *out, const mg_tensor *x) {
  mg_tensor host;
  MG_TRY(bring_to_host(&host, x));
  mg_status status = out->buffer->backend == &mg_cpu_backend ? copy_here(out, &host) : send(out, &host);
  mg_release(&host);
  return status;
}
