/* rnn_test.c: the operations of recurrent layers: what a mask means, degenerate sizes, views, packed weights, refusals. */
#include "rnn_case.h"
#include "ops.h"

static const mg_dtype both_dtypes[] = { MG_FLOAT32, MG_FLOAT64 };
static double tolerance_of(mg_dtype dtype) { return dtype == MG_FLOAT32 ? 2e-6 : 1e-13; }

static void same_values(const mg_tensor *a, const mg_tensor *b, double tolerance) {
  CHECK_INT(mg_tensor_size(a), mg_tensor_size(b));
  for (int64_t i = 0; i < mg_tensor_size(a); i++) CHECK_NEAR(element(a, i), element(b, i), tolerance);
}

/* (1,6,5): masked outputs are zeros first, then the previous one, or zeros; masked gates are zeros. */
static void check_masked_steps(const mg_rnn_args *args, int64_t columns) {
  const int zero = (args->flags & MG_RNN_ZERO_OUTPUT_FOR_MASK) != 0;
  for (int64_t s = 0, seen = 0; s < 6; s++) {
    int64_t t = args->flags & MG_RNN_GO_BACKWARDS ? 5 - s : s;
    const int counts = element(args->mask, t) != 0;
    for (int64_t u = 0; !counts && u < 5; u++)
      CHECK_NEAR(element(args->output, s * 5 + u), zero || seen == 0 ? 0 : element(args->output, (s - 1) * 5 + u), 0);
    for (int64_t u = 0; !counts && u < columns; u++) CHECK_NEAR(element(args->gates, s * columns + u), 0, 0);
    seen += counts;
  }
}

/* Steps that are masked are as if absent: a sequence with holes ends like the sequence without them. */
static void mask_as_absence(int kind, mg_dtype dtype, uint32_t flags) {
  rnn_shape shape = { .kind = kind, .B = 1, .T = 6, .F = 3, .U = 5, .flags = flags, .bias = 1, .initial = 1, .mask = MASK_ANY,
                      .nan_when_masked = 1, .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 11 };
  rnn_case c = new_case(shape, dtype);
  int64_t kept[6], count = 0;
  for (int64_t t = 0; t < 6; t++)
    if (element(c.args.mask, t) != 0) kept[count++] = t;
  CHECK(count > 0 && count < 6);
  mg_tensor *x = new_tensor(dtype, SHAPE(1, count, 3)), *state = new_tensor(dtype, SHAPE(1, 5));
  for (int64_t i = 0; i < count * 3; i++) set_element(x, i, element(c.args.x, kept[i / 3] * 3 + i % 3));
  mg_rnn_args dense = c.args;
  dense.x = x;
  dense.mask = NULL;
  dense.gates = dense.saved = NULL;
  dense.flags &= ~(uint32_t)MG_RNN_RETURN_SEQUENCES;
  dense.output = state;
  dense.state = NULL;
  mg_tensor *carry = dense.carry == NULL ? NULL : new_tensor(dtype, SHAPE(1, 5));
  dense.carry = carry;
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->forward(&dense));
  same_values(c.args.state, state, tolerance_of(dtype));
  if (carry != NULL) same_values(c.args.carry, carry, tolerance_of(dtype));
  mg_tensor_destroy(carry);
  if (flags & MG_RNN_RETURN_SEQUENCES) check_masked_steps(&c.args, 5 * c.ops->gates);
  else same_values(c.args.output, state, tolerance_of(dtype));
  mg_tensor_destroy(x);
  mg_tensor_destroy(state);
  free_case(&c);
}

static void test_mask(void) {
  for (uint32_t bits = 0; bits < 48; bits++) {
    uint32_t flags = (bits & 1 ? MG_GRU_RESET_AFTER : 0) | (bits & 2 ? MG_RNN_RETURN_SEQUENCES : 0) |
                     (bits & 4 ? MG_RNN_GO_BACKWARDS : 0) | (bits & 8 ? MG_RNN_ZERO_OUTPUT_FOR_MASK : 0);
    for (int i = 0; i < 2; i++) mask_as_absence((int)bits / 16, both_dtypes[i], flags);
  }
}

static void test_row_masked_throughout(void) {
  for (uint32_t bits = 0; bits < 12; bits++) {
    rnn_shape shape = { .kind = (int)bits / 4,
                        .B = 1,
                        .T = 4,
                        .F = 2,
                        .U = 3,
                        .flags = (bits & 1 ? MG_RNN_RETURN_SEQUENCES : 0) | (bits & 2 ? MG_GRU_RESET_AFTER : 0),
                        .initial = 1,
                        .mask = MASK_ROW,
                        .nan_when_masked = 1,
                        .dstate = 1,
                        .activation = act_tanh,
                        .recurrent_activation = act_sigmoid,
                        .seed = 3 };
    rnn_case c = new_case(shape, both_dtypes[bits & 1]);
    CHECK_OK(c.ops->forward(&c.args));
    CHECK_OK(c.ops->backward(&c.args));
    same_values(c.args.state, c.args.initial_state, 0);
    same_values(c.args.dinitial_state, c.args.dstate, 0);
    if (shape.kind == LSTM) same_values(c.args.carry, c.args.initial_carry, 0);
    if (shape.kind == LSTM) same_values(c.args.dinitial_carry, c.args.dcarry, 0);
    const mg_tensor *zeros[] = { c.args.output, c.args.gates, c.args.dx, c.args.dkernel, c.args.drecurrent_kernel };
    for (int i = 0; i < 5; i++)
      for (int64_t k = 0; k < mg_tensor_size(zeros[i]); k++) CHECK_NEAR(element(zeros[i], k), 0, 0);
    free_case(&c);
  }
}

