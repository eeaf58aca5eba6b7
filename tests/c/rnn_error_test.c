/* rnn_error_test.c: arguments that recurrent layers must refuse, with a message that names them. */
#include "rnn_case.h"

static int plain_kind; /* the layer under test */
static rnn_case plain_case(uint32_t flags) {
  rnn_shape shape = { .kind = plain_kind, .B = 2, .T = 3, .F = 2, .U = 4, .bias = 1, .initial = 1, .flags = flags,
                      .mask = MASK_ANY, .dropout = 3, .recurrent_dropout = 1, .dstate = 1, .activation = act_tanh,
                      .recurrent_activation = act_sigmoid, .seed = 4 };
  return new_case(shape, MG_FLOAT32);
}

static const struct { size_t field; const char *name; } tensors[] = {
#define FIELD(name) { offsetof(mg_rnn_args, name), #name }
  FIELD(x), FIELD(kernel), FIELD(recurrent_kernel), FIELD(bias), FIELD(initial_state), FIELD(mask), FIELD(dropout_masks[0]),
  FIELD(dropout_masks[2]), FIELD(recurrent_dropout_masks[1]), FIELD(initial_carry), FIELD(carry),
  FIELD(output), FIELD(state), FIELD(gates), FIELD(saved),
  FIELD(doutput), FIELD(dstate), FIELD(dx), FIELD(dkernel), FIELD(drecurrent_kernel), FIELD(dbias), FIELD(dinitial_state),
  FIELD(dcarry), FIELD(dinitial_carry),
#undef FIELD
};
enum { FORWARD_FIELDS = 15, OUTPUT_FIELD = 11, FIELDS = 24 };

static mg_tensor **field_of(mg_rnn_args *args, int i) { return (mg_tensor **)(void *)((char *)args + tensors[i].field); }

static void refused(int i, const mg_tensor *instead) {
  rnn_case c = plain_case(MG_RNN_RETURN_SEQUENCES);
  CHECK_OK(c.ops->forward(&c.args));
  mg_rnn_args args = c.args;
  *field_of(&args, i) = (mg_tensor *)instead;
  mg_status status = i < FORWARD_FIELDS ? c.ops->forward(&args) : c.ops->backward(&args);
  check_that(status < 0 && strstr(mg_error(), c.ops->name) != NULL, __FILE__, __LINE__, "%s, %s: %d \"%s\"", c.ops->name,
             tensors[i].name, (int)status, mg_error());
  free_case(&c);
}

static void test_wrong_tensors(void) {
  mg_tensor *freed = empty_tensor(), *scalar = new_tensor(MG_FLOAT32, 0, NULL), *other = new_tensor(MG_INT32, SHAPE(2, 3, 2));
  mg_tensor *deep = new_tensor(MG_FLOAT32, SHAPE(2, 3, 2, 1, 1)), *none = new_tensor(MG_FLOAT32, SHAPE(0, 0));
  for (int i = 0; i < FIELDS; i++) {
    refused(i, freed);
    refused(i, scalar);
    refused(i, other);
    refused(i, deep);
    refused(i, none);
  }
  mg_tensor *all[] = { freed, scalar, other, deep, none };
  for (int i = 0; i < 5; i++) mg_tensor_destroy(all[i]);
}

static void test_absent_tensors(void) {
  for (int i = 0; i < 3; i++) refused(i, NULL); /* x, kernel, recurrent_kernel */
  refused(OUTPUT_FIELD, NULL);
}

