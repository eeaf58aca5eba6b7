/* index_test.c: gather, scatter_add and one_hot by their definitions: dtypes, layouts, repeated and bad ids. */
#include "ops.h"

static const double IDS[] = {4, 0, 2, 2, 4, 1};

static void test_gather(void) {
  for (int dtype = MG_FLOAT32; dtype <= MG_UINT8; dtype++)
    for (int layout = DENSE; layout < LAYOUTS; layout++) {
      mg_tensor *table = fill_random(laid_out(layout, dtype, SHAPE(5, 3, 7)), 0, 200, 1);
      mg_tensor *ids = tensor_of(MG_INT32, IDS, SHAPE(2, 3));
      mg_tensor *out = laid_out(layout, dtype, SHAPE(2, 3, 3, 7));
      CHECK_OK(mg_gather(out, table, ids));
      for (int64_t i = 0; i < 126; i++) CHECK_NEAR(element(out, i), element(table, (int64_t)IDS[i / 21] * 21 + i % 21), 0);
      mg_tensor_destroy(table);
      mg_tensor_destroy(ids);
      mg_tensor_destroy(out);
    }
}

static void test_scatter_add(void) {
  for (int dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++)
    for (int layout = DENSE; layout <= BROADCAST; layout++) {
      mg_tensor *table = fill_random(laid_out(layout % LAYOUTS, dtype, SHAPE(5, 3, 7)), -1, 1, 1);
      mg_tensor *before = new_tensor(dtype, SHAPE(5, 3, 7));
      mg_tensor *ids = tensor_of(MG_INT32, IDS, SHAPE(6)), *rows = fill_random(laid_out(layout, dtype, SHAPE(6, 3, 7)), -1, 1, 2);
      CHECK_OK(mg_copy(before, table));
      CHECK_OK(mg_scatter_add(table, ids, rows));
      for (int64_t i = 0; i < 105; i++) {
        double total = element(before, i);
        for (int64_t k = 0; k < 6; k++)
          if ((int64_t)IDS[k] == i / 21) total += element(rows, k * 21 + i % 21);
        CHECK_NEAR(element(table, i), total, dtype == MG_FLOAT32 ? 2e-7 : 1e-15);
      }
      mg_tensor *all[] = {table, before, ids, rows};
      for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
    }
}

static void test_scatter_threads(void) {
  mg_tensor *ids = fill_random(new_tensor(MG_INT32, SHAPE(3000)), 0, 50, 1);
  mg_tensor *rows = fill_random(new_tensor(MG_FLOAT32, SHAPE(3000, 150)), -1, 1, 2);
  mg_tensor *one = new_tensor(MG_FLOAT32, SHAPE(50, 150)), *two = new_tensor(MG_FLOAT32, SHAPE(50, 150));
  CHECK_OK(mg_fill(one, 0));
  CHECK_OK(mg_fill(two, 0));
  CHECK_OK(mg_set_threads(1));
  CHECK_OK(mg_scatter_add(one, ids, rows));
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_scatter_add(two, ids, rows));
  CHECK(same_bits(one, two));
  mg_tensor *all[] = {ids, rows, one, two};
  for (int k = 0; k < 4; k++) mg_tensor_destroy(all[k]);
}

static void test_one_hot(void) {
  double given[] = {0, 3, -1, 4, 2, 2147483647};
  for (int dtype = MG_FLOAT32; dtype <= MG_UINT8; dtype++)
    for (int layout = DENSE; layout < LAYOUTS; layout++) {
      mg_tensor *ids = tensor_of(MG_INT32, given, SHAPE(3, 2)), *out = laid_out(layout, dtype, SHAPE(3, 2, 4));
      CHECK_OK(mg_one_hot(out, ids));
      for (int64_t i = 0; i < 24; i++) CHECK_NEAR(element(out, i), given[i / 4] == i % 4, 0);
      mg_tensor_destroy(ids);
      mg_tensor_destroy(out);
    }
}