/* Weights that are not numbers reach nothing through masked steps. */
static void test_masked_steps_use_no_weights(void) {
  for (uint32_t bits = 0; bits < 12; bits++) {
    rnn_shape shape = { .kind = (int)bits / 4, .B = 1, .T = 3, .F = 2, .U = 3,
                        .flags = MG_RNN_RETURN_SEQUENCES | (bits & 2 ? MG_GRU_RESET_AFTER : 0), .initial = 1, .mask = MASK_ROW,
                        .dstate = 1, .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 12 };
    rnn_case c = new_case(shape, both_dtypes[bits & 1]);
    for (int64_t i = 0; i < 6 * c.ops->gates; i++) set_element((mg_tensor *)c.args.kernel, i, NAN);
    for (int64_t i = 0; i < 9 * c.ops->gates; i++) set_element((mg_tensor *)c.args.recurrent_kernel, i, INFINITY);
    CHECK_OK(c.ops->forward(&c.args));
    CHECK_OK(c.ops->backward(&c.args));
    same_values(c.args.state, c.args.initial_state, 0);
    same_values(c.args.dinitial_state, c.args.dstate, 0);
    for (int64_t i = 0; i < 6; i++) CHECK_NEAR(element(c.args.dx, i), 0, 0);
    free_case(&c);
  }
}

static void empty_sizes(int kind, int64_t B, int64_t T, uint32_t flags) {
  rnn_shape shape = { .kind = kind, .B = B, .T = T, .F = 2, .U = 3, .flags = flags, .bias = 1, .initial = 1, .dstate = 1,
                      .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 5 };
  rnn_case c = new_case(shape, MG_FLOAT32);
  CHECK_INT(mg_tensor_size(c.args.saved), 0);
  for (int64_t i = 0; i < mg_tensor_size(c.args.output); i++) set_element(c.args.output, i, 7);
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->backward(&c.args));
  for (int64_t i = 0; i < mg_tensor_size(c.args.output); i++) CHECK_NEAR(element(c.args.output, i), 0, 0);
  same_values(c.args.state, c.args.initial_state, 0);
  same_values(c.args.dinitial_state, c.args.dstate, 0);
  for (int64_t i = 0; i < 6 * c.ops->gates; i++) CHECK_NEAR(element(c.args.dkernel, i), 0, 0);
  if (kind == LSTM) same_values(c.args.carry, c.args.initial_carry, 0);
  if (kind == LSTM) same_values(c.args.dinitial_carry, c.args.dcarry, 0);
  free_case(&c);
}

static void test_empty(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    empty_sizes(kind, 0, 4, MG_RNN_RETURN_SEQUENCES);
    empty_sizes(kind, 2, 0, MG_RNN_RETURN_SEQUENCES);
    empty_sizes(kind, 2, 0, MG_GRU_RESET_AFTER);
    empty_sizes(kind, 0, 0, 0);
  }
}

/* Reversed, strided and broadcast inputs, and strided outputs, give what contiguous ones give. */
static void test_views(void) {
  rnn_shape shape = { .B = 3,
                      .T = 4,
                      .F = 2,
                      .U = 3,
                      .flags = MG_RNN_RETURN_SEQUENCES | MG_GRU_RESET_AFTER,
                      .bias = 1,
                      .activation = act_tanh,
                      .recurrent_activation = act_sigmoid,
                      .seed = 21 };
  rnn_case c = new_case(shape, MG_FLOAT32), v = new_case(shape, MG_FLOAT32);
  mg_tensor *x = empty_tensor(), *output = empty_tensor(), *wide = new_tensor(MG_FLOAT32, SHAPE(3, 4, 6)),
            *major = new_tensor(MG_FLOAT32, SHAPE(4, 3, 2));
  for (int64_t i = 0; i < 24; i++) set_element(major, i, element(c.args.x, (i / 2 % 3) * 8 + i / 6 * 2 + i % 2));
  CHECK_OK(mg_tensor_permute(x, major, (int32_t[]){ 1, 0, 2 }));
  CHECK_OK(mg_tensor_slice(output, wide, 2, 5, 3, -2));
  v.args.x = x;
  v.args.output = output;
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(v.ops->forward(&v.args));
  same_values(output, c.args.output, 0);
  v.args.doutput = c.args.doutput;
  CHECK_OK(c.ops->backward(&c.args));
  CHECK_OK(v.ops->backward(&v.args));
  same_values(v.args.dkernel, c.args.dkernel, 0);
  same_values(v.args.dx, c.args.dx, 0);
  mg_tensor *all[] = { x, output, wide, major };
  for (int i = 0; i < 4; i++) mg_tensor_destroy(all[i]);
  free_case(&c);
  free_case(&v);
}