static void test_options(void) {
  rnn_case c = plain_case(0);
  mg_rnn_args args = c.args;
  args.flags |= 1u << 30;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "flags");
  args = c.args;
  args.activation.kind = MG_ACT_COUNT;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "activation");
  args = c.args;
  args.recurrent_activation.kind = -1;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "recurrent_activation");
  args = c.args;
  args.reserved[3] = &args;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "reserved[3]");
  args = c.args;
  args.dropout_masks[2] = plain_kind == SIMPLE ? args.dropout_masks[0] : NULL;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "dropout_masks");
  args = c.args;
  args.recurrent_dropout_masks[1] = plain_kind == SIMPLE ? args.recurrent_dropout_masks[0] : NULL;
  CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "recurrent_dropout_masks");
  args = c.args;
  args.flags = MG_GRU_RESET_AFTER; /* the bias has one row */
  if (plain_kind == GRU) CHECK_FAILS(c.ops->forward(&args), MG_ESHAPE, "bias");
  else CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "flags");
  CHECK_FAILS(c.ops->forward(NULL), MG_EINVAL, "args");
  CHECK_FAILS(c.ops->backward(NULL), MG_EINVAL, "args");
  CHECK_FAILS(c.ops->saved_size(NULL, &c.args), MG_EINVAL, "elements");
  free_case(&c);
}

static void test_saved(void) {
  rnn_case c = plain_case(0);
  mg_tensor *small = new_tensor(MG_FLOAT32, SHAPE(3));
  mg_rnn_args args = c.args;
  args.saved = small;
  CHECK_FAILS(c.ops->forward(&args), MG_ESHAPE, "saved");
  args = c.args;
  CHECK_FAILS(c.ops->backward(&args), MG_EINVAL, "kernel_used"); /* no forward yet */
  CHECK_OK(c.ops->forward(&args));
  args.saved = small;
  CHECK_FAILS(c.ops->backward(&args), MG_ESHAPE, "saved");
  args.saved = NULL;
  CHECK_FAILS(c.ops->backward(&args), MG_EINVAL, "saved");
  args = c.args;
  args.kernel_used = 99;
  CHECK_FAILS(c.ops->backward(&args), MG_EINVAL, "kernel_used");
  mg_tensor_destroy(small);
  free_case(&c);
}

static void test_overlap(void) {
  rnn_case c = plain_case(MG_RNN_RETURN_SEQUENCES);
  mg_rnn_args args = c.args;
  args.gates = args.saved;
  CHECK(c.ops->forward(&args) < 0);
  args = c.args;
  CHECK_OK(c.ops->forward(&args));
  args.dx = (mg_tensor *)args.x;
  CHECK_FAILS(c.ops->backward(&args), MG_EINVAL, "dx");
  args = c.args;
  args.dkernel = (mg_tensor *)args.kernel;
  CHECK_OK(c.ops->forward(&c.args));
  args.kernel_used = c.args.kernel_used;
  CHECK_FAILS(c.ops->backward(&args), MG_EINVAL, "dkernel");
  free_case(&c);
}

/* Sizes that no memory could hold, from views of one element. */
static void test_huge(void) {
  const int64_t huge = (int64_t)1 << 40;
  rnn_case c = plain_case(0);
  mg_tensor *one = new_tensor(MG_FLOAT32, SHAPE(1, 1, 1)), *x = empty_tensor();
  CHECK_OK(mg_tensor_broadcast(x, one, SHAPE(2, huge, 2)));
  mg_rnn_args args = c.args;
  args.x = x;
  args.mask = NULL;
  args.gates = NULL;
  int64_t elements = -5;
  CHECK_OK(c.ops->saved_size(&elements, &args));
  CHECK(elements >= 2 * huge * 4);
  args.saved = NULL;
  CHECK_FAILS(c.ops->forward(&args), MG_ENOMEM, "");
  mg_tensor_destroy(one);
  mg_tensor_destroy(x);
  free_case(&c);
}

