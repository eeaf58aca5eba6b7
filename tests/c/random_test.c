/* Random numbers: Philox against the published vectors, one element against its definition, distributions against their laws. */
#include "check.h"
#include "cpu/random_kernels.h"
#include "philox.h"

static const mg_random_key key = {.seed = 0x0123456789abcdefu, .stream = 42, .offset = 0};

/* Random123, tests/kat_vectors: "philox4x32 10" counter, key, result. */
static const uint32_t known[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};

static void test_known_answers(void) {
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    CHECK_OK(mg_random_block(out, known[i], known[i] + 4));
    for (int word = 0; word < 4; word++) CHECK_INT(out[word], known[i][6 + word]);
  }
}

/* The same vectors through the lanes of every instruction set: first is counter words 0 and 1. */
static void check_kernels(const mg_random_kernels *kernels) {
  for (int i = 0; i < 3; i++) {
    const uint32_t *v = known[i];
    uint64_t first = v[0] | (uint64_t)v[1] << 32;
    mg_random_key k = {.seed = v[4] | (uint64_t)v[5] << 32, .stream = v[2] | (uint64_t)v[3] << 32};
    uint32_t words[4 * 3 * MG_PHILOX_LANES], expected[4];
    kernels->blocks(words, &k, first - 9, 2 * MG_PHILOX_LANES + 3);
    CHECK(memcmp(words + 36, v + 6, 16) == 0);
    for (int block = 0; block < 2 * MG_PHILOX_LANES + 3; block++) {
      uint64_t number = first - 9 + (uint64_t)block;
      mg_philox(expected, (uint32_t[]){(uint32_t)number, (uint32_t)(number >> 32), v[2], v[3]}, v + 4);
      CHECK(memcmp(words + 4 * block, expected, 16) == 0);
    }
  }
}

static void test_instruction_sets(void) {
  check_kernels(&mg_random_generic);
#ifdef MG_COMPILED_AVX2
  if (mg_cpu_isa_best() >= MG_ISA_AVX2) check_kernels(&mg_random_avx2);
#endif
#ifdef MG_COMPILED_AVX512
  if (mg_cpu_isa_best() >= MG_ISA_AVX512) check_kernels(&mg_random_avx512);
#endif
}

static mg_tensor *draw(int kind, mg_dtype dtype, int64_t n, uint64_t offset, double a, double b) {
  mg_tensor *t = new_tensor(dtype, SHAPE(n));
  mg_random_key k = {key.seed, key.stream, offset};
  check_must(mg_random_fill(kind, t, &k, a, b));
  return t;
}

static const struct { double a, b; } parameters[MG_RANDOM_COUNT] = {{-1, 3}, {0.5, 2}, {0.5, 2}, {0.3, 0}, {0.25, 0}};

/* Elements do not know which call they came in, nor how many threads worked. */
static void test_splits(void) {
  const int64_t n = 40001, cut = 17001;
  for (int kind = 0; kind < MG_RANDOM_COUNT; kind++) {
    for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      size_t bytes = dtype == MG_FLOAT32 ? 4 : 8;
      double a = parameters[kind].a, b = parameters[kind].b;
      CHECK_OK(mg_set_threads(1));
      mg_tensor *whole = draw(kind, dtype, n, 7, a, b);
      CHECK_OK(mg_set_threads(3));
      mg_tensor *first = draw(kind, dtype, cut, 7, a, b), *rest = draw(kind, dtype, n - cut, 7 + (uint64_t)cut, a, b);
      const char *data = mg_tensor_read(whole);
      CHECK(memcmp(data, mg_tensor_read(first), (size_t)cut * bytes) == 0);
      CHECK(memcmp(data + (size_t)cut * bytes, mg_tensor_read(rest), (size_t)(n - cut) * bytes) == 0);
      mg_tensor_destroy(whole), mg_tensor_destroy(first), mg_tensor_destroy(rest);
    }
  }
}

static uint32_t word_of(uint64_t block, int word) {
  uint32_t out[4];
  mg_philox(out, (uint32_t[]){(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)key.stream, 0},
            (uint32_t[]){(uint32_t)key.seed, (uint32_t)(key.seed >> 32)});
  return out[word];
}