/* Nothing is written when an id is bad; the message says which. */
static void test_bad_ids(void) {
  double bad[] = {1, 5, 0}, minus[] = {0, 1, -1};
  mg_tensor *table = fill_random(new_tensor(MG_FLOAT32, SHAPE(5, 2)), 0, 1, 1), *out = new_tensor(MG_FLOAT32, SHAPE(3, 2));
  mg_tensor *ids = tensor_of(MG_INT32, bad, SHAPE(3)), *below = tensor_of(MG_INT32, minus, SHAPE(3));
  mg_tensor *before = new_tensor(MG_FLOAT32, SHAPE(5, 2));
  CHECK_OK(mg_fill(out, 7));
  CHECK_OK(mg_copy(before, table));
  CHECK_FAILS(mg_gather(out, table, ids), MG_EINVAL, "gather: ids (3) has 5 at position 1");
  CHECK_FAILS(mg_gather(out, table, below), MG_EINVAL, "has -1 at position 2");
  CHECK_FAILS(mg_scatter_add(table, ids, out), MG_EINVAL, "expected 0..4");
  CHECK(element(out, 0) == 7 && same_bits(table, before));
  mg_tensor *all[] = {table, out, ids, below, before};
  for (int k = 0; k < 5; k++) mg_tensor_destroy(all[k]);
}

static void test_empty(void) {
  mg_tensor *table = new_tensor(MG_FLOAT32, SHAPE(0, 2)), *ids = new_tensor(MG_INT32, SHAPE(0));
  mg_tensor *out = new_tensor(MG_FLOAT32, SHAPE(0, 2));
  mg_tensor *thin = new_tensor(MG_FLOAT32, SHAPE(4, 0)), *some = tensor_of(MG_INT32, IDS, SHAPE(1));
  mg_tensor *none = new_tensor(MG_FLOAT32, SHAPE(1, 0));
  CHECK_OK(mg_gather(out, table, ids));
  CHECK_OK(mg_scatter_add(table, ids, out));
  CHECK_OK(mg_one_hot(out, ids));
  CHECK_OK(mg_one_hot(none, some));
  CHECK_FAILS(mg_gather(none, thin, some), MG_EINVAL, "4 at position 0");
  mg_tensor *all[] = {table, ids, out, thin, some, none};
  for (int k = 0; k < 6; k++) mg_tensor_destroy(all[k]);
}

static void test_failures(void) {
  mg_tensor *table = new_tensor(MG_FLOAT32, SHAPE(5, 2)), *out = new_tensor(MG_FLOAT32, SHAPE(3, 2));
  mg_tensor *ids = tensor_of(MG_INT32, IDS + 1, SHAPE(3));
  mg_tensor *wrong = new_tensor(MG_FLOAT32, SHAPE(3, 3)), *d = new_tensor(MG_FLOAT64, SHAPE(3, 2));
  mg_tensor *ints = new_tensor(MG_INT32, SHAPE(5, 2));
  mg_tensor *scalar = new_tensor(MG_FLOAT32, 0, NULL), *none = empty_tensor(), *rows = new_tensor(MG_INT32, SHAPE(3, 2));
  CHECK_FAILS(mg_gather(wrong, table, ids), MG_ESHAPE, "gather: out has shape (3, 3); expected (3, 2)");
  CHECK_FAILS(mg_gather(out, table, out), MG_EDTYPE, "gather: ids");
  CHECK_FAILS(mg_gather(d, table, ids), MG_EDTYPE, "gather: out");
  CHECK_FAILS(mg_gather(out, scalar, ids), MG_ESHAPE, "scalar");
  CHECK_FAILS(mg_gather(out, none, ids), MG_EINVAL, "gather: table");
  CHECK_FAILS(mg_gather(out, table, NULL), MG_EINVAL, "gather: ids");
  CHECK_FAILS(mg_gather(table, table, ids), MG_EINVAL, "shares memory");
  CHECK_FAILS(mg_scatter_add(ints, ids, rows), MG_EDTYPE, "scatter_add: table");
  CHECK_FAILS(mg_scatter_add(table, ids, wrong), MG_ESHAPE, "scatter_add: rows");
  CHECK_FAILS(mg_scatter_add(NULL, ids, wrong), MG_EINVAL, "scatter_add: table");
  CHECK_FAILS(mg_one_hot(ids, ids), MG_EINVAL, "shares memory");
  CHECK_FAILS(mg_one_hot(table, ids), MG_ESHAPE, "one_hot: out (5, 2)");
  CHECK_FAILS(mg_one_hot(out, none), MG_EINVAL, "one_hot: ids");
  mg_tensor *all[] = {table, out, ids, wrong, d, ints, scalar, none, rows};
  for (int k = 0; k < 9; k++) mg_tensor_destroy(all[k]);
}

int main(void) {
  RUN(test_gather);
  RUN(test_scatter_add);
  RUN(test_scatter_threads);
  RUN(test_one_hot);
  RUN(test_bad_ids);
  RUN(test_empty);
  RUN(test_failures);
  return finish();
}
