/* reduce_test.c: reductions against plain double loops over every subset of axes, layouts and dtypes; arg_reduce, top_k, running
 * sums. */
#include <float.h>

#include "ops.h"

/* The reduction of one output by its definition. `at` counts row-major in out. */
static double expected(int32_t op, const mg_tensor *x, uint32_t axes, const mg_tensor *out, int64_t at) {
  double total = op == MG_REDUCE_PROD ? 1 : op == MG_REDUCE_MAX ? -INFINITY : op == MG_REDUCE_MIN ? INFINITY : 0;
  int64_t count = 0;
  for (int64_t i = 0; i < mg_tensor_size(x); i++) {
    int64_t rest = i, place = 0, step = 1;
    for (int d = mg_tensor_ndim(x) - 1; d >= 0; d--) {
      int64_t k = rest % mg_tensor_shape(x)[d];
      rest /= mg_tensor_shape(x)[d];
      if (axes >> d & 1) continue;
      place += k * step;
      step *= mg_tensor_shape(out)[d];
    }
    if (place != at) continue;
    double v = element(x, i);
    count++;
    if (op == MG_REDUCE_PROD) total *= v;
    else if (op == MG_REDUCE_MAX) total = isnan(v) || v > total ? v : total;
    else if (op == MG_REDUCE_MIN) total = isnan(v) || v < total ? v : total;
    else total += op == MG_REDUCE_SUM_OF_SQUARES ? v * v : v;
  }
  return op == MG_REDUCE_MEAN ? total / (double)count : total;
}

static mg_tensor *reduced_like(const mg_tensor *x, mg_dtype dtype, uint32_t axes) {
  int64_t shape[MG_MAX_DIMS];
  for (int d = 0; d < mg_tensor_ndim(x); d++) shape[d] = axes >> d & 1 ? 1 : mg_tensor_shape(x)[d];
  return new_tensor(dtype, mg_tensor_ndim(x), shape);
}

static void check_reduce(int32_t op, const mg_tensor *x, mg_dtype dtype, uint32_t axes, double tolerance) {
  mg_tensor *out = reduced_like(x, dtype, axes);
  CHECK_OK(mg_reduce(op, out, x, axes));
  for (int64_t i = 0; i < mg_tensor_size(out); i++) CHECK_NEAR(element(out, i), expected(op, x, axes, out, i), tolerance);
  mg_tensor_destroy(out);
}

static void test_axes_and_layouts(void) {
  static const int64_t sizes[] = {3, 7, 2, 5};
  for (int32_t op = 0; op < MG_REDUCE_COUNT; op++)
    for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
      for (int layout = DENSE; layout <= BROADCAST; layout++) {
        mg_tensor *x = fill_random(laid_out(layout, dtype, 4, sizes), -1.2, 1.4, 3);
        for (uint32_t axes = 0; axes < 16; axes += tsan_step(5))
          check_reduce(op, x, dtype, axes, dtype == MG_FLOAT32 ? 1.2e-7 : 1e-14);
        mg_tensor_destroy(x);
      }
}

static void test_integers(void) {
  static const int64_t sizes[] = {4, 9, 3};
  static const mg_dtype outs[] = {MG_INT32, MG_FLOAT32, MG_FLOAT64};
  for (int dtype = MG_INT32; dtype <= MG_UINT8; dtype++)
    for (int layout = DENSE; layout <= BROADCAST; layout++) {
      mg_tensor *x = fill_random(laid_out(layout, dtype, 3, sizes), 0, dtype == MG_INT32 ? 3 : 200, 5);
      for (int32_t op = 0; op < MG_REDUCE_COUNT; op++)
        for (int o = 0; o < 3; o++)
          for (uint32_t axes = 1; axes < 8; axes += tsan_step(3)) {
            if (op == MG_REDUCE_PROD || (outs[o] == MG_INT32 && (op == MG_REDUCE_MEAN || op == MG_REDUCE_SUM_OF_SQUARES))) continue;
            check_reduce(op, x, outs[o], axes, 1.2e-7);
          }
      mg_tensor_destroy(x);
    }
  double many[] = {2147483647, 2147483647, 3}; /* exact, then wrapped: 4294967297 = 1 */
  mg_tensor *x = tensor_of(MG_INT32, many, SHAPE(3)), *out = new_tensor(MG_INT32, SHAPE(1));
  mg_tensor *wide = new_tensor(MG_FLOAT64, SHAPE(1));
  CHECK_OK(mg_reduce(MG_REDUCE_SUM, wide, x, 1));
  CHECK_NEAR(element(wide, 0), 4294967297.0, 0);
  CHECK_OK(mg_reduce(MG_REDUCE_SUM, out, x, 1));
  CHECK_INT((int64_t)element(out, 0), 1);
  CHECK_OK(mg_reduce(MG_REDUCE_PROD, out, x, 1)); /* (2^31 - 1)^2 * 3 mod 2^32 = 3 */
  CHECK_INT((int64_t)element(out, 0), 3);
  mg_tensor_destroy(x);
  mg_tensor_destroy(out);
  mg_tensor_destroy(wide);
}

