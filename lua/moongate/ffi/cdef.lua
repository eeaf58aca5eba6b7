-- Generated from core/moongate.h, moongate_streams.h and moongate_files.h by core/cdef.cmake; not edited by hand.
return [==[
enum { MG_ABI = 2, MG_MAX_DIMS = 8 };

typedef int32_t mg_status;
enum {
  MG_OK = 0,
  MG_EINVAL = -1,        /* an argument no call could accept */
  MG_ESHAPE = -2,        /* shapes that do not fit each other */
  MG_EDTYPE = -3,        /* a dtype this operation does not take */
  MG_ENOMEM = -4,        /* memory exhausted, or a size that overflows */
  MG_EDEVICE = -5,       /* tensors of different devices, or a device that is not there */
  MG_EUNSUPPORTED = -6,  /* valid, but not on this device or build */
  MG_EIO = -7,           /* a file that cannot be read or written */
  MG_ENOTFOUND = -8,     /* no such file, object or attribute */
};

typedef int32_t mg_dtype;
enum { MG_FLOAT32 = 1, MG_FLOAT64 = 2, MG_INT32 = 3, MG_UINT8 = 4 };

typedef int32_t mg_device;
enum { MG_CPU = 0, MG_CUDA = 1 };

/* ---- Runtime ------------------------------------------------------------------------------------------------------------ */

typedef struct mg_memory_info {
  int64_t live_bytes;      /* in buffers that some tensor holds */
  int64_t peak_bytes;      /* the largest live_bytes so far */
  int64_t cached_bytes;    /* released buffers kept for reuse */
  int64_t workspace_bytes; /* scratch of all threads */
} mg_memory_info;

typedef struct mg_runtime_info {
  const char *version;  /* "0.1.0" */
  const char *isa;      /* kernels in use: "generic", "avx2", "avx512", "amx"; MOONGATE_ISA asks for one of these */
  const char *isa_best; /* the best one this processor and build offer, the default */
  const char *cpu;      /* the processor's name */
  const char *features; /* "avx2 fma avx512f ...": what it has of what kernels ask for */
  const char *blas;     /* the BLAS library's own description */
  const char *compiler;
  int32_t threads;
  int32_t processors; /* that this process may run on */
} mg_runtime_info;

int32_t mg_abi(void);           /* MG_ABI of the library */
const char *mg_error(void);     /* message of this thread's last failure */
mg_status mg_runtime(mg_runtime_info *info /*[out]*/);
mg_status mg_memory(mg_memory_info *info /*[out]*/);
void mg_memory_trim(void); /* gives cached buffers and this thread's workspace back to the system */

typedef struct mg_device_info {
  const char *name;
  int64_t total_bytes, free_bytes; /* of its memory */
} mg_device_info;
mg_status mg_device_describe(mg_device_info *info /*[out]*/, mg_device device); /* MG_EDEVICE says why it is not there */
mg_status mg_device_synchronize(mg_device device); /* waits for its work; reports what failed in it */

/* Worker threads, the caller included: 1..256. Default: MOONGATE_THREADS, else the processors of this process. */
mg_status mg_set_threads(int32_t threads);
int32_t mg_get_threads(void);

/* The least precision of recurrent layers (PyTorch's words): as float32, errors to 1e-5, to 1e-2; kernels may be more precise. */
enum { MG_PRECISION_HIGHEST = 0, MG_PRECISION_HIGH = 1, MG_PRECISION_MEDIUM = 2 };
mg_status mg_set_matmul_precision(int32_t precision);
int32_t mg_get_matmul_precision(void);

/* Between begin and end the first SIGINT only sets a flag; a second one ends the process as if no handler were installed. */
mg_status mg_interrupt_begin(void);
int32_t mg_interrupt_pending(void); /* 1 after a SIGINT, else 0 */
void mg_interrupt_end(void);

/* ---- Tensors: reference-counted views (dtype, shape, strides, offset) of a buffer --------------------------------------- */

typedef struct mg_tensor mg_tensor;

mg_status mg_tensor_create(mg_tensor **out); /* an empty handle, to be filled by one of the functions below */
void mg_tensor_destroy(mg_tensor *t /*[opt]*/);
mg_status mg_tensor_clear(mg_tensor *t); /* drops the memory; the handle can be filled again */

/* Each fills the handle `out`, dropping what it held (out == x is allowed); on failure `out` is as before. No view copies elements.
 * ndim 0 (shape may be NULL) is a scalar. */
mg_status mg_tensor_alloc(mg_tensor *out, mg_device device, mg_dtype dtype, int32_t ndim,
                                 const int64_t *shape /*[ndim]*/); /* row-major, contents undefined */
mg_status mg_tensor_alias(mg_tensor *out, const mg_tensor *x);
mg_status mg_tensor_slice(mg_tensor *out, const mg_tensor *x, int32_t axis, int64_t start, int64_t count,
                                 int64_t step); /* elements start, start+step, ...; step < 0 reverses */
mg_status mg_tensor_permute(mg_tensor *out, const mg_tensor *x, const int32_t *axes /*[ndim]*/);
mg_status mg_tensor_reshape(mg_tensor *out, const mg_tensor *x, int32_t ndim,
                                   const int64_t *shape); /* one -1 is inferred; MG_ESHAPE when it needs a copy */
mg_status mg_tensor_broadcast(mg_tensor *out, const mg_tensor *x, int32_t ndim, const int64_t *shape);

int32_t mg_tensor_ndim(const mg_tensor *t);           /* -1: no memory */
mg_dtype mg_tensor_dtype(const mg_tensor *t);         /* 0: no memory */
mg_device mg_tensor_device(const mg_tensor *t);       /* -1: no memory */
const int64_t *mg_tensor_shape(const mg_tensor *t);   /* [ndim], valid until the handle changes */
const int64_t *mg_tensor_strides(const mg_tensor *t); /* [ndim], in elements */
int64_t mg_tensor_size(const mg_tensor *t);           /* elements; -1: no memory */
int32_t mg_tensor_is_contiguous(const mg_tensor *t);
/* First element, an address of t's device; NULL: no memory. mg_tensor_data is for writing and counts as one write when it is
 * called: take it again before writing after any other call. mg_tensor_read counts nothing. */
void *mg_tensor_data(mg_tensor *t);
const void *mg_tensor_read(const mg_tensor *t);
int64_t mg_tensor_version(const mg_tensor *t); /* grows with every write to the buffer: what packed weights are checked by */

/* out = x, broadcast to out's shape and cast to its dtype; across devices too. Floats to integers truncate and saturate, NaN
 * gives 0; integers to narrower ones keep their low bits. */
mg_status mg_copy(mg_tensor *out, const mg_tensor *x);
mg_status mg_fill(mg_tensor *out, double value);

/* ---- Elementwise -------------------------------------------------------------------------------------------------------- */

enum {
  MG_UNARY_AFFINE = 0, /* a*x + b; integers too */
  MG_UNARY_POW,        /* x^a */
  MG_UNARY_POW_OF,     /* a^x */
  MG_UNARY_DIV,        /* x / a, correctly rounded */
  MG_UNARY_DIV_INTO,   /* a / x */
  MG_UNARY_CLIP,       /* min(max(x, a), b), NaN stays; integers too */
  MG_UNARY_ABS,        /* integers too */
  MG_UNARY_SIGN, MG_UNARY_SQUARE, MG_UNARY_SQRT, MG_UNARY_RSQRT, MG_UNARY_RECIPROCAL, MG_UNARY_EXP, MG_UNARY_EXPM1,
  MG_UNARY_LOG, MG_UNARY_LOG1P, MG_UNARY_SIN, MG_UNARY_COS, MG_UNARY_FLOOR, MG_UNARY_CEIL,
  MG_UNARY_ROUND,      /* half to even */
  MG_UNARY_IS_NAN, MG_UNARY_IS_FINITE, /* out is uint8 */
  MG_UNARY_NOT,        /* uint8: x == 0 */
  MG_UNARY_COUNT
};
mg_status mg_unary(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b);

enum { MG_BINARY_ADD = 0, MG_BINARY_SUB, MG_BINARY_MUL, MG_BINARY_DIV, MG_BINARY_POW, MG_BINARY_MAX, MG_BINARY_MIN,
       MG_BINARY_COUNT }; /* div and pow: float only; max and min pass NaN on; integers wrap */
/* a, b and condition broadcast to out's shape. */
mg_status mg_binary(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);

enum { MG_COMPARE_EQ = 0, MG_COMPARE_NE, MG_COMPARE_LT, MG_COMPARE_LE, MG_COMPARE_GT, MG_COMPARE_GE, MG_COMPARE_COUNT };
mg_status mg_compare(int32_t op, mg_tensor *out /*uint8, 0 or 1*/, const mg_tensor *a, const mg_tensor *b);
mg_status mg_where(mg_tensor *out, const mg_tensor *condition /*uint8*/, const mg_tensor *a, const mg_tensor *b);

/* Keras's elementwise activations; a and b as noted. Formulas: keras.activations, but NaN always stays NaN. */
enum {
  MG_ACT_LINEAR = 0, MG_ACT_TANH, MG_ACT_SIGMOID,
  MG_ACT_HARD_SIGMOID, /* clip(a*x + b, 0, 1): Keras 3 1/6, 0.5; Keras 2 0.2, 0.5 */
  MG_ACT_RELU,         /* a: negative slope, b: max_value (infinity: none; relu6: 6), c: threshold */
  MG_ACT_ELU,          /* a: alpha */
  MG_ACT_SELU, MG_ACT_CELU /* a: alpha */, MG_ACT_GELU, MG_ACT_GELU_TANH, MG_ACT_SILU, MG_ACT_HARD_SILU, MG_ACT_HARD_TANH,
  MG_ACT_SOFTPLUS, MG_ACT_SOFTSIGN, MG_ACT_EXPONENTIAL, MG_ACT_MISH, MG_ACT_LOG_SIGMOID,
  MG_ACT_HARD_SHRINK,  /* a: threshold */
  MG_ACT_SOFT_SHRINK,  /* a: threshold */
  MG_ACT_TANH_SHRINK,
  MG_ACT_SQUAREPLUS,   /* a: b of the formula */
  MG_ACT_SPARSE_PLUS, MG_ACT_SPARSE_SIGMOID,
  MG_ACT_THRESHOLD,    /* a: threshold, b: default_value */
  MG_ACT_COUNT
};
typedef struct mg_activation {
  int32_t kind; /* MG_ACT_* */
  int32_t reserved;
  double a, b, c;
} mg_activation;
mg_status mg_activation_forward(mg_tensor *out, const mg_tensor *x, const mg_activation *activation);
/* For LINEAR, TANH, SIGMOID, HARD_SIGMOID, RELU with a = c = 0, ELU with a >= 0, SELU, EXPONENTIAL and SOFTSIGN x may be NULL
 * (forward may run in place), for all others y. At kinks the slope is that of Keras on TensorFlow: 0 at relu's and at
 * hard_sigmoid's. */
mg_status mg_activation_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x /*[opt]*/,
                                        const mg_tensor *y /*[opt]*/, const mg_activation *activation);

/* ---- Reductions --------------------------------------------------------------------------------------------------------- */

enum { MG_REDUCE_SUM = 0, MG_REDUCE_MEAN, MG_REDUCE_SUM_OF_SQUARES, MG_REDUCE_PROD, MG_REDUCE_MAX, MG_REDUCE_MIN, MG_REDUCE_COUNT };
/* out has x's number of dimensions, size 1 on the reduced axes (bit i of axes: axis i; 0: a copy) and x's dtype; for integer x also
 * int32, float32 or float64 (mean and sum of squares: float). Max and min pass NaN on. Over no element: sum 0, prod 1, mean NaN,
 * max -inf or the least integer, min +inf or the greatest. */
mg_status mg_reduce(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes);
enum { MG_ARG_MAX = 0, MG_ARG_MIN = 1 };
/* 0-based, the first of equals; NaN beats everything. */
mg_status mg_arg_reduce(int32_t op, mg_tensor *out /*int32, size 1 on axis*/, const mg_tensor *x, int32_t axis);
mg_status mg_top_k(mg_tensor *values /*(..., k)*/, mg_tensor *indices /*int32 (..., k)*/, const mg_tensor *x /*(..., n)*/);
mg_status mg_cumulative_sum(mg_tensor *out, const mg_tensor *x, int32_t axis, int32_t reverse /*1: from the end*/);
mg_status mg_softmax_forward(mg_tensor *out, const mg_tensor *x, int32_t axis, int32_t log /*1: log-softmax*/);
mg_status mg_softmax_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t axis, int32_t log);

