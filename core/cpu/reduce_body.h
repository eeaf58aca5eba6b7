/* reduce_body.h: float32 reductions of plain arrays. Included once per instruction set by float32_body.h.
 * The trees are fixed: they depend on n alone. Sums run in double, where float32 products are exact. */

typedef float vhalf __attribute__((vector_size(2 * MG_VW)));
typedef double vd __attribute__((vector_size(4 * MG_VW))); /* MG_VW / 2 lanes */

/* Compilers make several instructions of the conversion of vectors, where there is one. */
#if MG_VW == 16
MG_INLINE vd widened(vhalf x) { return (vd)_mm512_cvtps_pd((__m256)x); }
#elif MG_VW == 8
MG_INLINE vd widened(vhalf x) { return (vd)_mm256_cvtps_pd((__m128)x); }
#else
MG_INLINE vd widened(vhalf x) { return __builtin_convertvector(x, vd); }
#endif

MG_INLINE vd load_double(const float *p) {
  vhalf h;
  memcpy(&h, p, sizeof h);
  return widened(h);
}

MG_INLINE vd term(int op, const float *p) {
  vd v = load_double(p);
  return op == MG_REDUCE_SUM_OF_SQUARES ? v * v : v;
}

MG_INLINE double sum_loop(int op, int64_t n, const float *x) {
  enum { LANES = MG_VW / 2 };
  vd s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  int64_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    s0 += term(op, x + i);
    s1 += term(op, x + i + LANES);
    s2 += term(op, x + i + 2 * LANES);
    s3 += term(op, x + i + 3 * LANES);
  }
  double lane[LANES], total = 0;
  s0 = (s0 + s1) + (s2 + s3);
  memcpy(lane, &s0, sizeof lane);
  for (int k = 0; k < LANES; k++) total += lane[k];
  for (; i < n; i++) total += op == MG_REDUCE_SUM_OF_SQUARES ? (double)x[i] * x[i] : (double)x[i];
  return total;
}

static double product(int64_t n, const float *x) {
  double total = 1;
  for (int64_t i = 0; i < n; i++) total *= x[i];
  return total;
}

/* n >= 1. NaN wins. */
MG_INLINE float extreme(int op, int64_t n, const float *x) {
  vf best = vset(x[0]), other = best, nan = vset(0.0f);
  int64_t i = 0;
  for (; i + 2 * MG_VW <= n; i += 2 * MG_VW) {
    vf v = vload(x + i), w = vload(x + i + MG_VW);
    best = op == MG_REDUCE_MAX ? vmax(best, v) : vmin(best, v);
    other = op == MG_REDUCE_MAX ? vmax(other, w) : vmin(other, w);
    nan = vselect(vne(v, v) | vne(w, w), vset(NAN), nan);
  }
  if (vany(vne(nan, nan))) return NAN;
  best = op == MG_REDUCE_MAX ? vmax(best, other) : vmin(best, other);
  float result = op == MG_REDUCE_MAX ? vmax_lanes(best) : vmin_lanes(best);
  for (; i < n; i++)
    if (x[i] != x[i] || (op == MG_REDUCE_MAX ? x[i] > result : x[i] < result)) result = x[i];
  return result;
}

static double reduce_float32(int32_t op, int64_t n, const float *x) {
  switch (op) {
    case MG_REDUCE_SUM_OF_SQUARES: return sum_loop(MG_REDUCE_SUM_OF_SQUARES, n, x);
    case MG_REDUCE_PROD: return product(n, x);
    case MG_REDUCE_MAX: return extreme(MG_REDUCE_MAX, n, x);
    case MG_REDUCE_MIN: return extreme(MG_REDUCE_MIN, n, x);
    default: return sum_loop(MG_REDUCE_SUM, n, x);
  }
}

MG_INLINE double combined(int op, double total, double v) {
  switch (op) {
    case MG_REDUCE_SUM_OF_SQUARES: return total + v * v;
    case MG_REDUCE_PROD: return total * v;
    case MG_REDUCE_MAX: return v > total || v != v ? v : total; /* a NaN in total stays */
    case MG_REDUCE_MIN: return v < total || v != v ? v : total;
    default: return total + v;
  }
}

MG_INLINE void columns_loop(int op, double *total, const float *x, int64_t rows, int64_t stride, int64_t columns) {
  for (int64_t r = 0; r < rows; r++, x += stride)
    for (int64_t j = 0; j < columns; j++) total[j] = combined(op, total[j], x[j]);
}

static void reduce_columns_float32(int32_t op, double *total, const float *x, int64_t rows, int64_t stride, int64_t columns) {
  switch (op) {
    case MG_REDUCE_SUM_OF_SQUARES: columns_loop(MG_REDUCE_SUM_OF_SQUARES, total, x, rows, stride, columns); break;
    case MG_REDUCE_PROD: columns_loop(MG_REDUCE_PROD, total, x, rows, stride, columns); break;
    case MG_REDUCE_MAX: columns_loop(MG_REDUCE_MAX, total, x, rows, stride, columns); break;
    case MG_REDUCE_MIN: columns_loop(MG_REDUCE_MIN, total, x, rows, stride, columns); break;
    default: columns_loop(MG_REDUCE_SUM, total, x, rows, stride, columns);
  }
}

static int64_t find_float32(int64_t n, const float *x, float value) {
  int64_t i = 0;
  if (value != value) {
    while (i + MG_VW <= n && !vany(vne(vload(x + i), vload(x + i)))) i += MG_VW;
    while (i < n && x[i] == x[i]) i++;
  } else {
    while (i + MG_VW <= n && !vany(veq(vload(x + i), vset(value)))) i += MG_VW;
    while (i < n && x[i] != value) i++;
  }
  return i;
}