static void test_nan_and_nothing(void) {
  double values[] = {1, NAN, 3, -1, 5, 6};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, values, SHAPE(2, 3)), *none = new_tensor(dtype, SHAPE(2, 0));
    mg_tensor *out = new_tensor(dtype, SHAPE(2, 1));
    for (int32_t op = MG_REDUCE_MAX; op <= MG_REDUCE_MIN; op++)
      for (uint32_t axes = 0; axes < 4; axes++) check_reduce(op, x, dtype, axes, 0);
    double empty[] = {0, NAN, 0, 1, -INFINITY, INFINITY};
    for (int32_t op = 0; op < MG_REDUCE_COUNT; op++) {
      CHECK_OK(mg_reduce(op, out, none, 2));
      CHECK_NEAR(element(out, 1), empty[op], 0);
    }
    mg_tensor_destroy(x);
    mg_tensor_destroy(none);
    mg_tensor_destroy(out);
  }
  mg_tensor *ints = new_tensor(MG_INT32, SHAPE(0)), *least = new_tensor(MG_INT32, SHAPE(1));
  CHECK_OK(mg_reduce(MG_REDUCE_MAX, least, ints, 1));
  CHECK_INT((int64_t)element(least, 0), INT32_MIN);
  CHECK_OK(mg_reduce(MG_REDUCE_MIN, least, ints, 1));
  CHECK_INT((int64_t)element(least, 0), INT32_MAX);
  mg_tensor_destroy(ints);
  mg_tensor_destroy(least);
}

/* Wherever a NaN stands in a row of 75, it is the extreme; beside it the largest and smallest are found. */
static void test_nan_places(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(75)), *out = new_tensor(MG_FLOAT32, SHAPE(1)), *at = new_tensor(MG_INT32, SHAPE(1));
  for (int64_t i = 0; i < 75; i++)
    for (int32_t op = MG_ARG_MAX; op <= MG_ARG_MIN; op++) {
      CHECK_OK(mg_fill(x, 1));
      put(x, i, op == MG_ARG_MAX ? 2 : -2);
      CHECK_OK(mg_arg_reduce(op, at, x, 0));
      CHECK_INT((int64_t)element(at, 0), i);
      put(x, i, NAN);
      CHECK_OK(mg_reduce(op == MG_ARG_MAX ? MG_REDUCE_MAX : MG_REDUCE_MIN, out, x, 1));
      CHECK(isnan(element(out, 0)));
      CHECK_OK(mg_arg_reduce(op, at, x, 0));
      CHECK_INT((int64_t)element(at, 0), i);
    }
  mg_tensor_destroy(x);
  mg_tensor_destroy(out);
  mg_tensor_destroy(at);
}

/* Enough elements for chunks: all of them, the last axis, the first one; one and two threads give the same bits. */
static void test_large(mg_dtype dtype) {
  mg_tensor *x = fill_random(new_tensor(dtype, SHAPE(1501, 307)), -1, 3, 17);
  for (int32_t op = 0; op < MG_REDUCE_COUNT; op++)
    for (uint32_t axes = 1; axes < 4; axes++) {
      mg_tensor *one = reduced_like(x, dtype, axes), *two = reduced_like(x, dtype, axes);
      if (op == MG_REDUCE_PROD) CHECK_OK(mg_fill(x, 1.0001));
      CHECK_OK(mg_set_threads(1));
      CHECK_OK(mg_reduce(op, one, x, axes));
      CHECK_OK(mg_set_threads(2));
      CHECK_OK(mg_reduce(op, two, x, axes));
      CHECK(same_bits(one, two));
      for (int64_t i = 0; i < mg_tensor_size(one) && !UNDER_TSAN; i += 397)
        CHECK_NEAR(element(one, i) / expected(op, x, axes, one, i), 1, dtype == MG_FLOAT32 ? 7e-8 : 1e-11);
      if (op == MG_REDUCE_PROD) fill_random(x, -1, 3, 17);
      mg_tensor_destroy(one);
      mg_tensor_destroy(two);
    }
  mg_tensor_destroy(x);
}
static void test_large_float32(void) { test_large(MG_FLOAT32); }
static void test_large_float64(void) { test_large(MG_FLOAT64); }

