/* rnn_pieces_test.c: float32 numbers as bf16 pieces, and products of pieces: of vectors (VDPBF16PS) and of tiles (AMX) where the
 * processor has them, of tiles through an emulation of AMX everywhere, all against sums in double. */
#include "check.h"
#include "tiles_here.h"

static uint64_t state = 88172645463325252u;
static float uniform(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (float)((double)(state >> 40) / 8388608.0 - 1.0);
}

static float from_bf16(uint16_t half) {
  const uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Round to nearest even. */
static uint16_t to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void pieces_of(float x, int count, uint16_t *pieces) {
  for (int i = 0; i < count; i++) x -= from_bf16(pieces[i] = to_bf16(x));
}

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

static float *random_numbers(int64_t n) {
  float *x = malloc((size_t)n * sizeof *x);
  for (int64_t i = 0; i < n; i++) x[i] = uniform();
  return x;
}

/* ---- splitting ---- */

#ifdef MG_COMPILED_BF16
static uint16_t *filled(int64_t n) {
  uint16_t *to = malloc((size_t)n * sizeof *to);
  memset(to, 0x55, (size_t)n * sizeof *to);
  return to;
}

static void check_rows(int64_t M, int64_t K, int count, int tiled) {
  const int64_t blocks = up(K, 32) / 32, ld = K + 3, row = tiled ? 32 : up(K, 32) + 32, size = up(M, 16) * (up(K, 32) + 32) * count;
  float *x = random_numbers(M * ld);
  uint16_t *to = filled(size);
  rnn_split_rows s = { .from = x, .ld = ld, .M = M, .K = K, .to = to, .row = row, .piece = 512, .count = count };
  s.block = tiled ? count * 512 : 32;
  s.rows16 = tiled ? blocks * s.block : 16 * row;
  int good = rnn_split_bf16.rows(&s);
  for (int64_t i = 0; i < M; i++) {
    for (int64_t k = 0; k < blocks * 32; k++) {
      uint16_t pieces[3];
      pieces_of(k < K ? x[i * ld + k] : 0, count, pieces);
      for (int piece = 0; piece < count; piece++)
        good &= to[i / 16 * s.rows16 + i % 16 * row + k / 32 * s.block + piece * 512 + k % 32] == pieces[piece];
    }
  }
  check_that(good, __FILE__, __LINE__, "rows (%d, %d) in %d pieces, tiles %d", (int)M, (int)K, count, tiled);
  free(x);
  free(to);
}

static void check_columns(int64_t K, int64_t columns, int count) {
  const int64_t ld = columns + 5, width = up(columns, 16), pairs = up(K, 32) / 2;
  float *x = random_numbers(K * ld), sums[48] = { 0 };
  uint16_t *to = filled(pairs * width * 2 * count);
  int good = rnn_split_bf16.columns(&(rnn_split_columns){ .from = x, .ld = ld, .K = K, .columns = columns, .to = to,
                                                          .pair = 2 * width, .pairs = pairs, .count = count, .sums = sums });
  for (int64_t j = 0; j < width; j++) {
    float sum = 0;
    for (int64_t k = 0; k < 2 * pairs; k++) {
      uint16_t pieces[3];
      const float number = k < K && j < columns ? x[k * ld + j] : 0;
      sum += number;
      pieces_of(number, count, pieces);
      for (int piece = 0; piece < count; piece++)
        good &= to[((k / 32 * count + piece) * 16 + k / 2 % 16) * 2 * width + 2 * j + k % 2] == pieces[piece];
    }
    good &= sums[j] == sum;
  }
  check_that(good, __FILE__, __LINE__, "columns (%d, %d) in %d pieces", (int)K, (int)columns, count);
  free(x);
  free(to);
}

static void check_transposed(int64_t M, int64_t K, int count) {
  const int64_t blocks = up(K, 32) / 32, ld = M + 2;
  float *x = random_numbers(K * ld);
  uint16_t *to = filled(up(M, 16) * blocks * 32 * count);
  int good = rnn_split_bf16.transposed(x, ld, M, K, to, count);
  for (int64_t i = 0; i < up(M, 16); i++) {
    for (int64_t k = 0; k < blocks * 32; k++) {
      uint16_t pieces[3];
      pieces_of(k < K && i < M ? x[k * ld + i] : 0, count, pieces);
      for (int piece = 0; piece < count; piece++)
        good &= to[((i / 16 * blocks + k / 32) * count + piece) * 512 + i % 16 * 32 + k % 32] == pieces[piece];
    }
  }
  check_that(good, __FILE__, __LINE__, "transposed (%d, %d) in %d pieces", (int)M, (int)K, count);
  free(x);
  free(to);
}

static void test_layouts(void) {
  if (!mg_cpu_bf16()) return;
  for (int count = 1; count <= 3; count++) {
    for (int64_t K = 1; K < 100; K += K % 7 + 1) {
      for (int64_t M = 1; M < 40; M += M % 5 + 1) {
        if (count == 1) check_rows(M, K, count, 0);
        check_rows(M, K, count, 1);
        check_transposed(M, K, count);
      }
      for (int64_t columns = 1; columns <= 48; columns += 3) check_columns(K, columns, count);
    }
  }
}

/* Three pieces are the number itself, unless the last one is below 2^-126. */
static void test_three_pieces_are_exact(void) {
  if (!mg_cpu_bf16()) return;
  for (int i = 0; i < 20000; i++) {
    const float x = ldexpf(uniform(), i % 200 - 100);
    uint16_t to[3 * 512];
    CHECK(rnn_split_bf16.rows(&(rnn_split_rows){ .from = &x, .ld = 1, .M = 1, .K = 1, .to = to, .rows16 = 512, .row = 32,
                                                 .block = 3 * 512, .piece = 512, .count = 3 }));
    CHECK(from_bf16(to[0]) + (from_bf16(to[512]) + from_bf16(to[1024])) == x);
  }
}

static int fits(float x, int64_t at) {
  float numbers[70] = { 0 };
  uint16_t to[3 * 5 * 512];
  numbers[at] = x;
  const rnn_split_rows r = { .from = numbers, .ld = 70, .M = 1, .K = 70, .to = to, .rows16 = 3 * 512, .row = 32, .block = 512,
                             .piece = 512, .count = 1 };
  const rnn_split_columns c = { .from = numbers, .ld = 14, .K = 5, .columns = 14, .to = to, .pair = 32, .pairs = 3, .count = 1 };
  const int of_rows = rnn_split_bf16.rows(&r), of_columns = rnn_split_bf16.columns(&c);
  CHECK_INT(of_rows, of_columns);
  CHECK_INT(rnn_split_bf16.transposed(numbers, 14, 14, 5, to, 1), of_rows);
  return of_rows;
}

static void test_what_does_not_fit(void) {
  if (!mg_cpu_bf16()) return;
  for (int64_t at = 0; at < 70; at++) {
    CHECK(fits(1, at));
    CHECK(fits(-0x1.fep127f, at)); /* the largest bf16 */
    CHECK(fits(0x1.fefffep127f, at)); /* the last one to round down to it */
    CHECK(fits(1e-45f, at));
    CHECK(!fits(0x1.ffp127f, at));
    CHECK(!fits(-0x1.fffffep127f, at));
    CHECK(!fits(INFINITY, at));
    CHECK(!fits(-INFINITY, at));
    CHECK(!fits(NAN, at));
    CHECK(!fits(-NAN, at));
  }
}
#else
static void test_layouts(void) {}
static void test_three_pieces_are_exact(void) {}
static void test_what_does_not_fit(void) {}
#endif

/* ---- products ---- */

typedef struct problem {
  const rnn_engine *engine;
  int64_t M, K, first_k, vectors, all_k;
  int count, accumulate;
} problem;

static uint16_t *packed_a(const problem *q, const float *a, int transposed, rnn_pieces_product *p) {
  const int64_t pairs = up(q->K, q->engine->tiles ? 32 : 2) / 2, M = up(q->M, 16);
  uint16_t *to = calloc((size_t)(M * pairs * 2 * q->count), sizeof *to);
  p->row = transposed ? 1 : pairs;
  p->step = transposed ? M : 1;
  for (int64_t i = 0; i < q->M; i++) {
    for (int64_t k = 0; k < q->K; k++) {
      uint16_t pieces[3];
      pieces_of(a[i * q->K + k], q->count, pieces);
      for (int piece = 0; piece < q->count; piece++) {
        const int64_t tiled = ((i / 16 * pairs / 16 + k / 32) * q->count + piece) * 512 + i % 16 * 32 + k % 32;
        to[q->engine->tiles ? tiled : (i * p->row + k / 2 * p->step) * 2 + k % 2] = pieces[piece];
      }
    }
  }
  return to;
}

static uint16_t *packed_b(const problem *q, const float *b, int64_t pairs) {
  uint16_t *to = calloc((size_t)(q->vectors * 16 * pairs * 2 * q->count), sizeof *to);
  for (int64_t v = 0, width; v < q->vectors; v += width) {
    width = rnn_pieces_cut(q->engine, q->vectors - v);
    for (int64_t k = 0; k < q->all_k; k++) {
      for (int64_t j = 0; j < width * 16; j++) {
        uint16_t pieces[3], *at = to + v * 16 * pairs * 2 * q->count + k / 32 * 16 * q->count * width * 32;
        at += k / 2 % 16 * width * 32 + 2 * j + k % 2;
        pieces_of(b[k * q->vectors * 16 + v * 16 + j], q->count, pieces);
        for (int piece = 0; piece < q->count; piece++) at[piece * 16 * width * 32] = pieces[piece];
      }
    }
  }
  return to;
}

/* Largest error of c beside the sum of magnitudes; infinite where something else was written. */
static double error_of(const problem *q, const float *a, const float *b, const float *c, const float *before, int64_t ldc) {
  const int64_t columns = q->vectors * 16;
  double most = 0;
  for (int64_t i = 0; i < q->M; i++) {
    for (int64_t j = 0; j < ldc; j++) {
      double sum = q->accumulate || j >= columns ? before[i * ldc + j] : 0, scale = fabs(sum) + 1e-30;
      for (int64_t k = 0; k < q->K && j < columns; k++) {
        const double product = (double)a[i * q->K + k] * b[(q->first_k + k) * columns + j];
        sum += product;
        scale += fabs(product);
      }
      if (j >= columns && c[i * ldc + j] != before[i * ldc + j]) return INFINITY;
      most = worse(most, fabs(c[i * ldc + j] - sum) / scale);
    }
  }
  return most;
}

static void check_product(const problem *q, int transposed) {
  static const double tolerance[] = { 0, 0x1.1p-7, 0x1.1p-15, 0x1p-22 };
  const int64_t columns = q->vectors * 16, ldc = columns + 9;
  float *a = random_numbers(q->M * q->K), *b = random_numbers(q->all_k * columns), *c = random_numbers((q->M + 1) * ldc);
  float *before = malloc((size_t)((q->M + 1) * ldc) * sizeof *before);
  memcpy(before, c, (size_t)((q->M + 1) * ldc) * sizeof *before);
  rnn_pieces_product p = { .count = q->count, .c = c, .ldc = ldc, .M = q->M, .vectors = q->vectors, .accumulate = q->accumulate,
                           .first_pair = q->first_k / 2, .b_pairs = up(q->all_k, q->engine->tiles ? 32 : 2) / 2,
                           .pairs = up(q->K, q->engine->tiles ? 32 : 2) / 2 };
  uint16_t *pa = packed_a(q, a, transposed, &p), *pb = packed_b(q, b, p.b_pairs);
  p.a = pa;
  p.b = pb;
  q->engine->multiply(&p);
  const double error = error_of(q, a, b, c, before, ldc);
  check_that(error <= tolerance[q->count], __FILE__, __LINE__, "%s (%d, %d) (%d vectors), %d pieces: off by %.3g", q->engine->name,
             (int)q->M, (int)q->K, (int)q->vectors, q->count, error);
  for (int64_t j = 0; j < ldc; j++) CHECK(c[q->M * ldc + j] == before[q->M * ldc + j]);
  void *all[] = { a, b, c, before, pa, pb };
  for (int i = 0; i < 6; i++) free(all[i]);
}

static void check_engine(const rnn_engine *engine) {
  int64_t number = 0;
  for (int count = 1; count <= engine->most; count++) {
    for (int64_t M = 1; M < 70; M += M % 6 + 1, number++) {
      for (int64_t vectors = 1; vectors <= 7; vectors++) {
        problem q = { .engine = engine, .M = M, .K = 1 + (number * 37 + vectors * 11) % 90, .vectors = vectors, .count = count };
        q.accumulate = (int)(number + vectors) % 2;
        q.first_k = vectors % 3 * 32;
        q.all_k = q.first_k + q.K + (q.first_k > 0 ? 32 : 0);
        check_product(&q, 0);
        if (!engine->tiles) check_product(&q, 1);
      }
    }
  }
}

static void test_products_of_tiles(void) {
  check_engine(&emulated);
  CHECK(!tiles_misused);
  if (tiles_here() != &emulated) check_engine(tiles_here());
}

static void test_products_of_vectors(void) {
#ifdef MG_COMPILED_BF16
  if (mg_cpu_bf16()) check_engine(&rnn_vectors_bf16);
#endif
}

static void test_wrong_tiles_are_found(void) {
  CHECK(tiles_check());
  tiles_lose_a_pair = 1;
  CHECK(!tiles_check());
  tiles_lose_a_pair = 0;
  CHECK(tiles_check());
}

int main(void) {
  RUN(test_layouts);
  RUN(test_three_pieces_are_exact);
  RUN(test_what_does_not_fit);
  RUN(test_products_of_tiles);
  RUN(test_products_of_vectors);
  RUN(test_wrong_tiles_are_found);
  return finish();
}
