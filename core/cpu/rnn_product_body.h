/* rnn_product_body.h: matrix products on packed panels, for one instruction set. Included by rnn_body.h.
 *
 * A tile of c (rows by 1 to 3 vectors) stays in registers over the whole sum, or over a part of it where the sum is long: the sums
 * of parts are added in c, which keeps rounding errors small. Every tile size is its own noinline function: inlined into larger
 * ones, compilers spill accumulators inside the loop. */

#if MG_VW == 16
enum { TILE_ROWS = 8 };
#else
enum { TILE_ROWS = 4 };
#endif
enum { MOST_K = 320 };

typedef struct tile_place {
  float *c;
  int64_t ldc, K;
  const float *a;
  int64_t row, step;
  const float *b;
  int64_t ldb;
  const float *next; /* what other tiles will read: brought nearer meanwhile, a line for each k */
  int64_t next_step;
  int accumulate;
} tile_place;

MG_INLINE void store_tile(vf acc, float *c, int accumulate) { vstore(c, accumulate ? vload(c) + acc : acc); }

/* c = or += acc */
MG_INLINE void end_tile(const int rows, const int vectors, const tile_place *p, vf acc[8][3]) {
  float *c = p->c;
  const int64_t ldc = p->ldc;
  if (p->accumulate) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] += vload(c + i * ldc + v * MG_VW);
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) vstore(c + i * ldc + v * MG_VW, acc[i][v]);
}

MG_INLINE void tile(const int rows, const int vectors, const tile_place *p) {
  vf acc[8][3];
  const float *a = p->a, *b = p->b, *next = p->next;
  const int64_t row = p->row, step = p->step, ldb = p->ldb, next_step = p->next_step;
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = vset(0.0f);
  for (int64_t k = p->K; k > 0; k--) {
    vf panel[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) panel[v] = vload(b + v * MG_VW);
    __builtin_prefetch(next, 0, 2);
    next += next_step;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const vf value = vset(a[i * row]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = vfma(value, panel[v], acc[i][v]);
    }
    a += step;
    b += ldb;
  }
  end_tile(rows, vectors, p, acc);
}

/* to += from */
MG_INLINE void add_part(const int rows, const int vectors, vf to[8][3], vf from[8][3]) {
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) to[i][v] += from[i][v];
}

/* Few accumulators: the sum in 2 or 4 parts, which hides the latency of the additions. */
MG_INLINE void tile_in_parts(const int rows, const int vectors, const int parts, const tile_place *p) {
  vf acc[4][8][3];
  const float *a = p->a, *b = p->b;
  const int64_t row = p->row, step = p->step, ldb = p->ldb;
#pragma GCC unroll 4
  for (int part = 0; part < parts; part++)
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[part][i][v] = vset(0.0f);
  int64_t k = p->K;
  for (; k >= parts; k -= parts) {
#pragma GCC unroll 4
    for (int part = 0; part < parts; part++, a += step, b += ldb)
#pragma GCC unroll 8
      for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) acc[part][i][v] = vfma(vset(a[i * row]), vload(b + v * MG_VW), acc[part][i][v]);
  }
  for (; k > 0; k--, a += step, b += ldb) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[0][i][v] = vfma(vset(a[i * row]), vload(b + v * MG_VW), acc[0][i][v]);
  }
  if (parts == 4) {
    add_part(rows, vectors, acc[0], acc[2]);
    add_part(rows, vectors, acc[1], acc[3]);
  }
  add_part(rows, vectors, acc[0], acc[1]);
  end_tile(rows, vectors, p, acc[0]);
}

typedef void (*tile_function)(const tile_place *p);
#define MG_TILE(rows, vectors, parts)                                                  \
  static __attribute__((noinline)) void tile_##rows##_##vectors(const tile_place *p) { \
    if (parts > 1) tile_in_parts(rows, vectors, parts, p);                             \
    else tile(rows, vectors, p);                                                       \
  }