/* Rows of x (N,C), C >= 1, with mean 0 and variance 1: n = (x - mean) inverse, inverse = 1 / sqrt(variance + epsilon), variance the
 * mean of (x - mean)^2; y = n gamma + beta. float */
mg_status mg_layer_norm_forward(mg_tensor *y, mg_tensor *mean /*(N) [save]*/, mg_tensor *inverse /*(N) [save]*/,
                                       const mg_tensor *x, const mg_tensor *gamma /*(C) [opt]*/,
                                       const mg_tensor *beta /*(C) [opt]*/, double epsilon);
/* With g = dy gamma: dx = (g - mean(g) - n mean(g n)) inverse, dgamma = sum over N of dy n, dbeta = sum of dy. */
mg_status mg_layer_norm_backward(mg_tensor *dx /*[opt]*/, mg_tensor *dgamma /*[opt]*/, mg_tensor *dbeta /*[opt]*/,
                                        const mg_tensor *dy, const mg_tensor *x, const mg_tensor *mean, const mg_tensor *inverse,
                                        const mg_tensor *gamma /*[opt]*/);

/* ---- Linear algebra ----------------------------------------------------------------------------------------------------- */

/* out (..., M, N) = a (..., M, K) b (..., K, N) + beta * out (beta 0: out is not read). Leading axes broadcast; a transposed
 * operand is a permuted view. float */
