/* rnn_infinite_test.c: an infinity or a NaN in x or in a state reaches what it reaches in float64 and nothing else, for every
 * instruction set and precision: gradients that are finite there are finite here, with widths that are no whole vectors too. */
#include "rnn_case.h"
#include "ops.h"

enum { RESULTS = 9 };
static mg_tensor *result_of(const rnn_case *c, int i) {
  const mg_rnn_args *a = &c->args;
  mg_tensor *all[RESULTS] = { a->output, a->state, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias, a->dinitial_state,
                              a->dinitial_carry };
  return all[i];
}

/* `value` at one place of x or, where there is one, of the initial state. */
static rnn_case case_with(rnn_shape shape, mg_dtype dtype, double value, int in_state) {
  rnn_case c = new_case(shape, dtype);
  mg_tensor *t = (mg_tensor *)(in_state && shape.initial ? c.args.initial_state : c.args.x);
  set_element(t, (int64_t)(shape.seed * 7) % mg_tensor_size(t), value);
  c.args.gates = NULL;
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->backward(&c.args));
  return c;
}

static int64_t compare(const rnn_case *fast, const rnn_case *truth, unsigned number, double tolerance) {
  int64_t finite = 0;
  for (int i = 0; i < RESULTS; i++) {
    const mg_tensor *a = result_of(fast, i), *b = result_of(truth, i);
    double worst = 0, largest = 1;
    for (int64_t k = 0; a != NULL && k < mg_tensor_size(a); k++) {
      if (!isfinite(element(b, k))) continue;
      finite++;
      worst = worse(worst, fabs(element(a, k) - element(b, k)));
      largest = fmax(largest, fabs(element(b, k)));
    }
    check_that(worst <= tolerance * largest, __FILE__, __LINE__, "%s, set %u: result %d is off by %.3g of %.3g", fast->ops->name,
               number, i, worst, largest);
  }
  return finite;
}

static rnn_shape shape_of(unsigned number) {
  rnn_shape shape = shape_number(23000 + number);
  shape.kind = (int)(number % KINDS);
  shape.B = (int64_t[]){ 1, 2, 5, 17, 34 }[number % 5];
  shape.T = 2 + number % 7;
  shape.F = 1 + number % 9;
  shape.U = (int64_t[]){ 1, 5, 16, 20, 37, 61, 65 }[number / 3 % 7];
  shape.dropout = number % 4 ? 0 : shape.dropout;
  shape.recurrent_dropout = number % 4 ? 0 : shape.recurrent_dropout;
  return shape;
}

static void test_infinite(void) {
  int64_t finite = 0;
  for (unsigned number = 0; number < 240; number += case_step(tsan_step(13), 11)) {
    const double value = (double[]){ INFINITY, -INFINITY, INFINITY, NAN }[number % 4];
    const rnn_shape shape = shape_of(number);
    rnn_case truth = case_with(shape, MG_FLOAT64, value, number % 5 == 0);
    for (int precision = 0; precision < 3; precision++) {
      check_must(mg_set_matmul_precision(precision));
      rnn_case fast = case_with(shape, MG_FLOAT32, value, number % 5 == 0);
      finite += compare(&fast, &truth, number, precision == MG_PRECISION_MEDIUM ? 0.05 : 1e-5);
      free_case(&fast);
    }
    free_case(&truth);
  }
  CHECK(finite > 10000); /* most results are */
}

static int tests(void) {
  RUN(test_infinite);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
