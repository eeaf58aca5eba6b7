/* rnn_row_test.c: float32 recurrent layers on a few rows, which have kernels of their own where nobody asks for the gates: against
 * the general ones in float64, and the same bits for any number of threads, for every instruction set. */
#include "cpu/isa.h"
#include "rnn_case.h"
#include "ops.h"

/* Under ThreadSanitizer what counts is who touches which memory: some sets show that too, in less time. */
#ifdef __SANITIZE_THREAD__
enum { EVERY = 13, LONG = 200 };
#else
enum { EVERY = 1, LONG = 700 };
#endif

enum { RESULTS = 9 };
static mg_tensor *result_of(const rnn_case *c, int i) {
  const mg_rnn_args *a = &c->args;
  mg_tensor *all[RESULTS] = { a->output, a->state, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias, a->dinitial_state,
                              a->dinitial_carry };
  return all[i];
}

static rnn_case case_of(rnn_shape shape, mg_dtype dtype, int threads) {
  rnn_case c = new_case(shape, dtype);
  c.args.gates = NULL;
  CHECK_OK(mg_set_threads(threads));
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->backward(&c.args));
  return c;
}

static void compare(const rnn_case *fast, const rnn_case *truth, unsigned number, double tolerance) {
  for (int i = 0; i < RESULTS; i++) {
    const mg_tensor *a = result_of(fast, i), *b = result_of(truth, i);
    double worst = 0, largest = 1;
    for (int64_t k = 0; a != NULL && k < mg_tensor_size(a); k++) {
      worst = worse(worst, fabs(element(a, k) - element(b, k)));
      largest = fmax(largest, fabs(element(b, k)));
    }
    check_that(worst <= tolerance * largest, __FILE__, __LINE__, "%s, set %u: result %d is off by %.3g of %.3g", fast->ops->name,
               number, i, worst, largest);
  }
}

static void check_bits(const rnn_case *one, const rnn_case *many, unsigned number) {
  for (int i = 0; i < RESULTS; i++) {
    const mg_tensor *a = result_of(one, i), *b = result_of(many, i);
    if (a == NULL) continue;
    check_that(memcmp(mg_tensor_read(a), mg_tensor_read(b), (size_t)mg_tensor_size(a) * sizeof(float)) == 0, __FILE__, __LINE__,
               "%s, set %u: result %d has other bits with more threads", one->ops->name, number, i);
  }
}

static void check_shape(rnn_shape shape, unsigned number, double tolerance) {
  rnn_case truth = case_of(shape, MG_FLOAT64, 1), one = case_of(shape, MG_FLOAT32, 1), many = case_of(shape, MG_FLOAT32, 3);
  rnn_case two = case_of(shape, MG_FLOAT32, 2);
  compare(&one, &truth, number, tolerance);
  check_bits(&one, &two, number);
  check_bits(&one, &many, number);
  free_case(&truth);
  free_case(&one);
  free_case(&two);
  free_case(&many);
}

static rnn_shape plain_shape(unsigned number) {
  rnn_shape shape = shape_number(11000 + number);
  shape.kind = (int)(number % KINDS);
  shape.B = 1 + number % 7 / 3;
  shape.activation = act_tanh;
  shape.recurrent_activation = act_sigmoid;
  shape.dropout = shape.recurrent_dropout = 0;
  return shape;
}

/* Every number of vectors up to five and some above, whole ones and not; inputs computed before the steps and among them. */
static void test_small(void) {
  static const int64_t units[] = { 1, 4, 7, 8, 16, 17, 24, 32, 33, 48, 61, 64, 65, 80, 96, 100 };
  for (unsigned number = 0; number < 240; number += case_step(EVERY, 7)) {
    rnn_shape shape = plain_shape(number);
    shape.U = units[number % 16];
    shape.F = 1 + number * 5 % 43;
    shape.T = 1 + number * 7 % 23;
    check_shape(shape, number, 4e-6);
  }
}

/* Units that threads share, and weights that are packed. */
static void test_shared(void) {
  static const int64_t units[] = { 256, 200, 320 };
  for (unsigned number = 0; number < 12; number += tsan_step(5)) {
    rnn_shape shape = plain_shape(300 + number);
    shape.U = shape.kind == SIMPLE ? 520 : units[number / 4];
    shape.F = 20;
    shape.T = 14;
    shape.flags = number & 1 ? shape.flags | MG_GRU_RESET_AFTER : shape.flags & ~(uint32_t)MG_GRU_RESET_AFTER;
    check_shape(shape, 300 + number, 6e-6);
  }
}

static rnn_shape large_shape(unsigned number) {
  rnn_shape shape = plain_shape(300 + number);
  shape.U = shape.kind == SIMPLE ? 520 : (int64_t[]){ 256, 200, 131 }[number / 4];
  shape.F = (int64_t[]){ 64, 20, 47 }[number / 3 % 3];
  shape.T = 14;
  shape.gain = 1;
  shape.initial = 1;
  shape.flags = number & 1 ? shape.flags | MG_GRU_RESET_AFTER : shape.flags & ~(uint32_t)MG_GRU_RESET_AFTER;
  return shape;
}

/* At "medium" large recurrent weights are of bf16 where the processor multiplies it. */
static void test_medium(void) {
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_MEDIUM));
  for (unsigned number = 0; number < 12; number++) check_shape(large_shape(number), 500 + number, 1e-2);
  rnn_case medium = case_of(large_shape(3), MG_FLOAT32, 1);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
  rnn_case highest = case_of(large_shape(3), MG_FLOAT32, 1);
  const size_t bytes = (size_t)mg_tensor_size(medium.args.state) * sizeof(float);
  CHECK((memcmp(mg_tensor_read(medium.args.state), mg_tensor_read(highest.args.state), bytes) != 0) == mg_cpu_bf16());
  free_case(&medium);
  free_case(&highest);
}

/* Of weights and states that bf16 has not: what float32 gives. */
static void test_unfit(void) {
  for (int which = 0; which < 4; which++) {
    rnn_case c[2];
    for (int medium = 0; medium < 2; medium++) {
      c[medium] = new_case(large_shape(3), MG_FLOAT32);
      c[medium].args.gates = NULL;
      const mg_tensor *changed = which < 2 ? c[medium].args.recurrent_kernel : c[medium].args.initial_state;
      set_element((mg_tensor *)changed, 77, which % 2 ? INFINITY : 3.4e38);
      CHECK_OK(mg_set_matmul_precision(medium ? MG_PRECISION_MEDIUM : MG_PRECISION_HIGHEST));
      CHECK_OK(c[medium].ops->forward(&c[medium].args));
    }
    for (int64_t i = 0; i < mg_tensor_size(c[0].args.state); i++)
      CHECK_NEAR(element(c[1].args.state, i), element(c[0].args.state, i), 0);
    free_case(&c[0]);
    free_case(&c[1]);
  }
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
}

/* More steps than one chunk of input products or one sum of the weights' gradients has. */
static void test_long(void) {
  for (unsigned number = 0; number < 2 * KINDS; number += tsan_step(2)) {
    rnn_shape shape = plain_shape(400 + number);
    shape.U = number < KINDS ? 24 : 130;
    shape.F = 3;
    shape.T = LONG;
    shape.gain = 0.5;
    check_shape(shape, 400 + number, 2e-5);
  }
}

static int tests(void) {
  RUN(test_small);
  RUN(test_shared);
  RUN(test_medium);
  RUN(test_unfit);
  RUN(test_long);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
