/* Optimizer updates against Keras's own values, and float32 kernels of every instruction set against float64. */
#include "check.h"
#include "cpu/optimizer_kernels.h"
#include "optimizer_cases.h"

static void test_keras(void) {
  for (size_t i = 0; i < sizeof optimizer_cases / sizeof *optimizer_cases; i++) {
    const optimizer_case *c = &optimizer_cases[i];
    for (mg_dtype dtype = MG_FLOAT32; dtype <= MG_FLOAT64; dtype++) {
      const double zeros[ELEMENTS] = {0};
      mg_optimizer_args args = c->args;
      running = c->name;
      args.parameter = tensor_of(dtype, c->start, SHAPE(ELEMENTS));
      for (int s = 0; s < 3; s++) args.state[s] = tensor_of(dtype, zeros, SHAPE(ELEMENTS));
      for (int step = 0; step < STEPS; step++) {
        mg_tensor *gradient = tensor_of(dtype, c->gradients[step], SHAPE(ELEMENTS));
        args.gradient = gradient;
        args.step = step + 1;
        CHECK_OK(mg_optimizer_update(&args));
        for (int e = 0; e < ELEMENTS; e++)
          CHECK_NEAR(element(args.parameter, e), c->values[step][e], dtype == MG_FLOAT32 ? 1e-5 : 1e-9);
        mg_tensor_destroy(gradient);
      }
      mg_tensor_destroy(args.parameter);
      for (int s = 0; s < 3; s++) mg_tensor_destroy(args.state[s]);
    }
  }
}

/* ---- every instruction set, odd lengths ---- */

enum { LENGTH = 1037 };
typedef struct memory {
  float f[5][LENGTH];
  double d[5][LENGTH];
} memory; /* parameter, gradient, three states */

static void fill(memory *m) {
  for (int a = 0; a < 5; a++)
    for (int i = 0; i < LENGTH; i++) m->d[a][i] = m->f[a][i] = (float)(a < 3 ? sin(i * 1.7 + a) : 0.5 + fabs(sin(i * 0.3 + a)));
}

static const mg_optimizer_args variants[] = {
    {.kind = MG_OPTIMIZER_SGD, .learning_rate = 0.1, .weight_decay = 0.01},
    {.kind = MG_OPTIMIZER_SGD, .learning_rate = 0.1, .momentum = 0.9},
    {.kind = MG_OPTIMIZER_SGD, .learning_rate = 0.1, .momentum = 0.9, .flags = MG_OPTIMIZER_NESTEROV},
    {.kind = MG_OPTIMIZER_RMSPROP, .learning_rate = 0.01, .rho = 0.9, .epsilon = 1e-7},
    {.kind = MG_OPTIMIZER_RMSPROP, .learning_rate = 0.01, .rho = 0.9, .epsilon = 2, .momentum = 0.5,
     .flags = MG_OPTIMIZER_CENTERED},
    {.kind = MG_OPTIMIZER_ADAM, .learning_rate = 0.01, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7, .weight_decay = 0.1},
    {.kind = MG_OPTIMIZER_ADAM, .learning_rate = 0.01, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7,
     .flags = MG_OPTIMIZER_AMSGRAD},
    {.kind = MG_OPTIMIZER_ADAGRAD, .learning_rate = 0.1, .epsilon = 1e-7, .weight_decay = 0.1},
    {.kind = MG_OPTIMIZER_ADADELTA, .learning_rate = 0.1, .rho = 0.9, .epsilon = 1e-7},
    {.kind = MG_OPTIMIZER_ADAMAX, .learning_rate = 0.1, .beta_1 = 0.9, .beta_2 = 0.5, .epsilon = 1e-7},
    {.kind = MG_OPTIMIZER_NADAM, .learning_rate = 0.01, .beta_1 = 0.9, .beta_2 = 0.999, .rho = 0.3, .epsilon = 1e-7},
    {.kind = MG_OPTIMIZER_LION, .learning_rate = 0.01, .beta_1 = 0.9, .beta_2 = 0.99},
    {.kind = MG_OPTIMIZER_AVERAGE, .momentum = 0.75},
    {.kind = MG_OPTIMIZER_SGD, .learning_rate = 0.1, .gradient_scale = 0.3, .flags = MG_OPTIMIZER_SCALED},
    {.kind = MG_OPTIMIZER_ADAMAX, .learning_rate = 0.1, .beta_1 = 0.9, .beta_2 = 0.5, .epsilon = 1e-7, .gradient_scale = 3,
     .gradient_limit = 0.7, .flags = MG_OPTIMIZER_SCALED | MG_OPTIMIZER_CLIPPED}};

/* Which states a variant has, by the header's table. */
static int has_state(const mg_optimizer_args *a, int s) {
  if (a->kind == MG_OPTIMIZER_SGD) return s == 0 && a->momentum != 0;
  if (a->kind == MG_OPTIMIZER_RMSPROP) return s == 0 || (s == 1 ? a->momentum > 0 : (a->flags & MG_OPTIMIZER_CENTERED) != 0);
  if (a->kind == MG_OPTIMIZER_AVERAGE) return 0;
  if (a->kind == MG_OPTIMIZER_ADAGRAD || a->kind == MG_OPTIMIZER_LION) return s == 0;
  return s < 2 || (a->flags & MG_OPTIMIZER_AMSGRAD) != 0;
}

