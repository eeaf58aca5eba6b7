/* backend.h: the seam between the operations (op_*.c) and a device. Private.
 *
 * op_*.c checks arguments, makes shapes agree and calls a slot of the operands' backend; it never asks which device or instruction set
 * that is. A slot may therefore rely on:
 *   - every tensor has memory on this backend, dtypes are as the slot's comment says, sizes are nonzero (empty work never gets here);
 *   - elementwise slots: operands already have out's shape (broadcast axes have stride 0), any strides;
 *   - all other slots: every tensor is contiguous unless the comment says otherwise.
 * A slot returns MG_OK or fails with mg_fail. NULL means: this backend does not offer it. op_*.c then takes the general path where
 * the table says there is one, else fails with MG_EUNSUPPORTED; no slot exists only to fail later. */
#ifndef MG_BACKEND_H
#define MG_BACKEND_H

#include "tensor.h"

/* Philox counter and key of one fill (moongate.h). */
typedef mg_random_key mg_key;

typedef struct mg_backend {
  const char *name;
  mg_device device;

  /* memory; alignment 64 at least */
  void *(*memory_alloc)(int64_t bytes); /* NULL: none left */
  void (*memory_free)(void *data, int64_t bytes);
  mg_status (*memory_read)(void *host, const void *data, int64_t bytes); /* to and from plain memory, for copies across devices */
  mg_status (*memory_write)(void *data, const void *host, int64_t bytes);

  /* elementwise: any strides */
  mg_status (*copy)(mg_tensor *out, const mg_tensor *x); /* casts */
  mg_status (*fill)(mg_tensor *out, double value);
  mg_status (*unary)(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b);
  mg_status (*binary)(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
  mg_status (*compare)(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
  mg_status (*where)(mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b);
  mg_status (*activation_forward)(mg_tensor *out, const mg_tensor *x, const mg_activation *activation);
  mg_status (*activation_backward)(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                   const mg_activation *activation);

  /* reductions: x any strides; out contiguous */
  mg_status (*reduce)(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes);
  /* over the last axis of contiguous x (rows, n) */
  mg_status (*arg_reduce)(int32_t op, mg_tensor *out, const mg_tensor *x);
  mg_status (*top_k)(mg_tensor *values, mg_tensor *indices, const mg_tensor *x);
  mg_status (*softmax_forward)(mg_tensor *out, const mg_tensor *x, int32_t log);
  mg_status (*softmax_backward)(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t log);

  /* linear algebra; the last two axes of a matmul operand may be swapped (unit stride on either), out contiguous */
  mg_status (*matmul)(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta);
  mg_status (*qr)(mg_tensor *q, mg_tensor *r, const mg_tensor *a);

  /* rows by index: ids checked (gather, scatter_add) */
  mg_status (*check_ids)(int64_t *first_bad /*-1: none*/, const mg_tensor *ids, int64_t limit);
  mg_status (*gather)(mg_tensor *out, const mg_tensor *table, const mg_tensor *ids);
  mg_status (*scatter_add)(mg_tensor *table, const mg_tensor *ids, const mg_tensor *rows);
  mg_status (*one_hot)(mg_tensor *out, const mg_tensor *ids);

  /* losses: as moongate.h */
  mg_status (*cross_entropy_forward)(mg_tensor *loss, mg_tensor *probabilities, const mg_tensor *logits, const mg_tensor *labels,
                                     const mg_tensor *weights);
  mg_status (*cross_entropy_backward)(mg_tensor *dlogits, const mg_tensor *dloss, const mg_tensor *probabilities,
                                      const mg_tensor *labels, const mg_tensor *weights);
  mg_status (*pointwise_loss_forward)(int32_t kind, mg_tensor *loss, const mg_tensor *prediction, const mg_tensor *target,
                                      const mg_tensor *weights, double delta);
  mg_status (*pointwise_loss_backward)(int32_t kind, mg_tensor *dprediction, const mg_tensor *dloss, const mg_tensor *prediction,
                                       const mg_tensor *target, const mg_tensor *weights, double delta);

  mg_status (*optimizer_update)(const mg_optimizer_args *args);

  mg_status (*random_fill)(int32_t kind, mg_tensor *out, const mg_key *key, double a, double b);
  mg_status (*random_categorical)(mg_tensor *ids, const mg_tensor *logits, const mg_key *key);
  mg_status (*random_permutation)(mg_tensor *out, const mg_key *key);

  /* GRU. Every tensor of args is checked and contiguous. gru_kernels lists the kernels from fastest to most general; the first whose
   * `refuses` returns NULL runs, and backward runs the one that forward wrote into args->kernel_used. The last refuses nothing. */
  const struct mg_gru_kernel *gru_kernels;
  int32_t gru_kernel_count;
} mg_backend;

typedef struct mg_gru_kernel {
  const char *name;
  const char *(*refuses)(const mg_gru_args *args);        /* NULL, or why it cannot take this call */
  int64_t (*saved_size)(const mg_gru_args *args);         /* elements of `saved`, any layout */
  mg_status (*forward)(const mg_gru_args *args);
  mg_status (*backward)(const mg_gru_args *args);
} mg_gru_kernel;

/* What a kernel may keep in a mg_packed handle. */
struct mg_packed {
  const mg_gru_kernel *kernel;               /* NULL: empty */
  int64_t buffer[2], offset[2], version[2];  /* kernel and recurrent_kernel it was packed from */
  int64_t units, features, precision;
  void *data;                                /* from memory_alloc of `backend` */
  int64_t bytes;
  const mg_backend *backend;
};

const mg_backend *mg_backend_of(mg_device device); /* NULL with a message when the device is not there */
extern const mg_backend mg_cpu_backend;

#endif
