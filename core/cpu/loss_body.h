/* loss_body.h: float32 losses, a row at a time. Included once per instruction set (isa.h). */
#include "loss_kernels.h"
#include "vector_math.h"

/* Elements c.. of a row of n, lanes past its end filled with `rest`. */
MG_INLINE vf load(const float *x, int64_t c, int64_t n, float rest) {
  return n - c >= MG_VW ? vload(x + c) : vload_part_or(x + c, (int)(n - c), rest);
}
MG_INLINE void store(float *x, int64_t c, int64_t n, vf v) {
  if (n - c >= MG_VW) vstore(x + c, v);
  else vstore_part(x + c, v, (int)(n - c));
}

static float weight_of(const mg_loss_rows *rows, int64_t row) { return rows->weights ? ((const float *)rows->weights)[row] : 1.0f; }

/* ---- softmax cross-entropy ---- */

/* Largest logit and sum_c exp(x[c] - largest); e[c] = exp(x[c] - largest) when e is given. */
static void row_exp(const float *x, int64_t n, float *e, float *largest, float *sum) {
  vf high = vset(-INFINITY), total = vset(0);
  for (int64_t c = 0; c < n; c += MG_VW) high = vmax(high, load(x, c, n, -INFINITY));
  *largest = vhighest(high); /* a NaN that is lost here is in the sum of exponentials */
  const vf shift = vset(*largest);
  for (int64_t c = 0; c < n; c += MG_VW) {
    vf y = vexp(load(x, c, n, -INFINITY) - shift);
    if (e) store(e, c, n, y);
    total += y;
  }
  *sum = vsum(total);
}

/* sum_c target[c] (offset - x[c]); a target of 0 counts as 0 even where x is infinite. */
static float row_dot(const float *x, const float *target, int64_t n, float offset) {
  vf total = vset(0), zero = vset(0);
  for (int64_t c = 0; c < n; c += MG_VW) {
    vf t = load(target, c, n, 0);
    total += vselect(veq(t, zero), zero, t * (vset(offset) - load(x, c, n, 0)));
  }
  return vsum(total);
}

static void scale_row(float *out, const float *x, int64_t n, float factor) {
  for (int64_t c = 0; c < n; c += MG_VW) store(out, c, n, vset(factor) * load(x, c, n, 0));
}

/* A row's loss is offset + log(sum): both come back, so that the logarithms of many rows are taken at once. */
static void cross_entropy_row(const mg_loss_rows *rows, int64_t row, float *offset, float *sum) {
  const int64_t n = rows->classes;
  const float *x = (const float *)rows->input + row * n;
  float *p = rows->result ? (float *)rows->result + row * n : NULL, largest;
  row_exp(x, n, p, &largest, sum);
  if (p) scale_row(p, p, n, 1 / *sum);
  if (rows->target) {
    *offset = row_dot(x, (const float *)rows->target + row * n, n, largest + logf(*sum));
    *sum = 1;
  } else {
    *offset = largest - x[rows->labels[row]];
  }
}

/* Rows first.. of one vector; a row of weight 0 is not looked at. */
static void cross_entropy_rows(const mg_loss_rows *rows, int64_t first, int count) {
  float offset[MG_VW] = {0}, sum[MG_VW], weight[MG_VW] = {0};
  for (int i = 0; i < MG_VW; i++) sum[i] = 1;
  for (int i = 0; i < count; i++) {
    weight[i] = weight_of(rows, first + i);
    if (weight[i] != 0) cross_entropy_row(rows, first + i, &offset[i], &sum[i]);
    else if (rows->result) memset((float *)rows->result + (first + i) * rows->classes, 0, sizeof(float) * (size_t)rows->classes);
  }
  vstore_part((float *)rows->loss + first, (vload(offset) + vlog(vload(sum))) * vload(weight), count);
}

static void cross_entropy_forward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  for (int64_t row = first; row < last; row += MG_VW) cross_entropy_rows(rows, row, last - row < MG_VW ? (int)(last - row) : MG_VW);
}

/* d = (p sum_c target[c] - target) * dloss * weight */
static void cross_entropy_gradient(const mg_loss_rows *rows, int64_t row, float factor) {
  const int64_t n = rows->classes;
  const float *p = (const float *)rows->input + row * n;
  float *d = (float *)rows->result + row * n;
  if (!rows->target) {
    scale_row(d, p, n, factor);
    d[rows->labels[row]] -= factor;
    return;
  }
  const float *target = (const float *)rows->target + row * n;
  vf total = vset(0);
  for (int64_t c = 0; c < n; c += MG_VW) total += load(target, c, n, 0);
  const vf sum = vset(vsum(total));
  for (int64_t c = 0; c < n; c += MG_VW) store(d, c, n, vset(factor) * (load(p, c, n, 0) * sum - load(target, c, n, 0)));
}