/* The sum of 10^6 float32 0.1 is exact to the last place: 100000.00149. A plain float loop is off by 0.9 %. */
static void test_accuracy(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(1000000)), *out = new_tensor(MG_FLOAT32, SHAPE(1)), *rows = empty_tensor();
  CHECK_OK(mg_fill(x, 0.1));
  CHECK_OK(mg_reduce(MG_REDUCE_SUM, out, x, 1));
  CHECK_NEAR(element(out, 0), (float)(1e6 * (double)0.1f), 0);
  mg_tensor *columns = new_tensor(MG_FLOAT32, SHAPE(1, 10));
  CHECK_OK(mg_tensor_reshape(rows, x, 2, (int64_t[]){100000, 10}));
  CHECK_OK(mg_reduce(MG_REDUCE_SUM, columns, rows, 1));
  CHECK_NEAR(element(columns, 9), (float)(1e5 * (double)0.1f), 0);
  mg_tensor_destroy(x);
  mg_tensor_destroy(out);
  mg_tensor_destroy(rows);
  mg_tensor_destroy(columns);
}

static void test_arg_reduce(void) {
  static const int64_t sizes[] = {3, 4, 29};
  for (int dtype = MG_FLOAT32; dtype <= MG_UINT8; dtype++)
    for (int layout = DENSE; layout <= BROADCAST; layout++)
      for (int32_t axis = -3; axis < 3; axis++)
        for (int32_t op = MG_ARG_MAX; op <= MG_ARG_MIN; op++) {
          mg_tensor *x = fill_random(laid_out(layout, dtype, 3, sizes), 0, 9, 23);
          mg_tensor *best = reduced_like(x, dtype, 1u << (axis + 3) % 3);
          mg_tensor *out = reduced_like(x, MG_INT32, 1u << (axis + 3) % 3);
          CHECK_OK(mg_arg_reduce(op, out, x, axis));
          CHECK_OK(mg_reduce(op == MG_ARG_MAX ? MG_REDUCE_MAX : MG_REDUCE_MIN, best, x, 1u << (axis + 3) % 3));
          for (int64_t k = 0; k < mg_tensor_shape(x)[(axis + 3) % 3]; k++) { /* at k: not before the answer, equal at it */
            mg_tensor *slice = empty_tensor();
            CHECK_OK(mg_tensor_slice(slice, x, axis, k, 1, 1));
            for (int64_t i = 0; i < mg_tensor_size(out); i++) {
              if (k < element(out, i)) CHECK(element(slice, i) != element(best, i));
              if (k == element(out, i)) CHECK(element(slice, i) == element(best, i));
            }
            mg_tensor_destroy(slice);
          }
          mg_tensor *all[] = {x, best, out};
          for (int k = 0; k < 3; k++) mg_tensor_destroy(all[k]);
        }
  double values[] = {1, 5, NAN, 7, NAN};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
    mg_tensor *x = tensor_of(dtype, values, SHAPE(5)), *out = new_tensor(MG_INT32, SHAPE(1));
    CHECK_OK(mg_arg_reduce(MG_ARG_MAX, out, x, 0));
    CHECK_INT((int64_t)element(out, 0), 2);
    CHECK_OK(mg_arg_reduce(MG_ARG_MIN, out, x, 0));
    CHECK_INT((int64_t)element(out, 0), 2);
    mg_tensor_destroy(x);
    mg_tensor_destroy(out);
  }
}

static void test_top_k(void) {
  double values[] = {3, 9, 9, -1, NAN, 4, 0, 9, 7, NAN};
  int order[] = {4, 9, 1, 2, 7, 8, 5, 0, 6, 3};
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int64_t k = 0; k <= 10; k++) {
      mg_tensor *x = tensor_of(dtype, values, SHAPE(1, 10)), *best = new_tensor(dtype, SHAPE(1, k));
      mg_tensor *ids = new_tensor(MG_INT32, SHAPE(1, k));
      CHECK_OK(mg_top_k(best, ids, x));
      for (int64_t i = 0; i < k; i++) {
        CHECK_INT((int64_t)element(ids, i), order[i]);
        CHECK_NEAR(element(best, i), values[order[i]], 0);
      }
      mg_tensor_destroy(x);
      mg_tensor_destroy(best);
      mg_tensor_destroy(ids);
    }
  mg_tensor *x = fill_random(laid_out(PERMUTED, MG_INT32, SHAPE(50, 313)), -1000, 1000, 3);
  mg_tensor *best = new_tensor(MG_INT32, SHAPE(50, 20));
  mg_tensor *ids = laid_out(SLICED, MG_INT32, SHAPE(50, 20));
  CHECK_OK(mg_top_k(best, ids, x));
  for (int64_t i = 0; i < 1000; i++) {
    CHECK_NEAR(element(x, i / 20 * 313 + (int64_t)element(ids, i)), element(best, i), 0);
    int64_t larger = 0;
    for (int64_t k = 0; k < 313; k++) larger += element(x, i / 20 * 313 + k) > element(best, i);
    CHECK(larger <= i % 20);
    if (i % 20 && element(best, i) == element(best, i - 1)) CHECK(element(ids, i) > element(ids, i - 1));
  }
  mg_tensor_destroy(x);
  mg_tensor_destroy(best);
  mg_tensor_destroy(ids);
}

