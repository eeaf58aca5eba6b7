/* op_stream.c: steppers: the layers of a stack, checked when they are added, and their packed weights. */
#include "stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static const int64_t absent_version = 0;
static const mg_activation linear = { .kind = MG_ACT_LINEAR };

mg_status mg_stepper_create(mg_stepper **out) {
  if (out == NULL) return mg_fail(MG_EINVAL, "stepper_create: argument out is NULL");
  mg_stepper *stepper = calloc(1, sizeof *stepper);
  if (stepper == NULL) return mg_fail(MG_ENOMEM, "stepper_create: no memory for a handle");
  stepper->references = 1;
  stepper->backend = mg_host_backend();
  *out = stepper;
  return MG_OK;
}

static void release_layer(mg_stream_layer *layer) {
  for (int i = 0; i < MG_STREAM_WEIGHTS; i++) mg_release(&layer->weight[i]);
  if (layer->packed_memory != NULL) mg_buffer_release(layer->packed_memory);
}

void mg_stepper_release(mg_stepper *stepper) {
  if (__atomic_sub_fetch(&stepper->references, 1, __ATOMIC_ACQ_REL) > 0) return;
  for (int64_t i = 0; i < stepper->count; i++) release_layer(&stepper->layers[i]);
  free(stepper->layers);
  free(stepper);
}

void mg_stepper_destroy(mg_stepper *stepper) {
  if (stepper != NULL) mg_stepper_release(stepper);
}

mg_status mg_stepper_sizes(int64_t *inputs, int64_t *outputs, int64_t *states, const mg_stepper *stepper) {
  if (inputs == NULL || outputs == NULL || states == NULL || stepper == NULL) {
    return mg_fail(MG_EINVAL, "stepper_sizes: argument %s is NULL",
                   stepper == NULL ? "stepper" : inputs == NULL ? "inputs" : outputs == NULL ? "outputs" : "states");
  }
  *inputs = *outputs = *states = 0;
  if (stepper->count == 0) return MG_OK;
  *inputs = stepper->layers[0].inputs;
  *outputs = stepper->layers[stepper->count - 1].outputs;
  for (int64_t i = 0; i < stepper->count; i++) *states += stepper->layers[i].states * stepper->layers[i].outputs;
  return MG_OK;
}

/* ---- Packed weights ----------------------------------------------------------------------------------------------------- */

void mg_stream_pack(mg_stream_layer *layer) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  const int64_t version = mg_stream_version(layer);
  if (layer->packed_version != version) {
    if (layer->pack != NULL) layer->pack(layer, layer->packed_memory->data);
    __atomic_store_n(&layer->packed_version, version, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
}

/* ---- Layers ------------------------------------------------------------------------------------------------------------- */

static mg_status check_stepper(const char *op, const mg_stepper *stepper) {
  if (stepper == NULL) return mg_fail(MG_EINVAL, "%s: argument stepper is NULL", op);
  if (__atomic_load_n(&stepper->references, __ATOMIC_RELAXED) == 1) return MG_OK;
  return mg_fail(MG_EINVAL, "%s: the stepper has streams; add all layers before the first stream is made", op);
}

static mg_status check_weight(const char *op, const char *name, const mg_tensor *t, int ndim, const char *expected) {
  MG_TRY(mg_check_dtype(op, name, t, MG_FLOAT32));
  if (t->buffer->backend != mg_host_backend())
    return mg_fail(MG_EDEVICE, "%s: argument %s is not in the host's memory, where streams run; copy it there", op, name);
  if (t->ndim == ndim && mg_element_count(t) != 0) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: argument %s %s expected %s, all sizes at least 1", op, name, mg_shape_text(t), expected);
}

/* (size), on the device of `other`. */
static mg_status check_vector(const char *op, const char *name, const mg_tensor *t, const char *other_name, const mg_tensor *other,
                              int64_t size) {
  if (t == NULL) return MG_OK;
  MG_TRY(mg_check_dtype(op, name, t, MG_FLOAT32));
  MG_TRY(mg_check_device(op, name, t, other_name, other));
  return mg_check_shape(op, name, t, 1, &size);
}

static mg_status check_activation(const char *op, const mg_activation *activation) {
  if (activation == NULL) return mg_fail(MG_EINVAL, "%s: argument activation is NULL", op);
  if (activation->kind >= 0 && activation->kind < MG_ACT_COUNT) return MG_OK;
  return mg_fail(MG_EINVAL, "%s: argument activation (kind %d) expected one of MG_ACT_*, 0 to %d", op, (int)activation->kind,
                 MG_ACT_COUNT - 1);
}

/* The layer below gives what this one takes. */
static mg_status check_fit(const char *op, const mg_stepper *stepper, const mg_stream_layer *layer) {
  if (layer->inputs < 1 || layer->inputs > INT32_MAX || layer->outputs > INT32_MAX)
    return mg_fail(MG_ESHAPE, "%s: %lld values in and %lld out; expected 1 to 2^31 - 1", op, (long long)layer->inputs,
                   (long long)layer->outputs);
  if (stepper->count == 0) return MG_OK;
  const int64_t below = stepper->layers[stepper->count - 1].outputs;
  if (layer->kind == MG_STREAM_EMBEDDING)
    return mg_fail(MG_EINVAL, "%s: an embedding must be the first layer, and %lld lie below", op, (long long)stepper->count);
  if (layer->inputs == below) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: the layer takes %lld values and the one below gives %lld; expected as many", op,
                 (long long)layer->inputs, (long long)below);
}

