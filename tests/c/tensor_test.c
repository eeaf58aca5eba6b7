/* tensor_test.c: handles and views. The expected shapes and strides are NumPy's for the same calls. */
#include "check.h"

#define AXES(...) (int32_t[]){__VA_ARGS__}

static int is_shape(const mg_tensor *t, int32_t ndim, const int64_t *shape) {
  return mg_tensor_ndim(t) == ndim && (ndim == 0 || memcmp(mg_tensor_shape(t), shape, (size_t)ndim * sizeof *shape) == 0);
}

static int is_strides(const mg_tensor *t, int32_t ndim, const int64_t *strides) {
  return mg_tensor_ndim(t) == ndim && (ndim == 0 || memcmp(mg_tensor_strides(t), strides, (size_t)ndim * sizeof *strides) == 0);
}

/* 0, 1, 2, ... */
static mg_tensor *range(int32_t ndim, const int64_t *shape) {
  mg_tensor *t = new_tensor(MG_FLOAT32, ndim, shape);
  float *data = mg_tensor_data(t);
  for (int64_t i = 0; i < mg_tensor_size(t); i++) data[i] = (float)i;
  return t;
}

static int holds(const mg_tensor *t, int64_t n, const double *values) {
  if (mg_tensor_size(t) != n) return 0;
  for (int64_t i = 0; i < n; i++)
    if (element(t, i) != values[i]) return 0;
  return 1;
}
#define HOLDS(t, ...) holds(t, (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})

static void test_alloc(void) {
  mg_tensor *t = new_tensor(MG_FLOAT64, SHAPE(2, 3, 4));
  CHECK(is_strides(t, SHAPE(12, 4, 1)));
  CHECK_INT(mg_tensor_size(t), 24);
  CHECK_INT(mg_tensor_dtype(t), MG_FLOAT64);
  CHECK_INT(mg_tensor_device(t), MG_CPU);
  CHECK(mg_tensor_is_contiguous(t));
  CHECK_INT((intptr_t)mg_tensor_read(t) % 64, 0);
  CHECK_OK(mg_tensor_alloc(t, MG_CPU, MG_UINT8, 0, NULL)); /* a scalar, in the same handle */
  CHECK_INT(mg_tensor_ndim(t), 0);
  CHECK_INT(mg_tensor_size(t), 1);
  CHECK_OK(mg_tensor_alloc(t, MG_CPU, MG_INT32, SHAPE(3, 0, 2)));
  CHECK_INT(mg_tensor_size(t), 0);
  CHECK(mg_tensor_data(t) != NULL);
  CHECK(mg_tensor_is_contiguous(t));
  mg_tensor_destroy(t);
}

static void test_alloc_refuses(void) {
  int64_t huge = INT64_MAX;
  mg_tensor *t = new_tensor(MG_FLOAT32, SHAPE(2, 3));
  CHECK_FAILS(mg_tensor_alloc(NULL, MG_CPU, MG_FLOAT32, SHAPE(2)), MG_EINVAL, "alloc: out is NULL");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, 0, SHAPE(2)), MG_EDTYPE, "unknown dtype number 0");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, 9, SHAPE(2)), MG_EDTYPE, "unknown dtype number 9");
  CHECK_FAILS(mg_tensor_alloc(t, 7, MG_FLOAT32, SHAPE(2)), MG_EDEVICE, "unknown number 7");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CUDA, MG_FLOAT32, SHAPE(2)), MG_EDEVICE, "cuda");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, -1, NULL), MG_EINVAL, "-1 dimensions");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)), MG_EINVAL, "9 dimensions; expected 0 to 8");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, 2, NULL), MG_EINVAL, "shape is NULL");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, SHAPE(2, -3)), MG_EINVAL, "(2, -3)");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, SHAPE(INT64_MIN)), MG_EINVAL, "negative");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_UINT8, SHAPE(huge, 2)), MG_ENOMEM, "(9223372036854775807, 2)");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT64, SHAPE(huge / 4)), MG_ENOMEM, "2305843009213693951");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT64, SHAPE(huge, 0, huge)), MG_ENOMEM,
              "(9223372036854775807, 0, 9223372036854775807)");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_UINT8, SHAPE(huge)), MG_ENOMEM, "9223372036854775807");
  CHECK_FAILS(mg_tensor_alloc(t, MG_CPU, MG_FLOAT32, SHAPE((int64_t)1 << 50)), MG_ENOMEM, "4503599627370496 bytes");
  CHECK(is_shape(t, SHAPE(2, 3))); /* failures leave the handle as it was */
  mg_tensor_destroy(t);
}

