/* iterate.c: see iterate.h. */
#include "iterate.h"

#include "../threads.h"

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

/* An axis goes outward when operand 0 steps further on it; ties are decided by the next operand, then by the given order. */
static int is_outer(const int64_t *a, const int64_t *b, int operands) {
  for (int k = 0; k < operands; k++)
    if (magnitude(a[k]) != magnitude(b[k])) return magnitude(a[k]) > magnitude(b[k]);
  return 0;
}

static void swap_axes(mg_iterator *it, int i, int j) {
  int64_t size = it->shape[i];
  it->shape[i] = it->shape[j];
  it->shape[j] = size;
  for (int k = 0; k < it->operands; k++) {
    int64_t stride = it->strides[i][k];
    it->strides[i][k] = it->strides[j][k];
    it->strides[j][k] = stride;
  }
}

static void add_axis(mg_iterator *it, const mg_tensor *const *operands, int axis) {
  int last = it->ndim++;
  int64_t size = operands[0]->shape[axis];
  int flip = operands[0]->strides[axis] < 0;
  it->shape[last] = size;
  for (int k = 0; k < it->operands; k++) {
    int64_t stride = operands[k]->strides[axis] * mg_dtype_bytes(operands[k]->dtype);
    if (flip) it->data[k] += (size - 1) * stride;
    it->strides[last][k] = flip ? -stride : stride;
  }
  for (int i = last; i > 0 && is_outer(it->strides[i], it->strides[i - 1], it->operands); i--) swap_axes(it, i, i - 1);
}

static int continues(const mg_iterator *it, int outer, int inner) {
  for (int k = 0; k < it->operands; k++)
    if (it->strides[outer][k] != it->strides[inner][k] * it->shape[inner]) return 0;
  return 1;
}

static void merge_axes(mg_iterator *it) {
  int n = 0; /* axes kept */
  for (int i = 0; i < it->ndim; i++) {
    if (n > 0 && continues(it, n - 1, i)) it->shape[n - 1] *= it->shape[i];
    else it->shape[n++] = it->shape[i];
    for (int k = 0; k < it->operands; k++) it->strides[n - 1][k] = it->strides[i][k];
  }
  it->ndim = n;
}

void mg_iterator_init(mg_iterator *it, const mg_tensor *const *operands, int count) {
  int flat = 1; /* one row as they are: most small calls, where the rest would cost more than the work */
  it->operands = count;
  it->ndim = 0;
  it->count = mg_element_count(operands[0]);
  for (int k = 0; k < count; k++) {
    it->data[k] = mg_elements(operands[k]);
    flat = flat && mg_is_contiguous(operands[k]);
  }
  for (int axis = 0; !flat && axis < operands[0]->ndim && it->count > 0; axis++)
    if (operands[0]->shape[axis] != 1) add_axis(it, operands, axis);
  merge_axes(it);
  if (it->ndim > 0) return;
  it->ndim = 1;
  it->shape[0] = it->count;
  for (int k = 0; k < count; k++) it->strides[0][k] = mg_dtype_bytes(operands[k]->dtype);
}

/* Splits element number `first` into an index; p points to its first row's beginning. Returns the place in the row. */
static int64_t locate(const mg_iterator *it, int64_t first, int64_t *index, char **p) {
  int last = it->ndim - 1;
  int64_t column = first % it->shape[last], rest = first / it->shape[last];
  for (int k = 0; k < it->operands; k++) p[k] = it->data[k];
  for (int i = last - 1; i >= 0; i--) {
    index[i] = rest % it->shape[i];
    rest /= it->shape[i];
    for (int k = 0; k < it->operands; k++) p[k] += index[i] * it->strides[i][k];
  }
  return column;
}

static void next_row(const mg_iterator *it, int64_t *index, char **p) {
  for (int i = it->ndim - 2; i >= 0; i--) {
    int wraps = ++index[i] == it->shape[i];
    for (int k = 0; k < it->operands; k++) p[k] += wraps ? it->strides[i][k] * (1 - it->shape[i]) : it->strides[i][k];
    if (!wraps) return;
    index[i] = 0;
  }
}

void mg_iterator_walk(const mg_iterator *it, int64_t first, int64_t n, mg_row row, void *context) {
  if (n <= 0) return;
  int last = it->ndim - 1;
  int64_t index[MG_MAX_DIMS];
  char *p[MG_MAX_OPERANDS], *start[MG_MAX_OPERANDS];
  int64_t column = locate(it, first, index, p);
  while (n > 0) {
    int64_t length = it->shape[last] - column;
    if (length > n) length = n;
    for (int k = 0; k < it->operands; k++) start[k] = p[k] + column * it->strides[last][k];
    row(context, start, it->strides[last], length);
    n -= length;
    column = 0;
    if (n > 0) next_row(it, index, p);
  }
}

typedef struct job {
  const mg_iterator *it;
  int64_t piece;
  mg_row row;
  void *context;
} job;

static mg_status walk_piece(void *context, int64_t i) {
  const job *j = context;
  int64_t first = i * j->piece, rest = j->it->count - first;
  mg_iterator_walk(j->it, first, rest < j->piece ? rest : j->piece, j->row, j->context);
  return MG_OK;
}

mg_status mg_iterate(const mg_tensor *const *operands, int count, int64_t piece, mg_row row, void *context) {
  mg_iterator it;
  mg_iterator_init(&it, operands, count);
  if (it.ndim == 1 && it.count <= piece) {
    if (it.count > 0) row(context, it.data, it.strides[0], it.count);
    return MG_OK;
  }
  job j = {&it, piece, row, context};
  return mg_parallel(mg_pieces(it.count, piece), walk_piece, &j);
}