static void cross_entropy_backward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  for (int64_t row = first; row < last; row++) {
    float weight = weight_of(rows, row);
    if (weight != 0) cross_entropy_gradient(rows, row, weight * ((const float *)rows->dloss)[row]);
    else memset((float *)rows->result + row * rows->classes, 0, sizeof(float) * (size_t)rows->classes);
  }
}

/* ---- single elements; p prediction, t target ---- */

MG_INLINE vf loss_of(int32_t kind, vf p, vf t, vf delta) {
  vf e = p - t, a = vabs(e), half = vset(0.5f);
  if (kind == MG_LOSS_SQUARED) return e * e;
  if (kind == MG_LOSS_ABSOLUTE) return a;
  if (kind == MG_LOSS_HUBER) return vselect(vle(a, delta), half * e * e, delta * (a - half * delta));
  return vmax(p, vset(0)) - p * t + vlog1p(vexp(-vabs(p)));
}

MG_INLINE vf slope_of(int32_t kind, vf p, vf t, vf delta) {
  vf e = p - t, one = vset(1), zero = vset(0);
  if (kind == MG_LOSS_SQUARED) return e + e;
  if (kind == MG_LOSS_ABSOLUTE) return vselect(vgt(e, zero), one, vselect(vlt(e, zero), -one, e));
  if (kind == MG_LOSS_HUBER) return vmin(delta, vmax(-delta, e)); /* this order keeps NaN */
  return vsigmoid(p) - t;
}

/* Runs of 64 vectors are summed in float, their sums in double. */
MG_INLINE float row_mean(int32_t kind, const float *p, const float *t, int64_t n, float delta) {
  double sum = 0;
  for (int64_t start = 0; start < n; start += 64 * MG_VW) {
    const int64_t end = start + 64 * MG_VW < n ? start + 64 * MG_VW : n;
    vf total = vset(0);
    int64_t c = start;
    for (; c + MG_VW <= end; c += MG_VW) total += loss_of(kind, vload(p + c), vload(t + c), vset(delta));
    if (c < end) { /* lanes past the end are dropped: a loss of padding need not be 0 */
      vf rest = loss_of(kind, load(p, c, end, 0), load(t, c, end, 0), vset(delta));
      float lane[MG_VW] = {0};
      vstore_part(lane, rest, (int)(end - c));
      total += vload(lane);
    }
    sum += (double)vsum(total);
  }
  return (float)(sum / (double)n);
}

MG_INLINE void forward_rows(int32_t kind, const mg_loss_rows *rows, int64_t first, int64_t last) {
  const int64_t n = rows->classes;
  for (int64_t row = first; row < last; row++) {
    float weight = weight_of(rows, row), *loss = (float *)rows->loss + row;
    const float *p = (const float *)rows->input + row * n, *t = (const float *)rows->target + row * n;
    *loss = weight != 0 ? weight * row_mean(kind, p, t, n, (float)rows->delta) : 0;
  }
}

MG_INLINE void backward_rows(int32_t kind, const mg_loss_rows *rows, int64_t first, int64_t last) {
  const int64_t n = rows->classes;
  const vf delta = vset((float)rows->delta);
  for (int64_t row = first; row < last; row++) {
    const float *p = (const float *)rows->input + row * n, *t = (const float *)rows->target + row * n;
    float weight = weight_of(rows, row), *d = (float *)rows->result + row * n;
    const vf factor = vset(weight * ((const float *)rows->dloss)[row] / (float)n);
    for (int64_t c = 0; c < n; c += MG_VW)
      store(d, c, n, weight != 0 ? factor * slope_of(kind, load(p, c, n, 0), load(t, c, n, 0), delta) : vset(0));
  }
}

/* One instance of the loop for each kind. */
static void pointwise_forward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  switch (rows->kind) {
    case MG_LOSS_SQUARED: forward_rows(MG_LOSS_SQUARED, rows, first, last); break;
    case MG_LOSS_ABSOLUTE: forward_rows(MG_LOSS_ABSOLUTE, rows, first, last); break;
    case MG_LOSS_HUBER: forward_rows(MG_LOSS_HUBER, rows, first, last); break;
    default: forward_rows(MG_LOSS_BINARY_LOGITS, rows, first, last);
  }
}

static void pointwise_backward(const mg_loss_rows *rows, int64_t first, int64_t last) {
  switch (rows->kind) {
    case MG_LOSS_SQUARED: backward_rows(MG_LOSS_SQUARED, rows, first, last); break;
    case MG_LOSS_ABSOLUTE: backward_rows(MG_LOSS_ABSOLUTE, rows, first, last); break;
    case MG_LOSS_HUBER: backward_rows(MG_LOSS_HUBER, rows, first, last); break;
    default: backward_rows(MG_LOSS_BINARY_LOGITS, rows, first, last);
  }
}

const mg_loss_kernels MG_NAME(mg_loss_float) = {cross_entropy_forward, cross_entropy_backward, pointwise_forward,
                                                pointwise_backward};