static void test_freed_and_null(void) {
  mg_tensor *t = empty_tensor(), *x = range(SHAPE(2, 2)), *none[] = {t, NULL};
  for (int i = 0; i < 2; i++) {
    CHECK_INT(mg_tensor_ndim(none[i]), -1);
    CHECK_INT(mg_tensor_dtype(none[i]), 0);
    CHECK_INT(mg_tensor_device(none[i]), -1);
    CHECK_INT(mg_tensor_size(none[i]), -1);
    CHECK_INT(mg_tensor_is_contiguous(none[i]), 0);
    CHECK(mg_tensor_shape(none[i]) == NULL && mg_tensor_strides(none[i]) == NULL);
    CHECK(mg_tensor_data(none[i]) == NULL && mg_tensor_read(none[i]) == NULL);
    CHECK(mg_tensor_alias(x, none[i]) == MG_EINVAL);
    CHECK(mg_tensor_slice(x, none[i], 0, 0, 1, 1) == MG_EINVAL);
    CHECK(mg_tensor_permute(x, none[i], AXES(0)) == MG_EINVAL);
    CHECK(mg_tensor_reshape(x, none[i], SHAPE(4)) == MG_EINVAL);
    CHECK(mg_tensor_broadcast(x, none[i], SHAPE(4)) == MG_EINVAL);
  }
  CHECK_FAILS(mg_tensor_alias(x, t), MG_EINVAL, "alias: x has no memory");
  CHECK_FAILS(mg_tensor_alias(x, NULL), MG_EINVAL, "alias: x is NULL");
  CHECK_FAILS(mg_tensor_alias(NULL, x), MG_EINVAL, "alias: out is NULL");
  CHECK_FAILS(mg_tensor_slice(NULL, x, 0, 0, 1, 1), MG_EINVAL, "slice: out is NULL");
  CHECK_FAILS(mg_tensor_permute(x, x, NULL), MG_EINVAL, "permute: axes is NULL");
  CHECK_FAILS(mg_tensor_reshape(x, x, 1, NULL), MG_EINVAL, "reshape: shape is NULL");
  CHECK_FAILS(mg_tensor_broadcast(x, x, 3, NULL), MG_EINVAL, "broadcast: shape is NULL");
  CHECK_FAILS(mg_tensor_clear(NULL), MG_EINVAL, "clear");
  CHECK_FAILS(mg_tensor_create(NULL), MG_EINVAL, "tensor: out is NULL");
  CHECK_OK(mg_tensor_clear(x));
  CHECK_INT(mg_tensor_ndim(x), -1);
  CHECK_OK(mg_tensor_clear(x));
  mg_tensor_destroy(NULL);
  mg_tensor_destroy(t);
  mg_tensor_destroy(x);
}

static void test_slice(void) {
  mg_tensor *x = range(SHAPE(4, 5)), *v = empty_tensor();
  CHECK_OK(mg_tensor_slice(v, x, 0, 1, 2, 2)); /* x[1:4:2] */
  CHECK(is_shape(v, SHAPE(2, 5)) && is_strides(v, SHAPE(10, 1)));
  CHECK(HOLDS(v, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19));
  CHECK_OK(mg_tensor_slice(v, v, -1, 4, 3, -2)); /* in place: [:, ::-2] */
  CHECK(is_strides(v, SHAPE(10, -2)));
  CHECK(HOLDS(v, 9, 7, 5, 19, 17, 15));
  CHECK(!mg_tensor_is_contiguous(v));
  CHECK_OK(mg_tensor_slice(v, x, 0, 4, 0, 1));
  CHECK_INT(mg_tensor_size(v), 0);
  CHECK_OK(mg_tensor_slice(v, x, 0, 3, 1, INT64_MAX));
  CHECK(HOLDS(v, 15, 16, 17, 18, 19));
  CHECK_FAILS(mg_tensor_slice(v, x, 2, 0, 1, 1), MG_EINVAL, "axis 2 is out of range for x (4, 5)");
  CHECK_FAILS(mg_tensor_slice(v, x, -3, 0, 1, 1), MG_EINVAL, "axis -3");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 0, 5, 1), MG_EINVAL, "x (4, 5)");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, -1, 1, 1), MG_EINVAL, "-1");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 4, 1, 1), MG_EINVAL, "positions 0..3");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 0, 2, -1), MG_EINVAL, "by -1");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 0, 1, 0), MG_EINVAL, "step 0");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 0, -1, 1), MG_EINVAL, "count -1");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, INT64_MAX, INT64_MAX, INT64_MAX), MG_EINVAL, "slice");
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 5, 0, 1), MG_EINVAL, "slice");
  CHECK(HOLDS(v, 15, 16, 17, 18, 19));
  CHECK_OK(mg_tensor_alloc(x, MG_CPU, MG_FLOAT32, 0, NULL));
  CHECK_FAILS(mg_tensor_slice(v, x, 0, 0, 1, 1), MG_EINVAL, "scalar");
  mg_tensor_destroy(x);
  mg_tensor_destroy(v);
}

