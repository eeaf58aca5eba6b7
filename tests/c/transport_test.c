/* transport_test.c: copies to and from another device, played by plain memory that counts what crosses its border. */
#include "backend.h"
#include "check.h"
#include "error.h"
#include "tensor.h"

static int64_t bytes_read, bytes_written;
static mg_status border_status;

static mg_status far_read(void *host, const void *data, int64_t bytes) {
  memcpy(host, data, (size_t)bytes);
  bytes_read += bytes;
  return border_status == MG_OK ? MG_OK : mg_fail(border_status, "the line is cut");
}

static mg_status far_write(void *data, const void *host, int64_t bytes) {
  memcpy(data, host, (size_t)bytes);
  bytes_written += bytes;
  return border_status == MG_OK ? MG_OK : mg_fail(border_status, "the line is cut");
}

static mg_status far_describe(mg_device_info *info) {
  *info = (mg_device_info){"far", 1 << 20, 1 << 20};
  return MG_OK;
}

static mg_backend far_backend(void) {
  mg_backend far = mg_cpu_backend;
  far.name = "far";
  far.device = MG_CUDA;
  far.memory_read = far_read;
  far.memory_write = far_write;
  far.describe = far_describe;
  return far;
}

static mg_backend far;

static mg_tensor *far_tensor(mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  mg_tensor *like = new_tensor(dtype, ndim, shape), *t = empty_tensor();
  check_must(mg_alloc_on(t, &far, like));
  mg_tensor_destroy(like);
  return t;
}

static int64_t live_bytes(void) {
  mg_memory_info info;
  check_must(mg_memory(&info));
  return info.live_bytes;
}

static void test_there_and_back(void) {
  mg_tensor *x = tensor_of(MG_FLOAT64, (double[]){1.5, -2.5, 300, 4}, SHAPE(2, 2)), *there = far_tensor(MG_FLOAT32, SHAPE(3, 2, 2));
  mg_tensor *column = empty_tensor(), *back = new_tensor(MG_INT32, SHAPE(2));
  CHECK_INT(mg_tensor_device(there), MG_CUDA);
  bytes_read = bytes_written = 0;
  CHECK_OK(mg_copy(there, x)); /* broadcast, cast to float32, 12 elements sent */
  CHECK_INT(bytes_written, 48);
  CHECK(element(there, 8) == 1.5 && element(there, 10) == 300);
  check_must(mg_tensor_slice(column, there, 0, 2, 1, 1));
  check_must(mg_tensor_slice(column, column, 2, 0, 1, 1));
  check_must(mg_tensor_reshape(column, column, SHAPE(2)));
  CHECK_OK(mg_copy(back, column)); /* made dense there, 2 elements read, cast here */
  CHECK_INT(bytes_read, 8);
  CHECK(element(back, 0) == 1 && element(back, 1) == 300);
  CHECK_OK(mg_copy(column, back)); /* into a view of the other side */
  CHECK(element(there, 8) == 1 && element(there, 9) == -2.5);
  CHECK_OK(mg_fill(there, 5));
  CHECK(element(there, 11) == 5);
  mg_tensor *all[] = {x, there, column, back};
  for (int i = 0; i < 4; i++) mg_tensor_destroy(all[i]);
}

static void test_failures_leave_nothing_behind(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(4, 4)), *there = far_tensor(MG_FLOAT32, SHAPE(4, 4)), *turned = empty_tensor();
  check_must(mg_fill(x, 1));
  check_must(mg_tensor_permute(turned, there, (int32_t[]){1, 0}));
  int64_t before = live_bytes();
  border_status = MG_EDEVICE;
  CHECK_FAILS(mg_copy(there, x), MG_EDEVICE, "the line is cut");
  CHECK_FAILS(mg_copy(turned, x), MG_EDEVICE, "the line is cut");
  CHECK_FAILS(mg_copy(x, turned), MG_EDEVICE, "the line is cut");
  border_status = MG_OK;
  CHECK_INT(live_bytes(), before);
  mg_tensor *all[] = {x, there, turned};
  for (int i = 0; i < 3; i++) mg_tensor_destroy(all[i]);
}

static void test_two_devices_in_one_call(void) {
  mg_tensor *here = new_tensor(MG_FLOAT32, SHAPE(2)), *there = far_tensor(MG_FLOAT32, SHAPE(2));
  CHECK_FAILS(mg_check_like("add", "a", there, "out", here), MG_EDEVICE, "add: a (2) and out (2) are on different devices");
  mg_tensor_destroy(here);
  mg_tensor_destroy(there);
}

int main(void) {
  far = far_backend();
  RUN(test_there_and_back);
  RUN(test_failures_leave_nothing_behind);
  RUN(test_two_devices_in_one_call);
  mg_memory_trim();
  return finish();
}
