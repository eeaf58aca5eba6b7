/* rnn_fast_test.c: the float32 recurrent layers against the general ones in float64, for every instruction set. */
#include "rnn_case.h"
#include "ops.h"

/* Under ThreadSanitizer what counts is who touches which memory: every seventh set shows that too, in less time. */
#ifdef __SANITIZE_THREAD__
enum { EVERY = 7 };
#else
enum { EVERY = 1 };
#endif

enum { RESULTS = 10 };
static mg_tensor *result_of(const rnn_case *c, int i, const char **name) {
  const mg_rnn_args *a = &c->args;
  mg_tensor *all[RESULTS] = { a->output, a->state, a->gates, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias,
                              a->dinitial_state, a->dinitial_carry };
  static const char *names[RESULTS] = {
    "output", "state", "gates", "carry", "dx", "dkernel", "drecurrent_kernel", "dbias", "dinitial_state", "dinitial_carry"
  };
  *name = names[i];
  return all[i];
}

/* Relative to the largest value of the tensor, at least 1. */
static void compare(const rnn_case *fast, const rnn_case *truth, unsigned number, double tolerance) {
  for (int i = 0; i < RESULTS; i++) {
    const char *name;
    const mg_tensor *a = result_of(fast, i, &name), *b = result_of(truth, i, &name);
    double worst = 0, largest = 1;
    for (int64_t k = 0; a != NULL && k < mg_tensor_size(a); k++) {
      worst = worse(worst, fabs(element(a, k) - element(b, k)));
      largest = fmax(largest, fabs(element(b, k)));
    }
    check_that(worst <= tolerance * largest, __FILE__, __LINE__, "%s, set %u: %s is off by %.3g of %.3g", fast->ops->name,
               number, name, worst, largest);
  }
}

static void run(rnn_case *c) {
  CHECK_OK(c->ops->forward(&c->args));
  CHECK_OK(c->ops->backward(&c->args));
}

static void check_kind(rnn_shape shape, unsigned number, double tolerance) {
  rnn_case fast = new_case(shape, MG_FLOAT32), truth = new_case(shape, MG_FLOAT64);
  run(&fast);
  run(&truth);
  compare(&fast, &truth, number, tolerance);
  free_case(&fast);
  free_case(&truth);
}

static void check_shape(rnn_shape shape, unsigned number, double tolerance) {
  for (shape.kind = 0; shape.kind < KINDS; shape.kind++) check_kind(shape, number, tolerance);
}

static void test_small_sets(void) {
  for (unsigned number = 0; number < 400; number += case_step(EVERY, 7)) check_shape(shape_number(number), number, 2e-6);
}

static void test_larger_sets(void) {
  for (unsigned number = 0; number < 120; number += case_step(EVERY, 7)) {
    rnn_shape shape = shape_number(5000 + number);
    shape.kind = number % 2 ? (number % 4 == 1 ? LSTM : SIMPLE) : GRU;
    shape.B = (int64_t[]){ 1, 2, 3, 5, 9, 16, 17, 33 }[number % 8];
    shape.T = 1 + number * 7 % 23;
    shape.F = (int64_t[]){ 1, 5, 16, 33, 70, 131 }[number % 6];
    shape.U = (int64_t[]){ 1, 7, 16, 33, 64, 70, 100 }[number % 7];
    check_kind(shape, 5000 + number, 4e-6);
  }
}

static void test_large_units(void) {
  for (unsigned number = 0; number < 3; number += case_step(EVERY, 7)) {
    rnn_shape shape = { .kind = number == 2 ? LSTM : GRU,
                        .B = 34,
                        .T = 3,
                        .F = 6,
                        .U = 390,
                        .bias = 1,
                        .initial = 1,
                        .mask = MASK_ANY,
                        .activation = act_tanh,
                        .recurrent_activation = act_sigmoid,
                        .seed = 77,
                        .flags = MG_RNN_RETURN_SEQUENCES | (number ? MG_GRU_RESET_AFTER : 0) };
    check_kind(shape, 9000 + number, 4e-6);
  }
}

/* All kinds, as both activations; parameters as Keras's layers set them. */
static void test_every_activation(void) {
  for (int kind = 0; kind < MG_ACT_COUNT; kind++) {
    mg_activation a = { .kind = kind, .a = 0.25, .b = kind == MG_ACT_RELU ? 0.75 : 0.5, .c = kind == MG_ACT_RELU ? 0.125 : 0 };
    for (unsigned i = 0; i < 4; i++) {
      rnn_shape shape = shape_number(7000 + (unsigned)kind * 4 + i);
      shape.U += 16 * (i & 1);
      shape.flags = i & 1 ? shape.flags | MG_GRU_RESET_AFTER : shape.flags & ~(uint32_t)MG_GRU_RESET_AFTER;
      if (i < 2) shape.activation = a;
      else shape.recurrent_activation = a;
      check_shape(shape, 7000 + (unsigned)kind * 4 + i, 8e-6);
    }
  }
}

