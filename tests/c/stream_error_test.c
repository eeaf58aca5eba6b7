/* stream_error_test.c: what steppers and streams refuse, and what they say. */
#include "stream_case.h"

static void test_refused_layers(void) {
  mg_tensor *kernel = new_tensor(MG_FLOAT32, SHAPE(4, 6)), *precise = new_tensor(MG_FLOAT64, SHAPE(4, 6));
  mg_tensor *recurrent = new_tensor(MG_FLOAT32, SHAPE(2, 6)), *vector = new_tensor(MG_FLOAT32, SHAPE(5));
  mg_tensor *freed = empty_tensor();
  mg_stepper *s = new_stepper();
  mg_rnn_args args = { .kernel = kernel, .recurrent_kernel = recurrent, .flags = MG_GRU_RESET_AFTER };
  const mg_activation odd = { .kind = 99 };
  CHECK_FAILS(mg_stepper_create(NULL), MG_EINVAL, "stepper_create: argument out");
  CHECK_FAILS(mg_stepper_add_gru(NULL, &args), MG_EINVAL, "argument stepper");
  CHECK_FAILS(mg_stepper_add_gru(s, NULL), MG_EINVAL, "argument layer");
  CHECK_FAILS(mg_stepper_add_lstm(s, &args), MG_EINVAL, "stepper_add_lstm: argument flags");
  args.recurrent_kernel = freed;
  CHECK_FAILS(mg_stepper_add_gru(s, &args), MG_EINVAL, "recurrent_kernel");
  args.recurrent_kernel = recurrent;
  args.flags |= MG_RNN_GO_BACKWARDS;
  CHECK_FAILS(mg_stepper_add_gru(s, &args), MG_EINVAL, "forward");
  args.flags = 1u << 30;
  CHECK_FAILS(mg_stepper_add_gru(s, &args), MG_EINVAL, "unknown bits");
  args.flags = 0;
  args.activation = odd;
  CHECK_FAILS(mg_stepper_add_gru(s, &args), MG_EINVAL, "argument activation");
  args.activation = act_tanh;
  args.bias = vector;
  CHECK_FAILS(mg_stepper_add_gru(s, &args), MG_ESHAPE, "bias");
  CHECK_FAILS(mg_stepper_add_dense(s, precise, NULL, NULL), MG_EDTYPE, "float32");
  CHECK_FAILS(mg_stepper_add_dense(s, vector, NULL, NULL), MG_ESHAPE, "(features, units)");
  CHECK_FAILS(mg_stepper_add_dense(s, kernel, vector, NULL), MG_ESHAPE, "bias");
  CHECK_FAILS(mg_stepper_add_dense(s, kernel, NULL, &odd), MG_EINVAL, "argument activation");
  CHECK_FAILS(mg_stepper_add_affine(s, NULL, NULL), MG_EINVAL, "offset");
  CHECK_FAILS(mg_stepper_add_batch_normalization(s, vector, vector, NULL, NULL, -1), MG_EINVAL, "epsilon");
  CHECK_FAILS(mg_stepper_add_layer_normalization(s, 4, vector, NULL, 0.1), MG_ESHAPE, "gamma");
  CHECK_FAILS(mg_stepper_add_softmax(s, 0), MG_ESHAPE, "0 values in");
  CHECK_FAILS(mg_stepper_add_activation(s, (int64_t)1 << 40, &act_tanh), MG_ESHAPE, "values in");
  CHECK_OK(mg_stepper_add_dense(s, kernel, NULL, NULL));
  CHECK_FAILS(mg_stepper_add_softmax(s, 5), MG_ESHAPE, "takes 5 values and the one below gives 6");
  mg_stepper_destroy(s);
  mg_tensor_destroy(kernel);
  mg_tensor_destroy(precise);
  mg_tensor_destroy(recurrent);
  mg_tensor_destroy(vector);
  mg_tensor_destroy(freed);
}

/* Views of one number, whose packed form has more bytes than an int64_t counts. */
static void test_huge_views(void) {
  const int64_t UNITS = ((int64_t)1 << 29) - 1;
  mg_tensor *one = new_tensor(MG_FLOAT32, SHAPE(1, 1)), *kernel = empty_tensor(), *recurrent = empty_tensor();
  mg_stepper *s = new_stepper();
  check_must(mg_tensor_broadcast(kernel, one, SHAPE(UNITS, 4 * UNITS)));
  check_must(mg_tensor_broadcast(recurrent, one, SHAPE(UNITS, 4 * UNITS)));
  const mg_rnn_args args = { .kernel = kernel, .recurrent_kernel = recurrent, .activation = act_tanh,
                             .recurrent_activation = act_sigmoid };
  CHECK_FAILS(mg_stepper_add_lstm(s, &args), MG_ENOMEM, "more than memory can hold");
  mg_stepper_destroy(s);
  mg_tensor_destroy(one);
  mg_tensor_destroy(kernel);
  mg_tensor_destroy(recurrent);
}

static void test_refused_steps(void) {
  mg_stepper *empty = new_stepper(), *stepper = new_stack();
  mg_tensor *state = new_tensor(MG_FLOAT32, SHAPE(2, 24)), *precise = new_tensor(MG_FLOAT64, SHAPE(1, 24));
  mg_stream *stream;
  float x[6] = { 0 }, y[17];
  CHECK_FAILS(mg_stream_create(&stream, empty, 1), MG_EINVAL, "no layers");
  CHECK_FAILS(mg_stream_create(&stream, stepper, 0), MG_EINVAL, "batch 0");
  CHECK_FAILS(mg_stream_create(&stream, stepper, INT64_MAX / 100), MG_ENOMEM, "memory");
  CHECK_FAILS(mg_stream_create(&stream, NULL, 1), MG_EINVAL, "stepper");
  stream = new_stream(stepper, 1);
  CHECK_FAILS(mg_stream_step(NULL, y, x), MG_EINVAL, "argument stream");
  CHECK_FAILS(mg_stream_step(stream, NULL, x), MG_EINVAL, "argument y");
  CHECK_FAILS(mg_stream_step(stream, y, NULL), MG_EINVAL, "argument x");
  CHECK_FAILS(mg_stream_run(stream, y, x, -1), MG_EINVAL, "argument T");
  CHECK_OK(mg_stream_run(stream, y, x, 0));
  CHECK_FAILS(mg_stream_reset(NULL), MG_EINVAL, "stream");
  CHECK_FAILS(mg_stream_read_state(state, stream, 3, 0), MG_EINVAL, "layer 3 expected 0 to 2");
  CHECK_FAILS(mg_stream_read_state(state, stream, 0, 1), MG_EINVAL, "which 1");
  CHECK_FAILS(mg_stream_read_state(state, stream, 0, 0), MG_ESHAPE, "state");
  CHECK_FAILS(mg_stream_write_state(stream, precise, 0, 0), MG_EDTYPE, "state");
  mg_stream_destroy(stream);
  mg_stepper_destroy(empty);
  mg_tensor_destroy(state);
  mg_tensor_destroy(precise);
  free_stack(stepper);
}

int main(void) {
  RUN(test_refused_layers);
  RUN(test_huge_views);
  RUN(test_refused_steps);
  return finish();
}
