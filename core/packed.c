/* packed.c: packed weights of a recurrent layer: who they came from, and their memory. Layouts belong to the kernels. */
#include <stdlib.h>

#include "error.h"
#include "rnn.h"

mg_status mg_packed_create(mg_packed **out) {
  if (out == NULL) return mg_fail(MG_EINVAL, "packed_create: argument out is NULL");
  mg_packed *packed = calloc(1, sizeof *packed);
  if (packed == NULL) return mg_fail(MG_ENOMEM, "packed_create: no memory for a handle");
  *out = packed;
  return MG_OK;
}

static void drop_part(mg_packed *packed, int part) {
  if (packed->data[part] != NULL) packed->backend->memory_free(packed->data[part], packed->bytes[part]);
  packed->data[part] = NULL;
  packed->bytes[part] = 0;
}

static void drop_parts(mg_packed *packed) {
  for (int part = 0; part < MG_PACKED_PARTS; part++) drop_part(packed, part);
}

void mg_packed_destroy(mg_packed *packed) {
  if (packed == NULL) return;
  drop_parts(packed);
  free(packed);
}

static void set_source(mg_packed *key, int i, const mg_tensor *t) {
  if (t == NULL) return;
  key->buffer[i] = t->buffer->id;
  key->offset[i] = t->offset;
  key->version[i] = __atomic_load_n(&t->buffer->version, __ATOMIC_RELAXED);
  for (int axis = 0; axis < t->ndim; axis++) key->strides[i][axis] = t->strides[axis];
}

static int same_key(const mg_packed *a, const mg_packed *b) {
  int same = a->kernel == b->kernel && a->units == b->units && a->features == b->features && a->precision == b->precision &&
             a->kind == b->kind && a->variant == b->variant && a->backend == b->backend;
  for (int i = 0; i < 3; i++) {
    same = same && a->buffer[i] == b->buffer[i] && a->offset[i] == b->offset[i] && a->version[i] == b->version[i] &&
           a->strides[i][0] == b->strides[i][0] && a->strides[i][1] == b->strides[i][1];
  }
  return same;
}

void mg_packed_match(mg_packed *packed, const mg_rnn_kind *kind, const mg_rnn_args *args, const void *kernel) {
  mg_packed key = {
    .kernel = kernel,
    .units = args->recurrent_kernel->shape[0],
    .features = args->kernel->shape[0],
    .precision = mg_get_matmul_precision(),
    .kind = kind,
    .variant = args->flags & MG_GRU_RESET_AFTER,
    .backend = args->x->buffer->backend,
  };
  set_source(&key, 0, args->kernel);
  set_source(&key, 1, args->recurrent_kernel);
  set_source(&key, 2, args->bias);
  if (same_key(packed, &key)) return;
  if (packed->backend != key.backend) drop_parts(packed);
  for (int part = 0; part < MG_PACKED_PARTS; part++) {
    key.data[part] = packed->data[part];
    key.bytes[part] = packed->bytes[part];
  }
  *packed = key;
}

mg_status mg_packed_part(mg_packed *packed, const mg_backend *backend, int part, int64_t bytes) {
  if (packed->data[part] != NULL && packed->bytes[part] == bytes) return MG_OK;
  drop_part(packed, part);
  packed->parts &= ~(1u << part);
  MG_TRY(backend->memory_alloc(&packed->data[part], bytes));
  packed->bytes[part] = bytes;
  return MG_OK;
}