static void test_permute(void) {
  mg_tensor *x = range(SHAPE(2, 3, 2)), *v = empty_tensor();
  CHECK_OK(mg_tensor_permute(v, x, AXES(2, 0, 1)));
  CHECK(is_shape(v, SHAPE(2, 2, 3)) && is_strides(v, SHAPE(1, 6, 2)));
  CHECK(HOLDS(v, 0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11));
  CHECK_OK(mg_tensor_permute(v, v, AXES(1, -1, 0))); /* and back */
  CHECK(mg_tensor_is_contiguous(v));
  CHECK_FAILS(mg_tensor_permute(v, x, AXES(0, 1, 1)), MG_EINVAL, "axis 1 of x (2, 3, 2) twice");
  CHECK_FAILS(mg_tensor_permute(v, x, AXES(0, 1, 3)), MG_EINVAL, "axis 3");
  CHECK_OK(mg_tensor_alloc(x, MG_CPU, MG_FLOAT32, 0, NULL));
  CHECK_OK(mg_tensor_permute(v, x, NULL));
  CHECK_INT(mg_tensor_ndim(v), 0);
  mg_tensor_destroy(x);
  mg_tensor_destroy(v);
}

static void test_reshape(void) {
  mg_tensor *x = range(SHAPE(4, 6)), *v = empty_tensor();
  CHECK_OK(mg_tensor_reshape(v, x, SHAPE(2, -1, 3)));
  CHECK(is_shape(v, SHAPE(2, 4, 3)) && is_strides(v, SHAPE(12, 3, 1)));
  CHECK_OK(mg_tensor_slice(v, x, 1, 0, 3, 2)); /* (4, 3), strides (6, 2): merges into one axis of 12 */
  CHECK_OK(mg_tensor_reshape(v, v, SHAPE(2, 1, 6)));
  CHECK(is_strides(v, SHAPE(12, 1, 2)));
  CHECK(HOLDS(v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22));
  CHECK_OK(mg_tensor_slice(v, x, 1, 1, 4, 1)); /* (4, 4), strides (6, 1): only the inner axis can be cut */
  CHECK_OK(mg_tensor_reshape(v, v, SHAPE(2, 2, 2, 2)));
  CHECK(is_strides(v, SHAPE(12, 6, 2, 1)));
  CHECK_FAILS(mg_tensor_reshape(v, v, SHAPE(16)), MG_ESHAPE, "copy it first");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(5, -1)), MG_ESHAPE, "x (4, 6) has 24 elements");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(25)), MG_ESHAPE, "(25)");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(-1, -1)), MG_EINVAL, "more than one -1");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(-2, 12)), MG_EINVAL, "negative");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(INT64_MAX, INT64_MAX)), MG_ENOMEM, "reshape");
  CHECK_FAILS(mg_tensor_reshape(v, x, 0, NULL), MG_ESHAPE, "()");
  CHECK_FAILS(mg_tensor_reshape(v, x, SHAPE(-1, 0)), MG_ESHAPE, "reshape");
  CHECK_FAILS(mg_tensor_reshape(v, x, 100, (int64_t[1]){1}), MG_EINVAL, "100 dimensions");
  CHECK_OK(mg_tensor_alloc(x, MG_CPU, MG_FLOAT32, SHAPE(3, 0)));
  CHECK_OK(mg_tensor_reshape(v, x, SHAPE(0, 7)));
  CHECK_OK(mg_tensor_reshape(v, x, SHAPE(-1, 7)));
  CHECK(is_shape(v, SHAPE(0, 7)));
  mg_tensor_destroy(x);
  mg_tensor_destroy(v);
}