mg_status mg_matmul(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta);
/* Reduced QR of a (M, N), K = min(M, N): q (M, K) orthonormal columns, r (K, N) upper triangular, as LAPACK's geqrf/orgqr. float */
mg_status mg_qr(mg_tensor *q, mg_tensor *r, const mg_tensor *a);

/* ---- Rows by index ------------------------------------------------------------------------------------------------------ */

/* ids: int32 of any shape, 0-based; one out of range is MG_EINVAL naming its position and value, and nothing is written.
 * Tables of any dtype; scatter_add float, repeated ids in order. */
mg_status mg_gather(mg_tensor *out /*ids.shape + table.shape[1:]*/, const mg_tensor *table, const mg_tensor *ids);
mg_status mg_scatter_add(mg_tensor *table /*[io]*/, const mg_tensor *ids, const mg_tensor *rows /*as gather's out*/);
/* An id outside 0..C-1 gives zeros, as in Keras. */
mg_status mg_one_hot(mg_tensor *out /*ids.shape + (C)*/, const mg_tensor *ids);

/* ---- Fused losses (natural logarithms, nats); one loss per row, float ---------------------------------------------------- */

/* In all of them a row of weight 0 is skipped: its loss and gradient are exactly 0 whatever it holds. */

/* -sum_c target[c] log softmax(logits)[c] * weight. labels: int32 (N) class ids, or float (N,C) targets. An id out of range in a
 * row that counts is MG_EINVAL naming row and id. */
