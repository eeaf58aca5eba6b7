/* op_stream_step.c: streams: the states of some rows, and the steps that go through a stepper's layers. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "stream.h"

struct mg_stream {
  mg_stepper *stepper;
  mg_buffer *memory;
  int64_t batch;
  int64_t state_floats;
  float *states;     /* the layers' one after the other */
  float *between[2]; /* (batch, widest): what a layer gives the next, in turn */
  float *scratch;
  float *state[]; /* a layer's: MG_STREAM_STATES at most of (batch, row) */
};

enum { ALIGNED = 16 }; /* floats of 64 bytes */

/* ---- Making streams ------------------------------------------------------------------------------------------------------ */

/* Rounds up to whole cache lines and adds; 0 when that overflows. */
static int add_floats(int64_t *total, int64_t rows, int64_t each) {
  int64_t floats;
  return !__builtin_mul_overflow(rows, each, &floats) && !__builtin_add_overflow(floats, ALIGNED - 1, &floats) &&
         !__builtin_add_overflow(*total, floats & -(int64_t)ALIGNED, total);
}

/* Places of states, rows between layers and scratch; 0: too large. */
static int lay_out(mg_stream *stream, int64_t *places /*[layers + 4]*/) {
  const mg_stepper *stepper = stream->stepper;
  const int64_t count = stepper->count, batch = stream->batch;
  int64_t at = 0, scratch = 0;
  for (int64_t i = 0; i < count; i++) {
    const mg_stream_layer *layer = &stepper->layers[i];
    places[i] = at;
    for (int state = 0; state < layer->states; state++)
      if (!add_floats(&at, batch, layer->row)) return 0;
    int64_t own = layer->scratch_floats;
    if (!add_floats(&own, batch, layer->scratch_row_floats)) return 0;
    if (own > scratch) scratch = own;
  }
  stream->state_floats = at;
  for (int64_t i = count; i < count + 2; i++) {
    places[i] = at;
    if (!add_floats(&at, batch, stepper->widest)) return 0;
  }
  places[count + 2] = at;
  if (!add_floats(&at, 1, scratch)) return 0;
  places[count + 3] = at;
  return at <= INT64_MAX / (int64_t)sizeof(float);
}

static mg_status take_memory(mg_stream *stream, int64_t *places) {
  const mg_stepper *stepper = stream->stepper;
  const int64_t count = stepper->count;
  if (!lay_out(stream, places))
    return mg_fail(MG_ENOMEM, "stream_create: the states of %lld rows are more than memory can hold", (long long)stream->batch);
  MG_TRY(mg_buffer_create(&stream->memory, stepper->backend, places[count + 3] * (int64_t)sizeof(float)));
  float *data = stream->memory->data;
  stream->states = data;
  for (int64_t i = 0; i < count; i++) stream->state[i] = data + places[i];
  for (int i = 0; i < 2; i++) stream->between[i] = data + places[count + i];
  stream->scratch = data + places[count + 2];
  return mg_stream_reset(stream);
}

mg_status mg_stream_create(mg_stream **out, mg_stepper *stepper, int64_t batch) {
  if (out == NULL) return mg_fail(MG_EINVAL, "stream_create: argument out is NULL");
  if (stepper == NULL) return mg_fail(MG_EINVAL, "stream_create: argument stepper is NULL");
  if (stepper->count == 0) return mg_fail(MG_EINVAL, "stream_create: the stepper has no layers; add them first");
  if (batch < 1) return mg_fail(MG_EINVAL, "stream_create: argument batch %lld expected at least one row", (long long)batch);
  const size_t count = (size_t)stepper->count;
  mg_stream *stream = calloc(1, sizeof *stream + count * sizeof *stream->state);
  int64_t *places = malloc((count + 4) * sizeof *places);
  mg_status status = MG_OK;
  if (stream == NULL || places == NULL) {
    status = mg_fail(MG_ENOMEM, "stream_create: no memory for a handle");
  } else {
    stream->stepper = stepper;
    stream->batch = batch;
    status = take_memory(stream, places);
  }
  free(places);
  if (status != MG_OK) {
    free(stream);
    return status;
  }
  __atomic_add_fetch(&stepper->references, 1, __ATOMIC_RELAXED);
  *out = stream;
  return MG_OK;
}

