/* backend_test.c: a device that offers memory, copy and fill alone: every operation says that it is not offered there. */
#include "backend.h"
#include "check.h"
#include "tensor.h"

static mg_backend bare;
static mg_tensor *x, *y, *z, *row, *row_too, *bytes, *ids, *id_grid;

static mg_tensor *bare_tensor(mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  mg_tensor *like = new_tensor(dtype, ndim, shape), *t = empty_tensor();
  check_must(mg_alloc_on(t, &bare, like));
  mg_tensor_destroy(like);
  return t;
}

static void open_device(void) {
  const mg_backend *cpu = &mg_cpu_backend;
  bare = (mg_backend){.name = "bare", .device = MG_CUDA, .memory_alloc = cpu->memory_alloc, .memory_free = cpu->memory_free,
                      .memory_read = cpu->memory_read, .memory_write = cpu->memory_write, .describe = cpu->describe,
                      .synchronize = cpu->synchronize, .copy = cpu->copy, .fill = cpu->fill};
  x = bare_tensor(MG_FLOAT32, SHAPE(2, 2));
  y = bare_tensor(MG_FLOAT32, SHAPE(2, 2));
  z = bare_tensor(MG_FLOAT32, SHAPE(2, 2));
  row = bare_tensor(MG_FLOAT32, SHAPE(2));
  row_too = bare_tensor(MG_FLOAT32, SHAPE(2));
  bytes = bare_tensor(MG_UINT8, SHAPE(2, 2));
  ids = bare_tensor(MG_INT32, SHAPE(2));
  id_grid = bare_tensor(MG_INT32, SHAPE(2, 2));
}

static void close_device(void) {
  mg_tensor *all[] = {x, y, z, row, row_too, bytes, ids, id_grid};
  for (int i = 0; i < 8; i++) mg_tensor_destroy(all[i]);
}

#define NOT_OFFERED(call, op) CHECK_FAILS(call, MG_EUNSUPPORTED, op ": not offered on the device bare")

static void test_elementwise(void) {
  const mg_activation act = {.kind = MG_ACT_TANH};
  CHECK_OK(mg_fill(y, 1));
  CHECK_OK(mg_copy(x, y));
  NOT_OFFERED(mg_unary(MG_UNARY_EXP, x, y, 0, 0), "exp");
  NOT_OFFERED(mg_binary(MG_BINARY_ADD, x, y, z), "add");
  NOT_OFFERED(mg_compare(MG_COMPARE_EQ, bytes, y, z), "eq");
  NOT_OFFERED(mg_where(x, bytes, y, z), "where");
  NOT_OFFERED(mg_activation_forward(x, y, &act), "activation");
  NOT_OFFERED(mg_activation_backward(x, y, NULL, z, &act), "activation_backward");
}

static void test_rows_and_matrices(void) {
  mg_tensor *columns = bare_tensor(MG_FLOAT32, SHAPE(1, 2)), *places = bare_tensor(MG_INT32, SHAPE(1, 2));
  NOT_OFFERED(mg_reduce(MG_REDUCE_SUM, columns, x, 1), "sum");
  NOT_OFFERED(mg_arg_reduce(MG_ARG_MAX, places, x, 0), "argmax");
  NOT_OFFERED(mg_top_k(z, id_grid, x), "top_k");
  NOT_OFFERED(mg_cumulative_sum(x, y, 0, 0), "cumulative_sum");
  NOT_OFFERED(mg_softmax_forward(x, y, 0, 0), "softmax");
  NOT_OFFERED(mg_softmax_backward(x, y, z, 0, 0), "softmax_backward");
  NOT_OFFERED(mg_layer_norm_forward(x, row, row_too, y, NULL, NULL, 0), "layer_norm");
  NOT_OFFERED(mg_layer_norm_backward(x, NULL, NULL, y, z, row, row_too, NULL), "layer_norm backward");
  NOT_OFFERED(mg_matmul(x, y, z, 0), "matmul");
  NOT_OFFERED(mg_qr(x, y, z), "qr");
  NOT_OFFERED(mg_gather(x, y, ids), "gather");
  NOT_OFFERED(mg_scatter_add(x, ids, y), "scatter_add");
  NOT_OFFERED(mg_one_hot(x, ids), "one_hot");
  mg_tensor_destroy(columns);
  mg_tensor_destroy(places);
}

static void test_losses_and_random(void) {
  const mg_random_key key = {0};
  const mg_optimizer_args sgd = {.kind = MG_OPTIMIZER_SGD, .step = 1, .parameter = x, .gradient = y};
  NOT_OFFERED(mg_cross_entropy_forward(row, NULL, x, ids, NULL), "cross_entropy");
  NOT_OFFERED(mg_cross_entropy_backward(y, row, x, ids, NULL), "cross_entropy backward");
  NOT_OFFERED(mg_pointwise_loss_forward(MG_LOSS_SQUARED, row, x, y, NULL, 0), "pointwise_loss");
  NOT_OFFERED(mg_pointwise_loss_backward(MG_LOSS_SQUARED, z, row, x, y, NULL, 0), "pointwise_loss backward");
  NOT_OFFERED(mg_optimizer_update(&sgd), "sgd");
  NOT_OFFERED(mg_random_fill(MG_RANDOM_UNIFORM, x, &key, 0, 1), "random uniform");
  NOT_OFFERED(mg_random_categorical(ids, x, &key), "random categorical");
  NOT_OFFERED(mg_random_permutation(ids, &key), "random permutation");
}

static void test_gru(void) {
  mg_tensor *cube = bare_tensor(MG_FLOAT32, SHAPE(2, 2, 2)), *weights = bare_tensor(MG_FLOAT32, SHAPE(2, 6));
  mg_rnn_args args = {.x = cube, .kernel = weights, .recurrent_kernel = weights, .output = z};
  mg_plan plan;
  int64_t size;
  NOT_OFFERED(mg_gru_saved_size(&size, &args), "gru_saved_size");
  NOT_OFFERED(mg_gru_forward(&args), "gru_forward");
  NOT_OFFERED(mg_gru_explain(&plan, &args), "gru_explain");
  args.saved = row;
  NOT_OFFERED(mg_gru_backward(&args), "gru_backward");
  mg_tensor_destroy(cube);
  mg_tensor_destroy(weights);
}

int main(void) {
  open_device();
  RUN(test_elementwise);
  RUN(test_rows_and_matrices);
  RUN(test_losses_and_random);
  RUN(test_gru);
  close_device();
  mg_memory_trim();
  return finish();
}