static void test_reshape_of_views(void) {
  mg_tensor *x = range(SHAPE(3)), *v = empty_tensor();
  CHECK_OK(mg_tensor_broadcast(v, x, SHAPE(2, 4, 3)));
  CHECK(is_strides(v, SHAPE(0, 0, 1)));
  CHECK_OK(mg_tensor_reshape(v, v, SHAPE(8, 3))); /* broadcast axes merge: stride 0 */
  CHECK(is_strides(v, SHAPE(0, 1)));
  CHECK_FAILS(mg_tensor_reshape(v, v, SHAPE(24)), MG_ESHAPE, "cannot be seen as (24)");
  CHECK_OK(mg_tensor_alloc(x, MG_CPU, MG_FLOAT32, SHAPE(2, 3)));
  CHECK_OK(mg_tensor_permute(v, x, AXES(1, 0)));
  CHECK_FAILS(mg_tensor_reshape(v, v, SHAPE(6)), MG_ESHAPE, "strides (1, 3)");
  CHECK_OK(mg_tensor_reshape(v, v, SHAPE(3, 1, 2, 1)));
  CHECK_OK(mg_tensor_slice(v, x, 1, 2, 3, -1));
  CHECK_OK(mg_tensor_slice(v, v, 0, 1, 2, -1)); /* reversed on both: one axis of stride -1 */
  CHECK_OK(mg_tensor_reshape(v, v, SHAPE(6)));
  CHECK(is_strides(v, SHAPE(-1)));
  mg_tensor_destroy(x);
  mg_tensor_destroy(v);
}

static void test_broadcast(void) {
  mg_tensor *x = range(SHAPE(2, 1)), *v = empty_tensor();
  CHECK_OK(mg_tensor_broadcast(v, x, SHAPE(3, 2, 2)));
  CHECK(is_strides(v, SHAPE(0, 1, 0)));
  CHECK(HOLDS(v, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1));
  CHECK_OK(mg_tensor_broadcast(v, x, SHAPE(2, 0)));
  CHECK_INT(mg_tensor_size(v), 0);
  CHECK_OK(mg_tensor_broadcast(v, x, SHAPE(2, 1)));
  CHECK(mg_tensor_is_contiguous(v));
  CHECK_FAILS(mg_tensor_broadcast(v, x, SHAPE(3, 2)), MG_ESHAPE, "x (2, 1) does not broadcast to (3, 2)");
  CHECK_FAILS(mg_tensor_broadcast(v, x, SHAPE(2)), MG_ESHAPE, "broadcast");
  CHECK_FAILS(mg_tensor_broadcast(v, x, SHAPE(INT64_MAX, 2, 2)), MG_ENOMEM, "broadcast");
  CHECK_FAILS(mg_tensor_broadcast(v, x, SHAPE(-1, 2, 1)), MG_EINVAL, "negative");
  mg_tensor_destroy(x);
  mg_tensor_destroy(v);
}

static void test_versions_and_sharing(void) {
  mg_tensor *x = range(SHAPE(4)), *v = empty_tensor();
  CHECK_OK(mg_tensor_slice(v, x, 0, 2, 2, 1));
  int64_t version = mg_tensor_version(x);
  mg_tensor_read(v);
  CHECK_INT(mg_tensor_version(x), version);
  ((float *)mg_tensor_data(v))[0] = 42; /* a write through a view counts for all */
  CHECK_INT(mg_tensor_version(x), version + 1);
  CHECK(HOLDS(x, 0, 1, 42, 3));
  CHECK_OK(mg_fill(v, 7));
  CHECK_INT(mg_tensor_version(x), version + 2);
  mg_tensor_destroy(x); /* the view keeps the memory */
  CHECK(HOLDS(v, 7, 7));
  mg_tensor_destroy(v);
}

int main(void) {
  RUN(test_alloc);
  RUN(test_alloc_refuses);
  RUN(test_freed_and_null);
  RUN(test_slice);
  RUN(test_permute);
  RUN(test_reshape);
  RUN(test_reshape_of_views);
  RUN(test_broadcast);
  RUN(test_versions_and_sharing);
  return finish();
}
