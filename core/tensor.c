/* tensor.c: handles, their memory and what they tell about themselves. The views are in view.c. */
#include "tensor.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "buffer.h"
#include "error.h"

int64_t mg_dtype_bytes(mg_dtype dtype) {
  switch (dtype) {
    case MG_FLOAT32: return 4;
    case MG_FLOAT64: return 8;
    case MG_INT32: return 4;
    case MG_UINT8: return 1;
    default: return 0;
  }
}

const char *mg_dtype_name(mg_dtype dtype) {
  switch (dtype) {
    case MG_FLOAT32: return "float32";
    case MG_FLOAT64: return "float64";
    case MG_INT32: return "int32";
    case MG_UINT8: return "uint8";
    default: return "an unknown dtype";
  }
}

mg_status mg_tensor_create(mg_tensor **out) {
  if (!out) return mg_fail(MG_EINVAL, "tensor: out is NULL; expected a place for the handle");
  mg_tensor *t = calloc(1, sizeof *t);
  if (!t) return mg_fail(MG_ENOMEM, "tensor: no memory for a handle");
  *out = t;
  return MG_OK;
}

void mg_release(mg_tensor *t) {
  if (t->buffer) mg_buffer_release(t->buffer);
  t->buffer = NULL;
}

void mg_tensor_destroy(mg_tensor *t) {
  if (!t) return;
  mg_release(t);
  free(t);
}

mg_status mg_tensor_clear(mg_tensor *t) {
  if (!t) return mg_fail(MG_EINVAL, "clear: t is NULL; expected a tensor");
  mg_release(t);
  return MG_OK;
}

/* Zero sizes count as one here, so that strides stay in range and a shape is fit or not whatever its order. */
mg_status mg_check_sizes(const char *op, int32_t ndim, const int64_t *shape, int64_t element_bytes) {
  if (ndim < 0 || ndim > MG_MAX_DIMS)
    return mg_fail(MG_EINVAL, "%s: %d dimensions; expected 0 to %d", op, (int)ndim, MG_MAX_DIMS);
  if (ndim > 0 && !shape) return mg_fail(MG_EINVAL, "%s: shape is NULL; expected %d sizes", op, (int)ndim);
  int64_t total = element_bytes;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0)
      return mg_fail(MG_EINVAL, "%s: shape %s has a negative size; expected sizes from 0", op, mg_sizes_text(ndim, shape));
    if (shape[i] > 0 && __builtin_mul_overflow(total, shape[i], &total))
      return mg_fail(MG_ENOMEM, "%s: shape %s has more elements than memory can hold; expected less", op,
                     mg_sizes_text(ndim, shape));
  }
  return MG_OK;
}

void mg_set_row_major(mg_tensor *t) {
  int64_t stride = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    t->strides[i] = stride;
    if (t->shape[i] > 0) stride *= t->shape[i];
  }
}

static mg_status alloc_into(mg_tensor *t, const mg_backend *backend, mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  MG_TRY(mg_check_sizes("alloc", ndim, shape, mg_dtype_bytes(dtype)));
  *t = (mg_tensor){.dtype = dtype, .ndim = ndim};
  if (ndim > 0) memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
  mg_set_row_major(t);
  return mg_buffer_create(&t->buffer, backend, mg_element_count(t) * mg_dtype_bytes(dtype));
}

mg_status mg_tensor_alloc(mg_tensor *out, mg_device device, mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  if (!out) return mg_fail(MG_EINVAL, "alloc: out is NULL; expected a tensor handle");
  if (mg_dtype_bytes(dtype) == 0)
    return mg_fail(MG_EDTYPE, "alloc: unknown dtype number %d; expected float32, float64, int32 or uint8", (int)dtype);
  const mg_backend *backend = mg_backend_of(device);
  if (!backend) return MG_EDEVICE;
  mg_tensor made;
  MG_TRY(alloc_into(&made, backend, dtype, ndim, shape));
  mg_release(out);
  *out = made;
  return MG_OK;
}

mg_status mg_alloc_on(mg_tensor *tmp, const mg_backend *backend, const mg_tensor *shape_of) {
  mg_tensor made;
  MG_TRY(alloc_into(&made, backend, shape_of->dtype, shape_of->ndim, shape_of->shape));
  *tmp = made;
  return MG_OK;
}

mg_status mg_alloc_like(mg_tensor *tmp, const mg_tensor *shape_of) {
  return mg_alloc_on(tmp, shape_of->buffer->backend, shape_of);
}

void mg_set_view(mg_tensor *out, const mg_tensor *view) {
  mg_tensor copy = *view;
  mg_buffer_retain(copy.buffer);
  mg_release(out);
  *out = copy;
}

mg_status mg_tensor_alias(mg_tensor *out, const mg_tensor *x) {
  if (!out) return mg_fail(MG_EINVAL, "alias: out is NULL; expected a tensor handle");
  MG_TRY(mg_check_tensor("alias", "x", x));
  mg_set_view(out, x);
  return MG_OK;
}

int64_t mg_element_count(const mg_tensor *t) {
  int64_t count = 1;
  for (int i = 0; i < t->ndim; i++) {
    if (t->shape[i] == 0) return 0;
    count *= t->shape[i]; /* in range: checked when the handle was filled */
  }
  return count;
}

int mg_is_contiguous(const mg_tensor *t) {
  int64_t expected = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    if (t->shape[i] == 0) return 1;
    if (t->shape[i] != 1 && t->strides[i] != expected) return mg_element_count(t) == 0;
    expected *= t->shape[i];
  }
  return 1;
}

void mg_mark_written(mg_tensor *t) { __atomic_add_fetch(&t->buffer->version, 1, __ATOMIC_RELAXED); }

static int in_use(const mg_tensor *t) { return t && t->buffer; }

int32_t mg_tensor_ndim(const mg_tensor *t) { return in_use(t) ? t->ndim : -1; }
mg_dtype mg_tensor_dtype(const mg_tensor *t) { return in_use(t) ? t->dtype : 0; }
mg_device mg_tensor_device(const mg_tensor *t) { return in_use(t) ? t->buffer->backend->device : -1; }
const int64_t *mg_tensor_shape(const mg_tensor *t) { return in_use(t) ? t->shape : NULL; }
const int64_t *mg_tensor_strides(const mg_tensor *t) { return in_use(t) ? t->strides : NULL; }
int64_t mg_tensor_size(const mg_tensor *t) { return in_use(t) ? mg_element_count(t) : -1; }
int32_t mg_tensor_is_contiguous(const mg_tensor *t) { return in_use(t) ? mg_is_contiguous(t) : 0; }
const void *mg_tensor_read(const mg_tensor *t) { return in_use(t) ? mg_elements(t) : NULL; }
int64_t mg_tensor_version(const mg_tensor *t) { return in_use(t) ? __atomic_load_n(&t->buffer->version, __ATOMIC_RELAXED) : -1; }

void *mg_tensor_data(mg_tensor *t) {
  if (!in_use(t)) return NULL;
  mg_mark_written(t);
  return mg_elements(t);
}