void mg_stream_destroy(mg_stream *stream) {
  if (stream == NULL) return;
  mg_buffer_release(stream->memory);
  mg_stepper_release(stream->stepper);
  free(stream);
}

mg_status mg_stream_reset(mg_stream *stream) {
  if (stream == NULL) return mg_fail(MG_EINVAL, "stream_reset: argument stream is NULL");
  memset(stream->states, 0, (size_t)stream->state_floats * sizeof *stream->states);
  return MG_OK;
}

/* ---- Steps --------------------------------------------------------------------------------------------------------------- */

static inline mg_status step_layer(mg_stream_layer *layer, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  if (__builtin_expect(mg_stream_version(layer) != __atomic_load_n(&layer->packed_version, __ATOMIC_ACQUIRE), 0))
    mg_stream_pack(layer);
  return layer->step(layer, state, y, x, rows, scratch);
}

static inline mg_status step(mg_stream *stream, float *y, const float *x) {
  mg_stream_layer *layer = stream->stepper->layers;
  const int64_t last = stream->stepper->count - 1;
  for (int64_t i = 0; i < last; i++) {
    float *out = stream->between[i & 1];
    MG_TRY(step_layer(&layer[i], stream->state[i], out, x, stream->batch, stream->scratch));
    x = out;
  }
  return step_layer(&layer[last], stream->state[last], y, x, stream->batch, stream->scratch);
}

static mg_status missing(const char *op, const mg_stream *stream, const float *y) {
  return mg_fail(MG_EINVAL, "%s: argument %s is NULL", op, stream == NULL ? "stream" : y == NULL ? "y" : "x");
}

mg_status mg_stream_step(mg_stream *stream, float *y, const float *x) {
  if (stream == NULL || y == NULL || x == NULL) return missing("stream_step", stream, y);
  return step(stream, y, x);
}

mg_status mg_stream_run(mg_stream *stream, float *y, const float *x, int64_t T) {
  if (stream == NULL || y == NULL || x == NULL) return missing("stream_run", stream, y);
  if (T < 0) return mg_fail(MG_EINVAL, "stream_run: argument T %lld expected a number of steps from 0", (long long)T);
  const mg_stepper *stepper = stream->stepper;
  const int64_t inputs = stream->batch * stepper->layers[0].inputs;
  const int64_t outputs = stream->batch * stepper->layers[stepper->count - 1].outputs;
  for (int64_t t = 0; t < T; t++) MG_TRY(step(stream, y + t * outputs, x + t * inputs));
  return MG_OK;
}

/* rows of `values` each: (rows, values), (rows, 1, values), of one row (values), of one value (rows). */
static mg_status check_rows(const char *name, const mg_stream *stream, const mg_tensor *t, int64_t values) {
  static const char *const op = "stream_step_tensor";
  const int64_t rows = stream->batch;
  MG_TRY(mg_check_dtype(op, name, t, MG_FLOAT32));
  const int64_t *shape = t->shape;
  const int fits = t->ndim == 2   ? shape[0] == rows && shape[1] == values
                   : t->ndim == 3 ? shape[0] == rows && shape[1] == 1 && shape[2] == values
                   : t->ndim == 1 ? (rows == 1 || values == 1) && shape[0] == rows * values
                                  : t->ndim == 0 && rows * values == 1;
  if (!fits)
    return mg_fail(MG_ESHAPE, "%s: argument %s has shape %s, expected (%lld, %lld)", op, name, mg_shape_text(t), (long long)rows,
                   (long long)values);
  if (!mg_is_contiguous(t)) return mg_fail(MG_EINVAL, "%s: argument %s is a strided view; copy it first", op, name);
  if (t->buffer->backend != stream->stepper->backend)
    return mg_fail(MG_EDEVICE, "%s: argument %s is on another device than the stream; copy it there", op, name);
  return MG_OK;
}

mg_status mg_stream_step_tensor(mg_stream *stream, mg_tensor *y, const mg_tensor *x) {
  if (stream == NULL) return mg_fail(MG_EINVAL, "stream_step_tensor: argument stream is NULL");
  const mg_stepper *stepper = stream->stepper;
  MG_TRY(check_rows("x", stream, x, stepper->layers[0].inputs));
  MG_TRY(check_rows("y", stream, y, stepper->layers[stepper->count - 1].outputs));
  if (mg_overlaps(y, x)) return mg_fail(MG_EINVAL, "stream_step_tensor: y and x overlap; they have to lie apart");
  MG_TRY(step(stream, mg_elements(y), mg_elements(x)));
  mg_mark_written(y);
  return MG_OK;
}

