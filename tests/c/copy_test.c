/* copy_test.c: copies between all dtypes and layouts, fills, and the iterator below them. */
#include "check.h"
#include "cpu/iterate.h"
#include "tensor.h"

static const mg_dtype dtypes[] = {MG_FLOAT32, MG_FLOAT64, MG_INT32, MG_UINT8};

static void test_casts(void) {
  double from_float[] = {1.9, -1.9, 300, -300, 3e9, -3e9, INFINITY, -INFINITY, NAN, 2147483520.0};
  double as_int[] = {1, -1, 300, -300, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0, 2147483520.0};
  double as_byte[] = {1, 0, 255, 0, 255, 0, 255, 0, 0, 255};
  mg_tensor *i = new_tensor(MG_INT32, SHAPE(10)), *u = new_tensor(MG_UINT8, SHAPE(10));
  for (int k = 0; k < 2; k++) {
    mg_tensor *x = tensor_of(dtypes[k], from_float, SHAPE(10));
    CHECK_OK(mg_copy(i, x));
    CHECK_OK(mg_copy(u, x));
    for (int n = 0; n < 10; n++) {
      CHECK_NEAR(element(i, n), as_int[n], 0);
      CHECK_NEAR(element(u, n), as_byte[n], 0);
    }
    mg_tensor_destroy(x);
  }
  double ints[] = {0, -1, 256, 257, 16777217, INT32_MIN};
  double low_bits[] = {0, 255, 0, 1, 1, 0};
  mg_tensor *x = tensor_of(MG_INT32, ints, SHAPE(6)), *f = new_tensor(MG_FLOAT32, SHAPE(6)), *d = new_tensor(MG_FLOAT64, SHAPE(6));
  mg_tensor *b = new_tensor(MG_UINT8, SHAPE(6));
  CHECK_OK(mg_copy(f, x));
  CHECK_OK(mg_copy(d, x));
  CHECK_OK(mg_copy(b, x));
  for (int n = 0; n < 6; n++) {
    CHECK_NEAR(element(f, n), n == 4 ? 16777216 : ints[n], 0);
    CHECK_NEAR(element(d, n), ints[n], 0);
    CHECK_NEAR(element(b, n), low_bits[n], 0);
  }
  mg_tensor *all[] = {i, u, x, f, d, b};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static void test_float_casts(void) {
  double values[] = {0.1, 1e300, -1e300, 1e-320, NAN, -0.0};
  mg_tensor *d = tensor_of(MG_FLOAT64, values, SHAPE(6)), *f = new_tensor(MG_FLOAT32, SHAPE(6));
  mg_tensor *u = new_tensor(MG_UINT8, SHAPE(3));
  CHECK_OK(mg_copy(f, d));
  CHECK_NEAR(element(f, 0), 0.1f, 0);
  CHECK_NEAR(element(f, 1), INFINITY, 0);
  CHECK_NEAR(element(f, 2), -INFINITY, 0);
  CHECK_NEAR(element(f, 4), NAN, 0);
  CHECK(signbit(element(f, 5)));
  CHECK_OK(mg_copy(d, f));
  CHECK_NEAR(element(d, 0), (double)0.1f, 0);
  mg_tensor *bytes = tensor_of(MG_UINT8, (double[]){0, 7, 255}, SHAPE(3));
  for (int k = 0; k < 4; k++) {
    mg_tensor *wide = new_tensor(dtypes[k], SHAPE(3));
    CHECK_OK(mg_copy(wide, bytes));
    CHECK_OK(mg_copy(u, wide));
    CHECK(element(wide, 2) == 255 && element(u, 1) == 7);
    mg_tensor_destroy(wide);
  }
  mg_tensor *all[] = {d, f, u, bytes};
  for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
}

/* Value at a row-major position, small enough for every dtype. */
static double value_at(int64_t i) { return (double)((i * 7 + 3) % 101); }

static mg_tensor *numbered(mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  mg_tensor *t = new_tensor(MG_FLOAT64, ndim, shape), *out = new_tensor(dtype, ndim, shape);
  double *data = mg_tensor_data(t);
  for (int64_t i = 0; i < mg_tensor_size(t); i++) data[i] = value_at(i);
  check_must(mg_copy(out, t));
  mg_tensor_destroy(t);
  return out;
}

/* Every permutation and reversal of a (3, 5, 7) source into one of the target: element by element. */
static void test_layouts(void) {
  int32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int dtype = 0; dtype < 4; dtype++)
    for (int order = 0; order < 6; order++)
      for (int reversed = 0; reversed < 8; reversed++) {
        mg_tensor *x = numbered(dtypes[dtype], SHAPE(3, 5, 7)), *v = empty_tensor();
        check_must(mg_tensor_permute(v, x, orders[order]));
        for (int32_t axis = 0; axis < 3; axis++) {
          int64_t size = mg_tensor_shape(v)[axis];
          if (reversed >> axis & 1) check_must(mg_tensor_slice(v, v, axis, size - 1, size, -1));
        }
        mg_tensor *straight = new_tensor(dtypes[dtype], 3, mg_tensor_shape(v)), *back = new_tensor(dtypes[dtype], SHAPE(3, 5, 7));
        CHECK_OK(mg_copy(straight, v));
        int same = 1;
        for (int64_t i = 0; i < 105; i++) same = same && element(straight, i) == element(v, i);
        CHECK(same);
        CHECK_OK(mg_fill(x, 0));
        CHECK_OK(mg_copy(v, straight)); /* written through the view */
        CHECK_OK(mg_copy(back, x));
        same = 1;
        for (int64_t i = 0; i < 105; i++) same = same && element(back, i) == value_at(i);
        CHECK(same);
        mg_tensor *all[] = {x, v, straight, back};
        for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
      }
}

