/* cpu/random.c: the random slots. One Philox block gives the bits of four 32-bit elements (float32, and every 0/1 choice), of two
 * 64-bit ones, or of one step of a permutation: element e takes word e % 4 of block e / 4, words 2(e % 2).. of block e / 2, or
 * block e, where e = offset + i. */
#include <math.h>

#include "../error.h"
#include "../philox.h"
#include "../threads.h"
#include "cpu.h"
#include "random_kernels.h"

enum { PIECE = 16384, CHUNK = 512 /* elements drawn at a time */ };

typedef struct fill_job {
  int32_t kind;
  mg_dtype dtype;
  void *out;
  int64_t count;
  mg_random_key key;
  double a, b;
  const mg_random_kernels *kernels;
} fill_job;

/* ---- from bits to numbers: bits[i] belongs to element i of the chunk ---- */

static void uniform_float(float *out, const uint32_t *bits, int n, double a, double b) {
  const double range = (b - a) * 0x1p-24;
  const float below = fmaxf(nextafterf((float)b, -INFINITY), (float)a); /* rounding to float32 must not reach b */
  for (int i = 0; i < n; i++) {
    float x = (float)(a + range * (int32_t)(bits[i] >> 8));
    out[i] = x < below ? x : below;
  }
}

static void uniform_double(double *out, const uint64_t *bits, int n, double a, double b) {
  const double below = fmax(nextafter(b, -INFINITY), a);
  for (int i = 0; i < n; i++) {
    double x = a + (b - a) * ((double)(bits[i] >> 11) * 0x1p-53);
    out[i] = x < below ? x : below;
  }
}

/* Standard normal from p in (0, 1), or its middle part between -2 and 2: P(x < -2) = erfc(sqrt 2) / 2, P(|x| < 2) = erf(sqrt 2). */
static double standard_normal(double p, int truncated) {
  if (!truncated) return mg_normal_quantile(p);
  double x = mg_normal_quantile(0.022750131948179207200 + p * 0.95449973610364158560);
  return fmax(-2, fmin(2, x));
}

static void normal_float(float *out, const uint32_t *bits, int n, const fill_job *job) {
  for (int i = 0; i < n; i++)
    out[i] = (float)(job->a + job->b * standard_normal((bits[i] + 0.5) * 0x1p-32, job->kind == MG_RANDOM_TRUNCATED_NORMAL));
}

static void normal_double(double *out, const uint64_t *bits, int n, const fill_job *job) {
  for (int i = 0; i < n; i++) {
    double p = ((double)(bits[i] >> 12) + 0.5) * 0x1p-52; /* 52 bits: p stays below 1 */
    out[i] = job->a + job->b * standard_normal(p, job->kind == MG_RANDOM_TRUNCATED_NORMAL);
  }
}

/* out = bits below limit ? yes : no, limit in 0..2^32 */
static void choose(void *out, mg_dtype dtype, const uint32_t *bits, int n, uint64_t limit, double yes, double no) {
  if (limit == 0) yes = no;
  const uint32_t last = limit == 0 ? 0 : (uint32_t)(limit - 1);
  if (dtype == MG_FLOAT32) {
    const float y = (float)yes, o = (float)no;
    for (int i = 0; i < n; i++) ((float *)out)[i] = bits[i] <= last ? y : o;
  } else if (dtype == MG_FLOAT64) {
    for (int i = 0; i < n; i++) ((double *)out)[i] = bits[i] <= last ? yes : no;
  } else if (dtype == MG_INT32) {
    const int32_t y = (int32_t)yes, o = (int32_t)no;
    for (int i = 0; i < n; i++) ((int32_t *)out)[i] = bits[i] <= last ? y : o;
  } else {
    const uint8_t y = (uint8_t)yes, o = (uint8_t)no;
    for (int i = 0; i < n; i++) ((uint8_t *)out)[i] = bits[i] <= last ? y : o;
  }
}

static void convert_words(void *out, const uint32_t *bits, int n, const fill_job *job) {
  const uint64_t limit = (uint64_t)rint(job->a * 0x1p32); /* of bernoulli and dropout */
  switch (job->kind) {
    case MG_RANDOM_UNIFORM: uniform_float(out, bits, n, job->a, job->b); break;
    case MG_RANDOM_NORMAL:
    case MG_RANDOM_TRUNCATED_NORMAL: normal_float(out, bits, n, job); break;
    case MG_RANDOM_BERNOULLI: choose(out, job->dtype, bits, n, limit, 1, 0); break;
    default: choose(out, job->dtype, bits, n, limit, 0, job->a < 1 ? 1 / (1 - job->a) : 0);
  }
}

/* ---- filling ---- */

static int is_wide(const fill_job *job) { return job->dtype == MG_FLOAT64 && job->kind <= MG_RANDOM_TRUNCATED_NORMAL; }

static void fill_words(const fill_job *job, uint64_t element, char *out, int n) {
  uint32_t words[CHUNK + 4 * MG_PHILOX_LANES + 4];
  int skip = (int)(element % 4);
  job->kernels->blocks(words, &job->key, element / 4, (skip + n + 3) / 4);
  convert_words(out, words + skip, n, job);
}

static void fill_wide(const fill_job *job, uint64_t element, double *out, int n) {
  union {
    uint32_t words[2 * CHUNK + 4 * MG_PHILOX_LANES + 4];
    uint64_t pairs[CHUNK + 2 * MG_PHILOX_LANES + 2]; /* little-endian: the first word is the lower half */
  } bits;
  int skip = (int)(element % 2);
  job->kernels->blocks(bits.words, &job->key, element / 2, (skip + n + 1) / 2);
  if (job->kind == MG_RANDOM_UNIFORM) uniform_double(out, bits.pairs + skip, n, job->a, job->b);
  else normal_double(out, bits.pairs + skip, n, job);
}

