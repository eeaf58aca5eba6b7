/* error.h: failing with a sentence. Private. Every check returns from the calling function with a status. */
#ifndef MG_ERROR_H
#define MG_ERROR_H

#include "tensor.h"

/* Stores the message for mg_error() and returns status. Use as: return mg_fail(MG_ESHAPE, "matmul: a (%s) ...", ...); */
mg_status mg_fail(mg_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "(2, 3)" or "(freed)" / "(null)" in one of 8 rotating thread-local buffers. */
const char *mg_shape_text(const mg_tensor *t);
const char *mg_sizes_text(int ndim, const int64_t *sizes);

/* Return unless `call` succeeds. */
#define MG_TRY(call)                          \
  do {                                        \
    mg_status mg_try_ = (call);               \
    if (mg_try_ != MG_OK) return mg_try_;     \
  } while (0)

/* The checks of op_*.c. `op` is the operation's name as users type it, `name` the argument's. */
mg_status mg_check_tensor(const char *op, const char *name, const mg_tensor *t);                   /* not NULL, has memory */
mg_status mg_check_float(const char *op, const char *name, const mg_tensor *t);                    /* and float32 or float64 */
mg_status mg_check_dtype(const char *op, const char *name, const mg_tensor *t, mg_dtype dtype);    /* and of that dtype */
mg_status mg_check_like(const char *op, const char *name, const mg_tensor *t, const char *other_name,
                        const mg_tensor *other);                                                    /* same dtype and device */
/* Both are in use, on one device. */
mg_status mg_check_device(const char *op, const char *name, const mg_tensor *t, const char *other_name, const mg_tensor *other);
mg_status mg_check_same_shape(const char *op, const char *name, const mg_tensor *t, const char *other_name, const mg_tensor *other);
/* exactly this one */
mg_status mg_check_shape(const char *op, const char *name, const mg_tensor *t, int ndim, const int64_t *shape);
mg_status mg_check_axis(const char *op, const mg_tensor *x, int32_t *axis /*[io] made non-negative*/);
mg_status mg_check_offered(const char *op, const mg_tensor *t, int offered);                       /* by t's device */
mg_status mg_check_writable(const char *op, const char *name, const mg_tensor *out);                    /* not a broadcast view */
/* Writable (not a broadcast view) and apart from each of the inputs (NULL ones are skipped). */
mg_status mg_check_out(const char *op, const char *name, const mg_tensor *out, const mg_tensor *const *inputs, int count);

#endif