/* Transposed planes around the sizes of tiles and blocks, one of them below a third axis, columns reversed. */
static void test_transposed(void) {
  int64_t sizes[][3] = {{1, 4, 4}, {2, 16, 16}, {3, 17, 15}, {1, 128, 129}, {2, 130, 5}, {1, 3, 200}};
  for (int s = 0; s < 6; s++)
    for (int dtype = 0; dtype < 4; dtype++)
      for (int reversed = 0; reversed < 2; reversed++) {
        int64_t n = sizes[s][0], rows = sizes[s][1], columns = sizes[s][2];
        mg_tensor *x = numbered(dtypes[dtype], SHAPE(n, rows, columns)), *v = empty_tensor();
        mg_tensor *out = new_tensor(dtypes[dtype], SHAPE(n, columns, rows));
        if (reversed) check_must(mg_tensor_slice(x, x, 1, rows - 1, rows, -1));
        check_must(mg_tensor_permute(v, x, (int32_t[]){0, 2, 1}));
        CHECK_OK(mg_copy(out, v));
        int good = 1;
        for (int64_t b = 0; b < n; b++)
          for (int64_t i = 0; i < rows; i++)
            for (int64_t k = 0; k < columns; k++) {
              int64_t from = (b * rows + (reversed ? rows - 1 - i : i)) * columns + k;
              good = good && element(out, (b * columns + k) * rows + i) == value_at(from);
            }
        CHECK(good);
        mg_tensor *all[] = {x, v, out};
        for (int k = 0; k < 3; k++) mg_tensor_destroy(all[k]);
      }
}

static void test_overlap(void) {
  for (int step = -1; step <= 1; step += 2) { /* shift by one in both directions, across several pieces */
    enum { N = 100000 };
    mg_tensor *x = new_tensor(MG_INT32, SHAPE(N)), *from = empty_tensor(), *to = empty_tensor();
    int32_t *data = mg_tensor_data(x);
    for (int i = 0; i < N; i++) data[i] = i;
    check_must(mg_tensor_slice(from, x, 0, step > 0 ? 0 : 1, N - 1, 1));
    check_must(mg_tensor_slice(to, x, 0, step > 0 ? 1 : 0, N - 1, 1));
    CHECK_OK(mg_copy(to, from));
    int good = 1;
    for (int i = 0; i < N - 1; i++) good = good && element(to, i) == i + (step > 0 ? 0 : 1);
    CHECK(good);
    check_must(mg_tensor_slice(to, x, 0, N - 1, N, -1));
    check_must(mg_tensor_slice(from, x, 0, 0, N, 1));
    double first = element(x, 0), last = element(x, N - 1);
    CHECK_OK(mg_copy(to, from)); /* reversal in place */
    CHECK(element(x, 0) == last && element(x, N - 1) == first && element(x, 1) == N - 2 + (step > 0 ? -1 : 1));
    CHECK_OK(mg_copy(x, x));
    mg_tensor *all[] = {x, from, to};
    for (int k = 0; k < 3; k++) mg_tensor_destroy(all[k]);
  }
}

