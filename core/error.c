/* error.c: the message of the last failure and the checks that operations share. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"

enum { TEXT_SIZE = 1024, SHAPE_SIZE = 192, SHAPE_COUNT = 8 };

static _Thread_local char message[TEXT_SIZE];

const char *mg_error(void) { return message; }

mg_status mg_fail(mg_status status, const char *format, ...) {
  char text[TEXT_SIZE]; /* apart: an argument may be mg_error() itself */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  memcpy(message, text, sizeof text);
  return status;
}

static char *next_shape_buffer(void) {
  static _Thread_local char buffers[SHAPE_COUNT][SHAPE_SIZE];
  static _Thread_local unsigned next;
  return buffers[next++ % SHAPE_COUNT];
}

const char *mg_sizes_text(int ndim, const int64_t *sizes) {
  char *text = next_shape_buffer();
  size_t used = (size_t)snprintf(text, SHAPE_SIZE, "(");
  for (int i = 0; i < ndim && i < MG_MAX_DIMS; i++)
    used += (size_t)snprintf(text + used, SHAPE_SIZE - used, i ? ", %lld" : "%lld", (long long)sizes[i]);
  snprintf(text + used, SHAPE_SIZE - used, ndim > MG_MAX_DIMS ? ", ...)" : ")");
  return text;
}

const char *mg_shape_text(const mg_tensor *t) {
  if (!t) return "(null)";
  if (!t->buffer) return "(freed)";
  return mg_sizes_text(t->ndim, t->shape);
}

mg_status mg_check_tensor(const char *op, const char *name, const mg_tensor *t) {
  if (!t) return mg_fail(MG_EINVAL, "%s: %s is NULL; expected a tensor", op, name);
  if (!t->buffer) return mg_fail(MG_EINVAL, "%s: %s has no memory (freed or never filled); expected a tensor in use", op, name);
  return MG_OK;
}

mg_status mg_check_float(const char *op, const char *name, const mg_tensor *t) {
  MG_TRY(mg_check_tensor(op, name, t));
  if (mg_dtype_is_float(t->dtype)) return MG_OK;
  return mg_fail(MG_EDTYPE, "%s: %s %s is %s; expected float32 or float64; cast it first", op, name, mg_shape_text(t),
                 mg_dtype_name(t->dtype));
}

mg_status mg_check_dtype(const char *op, const char *name, const mg_tensor *t, mg_dtype dtype) {
  MG_TRY(mg_check_tensor(op, name, t));
  if (t->dtype == dtype) return MG_OK;
  return mg_fail(MG_EDTYPE, "%s: %s %s is %s; expected %s; cast it first", op, name, mg_shape_text(t), mg_dtype_name(t->dtype),
                 mg_dtype_name(dtype));
}

mg_status mg_check_device(const char *op, const char *name, const mg_tensor *t, const char *other_name, const mg_tensor *other) {
  if (t->buffer->backend == other->buffer->backend) return MG_OK;
  return mg_fail(MG_EDEVICE, "%s: %s %s and %s %s are on different devices; copy one of them first", op, name, mg_shape_text(t),
                 other_name, mg_shape_text(other));
}

mg_status mg_check_like(const char *op, const char *name, const mg_tensor *t, const char *other_name, const mg_tensor *other) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_tensor(op, other_name, other));
  MG_TRY(mg_check_device(op, name, t, other_name, other));
  if (t->dtype == other->dtype) return MG_OK;
  return mg_fail(MG_EDTYPE, "%s: %s %s is %s, %s %s is %s; expected one dtype; cast one of them first", op, name, mg_shape_text(t),
                 mg_dtype_name(t->dtype), other_name, mg_shape_text(other), mg_dtype_name(other->dtype));
}

mg_status mg_check_same_shape(const char *op, const char *name, const mg_tensor *t, const char *other_name,
                              const mg_tensor *other) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_tensor(op, other_name, other));
  if (mg_same_shape(t, other)) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: %s has shape %s; expected %s, the shape of %s", op, name, mg_shape_text(t), mg_shape_text(other),
                 other_name);
}

mg_status mg_check_shape(const char *op, const char *name, const mg_tensor *t, int ndim, const int64_t *shape) {
  MG_TRY(mg_check_tensor(op, name, t));
  int same = t->ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = t->shape[i] == shape[i];
  if (same) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: %s has shape %s; expected %s", op, name, mg_shape_text(t), mg_sizes_text(ndim, shape));
}

mg_status mg_check_axis(const char *op, const mg_tensor *x, int32_t *axis) {
  int32_t given = *axis;
  if (given >= -x->ndim && given < x->ndim) {
    *axis = given < 0 ? given + x->ndim : given;
    return MG_OK;
  }
  if (x->ndim == 0) return mg_fail(MG_EINVAL, "%s: axis %d of a scalar; expected a tensor with at least one axis", op, (int)given);
  return mg_fail(MG_EINVAL, "%s: axis %d is out of range for x %s; expected %d..%d (0-based)", op, (int)given, mg_shape_text(x),
                 -(int)x->ndim, (int)x->ndim - 1);
}

mg_status mg_check_offered(const char *op, const mg_tensor *t, int offered) {
  if (offered) return MG_OK;
  const char *device = t->buffer->backend->name;
  return mg_fail(MG_EUNSUPPORTED, "%s: not offered on the device %s, where %s is; copy the tensors to the CPU", op, device,
                 mg_shape_text(t));
}

mg_status mg_check_writable(const char *op, const char *name, const mg_tensor *out) {
  MG_TRY(mg_check_tensor(op, name, out));
  for (int i = 0; i < out->ndim; i++)
    if (out->strides[i] == 0 && out->shape[i] > 1)
      return mg_fail(MG_EINVAL,
                     "%s: %s %s is a broadcast view, whose elements share memory; expected one that can be written; copy it",
                     op, name, mg_shape_text(out));
  return MG_OK;
}

mg_status mg_check_out(const char *op, const char *name, const mg_tensor *out, const mg_tensor *const *inputs, int count) {
  MG_TRY(mg_check_writable(op, name, out));
  for (int i = 0; i < count; i++)
    if (inputs[i] && inputs[i]->buffer == out->buffer && mg_overlaps(out, inputs[i]))
      return mg_fail(MG_EINVAL, "%s: %s %s shares memory with an input %s; expected memory of its own", op, name,
                     mg_shape_text(out), mg_shape_text(inputs[i]));
  return MG_OK;
}