mg_status mg_cross_entropy_forward(mg_tensor *loss /*(N)*/, mg_tensor *probabilities /*(N,C) [save][opt]*/,
                                          const mg_tensor *logits /*(N,C)*/, const mg_tensor *labels,
                                          const mg_tensor *weights /*(N) [opt]*/);
mg_status mg_cross_entropy_backward(mg_tensor *dlogits /*(N,C); may be probabilities*/, const mg_tensor *dloss /*(N)*/,
                                           const mg_tensor *probabilities, const mg_tensor *labels,
                                           const mg_tensor *weights /*[opt]*/);

enum { MG_LOSS_SQUARED = 0, MG_LOSS_ABSOLUTE, MG_LOSS_HUBER /* delta */, MG_LOSS_BINARY_LOGITS, MG_LOSS_COUNT };
/* mean over the last axis of the pointwise loss, times weight. */
mg_status mg_pointwise_loss_forward(int32_t kind, mg_tensor *loss /*(N)*/, const mg_tensor *prediction /*(N,C)*/,
                                           const mg_tensor *target /*(N,C)*/, const mg_tensor *weights /*(N) [opt]*/, double delta);
mg_status mg_pointwise_loss_backward(int32_t kind, mg_tensor *dprediction, const mg_tensor *dloss,
                                            const mg_tensor *prediction, const mg_tensor *target,
                                            const mg_tensor *weights /*[opt]*/, double delta);

/* ---- Fused optimizer updates over flat memory, Keras 3's formulas -------------------------------------------------------- */

enum { MG_OPTIMIZER_SGD = 0, MG_OPTIMIZER_RMSPROP, MG_OPTIMIZER_ADAM, MG_OPTIMIZER_ADAGRAD, MG_OPTIMIZER_ADADELTA,
       MG_OPTIMIZER_ADAMAX, MG_OPTIMIZER_NADAM, MG_OPTIMIZER_LION,
       MG_OPTIMIZER_AVERAGE /* parameter = momentum parameter + (1 - momentum) gradient */, MG_OPTIMIZER_COUNT };
enum { MG_OPTIMIZER_NESTEROV = 1, MG_OPTIMIZER_CENTERED = 2, MG_OPTIMIZER_AMSGRAD = 4,
       MG_OPTIMIZER_SCALED = 8 /* use gradient_scale */, MG_OPTIMIZER_CLIPPED = 16 /* use gradient_limit, after it */ };