/* The same of every axis: sizes are told and calls explained at once, nothing overflows. */
static void check_axis(int axis, int64_t size, uint32_t flags) {
  const rnn_ops *ops = &case_ops[plain_kind];
  const int64_t sizes[3] = { axis == 0 ? size : 1, axis == 1 ? size : 1, axis == 2 ? size : 1 }, columns = 4 * ops->gates;
  mg_tensor *one = new_tensor(MG_FLOAT32, SHAPE(1, 1, 1)), *x = empty_tensor(), *kernel = new_tensor(MG_FLOAT32, SHAPE(1, columns));
  mg_tensor *recurrent = new_tensor(MG_FLOAT32, SHAPE(4, columns));
  CHECK_OK(mg_tensor_broadcast(x, one, 3, sizes));
  CHECK_OK(mg_tensor_broadcast(kernel, kernel, SHAPE(sizes[2], columns)));
  const mg_rnn_args args = { .x = x, .kernel = kernel, .recurrent_kernel = recurrent, .activation = act_tanh,
                             .recurrent_activation = act_sigmoid, .flags = flags };
  int64_t elements = -5;
  mg_plan plan;
  const mg_status status = ops->saved_size(&elements, &args);
  CHECK(status == MG_ENOMEM || (status == MG_OK && elements > 0 && (axis == 2 || (flags && axis == 1) || elements > size)));
  CHECK_OK(ops->explain(&plan, &args));
  CHECK(plan.nanoseconds > 0 && plan.block_rows > 0 && plan.chunk_steps > 0);
  mg_tensor_destroy(one);
  mg_tensor_destroy(x);
  mg_tensor_destroy(kernel);
  mg_tensor_destroy(recurrent);
}

static void test_huge_axes(void) {
  for (int axis = 0; axis < 3; axis++)
    for (int bits = 30; bits <= 54; bits += 4)
      for (uint32_t flags = 0; flags <= MG_RNN_RECOMPUTE; flags += MG_RNN_RECOMPUTE) check_axis(axis, (int64_t)1 << bits, flags);
}

/* What one layer has and another has not. */
static void test_foreign_fields(void) {
  rnn_case c = plain_case(0);
  mg_rnn_args args = c.args;
  args.carry = NULL;
  args.recurrent_dropout_masks[1] = args.recurrent_dropout_masks[2] = args.recurrent_dropout_masks[3] = NULL;
  args.saved = NULL;
  if (plain_kind == GRU) CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "all three");
  else CHECK_OK(c.ops->forward(&args));
  mg_tensor *kernel = new_tensor(MG_FLOAT32, SHAPE(2, 8));
  args.kernel = kernel;
  CHECK_FAILS(c.ops->forward(&args), MG_ESHAPE, "kernel");
  mg_tensor_destroy(kernel);
  if (plain_kind != LSTM) {
    args = c.args;
    args.initial_carry = c.args.initial_state;
    CHECK_FAILS(c.ops->forward(&args), MG_EINVAL, "has no carry");
  }
  free_case(&c);
}

/* The carry may take the place of the initial one, but not of the initial state. */
static void test_carry_in_place(void) {
  plain_kind = LSTM;
  rnn_case c = plain_case(0), d = plain_case(0);
  c.args.saved = d.args.saved = NULL;
  CHECK_OK(c.ops->forward(&c.args));
  mg_rnn_args args = d.args;
  args.carry = (mg_tensor *)args.initial_state;
  CHECK_FAILS(d.ops->forward(&args), MG_EINVAL, "carry");
  args = d.args;
  args.state = (mg_tensor *)args.initial_carry;
  CHECK_FAILS(d.ops->forward(&args), MG_EINVAL, "state");
  args.state = (mg_tensor *)args.initial_state;
  args.carry = (mg_tensor *)args.initial_carry;
  CHECK_OK(d.ops->forward(&args));
  for (int64_t i = 0; i < 8; i++) {
    CHECK_NEAR(element(args.state, i), element(c.args.state, i), 0);
    CHECK_NEAR(element(args.carry, i), element(c.args.carry, i), 0);
  }
  free_case(&c);
  free_case(&d);
}

int main(void) {
  for (plain_kind = 0; plain_kind < KINDS; plain_kind++) {
    RUN(test_wrong_tensors);
    RUN(test_absent_tensors);
    RUN(test_options);
    RUN(test_saved);
    RUN(test_overlap);
    RUN(test_huge);
    RUN(test_huge_axes);
    RUN(test_foreign_fields);
  }
  RUN(test_carry_in_place);
  return finish();
}
