/* backend.h: the seam between the operations (op_*.c) and a device. Private.
 *
 * op_*.c checks arguments, makes shapes agree and calls a slot of the operands' backend; it never asks which device or instruction
 * set that is. A slot may therefore rely on:
 *   - every tensor has memory on this backend, dtypes are as the slot's comment says, no size is 0 (empty work never gets here);
 *   - elementwise slots: operands already have out's shape (broadcast axes have stride 0), any strides;
 *   - all other slots: every tensor is contiguous unless the comment says otherwise.
 * A slot returns MG_OK or fails with mg_fail. NULL means: this backend does not offer it, and op_*.c fails with MG_EUNSUPPORTED;
 * no slot exists only to fail later. The slots for memory, copy and fill are never NULL; gather and scatter_add need check_ids. */
#ifndef MG_BACKEND_H
#define MG_BACKEND_H

#include "tensor.h"

struct mg_stream_layer; /* stream.h */
typedef struct mg_backend {
  const char *name;
  mg_device device;

  /* memory; alignment 64 at least */
  mg_status (*memory_alloc)(void **data, int64_t bytes); /* MG_ENOMEM: none left, worth a retry; else what is wrong */
  void (*memory_free)(void *data, int64_t bytes);
  mg_status (*memory_read)(void *host, const void *data, int64_t bytes); /* to and from plain memory, for copies across devices */
  mg_status (*memory_write)(void *data, const void *host, int64_t bytes);
  mg_status (*describe)(mg_device_info *info);
  mg_status (*synchronize)(void);

  /* elementwise: any strides */
  mg_status (*copy)(mg_tensor *out, const mg_tensor *x); /* casts */
  mg_status (*fill)(mg_tensor *out, double value);
  mg_status (*unary)(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b);
  mg_status (*binary)(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
  mg_status (*compare)(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
  mg_status (*where)(mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b);
  mg_status (*activation_forward)(mg_tensor *out, const mg_tensor *x, const mg_activation *activation);
  mg_status (*activation_backward)(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                   const mg_activation *activation); /* x or y, whichever moongate.h requires; the other is NULL */

  /* reductions: x any strides; out contiguous */
  mg_status (*reduce)(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes);
  /* over the last axis of contiguous x (rows, n) */
  mg_status (*arg_reduce)(int32_t op, mg_tensor *out, const mg_tensor *x);
  mg_status (*cumulative_sum)(mg_tensor *out, const mg_tensor *x, int32_t reverse);
  mg_status (*top_k)(mg_tensor *values, mg_tensor *indices, const mg_tensor *x);
  mg_status (*softmax_forward)(mg_tensor *out, const mg_tensor *x, int32_t log);
  mg_status (*softmax_backward)(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t log);

  /* as moongate.h */
  mg_status (*layer_norm_forward)(mg_tensor *y, mg_tensor *mean, mg_tensor *inverse, const mg_tensor *x, const mg_tensor *gamma,
                                  const mg_tensor *beta, double epsilon);
  mg_status (*layer_norm_backward)(mg_tensor *dx, mg_tensor *dgamma, mg_tensor *dbeta, const mg_tensor *dy, const mg_tensor *x,
                                   const mg_tensor *mean, const mg_tensor *inverse, const mg_tensor *gamma);

  /* linear algebra; a matmul operand has unit stride along one of its last two axes and at least that axis's size along the other
   * (along an axis of one element: any), leading axes of any stride or missing: they broadcast; out contiguous */
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

  mg_status (*random_fill)(int32_t kind, mg_tensor *out, const mg_random_key *key, double a, double b);
  mg_status (*random_categorical)(mg_tensor *ids, const mg_tensor *logits, const mg_random_key *key);
  mg_status (*random_permutation)(mg_tensor *out, const mg_random_key *key);

  /* GRU, LSTM and SimpleRNN, from the fastest kernel to the most general one. The first that takes a call runs; one without a
   * backward is for inference and is passed over when `saved` is set or asked for. op_rnn.c answers B = 0 and T = 0 itself, checks
   * `saved` against the kernel in both directions, and lets backward run the kernel that kernel_used names. The last one refuses
   * nothing. */
  const struct mg_rnn_kernel *rnn_kernels;
  int32_t rnn_kernel_count;

  /* streams: fills in what stream.h leaves to the backend; the layer's arguments are checked, float32 and of this device */
  void (*stream_plan)(struct mg_stream_layer *layer);
} mg_backend;

/* private status of a forward: this data needs a more general kernel; only output, gates and saved may have been touched, since
 * state may be the memory of initial_state */
enum { MG_NEXT_KERNEL = 1 };

struct mg_rnn_kind; /* rnn.h: which of the three layers */
typedef struct mg_rnn_kernel {
  const char *name;
  const char *(*text)(const struct mg_rnn_kind *kind, const mg_rnn_args *args); /* name and how it would run, static; NULL: name */
  int passes_on; /* forward may answer MG_NEXT_KERNEL */
  mg_status (*refuses)(const char **reason /*NULL: it takes the call*/, const struct mg_rnn_kind *kind, const mg_rnn_args *args);
  mg_status (*saved_size)(int64_t *elements, const struct mg_rnn_kind *kind, const mg_rnn_args *args);
  mg_status (*forward)(const struct mg_rnn_kind *kind, const mg_rnn_args *args);
  mg_status (*backward)(const struct mg_rnn_kind *kind, const mg_rnn_args *args); /* NULL: inference only */
  void (*estimate)(mg_plan *plan, const struct mg_rnn_kind *kind, const mg_rnn_args *args); /* all but the texts; NULL: not known */
} mg_rnn_kernel;

/* Packed weights, of any layer kind. The key names the caller's tensors, before any contiguous copy of them. */
enum { MG_PACKED_PARTS = 6 };
struct mg_packed {
  const void *kernel;                                /* the kernel that laid it out; compared only. NULL: empty */
  int64_t buffer[3], offset[3], version[3];          /* kernel, recurrent_kernel, bias (buffer 0: none) */
  int64_t strides[3][2];
  int64_t units, features, precision;
  const struct mg_rnn_kind *kind;
  uint32_t variant;                                  /* flags that change the layout */
  uint32_t parts;                                    /* bits of the parts that are there */
  void *data[MG_PACKED_PARTS];                       /* from memory_alloc of `backend` */
  int64_t bytes[MG_PACKED_PARTS];
  const mg_backend *backend;
};

const mg_backend *mg_backend_of(mg_device device); /* NULL with a message when the device is not there */
const mg_backend *mg_host_backend(void);           /* of plain memory */
extern const mg_backend mg_cpu_backend;

#endif