typedef struct mg_optimizer_args {
  int32_t kind;
  uint32_t flags;
  int64_t step; /* this update's number, from 1 */
  double learning_rate, momentum, rho, beta_1, beta_2, epsilon;
  double weight_decay;        /* decoupled: parameter -= learning_rate * weight_decay * parameter, before the update */
  double gradient_scale, gradient_limit;
  mg_tensor *parameter;       /* [io] float, contiguous */
  const mg_tensor *gradient;  /* as parameter */
  mg_tensor *state[3];        /* [io] SGD: momentum (NULL when 0). RMSprop: velocity, momentum (NULL when 0), average gradient
                                 (centered). Adam: m, v, v_hat (amsgrad). Adagrad: sum of g^2. Adadelta: averages of g^2, of updates
                                 squared. Adamax: m, u. Nadam: m, v (rho: product of the momenta up to this step). Lion: m. */
} mg_optimizer_args;
mg_status mg_optimizer_update(const mg_optimizer_args *args);

/* ---- Random numbers: Philox 4x32-10 (Salmon et al. 2011) ------------------------------------------------------------------ */

/* Element i (row-major in out, whatever its strides) depends on seed, stream, offset + i, kind, a, b and dtype alone. A call uses
 * as many offsets as out has elements. */

typedef struct mg_random_key { uint64_t seed, stream, offset; } mg_random_key;
enum {
  MG_RANDOM_UNIFORM = 0,      /* [a, b) */
  MG_RANDOM_NORMAL,           /* mean a, standard deviation b */
  MG_RANDOM_TRUNCATED_NORMAL, /* as normal, drawn within 2 b of a */
  MG_RANDOM_BERNOULLI,        /* 1 with probability a, else 0; any dtype */
  MG_RANDOM_DROPOUT,          /* 0 with probability a, else 1/(1-a); a = 1: all 0 */
  MG_RANDOM_COUNT
};
mg_status mg_random_fill(int32_t kind, mg_tensor *out, const mg_random_key *key, double a, double b);
mg_status mg_random_categorical(mg_tensor *ids /*int32 (N)*/, const mg_tensor *logits /*float (N,C)*/,
                                       const mg_random_key *key);
mg_status mg_random_permutation(mg_tensor *out /*int32 (N): 0..N-1 shuffled*/, const mg_random_key *key);
/* One Philox block. */
mg_status mg_random_block(uint32_t *out /*[4]*/, const uint32_t *counter /*[4]*/, const uint32_t *key /*[2]*/);

/* ---- Recurrent layers over a whole sequence ------------------------------------------------------------------------------ */

/* Packed weights of one layer, in the layout of the kernel that ran last, with the versions of the weights they came from: a call
 * packs again when the kernel, the tensors or their versions differ, so passing the layer's handle is always safe. */
typedef struct mg_packed mg_packed;
mg_status mg_packed_create(mg_packed **out);
void mg_packed_destroy(mg_packed *packed /*[opt]*/);

enum { /* of every recurrent layer; 1 << 16 and above: one kind's own */
  MG_RNN_GO_BACKWARDS = 1,         /* steps T-1..0; output, doutput and gates in processing order; x, mask and dx in time order */
  MG_RNN_RETURN_SEQUENCES = 2,
  MG_RNN_ZERO_OUTPUT_FOR_MASK = 4, /* masked outputs are 0 instead of the previous output; ignored without RETURN_SEQUENCES */
  MG_RNN_TIME_MAJOR = 8,           /* x, mask, gates, a sequence output and their gradients are (T,B,...) */
  MG_RNN_RECOMPUTE = 16,           /* `saved` keeps few states (float32: of sqrt(T) steps); backward computes the rest again */
  MG_GRU_RESET_AFTER = 1 << 16,
};

/* One struct for GRU, LSTM and SimpleRNN, with G = 3, 4 and 1 gates, and for both directions: backward takes what forward took,
 * unchanged, with the gradient fields filled in. g stands for a gate; x_g = x * dropout_mask of g, h_g = h * recurrent_dropout_mask
 * of g (absent masks: 1); K, R, b its columns of kernel, recurrent_kernel, bias; s = recurrent_activation, a = activation.
 * GRU, gates z, r, n (n: Keras's block "h"); b row 0, b2 row 1 of bias (reset_after only):
 *   z = s(x_z Kz + bz + h_z Rz + b2z)      r = s(x_r Kr + br + h_r Rr + b2r)
 *   n = a(x_n Kn + bn + r * (h_n Rn + b2n))   reset_after, else   n = a(x_n Kn + bn + (r * h_n) Rn)
 *   h_new = z * h + (1 - z) * n
 * LSTM, gates i, f, g, o (g: Keras's block "c"), with a second state, the carry c:
 *   i = s(x_i Ki + bi + h_i Ri), f and o likewise, g likewise with a;   c_new = f * c + i * g;   h_new = o * a(c_new)
 * SimpleRNN, the one gate h_new = a(x_1 K + b + h_1 R).
 * state = mask ? h_new : h;   output = mask ? h_new : the previous output (zeros at first);   carry = mask ? c_new : c
 * A masked step is as if absent: whatever x holds there, NaN included, reaches no output, state, gate or gradient; gates and dx are
 * 0 there; doutput goes to the row's last valid step, and nowhere before the first or with ZERO_OUTPUT_FOR_MASK. The last output is
 * always the last valid one. A row masked throughout, or T = 0: output 0, states = initial ones, their gradients likewise.
 * Backward reads neither output, state, carry nor gates: they may be NULL, freed or overwritten by then. Everything else must hold
 * what forward read. Keras's layouts. float32 or float64. Sources: Cho et al. 2014; Gers et al. 2000; keras.layers. */
