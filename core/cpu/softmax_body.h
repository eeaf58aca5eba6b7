/* softmax_body.h: one row of softmax in float32. Included once per instruction set by float32_body.h, after reduce_body.h. */

/* out = x + shift */
MG_INLINE void shift_row(int64_t n, float *out, const float *x, float shift) {
  unary_loop(MG_UNARY_AFFINE, n, out, x, 1.0f, shift);
}

/* Sum of e^x: in double, by blocks. */
MG_INLINE double sum_of_exp(int64_t n, const float *x) {
  enum { BLOCK = 256 };
  float block[BLOCK];
  double total = 0;
  for (int64_t i = 0; i < n; i += BLOCK) {
    int64_t count = n - i < BLOCK ? n - i : BLOCK;
    unary_loop(MG_UNARY_EXP, count, block, x + i, 0, 0);
    total += sum_loop(MG_REDUCE_SUM, count, block);
  }
  return total;
}

/* e^(x - m) / sum, or x - m - log sum, with m = max x. */
static void softmax_float32(int64_t n, float *out, const float *x, int32_t log_softmax) {
  shift_row(n, out, x, -extreme(MG_REDUCE_MAX, n, x));
  if (log_softmax) {
    shift_row(n, out, out, (float)-log(sum_of_exp(n, out)));
    return;
  }
  unary_loop(MG_UNARY_EXP, n, out, out, 0, 0);
  unary_loop(SCALED, n, out, out, (float)(1 / sum_loop(MG_REDUCE_SUM, n, out)), 0);
}

MG_INLINE double dot(int64_t n, const float *a, const float *b) {
  vd sum = {0};
  int64_t i = 0;
  for (; i + MG_VW / 2 <= n; i += MG_VW / 2) sum += load_double(a + i) * load_double(b + i);
  double lane[MG_VW / 2], total = 0;
  memcpy(lane, &sum, sizeof lane);
  for (int k = 0; k < MG_VW / 2; k++) total += lane[k];
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