/* No slope at 0, where the pads are: squareplus with b = 0, which is relu elsewhere. (Not as the activation of an LSTM: from such a
 * g follow carries that are 0, where it is applied again.) */
static void test_slope_missing_in_pads(void) {
  for (unsigned i = 0; i < 12; i++) {
    rnn_shape shape = shape_number(7500 + i % 4);
    shape.kind = (int)i / 4;
    shape.U = 5;
    shape.T = 3;
    shape.flags = i & 1 ? shape.flags | MG_GRU_RESET_AFTER : shape.flags & ~(uint32_t)MG_GRU_RESET_AFTER;
    mg_activation *which = i % 4 < 2 && shape.kind != LSTM ? &shape.activation : &shape.recurrent_activation;
    *which = (mg_activation){ .kind = MG_ACT_SQUAREPLUS, .a = 0 };
    check_kind(shape, 7500 + i, 8e-6);
  }
}

/* dx (1,1,7) of a backward where one gate's dropout mask is 1 and the others' are 0: that gate's share. */
static void share_of(rnn_case *c, int gate, float *share) {
  mg_rnn_args args = c->args;
  for (int g = 0; g < 3; g++) {
    mg_tensor *mask = new_tensor(MG_FLOAT32, SHAPE(1, 7));
    check_must(mg_fill(mask, g == gate));
    args.dropout_masks[g] = mask;
  }
  check_must(c->ops->forward(&c->args));
  args.kernel_used = c->args.kernel_used;
  check_must(c->ops->backward(&args));
  for (int g = 0; g < 3; g++) mg_tensor_destroy((mg_tensor *)args.dropout_masks[g]);
  memcpy(share, mg_tensor_read(args.dx), 7 * sizeof *share);
}

/* The gates' shares of dx are multiplied by their masks and added, n first, with every product rounded: the bits do not depend on
 * whether the compiler can fuse the two. */
static void test_dropout_is_rounded(void) {
  for (unsigned number = 0; number < 8; number++) {
    rnn_shape shape = { .kind = GRU, .B = 1, .T = 1, .F = 7, .U = 3, .flags = MG_GRU_RESET_AFTER, .initial = 1, .dropout = 3,
                        .activation = act_tanh, .recurrent_activation = act_sigmoid, .seed = 900 + number };
    rnn_case c = new_case(shape, MG_FLOAT32);
    float shares[3][7];
    for (int g = 0; g < 3; g++) share_of(&c, g, shares[g]);
    run(&c);
    for (int64_t f = 0; f < 7; f++) {
      float products[3];
      for (int g = 0; g < 3; g++) products[g] = shares[g][f] * (float)element(c.args.dropout_masks[g], f);
      const float sum = products[2] + products[0];
      CHECK_NEAR(element(c.args.dx, f), (double)(sum + products[1]), 0);
    }
    free_case(&c);
  }
}

/* Inference, and a packed handle, compute the same numbers as training. */
static void test_inference_and_packed(void) {
  for (unsigned number = 0; number < 90; number++) {
    rnn_shape shape = shape_number(8000 + number / 3);
    shape.kind = (int)(number % KINDS);
    rnn_case training = new_case(shape, MG_FLOAT32), plain = new_case(shape, MG_FLOAT32);
    CHECK_OK(training.ops->forward(&training.args));
    plain.args.saved = NULL;
    CHECK_OK(mg_packed_create(&plain.args.packed));
    for (int round = 0; round < 2; round++) {
      CHECK_OK(plain.ops->forward(&plain.args));
      for (int i = 0; i < 4; i++) {
        const char *name;
        const mg_tensor *a = result_of(&training, i, &name), *b = result_of(&plain, i, &name);
        if (a != NULL) CHECK(memcmp(mg_tensor_read(a), mg_tensor_read(b), (size_t)mg_tensor_size(a) * sizeof(float)) == 0);
      }
    }
    mg_packed_destroy(plain.args.packed);
    free_case(&training);
    free_case(&plain);
  }
}

static void test_chosen(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    rnn_shape shape = shape_number(3);
    shape.kind = kind;
    rnn_case c = new_case(shape, MG_FLOAT32), d = new_case(shape, MG_FLOAT64);
    mg_plan plan;
    CHECK_OK(c.ops->explain(&plan, &c.args));
    CHECK(strcmp(plan.kernel, "fused float32") == 0 && plan.faster == NULL && plan.reason == NULL);
    CHECK_OK(d.ops->explain(&plan, &d.args));
    CHECK(strcmp(plan.kernel, "reference") == 0 && strcmp(plan.faster, "fused float32") == 0 && plan.reason != NULL);
    free_case(&c);
    free_case(&d);
  }
}

static int tests(void) {
  RUN(test_chosen);
  RUN(test_small_sets);
  RUN(test_larger_sets);
  RUN(test_large_units);
  RUN(test_every_activation);
  RUN(test_slope_missing_in_pads);
  RUN(test_inference_and_packed);
  RUN(test_dropout_is_rounded);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