typedef struct mg_rnn_args {
  const mg_tensor *x;                          /* (B,T,F) */
  const mg_tensor *kernel;                     /* (F,GU) */
  const mg_tensor *recurrent_kernel;           /* (U,GU) */
  const mg_tensor *bias;                       /* (2,3U) with reset_after, else (GU) [opt: none] */
  const mg_tensor *initial_state;              /* (B,U) [opt: zeros] */
  const mg_tensor *initial_carry;              /* (B,U), LSTM only [opt: zeros] */
  const mg_tensor *mask;                       /* uint8 (B,T), nonzero: use the step [opt: all] */
  const mg_tensor *dropout_masks[4];           /* (B,F), scaled: [0] alone for all gates, or one a gate [opt] */
  const mg_tensor *recurrent_dropout_masks[4]; /* (B,U), scaled: as dropout_masks; GRU: one a gate or none [opt] */
  mg_activation activation, recurrent_activation;
  uint32_t flags;      /* MG_RNN_*, MG_GRU_* */
  int32_t kernel_used; /* [save] number of the kernel that filled `saved` */
  mg_tensor *output;   /* (B,T,U) return_sequences, else (B,U) [out] */
  mg_tensor *state;    /* (B,U), the last valid one [out][opt]; without `saved` it may be the view initial_state */
  mg_tensor *carry;    /* (B,U), LSTM only, likewise [out][opt]; without `saved` it may be the view initial_carry */
  mg_tensor *gates;    /* (B,T,GU): the gates of every step [out][opt] */
  mg_tensor *saved;    /* (mg_*_saved_size) elements of x's dtype [save][opt: inference]; backward uses it up: one a forward */
  mg_packed *packed;   /* [io][opt: packed anew in each call] */
  /* backward */
  const mg_tensor *doutput;     /* as output [opt: zeros] */
  const mg_tensor *dstate;      /* as state [opt: zeros] */
  const mg_tensor *dcarry;      /* as carry [opt: zeros] */
  mg_tensor *dx;                /* as x [out][opt] */
  mg_tensor *dkernel;           /* as kernel [out][opt] */
  mg_tensor *drecurrent_kernel; /* as recurrent_kernel [out][opt] */
  mg_tensor *dbias;             /* as bias [out][opt] */
  mg_tensor *dinitial_state;    /* (B,U) [out][opt] */
  mg_tensor *dinitial_carry;    /* (B,U) [out][opt] */
  void *reserved[6];            /* NULL */
} mg_rnn_args;

enum { MG_SPLIT_NONE = 0, MG_SPLIT_ROWS, MG_SPLIT_UNITS };
typedef struct mg_plan {
  const char *kernel, *faster, *reason; /* the one it takes; the fastest one it cannot take, NULL: none; why not */
  int64_t nanoseconds;                  /* estimated for this processor, packed weights ready unless in training; 0: not known */
  int64_t split, threads, block_rows, chunk_steps; /* what threads share; how many; rows, and steps of input products, at once */
  int64_t reserved[3];
} mg_plan;

/* saved_size: enough for whichever kernel forward takes with `saved` given; outputs, saved and gradients may still be NULL. 0:
 * empty work. explain: what forward would do with these arguments; `saved` set: in training. Texts are static. */
mg_status mg_gru_saved_size(int64_t *elements /*[out]*/, const mg_rnn_args *args);
mg_status mg_gru_forward(mg_rnn_args *args);
mg_status mg_gru_backward(const mg_rnn_args *args);
mg_status mg_gru_explain(mg_plan *plan /*[out]*/, const mg_rnn_args *args);
mg_status mg_lstm_saved_size(int64_t *elements /*[out]*/, const mg_rnn_args *args);
mg_status mg_lstm_forward(mg_rnn_args *args);
mg_status mg_lstm_backward(const mg_rnn_args *args);
mg_status mg_lstm_explain(mg_plan *plan /*[out]*/, const mg_rnn_args *args);
mg_status mg_simple_rnn_saved_size(int64_t *elements /*[out]*/, const mg_rnn_args *args);
mg_status mg_simple_rnn_forward(mg_rnn_args *args);
mg_status mg_simple_rnn_backward(const mg_rnn_args *args);
mg_status mg_simple_rnn_explain(mg_plan *plan /*[out]*/, const mg_rnn_args *args);
/* ---- Streams: a stack of layers, one step of time at a call --------------------------------------------------------------- */

