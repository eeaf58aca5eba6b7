/* rnn_product_body.h: matrix products on packed panels, for one instruction set. Included by rnn_body.h.
 *
 * A tile of c (rows by 1 to 3 vectors) stays in registers over the whole sum. Every tile size is its own noinline function: inlined
 * into larger ones, compilers spill accumulators inside the loop. */

#if MG_VW == 16
enum { TILE_ROWS = 8 };
#else
enum { TILE_ROWS = 4 };
#endif

typedef struct tile_place {
  float *c;
  int64_t ldc, K;
  const float *a;
  int64_t row, step;
  const float *b;
  int64_t ldb;
  int accumulate;
} tile_place;

MG_INLINE void store_tile(vf acc, float *c, int accumulate) { vstore(c, accumulate ? vload(c) + acc : acc); }

MG_INLINE void tile(const int rows, const int vectors, const tile_place *p) {
  vf acc[8][3];
  const float *a = p->a, *b = p->b;
  const int64_t row = p->row, step = p->step, ldb = p->ldb;
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = vset(0.0f);
  for (int64_t k = p->K; k > 0; k--) {
    vf panel[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) panel[v] = vload(b + v * MG_VW);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const vf value = vset(a[i * row]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = vfma(value, panel[v], acc[i][v]);
    }
    a += step;
    b += ldb;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) store_tile(acc[i][v], p->c + i * p->ldc + v * MG_VW, p->accumulate);
}

/* One row: the sum in four parts, which hides the latency of the additions. */
MG_INLINE void tile_of_one_row(const int vectors, const tile_place *p) {
  vf acc[4][3];
  const float *a = p->a, *b = p->b;
  const int64_t step = p->step, ldb = p->ldb;
#pragma GCC unroll 4
  for (int part = 0; part < 4; part++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[part][v] = vset(0.0f);
  int64_t k = p->K;
  for (; k >= 4; k -= 4) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; part++) {
      const vf value = vset(a[part * step]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[part][v] = vfma(value, vload(b + part * ldb + v * MG_VW), acc[part][v]);
    }
    a += 4 * step;
    b += 4 * ldb;
  }
  for (; k > 0; k--) {
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[0][v] = vfma(vset(a[0]), vload(b + v * MG_VW), acc[0][v]);
    a += step;
    b += ldb;
  }
#pragma GCC unroll 3
  for (int v = 0; v < vectors; v++) store_tile((acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v]), p->c + v * MG_VW, p->accumulate);
}

typedef void (*tile_function)(const tile_place *p);
#define MG_TILE(rows, vectors)                                                                                        \
  static __attribute__((noinline)) void tile_##rows##_##vectors(const tile_place *p) {                                \
    if (rows == 1) tile_of_one_row(vectors, p);                                                                       \
    else tile(rows, vectors, p);                                                                                      \
  }
#define MG_TILES(rows) MG_TILE(rows, 1) MG_TILE(rows, 2) MG_TILE(rows, 3)
MG_TILES(1)
MG_TILES(4)
static const tile_function tiles_of_1[] = { tile_1_1, tile_1_2, tile_1_3 }, tiles_of_4[] = { tile_4_1, tile_4_2, tile_4_3 };
#if MG_VW == 16
MG_TILES(8)
static const tile_function tiles_of_8[] = { tile_8_1, tile_8_2, tile_8_3 };
#endif

static tile_function tile_for(int64_t rows_left, int64_t vectors, int64_t *rows) {
#if MG_VW == 16
  if (rows_left >= 8) {
    *rows = 8;
    return tiles_of_8[vectors - 1];
  }
#endif
  *rows = rows_left >= 4 ? 4 : 1;
  return *rows == 4 ? tiles_of_4[vectors - 1] : tiles_of_1[vectors - 1];
}

static void multiply(const rnn_product *p) {
  tile_place place = { .ldc = p->ldc, .K = p->K, .row = p->row, .step = p->step, .accumulate = p->accumulate };
  for (int64_t v = 0, vectors; v < p->b.vectors; v += vectors) {
    vectors = rnn_panel_vectors(p->b.vectors - v);
    place.ldb = p->b.ld != 0 ? p->b.ld : vectors * MG_VW;
    place.b = p->b.data + v * p->b.K * MG_VW + p->first_k * place.ldb;
    for (int64_t i = 0, rows; i < p->M; i += rows) {
      place.c = p->c + i * p->ldc + v * MG_VW;
      place.a = p->a + i * p->row;
      tile_for(p->M - i, vectors, &rows)(&place);
    }
  }
}

/* Dropout masks: out = x * mask. */
static void scale(int64_t n, float *out, const float *x, const float *mask) {
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(out + i, vload(x + i) * vload(mask + i));
  for (; i < n; i++) out[i] = x[i] * mask[i];
}

MG_INLINE void pack_vectors(const int vectors, const rnn_strip *s) {
  const float *from = s->from;
  float *data = s->data;
  const int64_t apart = s->apart;
  vf sum[4] = { vset(0.0f), vset(0.0f), vset(0.0f), vset(0.0f) };
  for (int64_t k = 0; k < s->K; k++, from += s->row, data += vectors * MG_VW) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const vf x = vload(from + v * apart);
      vstore(data + v * MG_VW, x);
      sum[v] += x;
    }
  }
  for (int v = 0; s->sums != NULL && v < vectors; v++) store_tile(sum[v], s->sums + v * MG_VW, 1);
}

static void pack_strip(const rnn_strip *s) {
  if (s->vectors == 4) pack_vectors(4, s);
  else if (s->vectors == 3) pack_vectors(3, s);
  else if (s->vectors == 2) pack_vectors(2, s);
  else pack_vectors(1, s);
}