static void check_kernels(const mg_optimizer_kernels *kernels) {
  static memory m;
  for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
    mg_optimizer_args args = variants[v];
    args.step = 3;
    /* Array 2 has both signs, as momentum and m have; averages of squares come from 3 and 4. */
    fill(&m);
    mg_optimizer_memory f = {.parameter = m.f[0], .gradient = m.f[1]}, d = {.parameter = m.d[0], .gradient = m.d[1]};
    for (int s = 0; s < 3; s++) {
      int squares = args.kind == MG_OPTIMIZER_ADAGRAD || args.kind == MG_OPTIMIZER_ADADELTA;
      int source = args.kind == MG_OPTIMIZER_RMSPROP ? (int[]){3, 2, 4}[s] : squares ? (s + 3) % 5 : s + 2;
      if (has_state(&args, s)) f.state[s] = m.f[source], d.state[s] = m.d[source];
    }
    kernels->update(&args, &f, 3, LENGTH - 3);
    mg_optimizer_double.update(&args, &d, 3, LENGTH - 3);
    double worst = 0;
    for (int a = 0; a < 5; a++)
      for (int i = 0; i < LENGTH; i++) worst = worse(worst, fabs(m.f[a][i] - m.d[a][i]));
    CHECK_NEAR(worst, 0, 2e-6);
    CHECK(m.f[0][2] == (float)sin(2 * 1.7) && m.f[0][3] != (float)sin(3 * 1.7));
  }
}

static void test_instruction_sets(void) {
  check_kernels(&mg_optimizer_float_generic);
#ifdef MG_COMPILED_AVX2
  if (mg_cpu_isa_best() >= MG_ISA_AVX2) check_kernels(&mg_optimizer_float_avx2);
#endif
#ifdef MG_COMPILED_AVX512
  if (mg_cpu_isa_best() >= MG_ISA_AVX512) check_kernels(&mg_optimizer_float_avx512);
#endif
}

static void test_threads(void) {
  const int64_t n = 70001;
  mg_optimizer_args args = variants[5];
  args.step = 2;
  mg_tensor *parameter[2], *gradient = new_tensor(MG_FLOAT32, SHAPE(n));
  mg_random_key key = {1, 2, 0};
  check_must(mg_random_fill(MG_RANDOM_NORMAL, gradient, &key, 0, 1));
  for (int run = 0; run < 2; run++) {
    CHECK_OK(mg_set_threads(run ? 3 : 1));
    args.parameter = parameter[run] = new_tensor(MG_FLOAT32, SHAPE(n));
    args.gradient = gradient;
    check_must(mg_fill(args.parameter, 1));
    for (int s = 0; s < 2; s++) {
      args.state[s] = new_tensor(MG_FLOAT32, SHAPE(n));
      check_must(mg_fill(args.state[s], 0.25));
    }
    CHECK_OK(mg_optimizer_update(&args));
    for (int s = 0; s < 2; s++) mg_tensor_destroy(args.state[s]);
  }
  CHECK(memcmp(mg_tensor_read(parameter[0]), mg_tensor_read(parameter[1]), (size_t)n * 4) == 0);
  mg_tensor_destroy(parameter[0]), mg_tensor_destroy(parameter[1]), mg_tensor_destroy(gradient);
}

static void test_mistakes(void) {
  mg_tensor *w = new_tensor(MG_FLOAT32, SHAPE(4)), *g = new_tensor(MG_FLOAT32, SHAPE(4)), *d = new_tensor(MG_FLOAT64, SHAPE(4));
  mg_tensor *short_one = new_tensor(MG_FLOAT32, SHAPE(3));
  mg_optimizer_args args = {.kind = MG_OPTIMIZER_SGD, .step = 1, .learning_rate = 0.1, .parameter = w, .gradient = g};
  CHECK_FAILS(mg_optimizer_update(NULL), MG_EINVAL, "NULL");
  args.kind = 77;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "kind");
  args.kind = MG_OPTIMIZER_SGD, args.step = 0;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "step");
  args.step = 1, args.learning_rate = NAN;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "learning_rate");
  args.learning_rate = 0.1, args.gradient = short_one;
  CHECK_FAILS(mg_optimizer_update(&args), MG_ESHAPE, "gradient");
  args.gradient = d;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EDTYPE, "gradient");
  args.gradient = w;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "parameter");
  args.gradient = g, args.momentum = 0.5;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "state[0]");
  args.state[0] = g;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "state[0]");
  args.momentum = 0, args.flags = 64;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "flags");
  args.flags = 0, args.parameter = args.state[0] = NULL;
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "parameter");
  mg_tensor_destroy(w), mg_tensor_destroy(g), mg_tensor_destroy(d), mg_tensor_destroy(short_one);
}

static void test_strided_is_refused(void) {
  mg_tensor *wide = new_tensor(MG_FLOAT32, SHAPE(4, 2)), *w = empty_tensor(), *g = new_tensor(MG_FLOAT32, SHAPE(4, 1));
  check_must(mg_tensor_slice(w, wide, 1, 0, 1, 1));
  mg_optimizer_args args = {.kind = MG_OPTIMIZER_SGD, .step = 1, .learning_rate = 0.1, .parameter = w, .gradient = g};
  CHECK_FAILS(mg_optimizer_update(&args), MG_EINVAL, "contiguous");
  mg_tensor_destroy(wide), mg_tensor_destroy(w), mg_tensor_destroy(g);
}

int main(void) {
  RUN(test_keras);
  RUN(test_instruction_sets);
  RUN(test_threads);
  RUN(test_mistakes);
  RUN(test_strided_is_refused);
  return finish();
}