/* By hand: element e is word e % 4 of block e / 4. */
static void test_definition(void) {
  const uint64_t offset = 0xfffffffffull;
  mg_tensor *u = draw(MG_RANDOM_UNIFORM, MG_FLOAT32, 100, offset, 0, 1);
  mg_tensor *d = draw(MG_RANDOM_DROPOUT, MG_FLOAT32, 100, offset, 0.25, 0);
  mg_tensor *c = draw(MG_RANDOM_BERNOULLI, MG_UINT8, 100, offset, 0.75, 0);
  mg_tensor *i = draw(MG_RANDOM_BERNOULLI, MG_INT32, 100, offset, 0.75, 0);
  for (int64_t e = 0; e < 100; e++) {
    uint32_t bits = word_of((offset + (uint64_t)e) / 4, (int)((offset + (uint64_t)e) % 4));
    CHECK(element(u, e) == (bits >> 8) / 16777216.0);
    CHECK(element(d, e) == (bits < 0x40000000u ? 0 : (double)(float)(4.0 / 3)));
    CHECK(element(c, e) == (bits < 0xc0000000u) && element(i, e) == (bits < 0xc0000000u));
  }
  mg_tensor_destroy(u), mg_tensor_destroy(d), mg_tensor_destroy(c), mg_tensor_destroy(i);
}

static void test_strided_output(void) {
  mg_tensor *base = new_tensor(MG_FLOAT32, SHAPE(6, 10)), *view = empty_tensor();
  check_must(mg_tensor_slice(view, base, 1, 9, 5, -2));
  check_must(mg_random_fill(MG_RANDOM_NORMAL, view, &key, 0, 1));
  mg_tensor *plain = draw(MG_RANDOM_NORMAL, MG_FLOAT32, 30, 0, 0, 1);
  for (int64_t e = 0; e < 30; e++) CHECK(element(view, e) == element(plain, e));
  mg_tensor_destroy(view), mg_tensor_destroy(base), mg_tensor_destroy(plain);
}

/* ---- distributions ---- */

static double uniform_cdf(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static double normal_cdf(double x) { return 0.5 * erfc(-x / sqrt(2)); }
static double truncated_cdf(double x) { return (normal_cdf(x) - normal_cdf(-2)) / (normal_cdf(2) - normal_cdf(-2)); }
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* sqrt(n) times Kolmogorov and Smirnov's distance; 1.95 is passed by chance once in a thousand. */
static double distance(mg_tensor *t, double shift, double scale, double (*cdf)(double)) {
  int64_t n = mg_tensor_size(t);
  double *x = malloc(sizeof *x * (size_t)n), largest = 0;
  for (int64_t i = 0; i < n; i++) x[i] = (element(t, i) - shift) / scale;
  qsort(x, (size_t)n, sizeof *x, ascending);
  for (int64_t i = 0; i < n; i++) {
    double p = cdf(x[i]);
    largest = worse(largest, fmax((double)(i + 1) / (double)n - p, p - (double)i / (double)n));
  }
  free(x);
  return largest * sqrt((double)n);
}

static double moment(mg_tensor *t, double center, int power) {
  double sum = 0;
  for (int64_t i = 0; i < mg_tensor_size(t); i++) sum += pow(element(t, i) - center, power);
  return sum / (double)mg_tensor_size(t);
}

static void check_range(mg_tensor *t, double low, double high) {
  int inside = 1;
  for (int64_t i = 0; i < mg_tensor_size(t); i++) inside &= element(t, i) >= low && element(t, i) <= high;
  CHECK(inside);
}

/* Bounds of moments: 4 standard errors at n = 50000. Variance inside 2 sigma: 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.773741. */
static void test_distributions(void) {
  const int64_t n = 50000;
  for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *u = draw(MG_RANDOM_UNIFORM, dtype, n, 0, -1, 3);
    CHECK(distance(u, -1, 4, uniform_cdf) < 1.95);
    CHECK_NEAR(moment(u, 0, 1), 1, 0.0207);
    CHECK_NEAR(moment(u, 1, 2), 4.0 / 3, 0.0214);
    check_range(u, -1, dtype == MG_FLOAT32 ? nextafterf(3, 0) : nextafter(3, 0));
    mg_tensor *g = draw(MG_RANDOM_NORMAL, dtype, n, 0, 0.5, 2);
    CHECK(distance(g, 0.5, 2, normal_cdf) < 1.95);
    CHECK_NEAR(moment(g, 0.5, 1), 0, 0.0358);
    CHECK_NEAR(moment(g, 0.5, 2), 4, 0.0253);
    CHECK_NEAR(moment(g, 0.5, 4), 48, 0.06);
    mg_tensor *t = draw(MG_RANDOM_TRUNCATED_NORMAL, dtype, n, 0, 0.5, 2);
    CHECK(distance(t, 0.5, 2, truncated_cdf) < 1.95);
    CHECK_NEAR(moment(t, 0.5, 2), 4 * 0.773741, 0.02);
    check_range(t, -3.5, 4.5);
    mg_tensor_destroy(u), mg_tensor_destroy(g), mg_tensor_destroy(t);
  }
}

