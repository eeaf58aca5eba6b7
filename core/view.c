/* view.c: views of a tensor: other shape, strides and offset, same buffer. */
#include <string.h>

#include "error.h"
#include "tensor.h"

static mg_status check_operands(const char *op, const mg_tensor *out, const mg_tensor *x) {
  if (!out) return mg_fail(MG_EINVAL, "%s: out is NULL; expected a tensor handle", op);
  return mg_check_tensor(op, "x", x);
}

/* ---- slice ---- */

static mg_status check_range(const mg_tensor *x, int32_t axis, int64_t start, int64_t count, int64_t step) {
  int64_t size = x->shape[axis], last;
  if (count < 0) return mg_fail(MG_EINVAL, "slice: count %lld; expected 0 or more", (long long)count);
  if (step == 0) return mg_fail(MG_EINVAL, "slice: step 0 of x %s; expected another one", mg_shape_text(x));
  int fits = !__builtin_mul_overflow(count > 0 ? count - 1 : 0, step, &last) && !__builtin_add_overflow(last, start, &last);
  if (count == 0) fits = start >= 0 && start <= size;
  else fits = fits && start >= 0 && start < size && last >= 0 && last < size;
  if (fits) return MG_OK;
  return mg_fail(MG_EINVAL, "slice: %lld elements from %lld by %lld leave axis %d of x %s; expected positions 0..%lld",
                 (long long)count, (long long)start, (long long)step, (int)axis, mg_shape_text(x), (long long)size - 1);
}

mg_status mg_tensor_slice(mg_tensor *out, const mg_tensor *x, int32_t axis, int64_t start, int64_t count, int64_t step) {
  MG_TRY(check_operands("slice", out, x));
  MG_TRY(mg_check_axis("slice", x, &axis));
  MG_TRY(check_range(x, axis, start, count, step));
  mg_tensor view = *x;
  if (count > 0) view.offset += start * x->strides[axis];
  view.shape[axis] = count;
  if (count > 1) view.strides[axis] = x->strides[axis] * step; /* one element has no step: any value would do */
  mg_set_view(out, &view);
  return MG_OK;
}

/* ---- permute ---- */

mg_status mg_tensor_permute(mg_tensor *out, const mg_tensor *x, const int32_t *axes) {
  MG_TRY(check_operands("permute", out, x));
  if (!axes && x->ndim > 0)
    return mg_fail(MG_EINVAL, "permute: axes is NULL; expected the %d axes of x %s", (int)x->ndim, mg_shape_text(x));
  mg_tensor view = *x;
  unsigned used = 0;
  for (int i = 0; i < x->ndim; i++) {
    int32_t axis = axes[i];
    MG_TRY(mg_check_axis("permute", x, &axis));
    if (used >> axis & 1)
      return mg_fail(MG_EINVAL, "permute: axis %d of x %s twice; expected each once", (int)axis, mg_shape_text(x));
    used |= 1u << axis;
    view.shape[i] = x->shape[axis];
    view.strides[i] = x->strides[axis];
  }
  mg_set_view(out, &view);
  return MG_OK;
}

/* ---- reshape ---- */

/* Replaces one -1 by what the others leave; counts must agree. */
static mg_status infer_shape(mg_tensor *view, const mg_tensor *x, int32_t ndim, const int64_t *shape) {
  int64_t known[MG_MAX_DIMS] = {0};
  int unknown = -1;
  if (ndim < 0 || ndim > MG_MAX_DIMS || (ndim > 0 && !shape)) return mg_check_sizes("reshape", ndim, shape, 1);
  for (int i = 0; i < ndim; i++) {
    known[i] = shape[i];
    if (shape[i] != -1) continue;
    if (unknown >= 0)
      return mg_fail(MG_EINVAL, "reshape: shape %s has more than one -1; expected at most one", mg_sizes_text(ndim, shape));
    unknown = i;
    known[i] = 1;
  }
  MG_TRY(mg_check_sizes("reshape", ndim, known, 8));
  view->ndim = ndim;
  memcpy(view->shape, known, sizeof known);
  int64_t count = mg_element_count(x), rest = mg_element_count(view);
  if (unknown >= 0 && rest > 0 && count % rest == 0) {
    view->shape[unknown] = count / rest;
    return MG_OK;
  }
  if (unknown < 0 && count == rest) return MG_OK;
  return mg_fail(MG_ESHAPE, "reshape: x %s has %lld elements; expected as many as shape %s has", mg_shape_text(x), (long long)count,
                 mg_sizes_text(ndim, shape));
}

