/* softmax_body.h: one row of softmax in float32. Included once per instruction set by float32_body.h, after reduce_body.h. */

MG_INLINE vf load_row(const float *x, int64_t i, int64_t n, float rest) {
  return n - i >= MG_VW ? vload(x + i) : vload_part_or(x + i, (int)(n - i), rest);
}
MG_INLINE void store_row(float *x, int64_t i, int64_t n, vf v) {
  if (n - i >= MG_VW) vstore(x + i, v);
  else vstore_part(x + i, v, (int)(n - i));
}

/* e^(x - shift), stored to out unless it is NULL, and its sum in double. A float32 exponential is of float32's precision, so the
 * sum's own error is nothing beside it. */
MG_INLINE double exp_row(int64_t n, float *out, const float *x, float shift) {
  vd low = {0}, high = {0};
  for (int64_t i = 0; i < n; i += MG_VW) {
    vf y = vexp(load_row(x, i, n, -INFINITY) - vset(shift)); /* e^-inf adds nothing */
    vhalf half[2];
    memcpy(half, &y, sizeof half);
    if (out) store_row(out, i, n, y);
    low += widened(half[0]);
    high += widened(half[1]);
  }
  double lane[MG_VW / 2], total = 0;
  low += high;
  memcpy(lane, &low, sizeof lane);
  for (int k = 0; k < MG_VW / 2; k++) total += lane[k];
  return total;
}

/* e^(x - m) / sum, or x - m - log sum, with m = max x. A NaN that the largest misses is in the sum. */
static void softmax_float32(int64_t n, float *out, const float *x, int32_t log_softmax) {
  vf high = vset(-INFINITY);
  for (int64_t i = 0; i < n; i += MG_VW) high = vmax(high, load_row(x, i, n, -INFINITY));
  const float largest = vhighest(high);
  const double sum = exp_row(n, log_softmax ? NULL : out, x, largest);
  const vf factor = vset((float)(1 / sum)), rest = vset(log_softmax ? (float)-log(sum) : 0);
  for (int64_t i = 0; i < n; i += MG_VW)
    store_row(out, i, n, log_softmax ? load_row(x, i, n, 0) - vset(largest) + rest : load_row(out, i, n, 0) * factor);
}

MG_INLINE double dot(int64_t n, const float *a, const float *b) {
  enum { LANES = MG_VW / 2 };
  vd s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  int64_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    s0 += load_double(a + i) * load_double(b + i);
    s1 += load_double(a + i + LANES) * load_double(b + i + LANES);
    s2 += load_double(a + i + 2 * LANES) * load_double(b + i + 2 * LANES);
    s3 += load_double(a + i + 3 * LANES) * load_double(b + i + 3 * LANES);
  }
  double lane[LANES], total = 0;
  s0 = (s0 + s1) + (s2 + s3);
  memcpy(lane, &s0, sizeof lane);
  for (int k = 0; k < LANES; k++) total += lane[k];
  for (; i < n; i++) total += (double)a[i] * b[i];
  return total;
}

/* y (dy - sum dy y); of log-softmax dy - e^y sum dy. */
static void softmax_slope_float32(int64_t n, float *dx, const float *dy, const float *y, int32_t log_softmax) {
  float total = (float)(log_softmax ? sum_loop(MG_REDUCE_SUM, n, dy) : dot(n, dy, y));
  for (int64_t i = 0; i < n; i += MG_VW) {
    int count = n - i < MG_VW ? (int)(n - i) : MG_VW;
    vf d = vload_part(dy + i, count), v = vload_part(y + i, count);
    vstore_part(dx + i, log_softmax ? d - vexp(v) * vset(total) : v * (d - vset(total)), count);
  }
}
