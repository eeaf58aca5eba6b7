/* rnn_gradient_test.c: every gradient of the recurrent layers in float64 against central differences of its outputs. */
#include "rnn_case.h"

/* sum(doutput * output) + sum(dstate * state) + sum(dcarry * carry): what backward differentiates. */
static double weighted_sum(const rnn_case *c) {
  double sum = 0;
  for (int64_t i = 0; c->args.doutput != NULL && i < mg_tensor_size(c->args.output); i++)
    sum += element(c->args.doutput, i) * element(c->args.output, i);
  for (int64_t i = 0; c->args.dstate != NULL && i < mg_tensor_size(c->args.state); i++)
    sum += element(c->args.dstate, i) * element(c->args.state, i);
  for (int64_t i = 0; c->args.dcarry != NULL && i < mg_tensor_size(c->args.carry); i++)
    sum += element(c->args.dcarry, i) * element(c->args.carry, i);
  return sum;
}

static double value_with(rnn_case *c, const mg_tensor *parameter, int64_t i, double value) {
  double before = element(parameter, i);
  set_element((mg_tensor *)parameter, i, value);
  mg_rnn_args args = c->args;
  args.saved = NULL;
  check_must(c->ops->forward(&args));
  set_element((mg_tensor *)parameter, i, before);
  return weighted_sum(c);
}

static void check_parameter(rnn_case *c, unsigned number, const char *name, const mg_tensor *parameter, const mg_tensor *gradient) {
  const double step = 1e-5;
  if (parameter == NULL) return;
  int64_t stride = mg_tensor_size(parameter) / 24 + 1;
  for (int64_t i = 0; i < mg_tensor_size(parameter); i += stride) {
    double at = element(parameter, i);
    double expected =
        isnan(at) ? 0 : (value_with(c, parameter, i, at + step) - value_with(c, parameter, i, at - step)) / (2 * step);
    double found = element(gradient, i);
    check_that(is_near(found, expected, 2e-8), __FILE__, __LINE__, "%s, set %u: %s[%lld] is %.12g, expected %.12g",
               c->ops->name, number, name, (long long)i, found, expected);
  }
}

static void check_kind(rnn_shape shape, unsigned number) {
  rnn_case c = new_case(shape, MG_FLOAT64);
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->backward(&c.args));
  check_parameter(&c, number, "dx", c.args.x, c.args.dx);
  check_parameter(&c, number, "dkernel", c.args.kernel, c.args.dkernel);
  check_parameter(&c, number, "drecurrent_kernel", c.args.recurrent_kernel, c.args.drecurrent_kernel);
  check_parameter(&c, number, "dbias", c.args.bias, c.args.dbias);
  check_parameter(&c, number, "dinitial_state", c.args.initial_state, c.args.dinitial_state);
  check_parameter(&c, number, "dinitial_carry", c.args.initial_carry, c.args.dinitial_carry);
  free_case(&c);
}

static void check_gradients(rnn_shape shape, unsigned number) {
  for (shape.kind = 0; shape.kind < KINDS; shape.kind++) check_kind(shape, number);
}

static void test_argument_sets(void) {
  for (unsigned number = 0; number < 300; number++) check_gradients(shape_number(number), number);
}

static void test_activation_pairs(void) {
  static const mg_activation pairs[][2] = {
    { { .kind = MG_ACT_LINEAR }, { .kind = MG_ACT_HARD_SIGMOID, .a = 0.2, .b = 0.5 } },
    { { .kind = MG_ACT_SOFTSIGN }, { .kind = MG_ACT_SIGMOID } },
    { { .kind = MG_ACT_GELU }, { .kind = MG_ACT_TANH } },
    { { .kind = MG_ACT_ELU, .a = 1 }, { .kind = MG_ACT_HARD_SIGMOID, .a = 1.0 / 6, .b = 0.5 } },
    { { .kind = MG_ACT_RELU, .a = 0.25, .b = INFINITY }, { .kind = MG_ACT_SOFTPLUS } },
    { { .kind = MG_ACT_SILU }, { .kind = MG_ACT_SPARSE_SIGMOID } },
    { { .kind = MG_ACT_SELU }, { .kind = MG_ACT_SQUAREPLUS, .a = 0.2 } },
    { { .kind = MG_ACT_MISH }, { .kind = MG_ACT_LOG_SIGMOID } },
  };
  for (unsigned i = 0; i < 16; i++) {
    rnn_shape shape = shape_number(1000 + i);
    shape.activation = pairs[i / 2][0];
    shape.recurrent_activation = pairs[i / 2][1];
    shape.flags = i % 2 ? shape.flags | MG_GRU_RESET_AFTER : shape.flags & ~(uint32_t)MG_GRU_RESET_AFTER;
    check_gradients(shape, 1000 + i);
  }
}

int main(void) {
  RUN(test_argument_sets);
  RUN(test_activation_pairs);
  return finish();
}