/* The bytes of what a backend packs can be counted: of two forms of the weights of four gates, with their padding. Views that
 * repeat one number are larger than memory. */
static mg_status check_size(const char *op, const mg_stream_layer *layer) {
  enum { PADDING = 64, FORMS = 2 * 4 };
  int64_t bytes;
  if (!__builtin_mul_overflow(layer->inputs + layer->outputs + PADDING, layer->outputs + PADDING, &bytes) &&
      !__builtin_mul_overflow(bytes, FORMS * (int64_t)sizeof(float), &bytes))
    return MG_OK;
  return mg_fail(MG_ENOMEM, "%s: weights of %lld values in and %lld out are more than memory can hold", op,
                 (long long)layer->inputs, (long long)layer->outputs);
}

static mg_status reserve(const char *op, mg_stepper *stepper) {
  if (stepper->count < stepper->capacity) return MG_OK;
  const int64_t capacity = stepper->capacity == 0 ? 4 : 2 * stepper->capacity;
  mg_stream_layer *layers = realloc(stepper->layers, (size_t)capacity * sizeof *layers);
  if (layers == NULL) return mg_fail(MG_ENOMEM, "%s: no memory for one more layer", op);
  stepper->layers = layers;
  stepper->capacity = capacity;
  return MG_OK;
}

/* Puts a checked layer on top; weights: MG_STREAM_WEIGHTS of them, NULL where absent. */
static mg_status add(const char *op, mg_stepper *stepper, mg_stream_layer layer, const mg_tensor *const *weights) {
  for (int i = 0; i < MG_STREAM_WEIGHTS; i++) {
    layer.weight[i] = (mg_tensor){ 0 };
    layer.version[i] = weights[i] != NULL ? &weights[i]->buffer->version : &absent_version;
  }
  MG_TRY(check_fit(op, stepper, &layer));
  MG_TRY(check_size(op, &layer));
  MG_TRY(reserve(op, stepper));
  for (int i = 0; i < MG_STREAM_WEIGHTS; i++)
    if (weights[i] != NULL) mg_set_view(&layer.weight[i], weights[i]);
  stepper->backend->stream_plan(&layer);
  layer.packed_version = -1;
  if (layer.pack != NULL) {
    const mg_status status = mg_buffer_create(&layer.packed_memory, stepper->backend, layer.packed_floats * (int64_t)sizeof(float));
    if (status != MG_OK) {
      release_layer(&layer);
      return status;
    }
    layer.packed = layer.packed_memory->data;
  }
  mg_stream_pack(&layer);
  stepper->layers[stepper->count++] = layer;
  if (layer.outputs > stepper->widest) stepper->widest = layer.outputs;
  return MG_OK;
}

/* The checks of a whole sequence, on one step of one row. */
static mg_status check_rnn(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args, mg_rnn_args *own) {
  MG_TRY(check_weight(op, "kernel", args->kernel, 2, "(features, units of all gates)"));
  MG_TRY(check_weight(op, "recurrent_kernel", args->recurrent_kernel, 2, "(units, units of all gates)"));
  mg_tensor x = *args->kernel; /* only looked at */
  x.ndim = 3;
  x.shape[0] = x.shape[1] = 1;
  x.shape[2] = args->kernel->shape[0];
  *own = (mg_rnn_args){ .x = &x, .kernel = args->kernel, .recurrent_kernel = args->recurrent_kernel, .bias = args->bias,
                        .activation = args->activation, .recurrent_activation = args->recurrent_activation, .flags = args->flags };
  if (args->flags & MG_RNN_GO_BACKWARDS)
    return mg_fail(MG_EINVAL, "%s: argument flags (%#x) asks for steps from the last to the first; a stream goes forward", op,
                   (unsigned)args->flags);
  const mg_status status = mg_rnn_check_inputs(op, kind, own);
  own->x = NULL;
  return status;
}

mg_status mg_stepper_add_rnn(const char *op, mg_stepper *stepper, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  mg_rnn_args own;
  MG_TRY(check_stepper(op, stepper));
  if (args == NULL) return mg_fail(MG_EINVAL, "%s: argument layer is NULL", op);
  MG_TRY(check_rnn(op, kind, args, &own));
  const mg_stream_layer layer = { .kind = MG_STREAM_RNN, .rnn_kind = kind, .inputs = own.kernel->shape[0],
                                  .outputs = own.recurrent_kernel->shape[0], .states = kind->has_carry ? 2 : 1,
                                  .activation = own.activation, .recurrent_activation = own.recurrent_activation,
                                  .reset_after = (own.flags & MG_GRU_RESET_AFTER) != 0 };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ own.kernel, own.recurrent_kernel, own.bias });
}