static mg_status fill_piece(void *context, int64_t piece) {
  const fill_job *job = context;
  int64_t at = piece * PIECE, end = at + PIECE < job->count ? at + PIECE : job->count;
  for (; at < end; at += CHUNK) {
    int n = (int)(end - at < CHUNK ? end - at : CHUNK);
    char *out = (char *)job->out + at * mg_dtype_bytes(job->dtype);
    uint64_t element = job->key.offset + (uint64_t)at;
    if (is_wide(job)) fill_wide(job, element, (double *)out, n);
    else fill_words(job, element, out, n);
  }
  return MG_OK;
}

mg_status mg_cpu_random_fill(int32_t kind, mg_tensor *out, const mg_random_key *key, double a, double b) {
  fill_job job = {kind, out->dtype, mg_elements(out), mg_element_count(out), *key, a, b, MG_ISA_PICK(mg_random)};
  return mg_parallel(mg_pieces(job.count, PIECE), fill_piece, &job);
}

/* ---- permutation ---- */

/* A number below bound from one block, each equally likely (Lemire 2019): a second half stands in when the first falls into the
 * uneven rest, which happens once in 2^33 draws at most. */
__extension__ typedef unsigned __int128 wide;
static uint64_t below(uint64_t bound, const uint32_t *block) {
  wide product = 0;
  for (int half = 0; half < 2; half++) {
    uint64_t bits = block[2 * half] | (uint64_t)block[2 * half + 1] << 32;
    product = (wide)bits * bound;
    if ((uint64_t)product >= bound || (uint64_t)product >= -bound % bound) break;
  }
  return (uint64_t)(product >> 64);
}

/* Fisher and Yates, inside out: the i-th number goes to a place j <= i, and what was there moves to i. */
mg_status mg_cpu_random_permutation(mg_tensor *out, const mg_random_key *key) {
  uint32_t words[CHUNK + 4 * MG_PHILOX_LANES];
  int32_t *ids = mg_elements(out);
  const int64_t n = out->shape[0], step = CHUNK / 4;
  const mg_random_kernels *kernels = MG_ISA_PICK(mg_random);
  for (int64_t i = 0; i < n; i++) {
    if (i % step == 0) kernels->blocks(words, key, key->offset + (uint64_t)i, n - i < step ? n - i : step);
    int64_t j = (int64_t)below((uint64_t)i + 1, words + 4 * (i % step));
    ids[i] = ids[j];
    ids[j] = (int32_t)i;
  }
  return MG_OK;
}

/* ---- categorical: the inverse of the distribution function, one 53-bit uniform a row ---- */

typedef struct categorical_job {
  int32_t *ids;
  const void *logits;
  int64_t rows, classes;
  int is_double;
  mg_random_key key;
} categorical_job;

enum { ROWS = 16 };

static double logit(const categorical_job *job, int64_t row, int64_t c) {
  int64_t at = row * job->classes + c;
  return job->is_double ? ((const double *)job->logits)[at] : (double)((const float *)job->logits)[at];
}

static double row_uniform(const mg_random_key *key, int64_t row) {
  uint64_t element = key->offset + (uint64_t)row, block = element / 2;
  uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)key->stream, (uint32_t)(key->stream >> 32)};
  uint32_t seed[2] = {(uint32_t)key->seed, (uint32_t)(key->seed >> 32)}, words[4];
  mg_philox(words, counter, seed);
  const uint32_t *pair = words + 2 * (element % 2);
  return (double)((pair[0] | (uint64_t)pair[1] << 32) >> 11) * 0x1p-53;
}

static mg_status draw_row(const categorical_job *job, int64_t row) {
  double highest = -INFINITY, total = 0, sum = 0;
  for (int64_t c = 0; c < job->classes; c++) {
    const double x = logit(job, row, c); /* fmax here ends GCC 12 for arm64 by an internal error */
    if (x > highest) highest = x;
  }
  for (int64_t c = 0; c < job->classes; c++) total += exp(logit(job, row, c) - highest);
  if (!isfinite(total)) /* NaN or +inf somewhere, or nothing but -inf */
    return mg_fail(MG_EINVAL, "random categorical: row %lld of logits holds NaN, +inf or no finite value", (long long)row);
  double target = row_uniform(&job->key, row) * total;
  for (int64_t c = 0; c < job->classes; c++) {
    double p = exp(logit(job, row, c) - highest);
    if (p > 0) job->ids[row] = (int32_t)c; /* the last possible class when rounding keeps sum at target */
    sum += p;
    if (sum > target) break;
  }
  return MG_OK;
}

static mg_status draw_rows(void *context, int64_t piece) {
  const categorical_job *job = context;
  int64_t end = (piece + 1) * ROWS < job->rows ? (piece + 1) * ROWS : job->rows;
  for (int64_t row = piece * ROWS; row < end; row++) MG_TRY(draw_row(job, row));
  return MG_OK;
}

mg_status mg_cpu_random_categorical(mg_tensor *ids, const mg_tensor *logits, const mg_random_key *key) {
  categorical_job job = {mg_elements(ids),  mg_elements(logits),           logits->shape[0],
                         logits->shape[1], logits->dtype == MG_FLOAT64, *key};
  return mg_parallel(mg_pieces(job.rows, ROWS), draw_rows, &job);
}
