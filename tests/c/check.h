/* check.h: the C tests' few words. A test program is
 *
 *   static void test_sum(void) { CHECK(1 + 1 == 2); CHECK_NEAR(x, 0.5, 1e-6); CHECK_FAILS(mg_copy(NULL, x), MG_EINVAL, "copy"); }
 *   int main(void) { RUN(test_sum); return finish(); }
 *
 * Every CHECK counts as one; the program ends with the line "N passed, N failed" and fails when something failed. */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moongate.h"

static int checks_passed, checks_failed;
static const char *running = "";

static inline void check_that(int good, const char *file, int line, const char *format, ...) {
  if (good) {
    checks_passed++;
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  checks_failed++;
  printf("%s:%d: %s: ", file, line, running);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

#define CHECK(condition) check_that(!!(condition), __FILE__, __LINE__, "%s", #condition)

#define CHECK_INT(value, expected)                                                                                      \
  do {                                                                                                                  \
    long long value_ = (value), expected_ = (expected);                                                                 \
    check_that(value_ == expected_, __FILE__, __LINE__, "%s is %lld, expected %lld", #value, value_, expected_);         \
  } while (0)

/* |value - expected| <= tolerance * max(1, |expected|); NaN and infinities must be the same. */
#define CHECK_NEAR(value, expected, tolerance)                                                                          \
  do {                                                                                                                  \
    double value_ = (value), expected_ = (expected);                                                                    \
    check_that(is_near(value_, expected_, (tolerance)), __FILE__, __LINE__, "%s is %.17g, expected %.17g within %g", #value, \
               value_, expected_, (double)(tolerance));                                                                 \
  } while (0)

#define CHECK_OK(call)                                                                                                  \
  do {                                                                                                                  \
    mg_status status_ = (call);                                                                                         \
    check_that(status_ == MG_OK, __FILE__, __LINE__, "%s: %d, %s", #call, (int)status_, mg_error());                    \
  } while (0)

/* The call fails with this status, and its message has this text in it. */
#define CHECK_FAILS(call, status, text)                                                                                 \
  do {                                                                                                                  \
    mg_status status_ = (call);                                                                                         \
    check_that(status_ == (status) && strstr(mg_error(), (text)), __FILE__, __LINE__,                                   \
               "%s: %d \"%s\", expected %s with \"%s\"", #call, (int)status_, mg_error(), #status, (text));              \
  } while (0)

static inline int is_near(double value, double expected, double tolerance) {
  if (isnan(expected)) return isnan(value);
  if (isinf(expected)) return value == expected;
  double scale = fabs(expected) > 1 ? fabs(expected) : 1;
  return fabs(value - expected) <= tolerance * scale;
}

/* The larger of two errors; one that is NaN counts as infinite, where fmax would forget it. */
static inline double worse(double a, double b) { return isnan(b) ? INFINITY : fmax(a, b); }

/* What starts this program again in a shell: an emulator, where MOONGATE_TEST_RUNNER names one. */
static inline const char *test_runner(void) {
  const char *runner = getenv("MOONGATE_TEST_RUNNER");
  return runner == NULL ? "" : runner;
}

/* From one case to the next: under an emulator, which is slow, each `few`-th one shows what depends on the processor. */
static inline unsigned case_step(unsigned every, unsigned few) { return *test_runner() != 0 ? few : every; }

/* Under ThreadSanitizer, which is slow too, what counts is who touches which memory: each `few`-th case shows that. */
#ifdef __SANITIZE_THREAD__
enum { UNDER_TSAN = 1 };
#else
enum { UNDER_TSAN = 0 };
#endif
static inline unsigned tsan_step(unsigned few) { return UNDER_TSAN ? few : 1; }

#define RUN(test)     \
  do {                \
    running = #test;  \
    test();           \
  } while (0)

static inline int finish(void) {
  printf("%d passed, %d failed\n", checks_passed, checks_failed);
  return checks_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- tensors in one line; failures end the program, since nothing could follow ---- */

static inline void check_must(mg_status status) {
  if (status == MG_OK) return;
  printf("%s: %s\n", running, mg_error());
  exit(EXIT_FAILURE);
}

#define SHAPE(...) (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__}

static inline mg_tensor *empty_tensor(void) {
  mg_tensor *t;
  check_must(mg_tensor_create(&t));
  return t;
}

/* new_tensor(MG_FLOAT32, SHAPE(2, 3)): undefined contents */
static inline mg_tensor *new_tensor(mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  mg_tensor *t = empty_tensor();
  check_must(mg_tensor_alloc(t, MG_CPU, dtype, ndim, shape));
  return t;
}

/* A contiguous tensor of these numbers, row-major. */
static inline mg_tensor *tensor_of(mg_dtype dtype, const double *values, int32_t ndim, const int64_t *shape) {
  mg_tensor *t = new_tensor(dtype, ndim, shape);
  void *data = mg_tensor_data(t);
  for (int64_t i = 0; i < mg_tensor_size(t); i++) {
    if (dtype == MG_FLOAT32) ((float *)data)[i] = (float)values[i];
    if (dtype == MG_FLOAT64) ((double *)data)[i] = values[i];
    if (dtype == MG_INT32) ((int32_t *)data)[i] = (int32_t)values[i];
    if (dtype == MG_UINT8) ((uint8_t *)data)[i] = (uint8_t)values[i];
  }
  return t;
}

/* Element number i in row-major order, whatever the strides. */
static inline double element(const mg_tensor *t, int64_t i) {
  const int64_t *shape = mg_tensor_shape(t), *strides = mg_tensor_strides(t);
  const char *data = mg_tensor_read(t);
  int64_t at = 0;
  for (int axis = mg_tensor_ndim(t) - 1; axis >= 0; axis--) {
    at += i % shape[axis] * strides[axis];
    i /= shape[axis];
  }
  switch (mg_tensor_dtype(t)) {
    case MG_FLOAT32: return ((const float *)(const void *)data)[at];
    case MG_FLOAT64: return ((const double *)(const void *)data)[at];
    case MG_INT32: return ((const int32_t *)(const void *)data)[at];
    default: return ((const uint8_t *)(const void *)data)[at];
  }
}

#endif
