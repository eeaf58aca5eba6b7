/* rnn_known_test.c: recurrent layers of one unit, worked out by hand from their formulas (moongate.h). */
#include "rnn_case.h"
#include "ops.h"

static const mg_dtype both_dtypes[] = { MG_FLOAT32, MG_FLOAT64 };
static double tolerance_of(mg_dtype dtype) { return dtype == MG_FLOAT32 ? 2e-6 : 1e-13; }

/* One unit, one feature, by hand. kernel (z 0.5, r -1, n 2), recurrent (z 1, r 0.25, n -0.5), h = 0.4, x = 0.6. */
static void known_value(mg_dtype dtype, uint32_t flags, const double *bias, int bias_rows, double expected) {
  mg_tensor *x = tensor_of(dtype, (double[]){ 0.6 }, SHAPE(1, 1, 1)),
            *kernel = tensor_of(dtype, (double[]){ 0.5, -1, 2 }, SHAPE(1, 3));
  mg_tensor *recurrent = tensor_of(dtype, (double[]){ 1, 0.25, -0.5 }, SHAPE(1, 3)),
            *h = tensor_of(dtype, (double[]){ 0.4 }, SHAPE(1, 1));
  mg_tensor *b = bias_rows == 2 ? tensor_of(dtype, bias, SHAPE(2, 3)) : tensor_of(dtype, bias, SHAPE(3)),
            *out = new_tensor(dtype, SHAPE(1, 1));
  mg_rnn_args args = { .x = x, .kernel = kernel, .recurrent_kernel = recurrent, .bias = b, .initial_state = h, .output = out,
                       .activation = act_tanh, .recurrent_activation = act_sigmoid, .flags = flags };
  CHECK_OK(mg_gru_forward(&args));
  CHECK_NEAR(element(out, 0), expected, tolerance_of(dtype));
  mg_tensor *all[] = { x, kernel, recurrent, h, b, out };
  for (int i = 0; i < 6; i++) mg_tensor_destroy(all[i]);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void test_known_values(void) {
  const double bias[] = { 0.1, 0.2, 0.3, -0.4, 0.5, -0.6 };
  double z = sigmoid(0.3 + 0.1 + 0.4), r = sigmoid(-0.6 + 0.2 + 0.1), n = tanh(1.2 + 0.3 + r * 0.4 * -0.5);
  double before = z * 0.4 + (1 - z) * n;
  z = sigmoid(0.3 + 0.1 + 0.4 - 0.4);
  r = sigmoid(-0.6 + 0.2 + 0.1 + 0.5);
  n = tanh(1.2 + 0.3 + r * (0.4 * -0.5 - 0.6));
  double after = z * 0.4 + (1 - z) * n;
  for (int i = 0; i < 2; i++) {
    known_value(both_dtypes[i], 0, bias, 1, before);
    known_value(both_dtypes[i], MG_GRU_RESET_AFTER, bias, 2, after);
  }
}

/* One unit, one feature, by hand, twice: x = 0.6 then -0.2, h = 0.4, and for the LSTM c = -0.3. */
static void known_steps(int kind, mg_dtype dtype, const double *kernel, const double *recurrent, const double *bias, double h,
                        double c) {
  const int64_t G = case_ops[kind].gates;
  mg_tensor *all[] = { tensor_of(dtype, (double[]){ 0.6, -0.2 }, SHAPE(1, 2, 1)), tensor_of(dtype, kernel, SHAPE(1, G)),
                       tensor_of(dtype, recurrent, SHAPE(1, G)), tensor_of(dtype, bias, SHAPE(G)),
                       tensor_of(dtype, (double[]){ 0.4 }, SHAPE(1, 1)), tensor_of(dtype, (double[]){ -0.3 }, SHAPE(1, 1)),
                       new_tensor(dtype, SHAPE(1, 1)), new_tensor(dtype, SHAPE(1, 1)) };
  mg_rnn_args args = { .x = all[0], .kernel = all[1], .recurrent_kernel = all[2], .bias = all[3], .initial_state = all[4],
                       .output = all[6], .activation = act_tanh, .recurrent_activation = act_sigmoid };
  if (kind == LSTM) args.initial_carry = all[5];
  if (kind == LSTM) args.carry = all[7];
  CHECK_OK(case_ops[kind].forward(&args));
  CHECK_NEAR(element(all[6], 0), h, tolerance_of(dtype));
  if (kind == LSTM) CHECK_NEAR(element(all[7], 0), c, tolerance_of(dtype));
  for (int i = 0; i < 8; i++) mg_tensor_destroy(all[i]);
}

static void test_known_steps(void) {
  const double kernel[] = { 0.5, -1, 2, 0.7 }, recurrent[] = { 1, 0.25, -0.5, 0.3 }, bias[] = { 0.1, 0.2, 0.3, -0.4 };
  double h = 0.4, c = -0.3, simple = 0.4;
  for (int t = 0; t < 2; t++) {
    const double x = t == 0 ? 0.6 : -0.2;
    const double i = sigmoid(0.5 * x + h + 0.1), f = sigmoid(-x + 0.25 * h + 0.2), o = sigmoid(0.7 * x + 0.3 * h - 0.4);
    c = f * c + i * tanh(2 * x - 0.5 * h + 0.3);
    h = o * tanh(c);
    simple = tanh(0.5 * x + simple + 0.1);
  }
  for (int i = 0; i < 2; i++) {
    known_steps(LSTM, both_dtypes[i], kernel, recurrent, bias, h, c);
    known_steps(SIMPLE, both_dtypes[i], kernel, recurrent, bias, simple, 0);
  }
}

static int tests(void) {
  RUN(test_known_values);
  RUN(test_known_steps);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