/* A stepper is a stack of layers with its packed weights, a stream the states of `batch` rows that go through it. Any number of
 * streams, in any threads, share a stepper and keep it alive. float32; the layers' tensors are kept, not copied: a step after
 * their memory was written packs them again. Writing weights while a stream steps is the caller's race. */
typedef struct mg_stepper mg_stepper; typedef struct mg_stream mg_stream;
mg_status mg_stepper_create(mg_stepper **out);
void mg_stepper_destroy(mg_stepper *stepper /*[opt]*/); /* before or after its streams */
/* Each adds a layer on top; it takes as many values as the one below gives. With streams on it a stepper cannot grow.
 * Of the arguments of a recurrent layer weights, activations and MG_GRU_RESET_AFTER count; it gives h. */
mg_status mg_stepper_add_gru(mg_stepper *stepper, const mg_rnn_args *layer);
mg_status mg_stepper_add_lstm(mg_stepper *stepper, const mg_rnn_args *layer);
mg_status mg_stepper_add_simple_rnn(mg_stepper *stepper, const mg_rnn_args *layer);
mg_status mg_stepper_add_dense(mg_stepper *stepper, const mg_tensor *kernel /*(F,U)*/, const mg_tensor *bias /*(U) [opt]*/,
                                      const mg_activation *activation /*[opt: linear]*/);
/* The first layer only: its input is an id, a whole number as a float; one out of range is MG_EINVAL and nothing is stepped. */
mg_status mg_stepper_add_embedding(mg_stepper *stepper, const mg_tensor *table /*(C,U)*/);
mg_status mg_stepper_add_affine(mg_stepper *stepper, const mg_tensor *scale /*(F) [opt: 1]*/,
                                       const mg_tensor *offset /*(F) [opt: 0]; one of them is given*/); /* x * scale + offset */
/* gamma (x - mean) / sqrt(variance + epsilon) + beta: BatchNormalization in inference */
mg_status mg_stepper_add_batch_normalization(mg_stepper *stepper, const mg_tensor *mean /*(F)*/,
                                                    const mg_tensor *variance /*(F)*/, const mg_tensor *gamma /*(F) [opt: 1]*/,
                                                    const mg_tensor *beta /*(F) [opt: 0]*/, double epsilon);
/* Likewise with mean and variance of the F values of the step. */
mg_status mg_stepper_add_layer_normalization(mg_stepper *stepper, int64_t features, const mg_tensor *gamma /*(F) [opt: 1]*/,
                                                    const mg_tensor *beta /*(F) [opt: 0]*/, double epsilon);
mg_status mg_stepper_add_activation(mg_stepper *stepper, int64_t features, const mg_activation *activation);
mg_status mg_stepper_add_softmax(mg_stepper *stepper, int64_t features);
/* Of a row: what a step takes and gives, and the values of all states. */
mg_status mg_stepper_sizes(int64_t *inputs, int64_t *outputs, int64_t *states, const mg_stepper *stepper);

mg_status mg_stream_create(mg_stream **out, mg_stepper *stepper, int64_t batch); /* states 0; all memory is taken here */
void mg_stream_destroy(mg_stream *stream /*[opt]*/);
mg_status mg_stream_reset(mg_stream *stream); /* states 0 */
/* x and y are plain memory, apart from each other. No allocation; no lock unless weights have changed. */
mg_status mg_stream_step(mg_stream *stream, float *y /*(batch,outputs)*/, const float *x /*(batch,inputs)*/);
/* The same of contiguous tensors; each may be (batch,1,...), and of one row or one value without that axis. */
mg_status mg_stream_step_tensor(mg_stream *stream, mg_tensor *y, const mg_tensor *x);
mg_status mg_stream_run(mg_stream *stream, float *y /*(T,batch,outputs)*/, const float *x /*(T,batch,inputs)*/, int64_t T);
/* Layers count from 0; which: 0 is h, 1 an LSTM's c. */
mg_status mg_stream_read_state(mg_tensor *state /*(batch,U)*/, const mg_stream *stream, int64_t layer, int32_t which);
mg_status mg_stream_write_state(mg_stream *stream, const mg_tensor *state /*(batch,U)*/, int64_t layer, int32_t which);
/* Rows from, from + 1, ... of the states of x, a stream of the same stepper, become rows to, to + 1, ... of out's; out may be x. */
mg_status mg_stream_copy_rows(mg_stream *out, int64_t to, const mg_stream *x, int64_t from, int64_t rows);
/* ---- HDF5 files: in the library moongate/hdf5, which is loaded on first use; messages come from mg_hdf5_error ------------- */