/* x's axes of more than one element, neighbours merged where one stride continues the other. Returns how many. */
static int merge_axes(const mg_tensor *x, int64_t *sizes, int64_t *strides) {
  int n = 0;
  for (int i = 0; i < x->ndim; i++) {
    if (x->shape[i] == 1) continue;
    if (n > 0 && strides[n - 1] == x->strides[i] * x->shape[i]) {
      sizes[n - 1] *= x->shape[i];
      strides[n - 1] = x->strides[i];
    } else {
      sizes[n] = x->shape[i];
      strides[n++] = x->strides[i];
    }
  }
  return n;
}

/* New axes are cut from the merged ones, last to first; each must lie in one of them. Returns 0 when that needs a copy. */
static int split_axes(mg_tensor *view, int n, int64_t *sizes, int64_t *strides) {
  for (int i = view->ndim - 1; i >= 0; i--) {
    if (view->shape[i] == 1) {
      view->strides[i] = 1;
      continue;
    }
    while (n > 0 && sizes[n - 1] == 1) n--;
    if (n == 0 || sizes[n - 1] % view->shape[i] != 0) return 0;
    view->strides[i] = strides[n - 1];
    strides[n - 1] *= view->shape[i];
    sizes[n - 1] /= view->shape[i];
  }
  return 1;
}

mg_status mg_tensor_reshape(mg_tensor *out, const mg_tensor *x, int32_t ndim, const int64_t *shape) {
  MG_TRY(check_operands("reshape", out, x));
  mg_tensor view = *x;
  MG_TRY(infer_shape(&view, x, ndim, shape));
  if (mg_is_contiguous(x)) {
    mg_set_row_major(&view);
  } else {
    int64_t sizes[MG_MAX_DIMS], strides[MG_MAX_DIMS];
    int n = merge_axes(x, sizes, strides);
    if (!split_axes(&view, n, sizes, strides))
      return mg_fail(MG_ESHAPE, "reshape: x %s with strides %s cannot be seen as %s; expected a contiguous tensor; copy it first",
                     mg_shape_text(x), mg_sizes_text(x->ndim, x->strides), mg_sizes_text(ndim, view.shape));
  }
  mg_set_view(out, &view);
  return MG_OK;
}

/* ---- broadcast ---- */

mg_status mg_tensor_broadcast(mg_tensor *out, const mg_tensor *x, int32_t ndim, const int64_t *shape) {
  MG_TRY(check_operands("broadcast", out, x));
  MG_TRY(mg_check_sizes("broadcast", ndim, shape, 8));
  int added = ndim - x->ndim, fits = added >= 0;
  mg_tensor view = *x;
  view.ndim = ndim;
  for (int i = 0; fits && i < ndim; i++) {
    int64_t size = i < added ? 1 : x->shape[i - added];
    view.shape[i] = shape[i];
    view.strides[i] = size == shape[i] && i >= added ? x->strides[i - added] : 0;
    fits = size == shape[i] || size == 1;
  }
  if (!fits)
    return mg_fail(MG_ESHAPE,
                   "broadcast: x %s does not broadcast to %s; expected sizes that are equal or 1, counted from the last axis",
                   mg_shape_text(x), mg_sizes_text(ndim, shape));
  mg_set_view(out, &view);
  return MG_OK;
}
