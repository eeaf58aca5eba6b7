/* tensor.h: what a tensor is inside the engine. Private: op_*.c, backends and I/O include it, callers do not. */
#ifndef MG_TENSOR_H
#define MG_TENSOR_H

#include "moongate.h"

struct mg_backend;

/* Memory of one device, shared by the views on it. */
typedef struct mg_buffer {
  const struct mg_backend *backend;
  void *data;
  int64_t bytes;      /* as asked for; what mg_memory counts */
  int64_t id;         /* never reused in a process: identifies weights in mg_packed */
  int64_t version;    /* atomic; writes so far */
  int32_t references; /* atomic */
} mg_buffer;

struct mg_tensor {
  mg_buffer *buffer; /* NULL: empty or freed */
  mg_dtype dtype;
  int32_t ndim;
  int64_t offset;                /* of element 0, in elements */
  int64_t shape[MG_MAX_DIMS];
  int64_t strides[MG_MAX_DIMS];  /* in elements; 0 on broadcast axes, negative on reversed ones */
};

int64_t mg_dtype_bytes(mg_dtype dtype); /* 0 for an unknown dtype */
const char *mg_dtype_name(mg_dtype dtype);
static inline int mg_dtype_is_float(mg_dtype dtype) { return dtype == MG_FLOAT32 || dtype == MG_FLOAT64; }

/* A handle on the stack that holds nothing. To clear all of it would take longer than a small operation. */
static inline void mg_empty_handle(mg_tensor *t) { t->buffer = NULL; }

/* Address of element 0 (of the backend's memory); t must not be empty. */
static inline void *mg_elements(const mg_tensor *t) {
  return (char *)t->buffer->data + t->offset * (t->dtype == MG_FLOAT64 ? 8 : t->dtype == MG_UINT8 ? 1 : 4);
}
static inline int64_t mg_axis_size(const mg_tensor *t, int axis) { return t->shape[axis < 0 ? axis + t->ndim : axis]; }
int64_t mg_element_count(const mg_tensor *t); /* product of the shape */
int mg_same_shape(const mg_tensor *a, const mg_tensor *b);
int mg_same_view(const mg_tensor *a, const mg_tensor *b); /* same elements in the same order */
/* They share an element, or may: columns and steps of one tensor are told apart, patterns of two interleaved axes are not. */
int mg_overlaps(const mg_tensor *a, const mg_tensor *b);
int mg_is_contiguous(const mg_tensor *t);
void mg_set_row_major(mg_tensor *t); /* strides from shape */

void mg_set_view(mg_tensor *out, const mg_tensor *view); /* out becomes that view, dropping what it held; out == view is fine */
mg_status mg_check_sizes(const char *op, int32_t ndim, const int64_t *shape, int64_t element_bytes); /* ndim, signs, overflow */

/* Temporary operands in stack handles that hold nothing yet. Each call that succeeds fills `tmp` with an alias or a copy of x,
 * which mg_release drops; one that fails leaves nothing to drop. */
mg_status mg_borrow_contiguous(mg_tensor *tmp, const mg_tensor *x); /* a copy when x is not contiguous */
/* For elementwise operations: a copy when x overlaps out without being the same view, so that out may be written in any order. */
mg_status mg_detach_input(mg_tensor *tmp, const mg_tensor *x, const mg_tensor *out);
/* The same of x broadcast to out's shape; a message naming `op` and `name` when it does not fit. */
mg_status mg_broadcast_input(mg_tensor *tmp, const char *op, const char *name, const mg_tensor *x, const mg_tensor *out);
/* x itself, in *use, when it has out's shape and no memory that asks for a copy; else what mg_broadcast_input makes in `tmp`. */
mg_status mg_elementwise_input(const mg_tensor **use, mg_tensor *tmp, const char *op, const char *name, const mg_tensor *x,
                               const mg_tensor *out);
/* For outputs of slots that want contiguous memory: out itself where it is so, else fresh memory. The second brings the values
 * home unless status is a failure, marks out written, drops tmp and returns what then holds. */
mg_status mg_borrow_output(mg_tensor *tmp, const mg_tensor *out);
mg_status mg_return_output(mg_tensor *tmp, mg_tensor *out, mg_status status);
mg_status mg_alloc_like(mg_tensor *tmp, const mg_tensor *shape_of); /* a fresh contiguous tensor of that dtype, shape and device */
mg_status mg_alloc_on(mg_tensor *tmp, const struct mg_backend *backend, const mg_tensor *shape_of); /* the same on another device */
void mg_release(mg_tensor *t);      /* drops the memory of a stack or heap handle; NULL memory is fine */
void mg_mark_written(mg_tensor *t); /* one more write on its buffer; op_*.c calls it for every output */

#endif
