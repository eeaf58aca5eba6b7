/* operand_test.c: which views share memory, and the temporary copies that follow from it. */
#include "ops.h"
#include "tensor.h"

static void test_operands(void) {
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(4, 6)), *a = empty_tensor(), *b = empty_tensor(), tmp;
  check_must(mg_fill(x, 3));
  check_must(mg_tensor_slice(a, x, 0, 0, 2, 1));
  check_must(mg_tensor_slice(b, x, 0, 2, 2, 1));
  CHECK(!mg_overlaps(a, b) && mg_overlaps(a, x) && !mg_same_view(a, b) && mg_same_view(x, x));
  CHECK_OK(mg_detach_input(&tmp, a, b));
  CHECK(mg_same_view(&tmp, a));
  mg_release(&tmp);
  check_must(mg_tensor_slice(b, x, 0, 1, 2, 1));
  CHECK_OK(mg_detach_input(&tmp, a, b)); /* overlaps: a copy */
  CHECK(tmp.buffer != x->buffer && element(&tmp, 11) == 3);
  mg_release(&tmp);
  check_must(mg_tensor_slice(b, x, 1, 0, 3, 2));
  CHECK_OK(mg_borrow_contiguous(&tmp, b));
  CHECK(mg_is_contiguous(&tmp) && tmp.buffer != x->buffer && mg_same_shape(&tmp, b));
  mg_release(&tmp);
  CHECK_OK(mg_borrow_contiguous(&tmp, a));
  CHECK(tmp.buffer == x->buffer);
  mg_release(&tmp);
  check_must(mg_tensor_slice(a, x, 0, 0, 0, 1));
  CHECK(!mg_overlaps(a, x)); /* nothing overlaps an empty view */
  mg_tensor *all[] = {x, a, b};
  for (int k = 0; k < 3; k++) mg_tensor_destroy(all[k]);
}

/* Windows, strided, reversed and turned views of one tensor, from random numbers. */
static mg_tensor *random_view(const mg_tensor *x, uint64_t *state) {
  static const int32_t orders[3][3] = {{0, 1, 2}, {2, 0, 1}, {1, 0, 2}};
  mg_tensor *v = empty_tensor();
  check_must(mg_tensor_permute(v, x, orders[(int)random_number(state, 0, 3)]));
  for (int32_t axis = 0; axis < 3; axis++) {
    int64_t size = mg_tensor_shape(v)[axis], step = 1 + (int64_t)random_number(state, 0, 3);
    int64_t start = (int64_t)random_number(state, 0, (double)size), count = 1 + (int64_t)random_number(state, 0, (double)size);
    if (count > (size - 1 - start) / step + 1) count = (size - 1 - start) / step + 1;
    check_must(mg_tensor_slice(v, v, axis, start, count, step));
    if (random_number(state, 0, 1) < 0.3) check_must(mg_tensor_slice(v, v, axis, count - 1, count, -1));
  }
  return v;
}

/* By marking the elements of a. */
static int really_overlap(mg_tensor *x, mg_tensor *a, const mg_tensor *b) {
  check_must(mg_fill(x, 0));
  check_must(mg_fill(a, 1));
  for (int64_t i = 0; i < mg_tensor_size(b); i++)
    if (element(b, i) == 1) return 1;
  return 0;
}

static void test_no_overlap_is_missed(void) {
  uint64_t state = 3;
  int apart = 0, told_apart = 0;
  mg_tensor *x = new_tensor(MG_FLOAT32, SHAPE(3, 4, 6));
  for (int round = 0; round < 4000; round++) {
    mg_tensor *a = random_view(x, &state), *b = random_view(x, &state);
    int truth = really_overlap(x, a, b), told = mg_overlaps(a, b);
    CHECK(told || !truth);
    CHECK(mg_overlaps(b, a) == told);
    apart += !truth;
    told_apart += !told;
    mg_tensor_destroy(a);
    mg_tensor_destroy(b);
  }
  CHECK(told_apart > 0.8 * apart);
  mg_tensor_destroy(x);
}

/* y[:, :, :U] and y[:, :, U:2U], one step of it, its even and odd rows; a product of one into the other. */
static void test_interleaved(void) {
  mg_tensor *y = new_tensor(MG_FLOAT32, SHAPE(5, 4, 8)), *left = empty_tensor(), *right = empty_tensor(), *one = empty_tensor();
  mg_tensor *square = new_tensor(MG_FLOAT32, SHAPE(4, 4));
  check_must(mg_tensor_slice(left, y, 2, 0, 4, 1));
  check_must(mg_tensor_slice(right, y, 2, 4, 4, 1));
  CHECK(!mg_overlaps(left, right) && !mg_overlaps(right, left));
  check_must(mg_tensor_slice(one, right, 1, 2, 1, 1));
  CHECK(!mg_overlaps(one, left) && mg_overlaps(one, right));
  check_must(mg_tensor_slice(one, y, 2, 3, 3, 1));
  CHECK(mg_overlaps(one, left) && mg_overlaps(one, right));
  check_must(mg_fill(left, 2));
  check_must(mg_fill(right, 7));
  check_must(mg_fill(square, 1));
  CHECK_OK(mg_matmul(right, left, square, 0));
  CHECK(element(right, 79) == 8 && element(left, 79) == 2);
  check_must(mg_tensor_slice(left, y, 1, 0, 2, 2));
  check_must(mg_tensor_slice(right, y, 1, 3, 2, -2));
  CHECK(!mg_overlaps(left, right));
  mg_tensor *all[] = {y, left, right, one, square};
  for (int k = 0; k < 5; k++) mg_tensor_destroy(all[k]);
}

int main(void) {
  RUN(test_operands);
  RUN(test_no_overlap_is_missed);
  RUN(test_interleaved);
  return finish();
}