/* ---- States -------------------------------------------------------------------------------------------------------------- */

static mg_status check_state(const char *op, const mg_stream *stream, const mg_tensor *t, int64_t index, int32_t which) {
  if (stream == NULL) return mg_fail(MG_EINVAL, "%s: argument stream is NULL", op);
  const mg_stepper *stepper = stream->stepper;
  if (index < 0 || index >= stepper->count)
    return mg_fail(MG_EINVAL, "%s: argument layer %lld expected 0 to %lld", op, (long long)index, (long long)stepper->count - 1);
  const mg_stream_layer *layer = &stepper->layers[index];
  if (which < 0 || which >= layer->states)
    return mg_fail(MG_EINVAL, "%s: argument which %d: layer %lld has %d states, counted from 0", op, (int)which, (long long)index,
                   layer->states);
  MG_TRY(mg_check_dtype(op, "state", t, MG_FLOAT32));
  if (t->buffer->backend != stepper->backend)
    return mg_fail(MG_EDEVICE, "%s: argument state is on another device than the stream; copy it there", op);
  return mg_check_shape(op, "state", t, 2, (int64_t[]){ stream->batch, layer->outputs });
}

/* The view of a state in the stream's memory, borrowed. */
static mg_tensor state_view(const mg_stream *stream, int64_t index, int32_t which) {
  const mg_stream_layer *layer = &stream->stepper->layers[index];
  const int64_t first = stream->state[index] - (const float *)stream->memory->data;
  return (mg_tensor){ .buffer = stream->memory, .dtype = MG_FLOAT32, .ndim = 2,
                      .offset = first + which * mg_stream_state_floats(layer, stream->batch),
                      .shape = { stream->batch, layer->outputs }, .strides = { layer->row, 1 } };
}

mg_status mg_stream_read_state(mg_tensor *state, const mg_stream *stream, int64_t layer, int32_t which) {
  MG_TRY(check_state("stream_read_state", stream, state, layer, which));
  MG_TRY(mg_check_writable("stream_read_state", "state", state));
  const mg_tensor view = state_view(stream, layer, which);
  return mg_copy(state, &view);
}

mg_status mg_stream_write_state(mg_stream *stream, const mg_tensor *state, int64_t layer, int32_t which) {
  MG_TRY(check_state("stream_write_state", stream, state, layer, which));
  mg_tensor view = state_view(stream, layer, which);
  return mg_copy(&view, state);
}

static int row_range(const mg_stream *stream, int64_t first, int64_t rows) {
  return first >= 0 && rows >= 0 && first <= stream->batch && rows <= stream->batch - first;
}

mg_status mg_stream_copy_rows(mg_stream *out, int64_t to, const mg_stream *x, int64_t from, int64_t rows) {
  static const char *const op = "stream_copy_rows";
  if (out == NULL || x == NULL) return mg_fail(MG_EINVAL, "%s: argument %s is NULL", op, out == NULL ? "out" : "x");
  if (out->stepper != x->stepper) return mg_fail(MG_EINVAL, "%s: argument x is a stream of another stepper than out", op);
  if (!row_range(out, to, rows) || !row_range(x, from, rows)) {
    return mg_fail(MG_EINVAL, "%s: rows %lld from %lld on to %lld on; expected rows of batches of %lld and %lld", op,
                   (long long)rows, (long long)from, (long long)to, (long long)x->batch, (long long)out->batch);
  }
  for (int64_t i = 0; i < out->stepper->count; i++) {
    const mg_stream_layer *layer = &out->stepper->layers[i];
    for (int which = 0; which < layer->states; which++) {
      const mg_tensor source = state_view(x, i, which), target = state_view(out, i, which);
      memmove((float *)mg_elements(&target) + to * layer->row, (const float *)mg_elements(&source) + from * layer->row,
              (size_t)(rows * layer->row) * sizeof(float));
    }
  }
  return MG_OK;
}