static void test_cumulative_sum(void) {
  static const int64_t sizes[] = {5, 1, 19};
  for (int dtype = MG_FLOAT32; dtype <= MG_INT32; dtype++)
    for (int layout = DENSE; layout <= BROADCAST; layout++)
      for (int32_t axis = 0; axis < 3; axis += 2)
        for (int32_t reverse = 0; reverse < 2; reverse++) {
          mg_tensor *x = fill_random(laid_out(layout, dtype, 3, sizes), -5, 5, 9);
          mg_tensor *out = laid_out(layout % LAYOUTS, dtype, 3, sizes);
          CHECK_OK(mg_cumulative_sum(out, x, axis, reverse));
          int64_t n = sizes[axis], step = axis == 0 ? 19 : 1;
          for (int64_t i = 0; i < 95; i++) {
            int64_t at = i / step % n, start = i - at * step;
            double total = 0;
            for (int64_t k = reverse ? at : 0; k <= (reverse ? n - 1 : at); k++) total += element(x, start + k * step);
            CHECK_NEAR(element(out, i), total, dtype == MG_FLOAT64 ? 1e-14 : 1e-7);
          }
          mg_tensor_destroy(x);
          mg_tensor_destroy(out);
        }
}

static void test_failures(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *out = new_tensor(MG_FLOAT32, SHAPE(2, 1));
  mg_tensor *d = new_tensor(MG_FLOAT64, SHAPE(2, 1));
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(2, 1)), *ints = new_tensor(MG_INT32, SHAPE(2, 3)), *none = empty_tensor();
  mg_tensor *empty = new_tensor(MG_FLOAT32, SHAPE(2, 0)), *wide = new_tensor(MG_FLOAT32, SHAPE(2, 4));
  mg_tensor *ids = new_tensor(MG_INT32, SHAPE(2, 4));
  CHECK_FAILS(mg_reduce(9, out, x, 2), MG_EINVAL, "op is 9");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, out, NULL, 2), MG_EINVAL, "sum: x");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, none, x, 2), MG_EINVAL, "sum: out");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, out, x, 4), MG_EINVAL, "axes 0x4");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, out, x, 1), MG_ESHAPE, "expected (1, 3)");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, d, x, 2), MG_EDTYPE, "sum: out");
  CHECK_FAILS(mg_reduce(MG_REDUCE_MEAN, i, ints, 2), MG_EDTYPE, "mean: out");
  CHECK_FAILS(mg_reduce(MG_REDUCE_SUM, x, x, 0), MG_EINVAL, "shares memory");
  CHECK_FAILS(mg_arg_reduce(MG_ARG_MAX, out, x, 1), MG_EDTYPE, "argmax: out");
  CHECK_FAILS(mg_arg_reduce(MG_ARG_MAX, i, x, 2), MG_EINVAL, "axis 2");
  CHECK_FAILS(mg_arg_reduce(MG_ARG_MIN, i, empty, 1), MG_EINVAL, "argmin: x (2, 0)");
  CHECK_FAILS(mg_arg_reduce(2, i, x, 1), MG_EINVAL, "op is 2");
  CHECK_FAILS(mg_top_k(wide, ids, x), MG_ESHAPE, "top_k: values (2, 4) for x (2, 3)");
  CHECK_FAILS(mg_top_k(out, NULL, x), MG_EINVAL, "top_k: indices");
  CHECK_FAILS(mg_cumulative_sum(out, x, 0, 0), MG_ESHAPE, "cumulative_sum: out");
  mg_tensor *all[] = {x, out, d, i, ints, none, empty, wide, ids};
  for (int k = 0; k < 9; k++) mg_tensor_destroy(all[k]);
}

static int tests(void) {
  RUN(test_axes_and_layouts);
  RUN(test_integers);
  RUN(test_nan_and_nothing);
  RUN(test_nan_places);
  RUN(test_large_float32);
  RUN(test_large_float64);
  RUN(test_accuracy);
  RUN(test_arg_reduce);
  RUN(test_top_k);
  RUN(test_cumulative_sum);
  RUN(test_failures);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
