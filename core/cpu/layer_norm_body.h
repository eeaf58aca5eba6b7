/* layer_norm_body.h: normalization of rows in float32. Included once per instruction set by float32_body.h, after softmax_body.h.
 * Sums run in double, in an order that depends on n and on the piece's rows alone. */

enum { NORM_ROWS = 4 }; /* whose sums over the rows are added up in float32 first */

MG_INLINE void add_halves(vd *low, vd *high, vf v) {
  vhalf half[2];
  memcpy(half, &v, sizeof half);
  *low += widened(half[0]);
  *high += widened(half[1]);
}

MG_INLINE double sum_of(vd v) {
  double lane[MG_VW / 2];
  memcpy(lane, &v, sizeof lane);
  for (int half = MG_VW / 4; half > 0; half /= 2)
    for (int k = 0; k < half; k++) lane[k] += lane[k + half];
  return lane[0];
}

MG_INLINE double row_sum(int64_t n, const float *x) {
  vd low = {0}, high = {0};
  for (int64_t i = 0; i < n; i += MG_VW) add_halves(&low, &high, load_row(x, i, n, 0));
  return sum_of(low + high);
}

/* The sum of (x - mean)^2: differences in float32, squares in double, where they are exact. */
MG_INLINE double squares_about(int64_t n, const float *x, float mean) {
  vd low = {0}, high = {0};
  for (int64_t i = 0; i < n; i += MG_VW) {
    const vf d = load_row(x, i, n, mean) - vset(mean);
    vhalf half[2];
    memcpy(half, &d, sizeof half);
    const vd a = widened(half[0]), b = widened(half[1]);
    low += a * a;
    high += b * b;
  }
  return sum_of(low + high);
}

static void layer_norm_float32(const mg_norm_piece *p) {
  const mg_norm_rows *r = p->rows;
  const int64_t n = r->n;
  const float *gamma = r->gamma, *beta = r->beta;
  const double share = 1 / (double)n;
  for (int64_t row = p->first; row < p->end; row++) {
    const float *x = (const float *)r->x + row * n;
    float *y = (float *)r->y + row * n;
    const float mean = (float)(row_sum(n, x) * share);
    const float inverse = (float)(1 / sqrt(squares_about(n, x, mean) * share + r->epsilon));
    ((float *)r->mean)[row] = mean;
    ((float *)r->inverse)[row] = inverse;
    for (int64_t i = 0; i < n; i += MG_VW) {
      vf v = (load_row(x, i, n, mean) - vset(mean)) * vset(inverse);
      if (gamma) v *= load_row(gamma, i, n, 0);
      if (beta) v += load_row(beta, i, n, 0);
      store_row(y, i, n, v);
    }
  }
}

/* What a row's gradient needs of it. */
typedef struct norm_row {
  const float *x, *dy;
  float *dx;
  float mean, inverse, of_g, of_gn; /* means of g and g n */
} norm_row;

MG_INLINE norm_row norm_row_of(const mg_norm_rows *r, int64_t row) {
  const int64_t n = r->n;
  const float *gamma = r->gamma;
  norm_row k = { .x = (const float *)r->x + row * n, .dy = (const float *)r->dy + row * n,
                 .dx = r->dx ? (float *)r->dx + row * n : NULL, .mean = ((const float *)r->mean)[row],
                 .inverse = ((const float *)r->inverse)[row] };
  if (!k.dx) return k;
  vd g_low = {0}, g_high = {0}, gn_low = {0}, gn_high = {0};
  for (int64_t i = 0; i < n; i += MG_VW) {
    vf g = load_row(k.dy, i, n, 0);
    if (gamma) g *= load_row(gamma, i, n, 0);
    add_halves(&g_low, &g_high, g);
    add_halves(&gn_low, &gn_high, g * ((load_row(k.x, i, n, k.mean) - vset(k.mean)) * vset(k.inverse)));
  }
  const double share = 1 / (double)n;
  k.of_g = (float)(sum_of(g_low + g_high) * share);
  k.of_gn = (float)(sum_of(gn_low + gn_high) * share);
  return k;
}

MG_INLINE void add_to_doubles(double *to, vf v, int64_t left) {
  if (left >= MG_VW) {
    vd low, high;
    memcpy(&low, to, sizeof low);
    memcpy(&high, to + MG_VW / 2, sizeof high);
    add_halves(&low, &high, v);
    memcpy(to, &low, sizeof low);
    memcpy(to + MG_VW / 2, &high, sizeof high);
    return;
  }
  float lane[MG_VW];
  vstore(lane, v);
  for (int64_t j = 0; j < left; j++) to[j] += lane[j];
}

/* dx of some rows, at most NORM_ROWS, and their part of the sums over rows. */
MG_INLINE void norm_rows_back(const mg_norm_piece *p, const norm_row *rows, const int count) {
  const int64_t n = p->rows->n;
  const float *gamma = p->rows->gamma;
  for (int64_t i = 0; i < n; i += MG_VW) {
    const vf weight = gamma ? load_row(gamma, i, n, 0) : vset(1);
    vf dgamma = vset(0), dbeta = vset(0);
    for (int j = 0; j < count; j++) {
      const norm_row *k = &rows[j];
      const vf dy = load_row(k->dy, i, n, 0), value = (load_row(k->x, i, n, k->mean) - vset(k->mean)) * vset(k->inverse);
      dgamma += dy * value;
      dbeta += dy;
      if (k->dx) store_row(k->dx, i, n, (dy * weight - vset(k->of_g) - value * vset(k->of_gn)) * vset(k->inverse));
    }
    if (!p->sums) continue;
    add_to_doubles(p->sums + i, dgamma, n - i);
    add_to_doubles(p->sums + n + i, dbeta, n - i);
  }
}

static void layer_norm_slope_float32(const mg_norm_piece *p) {
  norm_row rows[NORM_ROWS];
  for (int64_t row = p->first; row < p->end; row += NORM_ROWS) {
    const int count = p->end - row < NORM_ROWS ? (int)(p->end - row) : NORM_ROWS;
    for (int j = 0; j < count; j++) rows[j] = norm_row_of(p->rows, row + j);
    if (count == NORM_ROWS) norm_rows_back(p, rows, NORM_ROWS);
    else norm_rows_back(p, rows, count);
  }
}
