/* out_of_memory_test.c: every allocation of a call fails once, in turn. The call must answer MG_ENOMEM with a message, keep
 * nothing, and work when it is made again. malloc, calloc, aligned_alloc and mmap of the engine are wrapped by the linker
 * (CMakeLists.txt). */
#include "error.h"
#include "failing_memory.h"
#include "stream_case.h"
#include "tensor.h"
#include "threads.h"
#include "workspace.h"

static mg_tensor *a, *b, *row, *turned, *b_turned, *bytes;

static mg_status create(void) {
  mg_tensor *t;
  mg_status status = mg_tensor_create(&t);
  if (status == MG_OK) mg_tensor_destroy(t);
  return status;
}

static mg_status allocate(int64_t size) {
  mg_tensor t = {0};
  mg_status status = mg_tensor_alloc(&t, MG_CPU, MG_UINT8, SHAPE(size));
  mg_release(&t);
  return status;
}
static mg_status allocate_small(void) { return allocate(100); }
static mg_status allocate_large(void) { return allocate(20 << 20); }

static mg_status copy_overlapping(void) { return mg_copy(a, turned); }
static mg_status copy_plain(void) { return mg_copy(b, turned); }

static mg_status borrow(void) {
  mg_tensor tmp;
  MG_TRY(mg_borrow_contiguous(&tmp, turned));
  mg_release(&tmp);
  return MG_OK;
}

static mg_status use_workspace(void) {
  size_t mark = mg_workspace_mark();
  int good = mg_workspace_take(1000) && mg_workspace_take(1 << 20) && mg_workspace_take(30 << 20);
  mg_workspace_give_back(mark);
  return good ? MG_OK : mg_fail(MG_ENOMEM, "workspace");
}

static mg_status use_workspace_in_task(void *context, int64_t i) {
  (void)context;
  (void)i;
  return use_workspace();
}
static mg_status use_workspaces(void) { return mg_parallel(4, use_workspace_in_task, NULL); }

static void test_foundation(void) {
  each_allocation_fails("tensor", create, 1);
  each_allocation_fails("alloc, small", allocate_small, 2);
  each_allocation_fails("alloc, large", allocate_large, 2);
  each_allocation_fails("copy of an overlapping view", copy_overlapping, 2);
  each_allocation_fails("copy", copy_plain, 0);
  each_allocation_fails("borrow", borrow, 2);
  each_allocation_fails("workspace", use_workspace, 3);
  each_allocation_fails("workspace of tasks", use_workspaces, 3);
}

/* ---- operations that take temporary memory ---- */

static mg_status add_overlapping(void) { return mg_binary(MG_BINARY_ADD, a, turned, row); }
static mg_status where_overlapping(void) { return mg_where(a, bytes, turned, b); }
static mg_status exp_overlapping(void) { return mg_unary(MG_UNARY_EXP, b, b_turned, 1, 0); }

static rnn_case rnn;

static mg_status rnn_forward(void) { return rnn.ops->forward(&rnn.args); }
static mg_status rnn_both(void) {
  MG_TRY(rnn.ops->forward(&rnn.args));
  return rnn.ops->backward(&rnn.args);
}

static mg_status rnn_packed(void) {
  mg_packed *packed;
  MG_TRY(mg_packed_create(&packed));
  rnn.args.packed = packed;
  mg_status status = rnn_both();
  rnn.args.packed = NULL;
  mg_packed_destroy(packed);
  return status;
}

/* Sizes that the packed kernels take, and options that only the general one does. */
static void test_rnn(void) {
  rnn_shape shape = {.B = 16, .T = 4, .F = 16, .U = 32, .flags = MG_GRU_RESET_AFTER | MG_RNN_RETURN_SEQUENCES, .bias = 1,
                     .initial = 1, .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 1};
  for (int round = 0; round < 4; round++) { /* GRU of either kernel, then LSTM with masks */
    shape.kind = round < 2 ? GRU : LSTM;
    rnn = new_case(shape, round % 2 ? MG_FLOAT64 : MG_FLOAT32);
    each_allocation_fails("rnn forward", rnn_forward, 1);
    each_allocation_fails("rnn forward and backward", rnn_both, 1);
    each_allocation_fails("rnn with packed weights", rnn_packed, 2);
    free_case(&rnn);
    shape.flags |= MG_RNN_RECOMPUTE | MG_RNN_GO_BACKWARDS;
    shape.mask = MASK_ANY;
    shape.dropout = 3;
    shape.recurrent_dropout = 1;
  }
}