mg_status mg_stepper_add_dense(mg_stepper *stepper, const mg_tensor *kernel, const mg_tensor *bias,
                               const mg_activation *activation) {
  static const char *const op = "stepper_add_dense";
  if (activation == NULL) activation = &linear;
  MG_TRY(check_stepper(op, stepper));
  MG_TRY(check_weight(op, "kernel", kernel, 2, "(features, units)"));
  MG_TRY(check_vector(op, "bias", bias, "kernel", kernel, kernel->shape[1]));
  MG_TRY(check_activation(op, activation));
  const mg_stream_layer layer = { .kind = MG_STREAM_DENSE, .inputs = kernel->shape[0], .outputs = kernel->shape[1],
                                  .activation = *activation };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ kernel, bias });
}

mg_status mg_stepper_add_embedding(mg_stepper *stepper, const mg_tensor *table) {
  static const char *const op = "stepper_add_embedding";
  MG_TRY(check_stepper(op, stepper));
  MG_TRY(check_weight(op, "table", table, 2, "(classes, units)"));
  const mg_stream_layer layer = { .kind = MG_STREAM_EMBEDDING, .inputs = 1, .outputs = table->shape[1] };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ table });
}

mg_status mg_stepper_add_affine(mg_stepper *stepper, const mg_tensor *scale, const mg_tensor *offset) {
  static const char *const op = "stepper_add_affine";
  const mg_tensor *given = scale != NULL ? scale : offset;
  MG_TRY(check_stepper(op, stepper));
  MG_TRY(check_weight(op, scale != NULL ? "scale" : "offset", given, 1, "(features)"));
  if (scale != NULL) MG_TRY(check_vector(op, "offset", offset, "scale", scale, scale->shape[0]));
  const mg_stream_layer layer = { .kind = MG_STREAM_AFFINE, .inputs = given->shape[0], .outputs = given->shape[0] };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ scale, offset });
}

static mg_status check_epsilon(const char *op, double epsilon) {
  if (epsilon >= 0 && epsilon < 1e30) return MG_OK;
  return mg_fail(MG_EINVAL, "%s: argument epsilon %g expected a number from 0", op, epsilon);
}

mg_status mg_stepper_add_batch_normalization(mg_stepper *stepper, const mg_tensor *mean, const mg_tensor *variance,
                                             const mg_tensor *gamma, const mg_tensor *beta, double epsilon) {
  static const char *const op = "stepper_add_batch_normalization";
  MG_TRY(check_stepper(op, stepper));
  MG_TRY(check_weight(op, "mean", mean, 1, "(features)"));
  MG_TRY(check_weight(op, "variance", variance, 1, "(features)"));
  const int64_t F = mean->shape[0];
  MG_TRY(check_vector(op, "variance", variance, "mean", mean, F));
  MG_TRY(check_vector(op, "gamma", gamma, "mean", mean, F));
  MG_TRY(check_vector(op, "beta", beta, "mean", mean, F));
  MG_TRY(check_epsilon(op, epsilon));
  const mg_stream_layer layer = { .kind = MG_STREAM_BATCH_NORMALIZATION, .inputs = F, .outputs = F, .epsilon = epsilon };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ mean, variance, gamma, beta });
}

mg_status mg_stepper_add_layer_normalization(mg_stepper *stepper, int64_t features, const mg_tensor *gamma, const mg_tensor *beta,
                                             double epsilon) {
  static const char *const op = "stepper_add_layer_normalization";
  MG_TRY(check_stepper(op, stepper));
  if (gamma != NULL) MG_TRY(check_weight(op, "gamma", gamma, 1, "(features)"));
  if (beta != NULL) MG_TRY(check_weight(op, "beta", beta, 1, "(features)"));
  MG_TRY(check_vector(op, "gamma", gamma, "beta", beta != NULL ? beta : gamma, features));
  MG_TRY(check_vector(op, "beta", beta, "gamma", gamma != NULL ? gamma : beta, features));
  MG_TRY(check_epsilon(op, epsilon));
  const mg_stream_layer layer = { .kind = MG_STREAM_LAYER_NORMALIZATION, .inputs = features, .outputs = features,
                                  .epsilon = epsilon };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ gamma, beta });
}

mg_status mg_stepper_add_activation(mg_stepper *stepper, int64_t features, const mg_activation *activation) {
  static const char *const op = "stepper_add_activation";
  MG_TRY(check_stepper(op, stepper));
  MG_TRY(check_activation(op, activation));
  const mg_stream_layer layer = { .kind = MG_STREAM_ACTIVATION, .inputs = features, .outputs = features,
                                  .activation = *activation };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ NULL });
}

mg_status mg_stepper_add_softmax(mg_stepper *stepper, int64_t features) {
  static const char *const op = "stepper_add_softmax";
  MG_TRY(check_stepper(op, stepper));
  const mg_stream_layer layer = { .kind = MG_STREAM_SOFTMAX, .inputs = features, .outputs = features };
  return add(op, stepper, layer, (const mg_tensor *[MG_STREAM_WEIGHTS]){ NULL });
}