#define MG_TILES(rows, parts_1, parts_2, parts_3) MG_TILE(rows, 1, parts_1) MG_TILE(rows, 2, parts_2) MG_TILE(rows, 3, parts_3)
#define MG_TILE_NAMES(rows) { tile_##rows##_1, tile_##rows##_2, tile_##rows##_3 }
#if MG_VW == 16
MG_TILES(1, 4, 4, 4)
MG_TILES(2, 4, 2, 2)
MG_TILES(3, 4, 2, 2)
MG_TILES(4, 2, 1, 1)
MG_TILES(5, 2, 1, 1)
MG_TILES(6, 2, 1, 1)
MG_TILES(7, 1, 1, 1)
MG_TILES(8, 1, 1, 1)
static const tile_function tiles[TILE_ROWS][3] = { MG_TILE_NAMES(1), MG_TILE_NAMES(2), MG_TILE_NAMES(3), MG_TILE_NAMES(4),
                                                   MG_TILE_NAMES(5), MG_TILE_NAMES(6), MG_TILE_NAMES(7), MG_TILE_NAMES(8) };
#else
MG_TILES(1, 4, 4, 4)
MG_TILES(2, 2, 2, 2)
MG_TILES(3, 2, 1, 1)
MG_TILES(4, 2, 1, 1)
static const tile_function tiles[TILE_ROWS][3] = { MG_TILE_NAMES(1), MG_TILE_NAMES(2), MG_TILE_NAMES(3), MG_TILE_NAMES(4) };
#endif

/* All rows of a panel's part of the sum, in tiles of nearly equal size. */
MG_INLINE void tile_rows(const rnn_product *p, tile_place *place, int64_t vectors, float *c, const float *a) {
  const int64_t count = (p->M + TILE_ROWS - 1) / TILE_ROWS, size = p->M / count, larger = p->M % count;
  const float *next = place->b + place->K * place->ldb; /* a third of it, or a half, for each tile */
  for (int64_t i = 0, t = 0, rows; t < count; i += rows, t++) {
    rows = size + (t < larger);
    place->c = c + i * p->ldc;
    place->a = a + i * p->row;
    place->next = p->row == 1 ? place->a + MG_VW : next + t % vectors * place->K * MG_VW;
    tiles[rows - 1][vectors - 1](place);
  }
}

static void multiply(const rnn_product *p) {
  const int64_t parts = p->K <= MOST_K ? 1 : (p->K + MOST_K - 1) / MOST_K, groups = p->groups > 1 ? p->groups : 1;
  tile_place place = { .ldc = p->ldc, .row = p->row, .step = p->step,
                       .next_step = p->row == 1 ? p->step : MG_VW };
  for (int64_t v = 0, vectors; v < p->b.vectors; v += vectors) {
    vectors = rnn_panel_vectors(p->b.vectors - v);
    place.ldb = p->b.ld != 0 ? p->b.ld : vectors * MG_VW;
    const float *panel = p->b.data + v * p->b.K * MG_VW + p->first_k * place.ldb;
    for (int64_t part = 0; part < parts; part++) {
      const int64_t k = p->K * part / parts;
      place.K = p->K * (part + 1) / parts - k;
      place.b = panel + k * place.ldb;
      place.accumulate = p->accumulate || part > 0;
      for (int64_t g = 0; g < groups; g++)
        tile_rows(p, &place, vectors, p->c + g * p->c_group + v * MG_VW, p->a + g * p->a_group + k * p->step);
    }
  }
}

/* Dropout masks: out = x * mask. */
static void scale(int64_t n, float *out, const float *x, const float *mask) {
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(out + i, vload(x + i) * vload(mask + i));
  for (; i < n; i++) out[i] = x[i] * mask[i];
}

static void add(int64_t n, float *to, const float *from) {
  int64_t i = 0;
  for (; i + MG_VW <= n; i += MG_VW) vstore(to + i, vload(to + i) + vload(from + i));
  for (; i < n; i++) to[i] += from[i];
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