/* The kernels of few rows, of padded weights, and those of bf16. */
static void test_other_kernels(void) {
  rnn_shape shape = {.kind = GRU, .B = 2, .T = 3, .F = 5, .U = 130, .flags = MG_GRU_RESET_AFTER, .bias = 1, .activation = act_tanh,
                     .recurrent_activation = act_sigmoid, .seed = 2};
  for (int round = 0; round < 2; round++, shape.B = 20) {
    check_must(mg_set_matmul_precision(round ? MG_PRECISION_MEDIUM : MG_PRECISION_HIGHEST));
    rnn = new_case(shape, MG_FLOAT32);
    rnn.args.gates = NULL;
    each_allocation_fails("rnn of few rows, or of bf16", rnn_both, 1);
    each_allocation_fails("the same with packed weights", rnn_packed, 2);
    free_case(&rnn);
  }
  check_must(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
}

static void test_elementwise(void) {
  each_allocation_fails("add of an overlapping view", add_overlapping, 2);
  each_allocation_fails("where of an overlapping view", where_overlapping, 2);
  each_allocation_fails("exp of an overlapping view", exp_overlapping, 2);
}

/* ---- rows and matrices that do not lie as the kernels want them ---- */

/* (64, 64), every second column of (64, 128); wide (4, 70000), tall (70000, 4). */
static mg_tensor *stepped, *stepped_too, *ids, *id_matrix, *values, *places, *wide, *tall, *row_sums, *column_sums;

static mg_tensor *every_second(mg_dtype dtype, int64_t rows, int64_t columns) {
  mg_tensor *t = new_tensor(dtype, SHAPE(rows, 2 * columns));
  check_must(mg_fill(t, 1));
  check_must(mg_tensor_slice(t, t, 1, 0, columns, 2));
  return t;
}

static mg_status multiply(void) { return mg_matmul(turned, stepped, stepped_too, 0.5); }
static mg_status decompose(void) { return mg_qr(turned, b_turned, stepped); }
static mg_status sum_chunks(void) { return mg_reduce(MG_REDUCE_SUM, row_sums, wide, 2); }
static mg_status sum_columns(void) { return mg_reduce(MG_REDUCE_SUM, column_sums, tall, 1); }
static mg_status sum_into_view(void) { return mg_reduce(MG_REDUCE_SUM, stepped, a, 0); }
static mg_status largest(void) { return mg_arg_reduce(MG_ARG_MAX, id_matrix, wide, 1); }
static mg_status largest_of_columns(void) { return mg_arg_reduce(MG_ARG_MAX, places, stepped, 0); }
static mg_status top(void) { return mg_top_k(values, id_matrix, wide); }
static mg_status run_sums(void) { return mg_cumulative_sum(stepped, stepped_too, 0, 1); }
static mg_status softmax(void) { return mg_softmax_forward(a, turned, 0, 0); }
static mg_status softmax_slope(void) { return mg_softmax_backward(turned, stepped, stepped_too, 1, 1); }
static mg_status gather(void) { return mg_gather(turned, stepped, ids); }
static mg_status scatter_add(void) { return mg_scatter_add(turned, ids, stepped); }
static mg_status one_hot(void) { return mg_one_hot(turned, ids); }

static mg_status cross_entropy(void) { return mg_cross_entropy_forward(row, turned, stepped, ids, NULL); }
static mg_status squared_loss(void) { return mg_pointwise_loss_backward(MG_LOSS_SQUARED, turned, row, stepped, b_turned, NULL, 0); }
static mg_status draw(void) { return mg_random_fill(MG_RANDOM_NORMAL, turned, &(mg_random_key){0}, 0, 1); }
static mg_status shuffle(void) { return mg_random_permutation(ids, &(mg_random_key){0}); }

static void open_rows(void) {
  stepped = every_second(MG_FLOAT32, 64, 64);
  stepped_too = every_second(MG_FLOAT32, 64, 64);
  ids = every_second(MG_INT32, 1, 64);
  check_must(mg_tensor_reshape(ids, ids, SHAPE(64)));
  places = every_second(MG_INT32, 1, 64);
  wide = new_tensor(MG_FLOAT32, SHAPE(4, 70000));
  tall = new_tensor(MG_FLOAT32, SHAPE(70000, 4));
  check_must(mg_fill(wide, 1));
  check_must(mg_fill(tall, 1));
  values = every_second(MG_FLOAT32, 4, 1);
  id_matrix = every_second(MG_INT32, 4, 1);
  row_sums = new_tensor(MG_FLOAT32, SHAPE(4, 1));
  column_sums = new_tensor(MG_FLOAT32, SHAPE(1, 4));
}

static void test_rows_and_matrices(void) {
  open_rows();
  each_allocation_fails("matmul", multiply, 6);
  each_allocation_fails("qr", decompose, 7);
  each_allocation_fails("sum of long rows", sum_chunks, 1);
  each_allocation_fails("sum of long columns", sum_columns, 1);
  each_allocation_fails("sum into a view", sum_into_view, 2);
  each_allocation_fails("argmax", largest, 0);
  each_allocation_fails("argmax of columns", largest_of_columns, 4);
  each_allocation_fails("top_k", top, 1);
  each_allocation_fails("cumulative_sum", run_sums, 4);
  each_allocation_fails("softmax", softmax, 4);
  each_allocation_fails("softmax backward", softmax_slope, 6);
  each_allocation_fails("gather", gather, 6);
  each_allocation_fails("scatter_add", scatter_add, 6);
  each_allocation_fails("one_hot", one_hot, 4);
  each_allocation_fails("cross-entropy", cross_entropy, 6);
  each_allocation_fails("squared loss, backward", squared_loss, 6);
  each_allocation_fails("random numbers", draw, 2);
  each_allocation_fails("permutation", shuffle, 2);
  mg_tensor *all[] = {stepped, stepped_too, ids, id_matrix, values, places, wide, tall, row_sums, column_sums};
  for (int i = 0; i < 10; i++) mg_tensor_destroy(all[i]);
}

/* ---- streams -------------------------------------------------------------------------------------------------------------- */

static stream_layer gru_layer;
static mg_tensor *dense_kernel;

static mg_status build_stack(mg_stepper *stepper) {
  MG_TRY(add_layer(stepper, &gru_layer));
  MG_TRY(mg_stepper_add_dense(stepper, dense_kernel, NULL, NULL));
  return mg_stepper_add_softmax(stepper, 3);
}

static mg_status stream_a_stack(void) {
  mg_stepper *stepper;
  mg_stream *stream = NULL;
  MG_TRY(mg_stepper_create(&stepper));
  mg_status status = build_stack(stepper);
  if (status == MG_OK) status = mg_stream_create(&stream, stepper, 2);
  mg_stream_destroy(stream);
  mg_stepper_destroy(stepper);
  return status;
}

/* Steps after the first are made with no memory to be had, one of them after weights have changed. */
static void test_streams(void) {
  gru_layer = new_layer(GRU, 2, 5, 1, 1, 3);
  dense_kernel = uniform_tensor(MG_FLOAT32, 1, SHAPE(5, 3));
  each_allocation_fails("stream", stream_a_stack, 5);
  mg_stepper *stepper = new_stepper();
  check_must(build_stack(stepper));
  mg_stream *stream = new_stream(stepper, 2);
  float x[4] = { 0 }, y[6];
  until_failure = 0;
  mg_status first = mg_stream_step(stream, y, x);
  ((float *)mg_tensor_data(dense_kernel))[0] = 2;
  mg_status second = mg_stream_step(stream, y, x), third = mg_stream_run(stream, y, x, 1);
  until_failure = -1;
  CHECK(first == MG_OK && second == MG_OK && third == MG_OK);
  mg_stream_destroy(stream);
  mg_stepper_destroy(stepper);
  mg_tensor_destroy(dense_kernel);
  free_layer(&gru_layer);
}

int main(void) {
  check_must(mg_set_threads(1)); /* so that the count is the same in each run */
  a = new_tensor(MG_FLOAT32, SHAPE(64, 64));
  b = new_tensor(MG_FLOAT32, SHAPE(64, 64));
  row = new_tensor(MG_FLOAT32, SHAPE(64));
  turned = empty_tensor();
  b_turned = empty_tensor();
  bytes = new_tensor(MG_UINT8, SHAPE(64, 64));
  check_must(mg_fill(a, 1));
  check_must(mg_fill(b, 2));
  check_must(mg_fill(row, 3));
  check_must(mg_fill(bytes, 1));
  check_must(mg_tensor_permute(b_turned, b, (int32_t[]){1, 0}));
  check_must(mg_tensor_permute(turned, a, (int32_t[]){1, 0}));
  RUN(test_foundation);
  RUN(test_elementwise);
  RUN(test_rows_and_matrices);
  RUN(test_rnn);
  RUN(test_other_kernels);
  mg_tensor *all[] = {a, b, row, turned, b_turned, bytes};
  for (int i = 0; i < 6; i++) mg_tensor_destroy(all[i]);
  mg_memory_trim();
  RUN(test_streams);
  return finish();
}