/* Read are files in the format of before HDF5 1.8, as h5py and Keras write them: whole datasets in one piece, hard links. Every
 * structure is checked before libhdf5 sees it; damage is MG_EIO, chunks, filters and later formats are MG_EUNSUPPORTED. */
typedef struct mg_hdf5 mg_hdf5;
enum { MG_INT64 = 5, MG_UINT32 = 6, MG_STRING = 7 }; /* in files only */
int32_t mg_hdf5_abi(void);
const char *mg_hdf5_error(void);
mg_status mg_hdf5_open(mg_hdf5 **out, const char *path);   /* for reading */
mg_status mg_hdf5_open_image(mg_hdf5 **out, const void *data, int64_t bytes); /* data stay the caller's until close */
mg_status mg_hdf5_create(mg_hdf5 **out, const char *path /*[opt] in memory without*/); /* for writing; replaces */
mg_status mg_hdf5_image(void *data /*[capacity][opt]*/, int64_t capacity, int64_t *bytes, mg_hdf5 *file); /* what was made */
mg_status mg_hdf5_close(mg_hdf5 *file);                    /* writes out; the handle is gone whatever it returns */
/* Paths are "/a/b". Children of a group in name order: index from 0, MG_EINVAL past the end. */
mg_status mg_hdf5_children(int64_t *count, mg_hdf5 *file, const char *group);
mg_status mg_hdf5_child(char *name /*[size]; MG_EINVAL when too short*/, int64_t size, int32_t *is_group, uint64_t *address,
                               mg_hdf5 *file, const char *group, int64_t index);
mg_status mg_hdf5_make_group(mg_hdf5 *file, const char *group); /* parents too; an existing one is fine */
mg_status mg_hdf5_shape(int32_t *dtype, int32_t *ndim, int64_t *shape /*[MG_MAX_DIMS]*/, mg_hdf5 *file, const char *dataset);
mg_status mg_hdf5_read(void *data, int64_t bytes, mg_hdf5 *file, const char *dataset, int32_t dtype); /* converts to dtype */
mg_status mg_hdf5_write(mg_hdf5 *file, const char *dataset, int32_t dtype, int32_t ndim, const int64_t *shape,
                               const void *data);
/* Attributes of text: *count texts, each ended by 0, *size bytes together; text may be NULL to ask for them. An empty list of any
 * kind is no texts. Written are UTF-8 texts: one, or `count` of `width` bytes each, the shorter ones filled up with 0. */
mg_status mg_hdf5_read_texts(char *text /*[capacity][opt]*/, int64_t capacity, int64_t *size, int64_t *count, mg_hdf5 *file,
                                    const char *object, const char *name);
mg_status mg_hdf5_write_attribute(mg_hdf5 *file, const char *object, const char *name, const char *text);
mg_status mg_hdf5_write_texts(mg_hdf5 *file, const char *object, const char *name, const void *texts /*[count][width]*/,
                                     int64_t width, int64_t count); /* 60000 bytes at most */

/* ---- Zip archives: in the library moongate/zip, which is loaded on first use; messages come from mg_zip_error -------------- */

/* Read are stored and deflated entries; sizes are checked against the file's before they are believed. */
typedef struct mg_zip mg_zip;
int32_t mg_zip_abi(void);
const char *mg_zip_error(void);
mg_status mg_zip_open(mg_zip **out, const char *path);   /* for reading */
mg_status mg_zip_create(mg_zip **out, const char *path); /* for writing; replaces */
mg_status mg_zip_close(mg_zip *file);                    /* writes out; the handle is gone whatever it returns */
mg_status mg_zip_discard(mg_zip *file);                  /* the same without writing */
mg_status mg_zip_count(int64_t *count, mg_zip *file);
mg_status mg_zip_entry(char *name /*[capacity]*/, int64_t capacity, int64_t *bytes, mg_zip *file, int64_t index);
mg_status mg_zip_read(void *data, int64_t bytes, mg_zip *file, int64_t index); /* whole; the checksum must fit */
/* `data` must stay as they are until the file is closed. packed: deflated instead of stored. */
mg_status mg_zip_add(mg_zip *file, const char *name, const void *data, int64_t bytes, int32_t packed);
]==]