static void test_broadcast_and_refusals(void) {
  mg_tensor *x = tensor_of(MG_FLOAT32, (double[]){1, 2, 3}, SHAPE(3)), *out = new_tensor(MG_FLOAT64, SHAPE(2, 3));
  mg_tensor *v = empty_tensor();
  CHECK_OK(mg_copy(out, x));
  CHECK(element(out, 3) == 1 && element(out, 5) == 3);
  check_must(mg_tensor_broadcast(v, x, SHAPE(2, 3)));
  CHECK_FAILS(mg_copy(v, out), MG_EINVAL, "copy: out (2, 3) is a broadcast view");
  CHECK_FAILS(mg_fill(v, 1), MG_EINVAL, "fill: out (2, 3) is a broadcast view");
  CHECK_FAILS(mg_copy(x, out), MG_ESHAPE, "copy: x (2, 3) does not broadcast to out (3)");
  CHECK_FAILS(mg_copy(NULL, x), MG_EINVAL, "copy: out is NULL");
  CHECK_FAILS(mg_copy(x, NULL), MG_EINVAL, "copy: x is NULL");
  CHECK_FAILS(mg_fill(NULL, 0), MG_EINVAL, "fill: out is NULL");
  check_must(mg_tensor_clear(v));
  CHECK_FAILS(mg_copy(v, x), MG_EINVAL, "copy: out has no memory");
  CHECK_FAILS(mg_copy(x, v), MG_EINVAL, "copy: x has no memory");
  CHECK_FAILS(mg_fill(v, 0), MG_EINVAL, "fill: out has no memory");
  check_must(mg_tensor_alloc(v, MG_CPU, MG_FLOAT32, SHAPE(0, 3)));
  CHECK_OK(mg_copy(v, x)); /* nothing to do */
  CHECK_OK(mg_fill(v, 1));
  mg_tensor *all[] = {x, out, v};
  for (int k = 0; k < 3; k++) mg_tensor_destroy(all[k]);
}

static void test_fill(void) {
  double given[] = {2.75, -3.5, 1e10, NAN}, as_int[] = {2, -3, INT32_MAX, 0}, as_byte[] = {2, 0, 255, 0};
  for (int k = 0; k < 4; k++) {
    mg_tensor *f = new_tensor(MG_FLOAT32, SHAPE(3, 4)), *d = new_tensor(MG_FLOAT64, SHAPE(5)), *i = new_tensor(MG_INT32, SHAPE(5));
    mg_tensor *u = new_tensor(MG_UINT8, SHAPE(5)), *column = empty_tensor();
    CHECK_OK(mg_fill(f, -1));
    check_must(mg_tensor_slice(column, f, 1, 1, 1, 1));
    CHECK_OK(mg_fill(column, given[k]));
    CHECK_OK(mg_fill(d, given[k]));
    CHECK_OK(mg_fill(i, given[k]));
    CHECK_OK(mg_fill(u, given[k]));
    CHECK_NEAR(element(f, 5), (float)given[k], 0);
    CHECK(element(f, 4) == -1 && element(f, 6) == -1);
    CHECK_NEAR(element(d, 4), given[k], 0);
    CHECK_NEAR(element(i, 4), as_int[k], 0);
    CHECK_NEAR(element(u, 4), as_byte[k], 0);
    mg_tensor *all[] = {f, d, i, u, column};
    for (int n = 0; n < 5; n++) mg_tensor_destroy(all[n]);
  }
}

static void count_row(void *context, char *const *p, const int64_t *stride, int64_t n) {
  for (int64_t i = 0; i < n; i++) ++*(float *)(p[0] + i * stride[0]);
  __atomic_add_fetch((int64_t *)context, 1, __ATOMIC_RELAXED);
}

/* Every element is visited once, for sizes around the piece, and axes merge into as few rows as they can. */
static void test_iterate(void) {
  int64_t sizes[] = {1, 2, 31, 32, 33, 99, 100};
  for (int s = 0; s < 7; s++) {
    mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(sizes[s], 2, 3)), *v = empty_tensor();
    check_must(mg_fill(x, 0));
    int64_t rows = 0;
    const mg_tensor *operands[] = {x};
    CHECK_OK(mg_iterate(operands, 1, 64, count_row, &rows));
    CHECK_INT(rows, (sizes[s] * 6 + 63) / 64);
    check_must(mg_tensor_slice(v, x, 1, 1, 2, -1)); /* order of visit is free: reversal does not cost rows */
    operands[0] = v;
    rows = 0;
    CHECK_OK(mg_iterate(operands, 1, 1 << 20, count_row, &rows));
    CHECK_INT(rows, 1);
    check_must(mg_tensor_slice(v, x, 2, 0, 2, 1));
    CHECK_OK(mg_iterate(operands, 1, 7, count_row, &rows)); /* rows of 2, cut anywhere */
    int good = 1;
    for (int64_t i = 0; i < mg_tensor_size(x); i++) good = good && element(x, i) == (i % 3 < 2 ? 3 : 2);
    CHECK(good);
    mg_tensor_destroy(x);
    mg_tensor_destroy(v);
  }
}

int main(void) {
  RUN(test_casts);
  RUN(test_float_casts);
  RUN(test_layouts);
  RUN(test_transposed);
  RUN(test_overlap);
  RUN(test_broadcast_and_refusals);
  RUN(test_fill);
  RUN(test_iterate);
  return finish();
}
