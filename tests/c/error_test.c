/* error_test.c: messages and the checks that operations share. */
#include <pthread.h>

#include "check.h"
#include "error.h"

static void test_messages(void) {
  CHECK_INT(mg_fail(MG_EIO, "file %s: %d", "a.npy", 7), MG_EIO);
  CHECK(strcmp(mg_error(), "file a.npy: 7") == 0);
  mg_fail(MG_EIO, "again: %s", mg_error()); /* the old message as an argument of the new one */
  CHECK(strcmp(mg_error(), "again: file a.npy: 7") == 0);
  char text[3000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  mg_fail(MG_EINVAL, "%s", text);
  CHECK_INT(strlen(mg_error()), 1023); /* cut, not overrun */
}

static void *other_thread(void *unused) {
  (void)unused;
  int empty = mg_error()[0] == 0;
  mg_fail(MG_EIO, "of the other thread");
  return empty ? "empty" : NULL;
}

static void test_messages_are_of_one_thread(void) {
  pthread_t thread;
  void *was_empty;
  mg_fail(MG_EINVAL, "mine");
  pthread_create(&thread, NULL, other_thread, NULL);
  pthread_join(thread, &was_empty);
  CHECK(was_empty != NULL);
  CHECK(strcmp(mg_error(), "mine") == 0);
}

static void test_shape_text(void) {
  int64_t most[MG_MAX_DIMS];
  for (int i = 0; i < MG_MAX_DIMS; i++) most[i] = INT64_MIN;
  CHECK(strcmp(mg_sizes_text(0, NULL), "()") == 0);
  CHECK(strcmp(mg_sizes_text(2, (int64_t[]){2, 3}), "(2, 3)") == 0);
  CHECK(strstr(mg_sizes_text(MG_MAX_DIMS, most), "-9223372036854775808)"));
  CHECK(strcmp(mg_shape_text(NULL), "(null)") == 0);
  const char *first = mg_sizes_text(1, (int64_t[]){1});
  for (int64_t i = 2; i <= 8; i++) mg_sizes_text(1, &i);
  CHECK(strcmp(first, "(1)") == 0); /* eight of them live side by side */
}

static void test_checks(void) {
  mg_tensor *f = new_tensor(MG_FLOAT32, SHAPE(2, 3)), *i = new_tensor(MG_INT32, SHAPE(2, 3)), *s = new_tensor(MG_FLOAT32, SHAPE(2));
  mg_tensor *half = empty_tensor(), *freed = empty_tensor();
  CHECK_FAILS(mg_check_float("exp", "x", i), MG_EDTYPE, "exp: x (2, 3) is int32; expected float32 or float64");
  CHECK_FAILS(mg_check_float("exp", "x", freed), MG_EINVAL, "exp: x has no memory");
  CHECK_OK(mg_check_float("exp", "x", f));
  CHECK_FAILS(mg_check_dtype("gather", "ids", f, MG_INT32), MG_EDTYPE, "gather: ids (2, 3) is float32; expected int32");
  CHECK_OK(mg_check_dtype("gather", "ids", i, MG_INT32));
  CHECK_FAILS(mg_check_like("add", "b", i, "a", f), MG_EDTYPE, "add: b (2, 3) is int32, a (2, 3) is float32; expected one dtype");
  CHECK_OK(mg_check_like("add", "b", f, "a", s));
  CHECK_FAILS(mg_check_same_shape("add", "b", s, "a", f), MG_ESHAPE, "add: b has shape (2); expected (2, 3), the shape of a");
  CHECK_OK(mg_check_same_shape("add", "b", i, "a", f));
  CHECK_FAILS(mg_check_shape("gru", "bias", f, SHAPE(2, 4)), MG_ESHAPE, "gru: bias has shape (2, 3); expected (2, 4)");
  CHECK_FAILS(mg_check_shape("gru", "bias", f, SHAPE(2)), MG_ESHAPE, "expected (2)");
  CHECK_OK(mg_check_shape("gru", "bias", f, SHAPE(2, 3)));
  check_must(mg_tensor_slice(half, f, 0, 1, 1, 1));
  const mg_tensor *inputs[] = {NULL, s, half};
  CHECK_OK(mg_check_out("matmul", "out", f, inputs, 2));
  CHECK_FAILS(mg_check_out("matmul", "out", f, inputs, 3), MG_EINVAL, "matmul: out (2, 3) shares memory with an input (1, 3)");
  mg_tensor *all[] = {f, i, s, half, freed};
  for (int n = 0; n < 5; n++) mg_tensor_destroy(all[n]);
}

static void test_axes(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(2, 3, 4));
  int32_t axis = -1;
  CHECK_OK(mg_check_axis("sum", x, &axis));
  CHECK_INT(axis, 2);
  axis = INT32_MIN;
  CHECK_FAILS(mg_check_axis("sum", x, &axis), MG_EINVAL, "sum: axis -2147483648 is out of range for x (2, 3, 4)");
  axis = 3;
  CHECK_FAILS(mg_check_axis("sum", x, &axis), MG_EINVAL, "expected -3..2");
  mg_tensor_destroy(x);
}

int main(void) {
  RUN(test_messages);
  RUN(test_messages_are_of_one_thread);
  RUN(test_shape_text);
  RUN(test_checks);
  RUN(test_axes);
  return finish();
}