/* Percentage points from tables of the normal distribution. */
static void test_normal_quantile(void) {
  CHECK_NEAR(mg_normal_quantile(0.975), 1.959963984540054, 1e-15);
  CHECK_NEAR(mg_normal_quantile(0.01), -2.3263478740408408, 1e-15);
  CHECK_NEAR(mg_normal_quantile(0.5), 0, 0);
  for (double p = 1e-300; p < 0.5; p *= 37) { /* an error e of x is one of about x^2 e in p */
    double x = mg_normal_quantile(p);
    CHECK_NEAR(normal_cdf(x) / p, 1, 1e-15 * (1 + x * x));
  }
}

/* A range of one float's width must not reach its upper end by rounding. */
static void test_half_open(void) {
  mg_tensor *t = draw(MG_RANDOM_UNIFORM, MG_FLOAT32, 1000, 0, 1, nextafterf(1, 2));
  mg_tensor *same = draw(MG_RANDOM_UNIFORM, MG_FLOAT32, 9, 0, 2, 2);
  check_range(t, 1, 1);
  check_range(same, 2, 2);
  mg_tensor_destroy(t), mg_tensor_destroy(same);
}

static void test_choices(void) {
  mg_tensor *t = draw(MG_RANDOM_BERNOULLI, MG_FLOAT64, 50000, 0, 0.3, 0);
  CHECK_NEAR(moment(t, 0, 1), 0.3, 0.0082);
  mg_tensor_destroy(t);
  t = draw(MG_RANDOM_DROPOUT, MG_FLOAT32, 50000, 0, 0.25, 0);
  CHECK_NEAR(moment(t, 0, 1), 1, 0.0104);
  mg_tensor_destroy(t);
  for (int all = 0; all <= 1; all++) {
    mg_tensor *b = draw(MG_RANDOM_BERNOULLI, MG_UINT8, 5000, 0, all, 0), *d = draw(MG_RANDOM_DROPOUT, MG_FLOAT32, 5000, 0, all, 0);
    check_range(b, all, all), check_range(d, 1 - all, 1 - all);
    mg_tensor_destroy(b), mg_tensor_destroy(d);
  }
}

/* ---- permutations and categories ---- */

static void test_permutation(void) {
  const int64_t n = 10007;
  mg_tensor *t = new_tensor(MG_INT32, SHAPE(n)), *again = new_tensor(MG_INT32, SHAPE(n));
  char *seen = calloc(1, (size_t)n);
  CHECK_OK(mg_random_permutation(t, &key));
  CHECK_OK(mg_random_permutation(again, &key));
  CHECK(memcmp(mg_tensor_read(t), mg_tensor_read(again), (size_t)n * 4) == 0);
  int64_t distinct = 0, fixed = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t id = (int64_t)element(t, i);
    fixed += id == i;
    if (id >= 0 && id < n && !seen[id]) seen[id] = 1, distinct++;
  }
  CHECK_INT(distinct, n);
  CHECK(fixed < 10); /* one is expected */
  free(seen), mg_tensor_destroy(t), mg_tensor_destroy(again);
}

