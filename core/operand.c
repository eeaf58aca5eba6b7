/* operand.c: how the memory of operands relates, and temporary copies where it does not suit. */
#include "backend.h"
#include "buffer.h"
#include "error.h"

int mg_same_shape(const mg_tensor *a, const mg_tensor *b) {
  int same = a->ndim == b->ndim;
  for (int i = 0; same && i < a->ndim; i++) same = a->shape[i] == b->shape[i];
  return same;
}

int mg_same_view(const mg_tensor *a, const mg_tensor *b) {
  if (a->buffer != b->buffer || a->offset != b->offset || a->dtype != b->dtype || !mg_same_shape(a, b)) return 0;
  for (int i = 0; i < a->ndim; i++)
    if (a->shape[i] > 1 && a->strides[i] != b->strides[i]) return 0;
  return 1;
}

/* First and one past the last element that t reaches; 0 when it has none. */
static int element_range(const mg_tensor *t, int64_t *first, int64_t *end) {
  *first = *end = t->offset;
  for (int i = 0; i < t->ndim; i++) {
    if (t->shape[i] == 0) return 0;
    int64_t reach = (t->shape[i] - 1) * t->strides[i];
    if (reach < 0) *first += reach;
    else *end += reach;
  }
  *end += 1;
  return 1;
}

/* How far t's elements reach from its first one when places are counted modulo `period`. */
static int64_t reach_within(const mg_tensor *t, int64_t period) {
  int64_t reach = 0;
  for (int i = 0; i < t->ndim; i++)
    if (t->strides[i] % period != 0) reach += (t->shape[i] - 1) * (t->strides[i] < 0 ? -t->strides[i] : t->strides[i]);
  return reach;
}

/* Whether some stride of t is a period in which the two keep to windows of their own, as columns of one matrix do. */
static int interleave(const mg_tensor *t, const mg_tensor *a, int64_t a_first, const mg_tensor *b, int64_t b_first) {
  for (int i = 0; i < t->ndim; i++) {
    int64_t period = t->strides[i] < 0 ? -t->strides[i] : t->strides[i];
    if (period < 2 || t->shape[i] < 2) continue;
    int64_t shift = ((b_first - a_first) % period + period) % period;
    if (reach_within(a, period) < shift && reach_within(b, period) < period - shift) return 1;
  }
  return 0;
}

int mg_overlaps(const mg_tensor *a, const mg_tensor *b) {
  int64_t a_first, a_end, b_first, b_end;
  if (a->buffer != b->buffer || !element_range(a, &a_first, &a_end) || !element_range(b, &b_first, &b_end)) return 0;
  if (a_first >= b_end || b_first >= a_end) return 0;
  return !interleave(a, a, a_first, b, b_first) && !interleave(b, a, a_first, b, b_first);
}

static void alias(mg_tensor *tmp, const mg_tensor *x) {
  *tmp = *x;
  mg_buffer_retain(tmp->buffer);
}

static mg_status duplicate(mg_tensor *tmp, const mg_tensor *x) {
  MG_TRY(mg_alloc_like(tmp, x));
  mg_status status = mg_element_count(x) ? x->buffer->backend->copy(tmp, x) : MG_OK;
  if (status != MG_OK) mg_release(tmp);
  return status;
}

mg_status mg_borrow_contiguous(mg_tensor *tmp, const mg_tensor *x) {
  if (!mg_is_contiguous(x)) return duplicate(tmp, x);
  alias(tmp, x);
  return MG_OK;
}

mg_status mg_borrow_output(mg_tensor *tmp, const mg_tensor *out) {
  if (!mg_is_contiguous(out)) return mg_alloc_like(tmp, out);
  alias(tmp, out);
  return MG_OK;
}

mg_status mg_return_output(mg_tensor *tmp, mg_tensor *out, mg_status status) {
  if (status == MG_OK && tmp->buffer != out->buffer) status = out->buffer->backend->copy(out, tmp);
  mg_mark_written(out);
  mg_release(tmp);
  return status;
}

mg_status mg_detach_input(mg_tensor *tmp, const mg_tensor *x, const mg_tensor *out) {
  if (mg_overlaps(x, out) && !mg_same_view(x, out)) return duplicate(tmp, x);
  alias(tmp, x);
  return MG_OK;
}

mg_status mg_broadcast_input(mg_tensor *tmp, const char *op, const char *name, const mg_tensor *x, const mg_tensor *out) {
  mg_tensor view;
  mg_empty_handle(&view);
  if (mg_tensor_broadcast(&view, x, out->ndim, out->shape) != MG_OK)
    return mg_fail(MG_ESHAPE,
                   "%s: %s %s does not broadcast to out %s; expected sizes that are equal or 1, counted from the last axis", op,
                   name, mg_shape_text(x), mg_shape_text(out));
  mg_status status = mg_detach_input(tmp, &view, out);
  mg_release(&view);
  return status;
}

mg_status mg_elementwise_input(const mg_tensor **use, mg_tensor *tmp, const char *op, const char *name, const mg_tensor *x,
                               const mg_tensor *out) {
  int ready = mg_same_shape(x, out) && (x->buffer != out->buffer || mg_same_view(x, out) || !mg_overlaps(x, out));
  *use = ready ? x : tmp;
  return ready ? MG_OK : mg_broadcast_input(tmp, op, name, x, out);
}