static void test_state_in_place(void) {
  rnn_shape shape = { .B = 2, .T = 3, .F = 2, .U = 4, .initial = 1, .flags = MG_RNN_RETURN_SEQUENCES, .activation = act_tanh,
                      .recurrent_activation = act_sigmoid, .seed = 8 };
  rnn_case c = new_case(shape, MG_FLOAT32), d = new_case(shape, MG_FLOAT32);
  d.args.state = (mg_tensor *)d.args.initial_state;
  CHECK_FAILS(d.ops->forward(&d.args), MG_EINVAL, "state");
  d.args.saved = NULL;
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(d.ops->forward(&d.args));
  same_values(d.args.state, c.args.state, 0);
  free_case(&c);
  free_case(&d);
}

/* The packed handle follows every write to the weights, through any view. */
static void packed_follows(int kind) {
  rnn_shape shape = { .kind = kind,
                      .B = 2,
                      .T = 2,
                      .F = 3,
                      .U = 4,
                      .bias = 1,
                      .flags = MG_RNN_RETURN_SEQUENCES | MG_GRU_RESET_AFTER,
                      .activation = act_tanh,
                      .recurrent_activation = act_sigmoid,
                      .seed = 9 };
  rnn_case c = new_case(shape, MG_FLOAT32), d = new_case(shape, MG_FLOAT32);
  CHECK_OK(mg_packed_create(&d.args.packed));
  for (int round = 0; round < 4; round++) {
    if (round > 1) {
      const mg_tensor *weights[] = { c.args.kernel, c.args.recurrent_kernel, d.args.kernel, d.args.recurrent_kernel };
      for (int i = round - 2; i < 4; i += 2) set_element((mg_tensor *)weights[i], 2, 0.25 * round);
    }
    CHECK_OK(c.ops->forward(&c.args));
    CHECK_OK(d.ops->forward(&d.args));
    same_values(d.args.output, c.args.output, 0);
    CHECK_OK(c.ops->backward(&c.args));
    CHECK_OK(d.ops->backward(&d.args));
    same_values(d.args.dx, c.args.dx, 0);
  }
  mg_packed_destroy(d.args.packed);
  mg_packed_destroy(NULL);
  CHECK_FAILS(mg_packed_create(NULL), MG_EINVAL, "packed_create");
  free_case(&c);
  free_case(&d);
}

static void test_packed(void) {
  for (int kind = 0; kind < KINDS; kind++) packed_follows(kind);
}

/* One handle in turns between layers of the same weights' sizes: the kind is part of its key. */
static void test_packed_of_another_kind(void) {
  rnn_shape shape = { .kind = SIMPLE, .B = 2, .T = 2, .F = 3, .U = 4, .activation = act_tanh, .recurrent_activation = act_sigmoid,
                      .seed = 14 };
  rnn_case simple = new_case(shape, MG_FLOAT32), plain = new_case(shape, MG_FLOAT32);
  shape.kind = LSTM;
  rnn_case lstm = new_case(shape, MG_FLOAT32);
  CHECK_OK(mg_packed_create(&simple.args.packed));
  lstm.args.packed = simple.args.packed;
  CHECK_OK(plain.ops->forward(&plain.args));
  for (int round = 0; round < 2; round++) {
    CHECK_OK(simple.ops->forward(&simple.args));
    same_values(simple.args.output, plain.args.output, 0);
    CHECK_OK(lstm.ops->forward(&lstm.args));
  }
  mg_packed_destroy(simple.args.packed);
  free_case(&simple);
  free_case(&plain);
  free_case(&lstm);
}

static void test_explain(void) {
  rnn_shape shape = { .B = 1, .T = 1, .F = 1, .U = 1, .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 2 };
  rnn_case c = new_case(shape, MG_FLOAT64);
  mg_plan plan;
  CHECK_OK(c.ops->explain(&plan, &c.args));
  CHECK(strcmp(plan.kernel, "reference") == 0);
  CHECK_FAILS(c.ops->explain(NULL, &c.args), MG_EINVAL, "plan");
  free_case(&c);
}

static int tests(void) {
  RUN(test_mask);
  RUN(test_row_masked_throughout);
  RUN(test_masked_steps_use_no_weights);
  RUN(test_empty);
  RUN(test_views);
  RUN(test_state_in_place);
  RUN(test_packed);
  RUN(test_packed_of_another_kind);
  RUN(test_explain);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