/* Each order of 4 equally often over 24000 streams; chi squared with 23 degrees passes 49.7 once in a thousand. */
static void test_permutation_is_fair(void) {
  int counts[256] = {0};
  mg_tensor *t = new_tensor(MG_INT32, SHAPE(4));
  for (uint64_t stream = 0; stream < 24000; stream++) {
    mg_random_key k = {.seed = 5, .stream = stream};
    check_must(mg_random_permutation(t, &k));
    counts[(int)(element(t, 0) * 64 + element(t, 1) * 16 + element(t, 2) * 4 + element(t, 3))]++;
  }
  double chi = 0;
  int orders = 0;
  for (int i = 0; i < 256; i++)
    if (counts[i]) orders++, chi += (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000;
  CHECK_INT(orders, 24);
  CHECK(chi < 49.7);
  mg_tensor_destroy(t);
}

/* Four classes with probabilities 0.1 0.2 0 0.7, given as logits; chi squared with 2 degrees passes 13.8 once in a thousand. */
static void test_categorical(void) {
  const int64_t n = 30000;
  const double p[4] = {0.1, 0.2, 0, 0.7};
  for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    double row[4];
    for (int c = 0; c < 4; c++) row[c] = log(p[c]) + 3;
    mg_tensor *one = tensor_of(dtype, row, SHAPE(1, 4)), *logits = empty_tensor(), *ids = new_tensor(MG_INT32, SHAPE(n));
    check_must(mg_tensor_broadcast(logits, one, SHAPE(n, 4)));
    CHECK_OK(mg_random_categorical(ids, logits, &key));
    double counts[4] = {0}, chi = 0;
    for (int64_t i = 0; i < n; i++) counts[(int)element(ids, i)]++;
    CHECK(counts[2] == 0);
    for (int c = 0; c < 4; c++)
      if (p[c] > 0) chi += pow(counts[c] - n * p[c], 2) / (n * p[c]);
    CHECK(chi < 13.8);
    mg_tensor *some = new_tensor(MG_INT32, SHAPE(5)), *rows = empty_tensor(); /* rows do not know of each other */
    check_must(mg_tensor_slice(rows, logits, 0, 0, 5, 1));
    mg_random_key later = {key.seed, key.stream, 100};
    check_must(mg_random_categorical(some, rows, &later));
    for (int64_t i = 0; i < 5; i++) CHECK(element(some, i) == element(ids, 100 + i));
    mg_tensor_destroy(one), mg_tensor_destroy(logits), mg_tensor_destroy(ids), mg_tensor_destroy(some), mg_tensor_destroy(rows);
  }
}

static void test_mistakes(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(3)), *ids = new_tensor(MG_INT32, SHAPE(2)), *none = empty_tensor();
  CHECK_FAILS(mg_random_fill(9, x, &key, 0, 1), MG_EINVAL, "kind");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, NULL, &key, 0, 1), MG_EINVAL, "out");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, none, &key, 0, 1), MG_EINVAL, "out");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, ids, &key, 0, 1), MG_EDTYPE, "out");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, x, NULL, 0, 1), MG_EINVAL, "key");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, x, &key, 2, 1), MG_EINVAL, "above");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_UNIFORM, x, &key, -1e308, 1e308), MG_EINVAL, "wide");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_NORMAL, x, &key, 0, NAN), MG_EINVAL, "finite");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_NORMAL, x, &key, 0, -1), MG_EINVAL, "negative");
  CHECK_FAILS(mg_random_fill(MG_RANDOM_DROPOUT, x, &key, 1.5, 0), MG_EINVAL, "0..1");
  CHECK_FAILS(mg_random_permutation(x, &key), MG_EDTYPE, "out");
  CHECK_FAILS(mg_random_block(NULL, known[0], known[0]), MG_EINVAL, "NULL");
  mg_tensor *bad = tensor_of(MG_FLOAT32, (double[]){0, 1, NAN, 0}, SHAPE(2, 2));
  CHECK_FAILS(mg_random_categorical(ids, bad, &key), MG_EINVAL, "row 1");
  CHECK_FAILS(mg_random_categorical(ids, x, &key), MG_ESHAPE, "(3)");
  mg_tensor_destroy(x), mg_tensor_destroy(ids), mg_tensor_destroy(none), mg_tensor_destroy(bad);
}

int main(void) {
  RUN(test_known_answers);
  RUN(test_instruction_sets);
  RUN(test_splits);
  RUN(test_definition);
  RUN(test_strided_output);
  RUN(test_distributions);
  RUN(test_normal_quantile);
  RUN(test_half_open);
  RUN(test_choices);
  RUN(test_permutation);
  RUN(test_permutation_is_fair);
  RUN(test_categorical);
  RUN(test_mistakes);
  return finish();
}
