/* rnn_exactness_test.c: how exact the kernels of recurrent layers are, forward and backward, for every instruction set and
 * precision, on random shapes and arguments: 200 sets, 2,000 with MOONGATE_TEST_LONG.
 *
 * The truth is the general layer in float64. The error of a set: max|y - ref| / max(1, |ref|) over outputs, states and gates; for
 * gradients the largest max|dg| / max|ref| of a tensor. "highest" is held to plain float32 (rnn_plain.c), over the sets with tanh
 * and sigmoid and over those with other activations: at most its root mean square, and at most twice its worst. "high" is held to
 * 1e-5 and "medium" to 1e-2 where activations are bounded; gradients where, besides, slopes do not jump.
 *   rnn_exactness_test T B F U   prints the errors of a GRU of these sizes instead */
#include "ops.h"
#include "rnn_case.h"
#include "cpu/activation_scalar.h"
#include "rnn_plain.h"

enum { SETS = 200, LONG_SETS = 2000, PRECISIONS = 3, OUTPUTS = 4, RESULTS = 10, MOST_WORK = 5000000 };
#define SMALLEST 1e-20

/* Sanitizers look at who touches which memory: every seventh set shows that too. */
#if defined(__SANITIZE_THREAD__) || defined(MG_ASAN)
enum { EVERY = 7 };
#else
enum { EVERY = 1 };
#endif

static uint64_t drawing;
static int draw(int n) { return (int)random_number(&drawing, 0, n); }
#define ONE_OF(...) ((const int[]){ __VA_ARGS__ }[draw((int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)))])

/* The first GATES give 0..1: with other gates a state may grow from step to step. */
static const mg_activation bounded[] = {
  { .kind = MG_ACT_SIGMOID },        { .kind = MG_ACT_HARD_SIGMOID, .a = 0.2, .b = 0.5 },
  { .kind = MG_ACT_SPARSE_SIGMOID }, { .kind = MG_ACT_HARD_SIGMOID, .a = 1.0 / 6, .b = 0.5 },
  { .kind = MG_ACT_TANH },           { .kind = MG_ACT_SOFTSIGN },
  { .kind = MG_ACT_HARD_TANH },
};
enum { GATES = 4, BOUNDED = sizeof bounded / sizeof *bounded };

/* Parameters as Keras's layers set them. */
static mg_activation any_activation(void) {
  const int kind = draw(MG_ACT_COUNT);
  return (mg_activation){ .kind = kind, .a = 0.25, .b = kind == MG_ACT_RELU ? 6 : 0.5 };
}

static void draw_activations(rnn_shape *s, int of) {
  s->activation = act_tanh;
  s->recurrent_activation = act_sigmoid;
  if (of == 1) s->activation = bounded[draw(BOUNDED)];
  if (of == 1) s->recurrent_activation = bounded[draw(GATES)];
  if (of == 2) s->activation = any_activation();
  if (of == 2) s->recurrent_activation = draw(2) ? act_sigmoid : any_activation();
}

/* Every option from shape_number, sizes of all kernels, weights as PyTorch draws them. *activations: 0 tanh and sigmoid, 1 bounded,
 * 2 any. Where errors may grow from step to step, as they do without gates, there are few steps: otherwise one set would outweigh
 * all others. */
static rnn_shape draw_shape(unsigned number, int *activations) {
  rnn_shape s = shape_number(20000 + number);
  drawing = number * 7919u + 17;
  s.gain = 1;
  draw(2);
  *activations = (const int[]){ 0, 0, 0, 1, 0, 2, 0, 1 }[number % 8];
  s.kind = ONE_OF(GRU, GRU, LSTM, SIMPLE);
  int64_t gates = case_ops[s.kind].gates, most = *activations ? MOST_WORK / 8 : MOST_WORK;
  do {
    s.B = ONE_OF(1, 1, 1, 1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 70);
    s.T = *activations == 2  ? ONE_OF(1, 2, 3, 4)
          : s.kind == SIMPLE ? ONE_OF(1, 2, 3, 4, 7, 12)
                             : ONE_OF(1, 2, 3, 7, 25, 50, 100, 200);
    s.F = ONE_OF(1, 2, 3, 5, 8, 16, 24, 33, 40, 64, 130);
    s.U = ONE_OF(1, 2, 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 70, 96, 128, 130, 200, 256);
  } while (s.B * s.T * (s.F + s.U) * s.U * gates > most);
  draw_activations(&s, *activations);
  return s;
}

/* Whether value or slope of an activation jumps near x, where float32 may see the other side; an exact 0 is one in both. */
static int jumps_at(const mg_activation *a, double x) {
  const double d = x == 0 ? 0 : 4e-6 * fmax(1, fabs(x));
  return fabs(mg_activation_value(a, x + d) - mg_activation_value(a, x - d)) > 1e-2 ||
         fabs(mg_activation_slope(a, x + d) - mg_activation_slope(a, x - d)) > 1e-2;
}

static int has_jumps(const mg_activation *a) {
  static const int smooth[] = { MG_ACT_LINEAR, MG_ACT_TANH, MG_ACT_SIGMOID, MG_ACT_SOFTSIGN, MG_ACT_GELU, MG_ACT_GELU_TANH,
                                MG_ACT_SILU, MG_ACT_SOFTPLUS, MG_ACT_EXPONENTIAL, MG_ACT_MISH, MG_ACT_LOG_SIGMOID,
                                MG_ACT_TANH_SHRINK, MG_ACT_SQUAREPLUS, MG_ACT_SPARSE_PLUS };
  for (unsigned i = 0; i < sizeof smooth / sizeof *smooth; i++)
    if (a->kind == smooth[i]) return 0;
  return 1;
}

/* Looks through the sums that the general layer keeps (rnn_reference.h) and an LSTM's carries. */
static int near_a_jump(const rnn_case *truth) {
  const mg_activation *act = &truth->args.activation, *rec = &truth->args.recurrent_activation;
  const int64_t U = truth->shape.U, gates = truth->ops->gates, of_act = gates == 1 ? 0 : 2;
  const int64_t values = truth->shape.kind == GRU ? 5 : truth->shape.kind == LSTM ? 6 : 2;
  const double *saved = mg_tensor_read(truth->args.saved);
  for (int64_t i = 0; i < truth->shape.B * truth->shape.T * values; i++, saved += U) {
    const int64_t at = i % values;
    const mg_activation *a = at == of_act || (truth->shape.kind == LSTM && at == 5) ? act : at < gates ? rec : NULL;
    for (int64_t u = 0; a != NULL && has_jumps(a) && u < U; u++)
      if (jumps_at(a, saved[u])) return 1;
  }
  for (int64_t i = 0; truth->args.carry != NULL && has_jumps(act) && i < mg_tensor_size(truth->args.carry); i++)
    if (jumps_at(act, element(truth->args.carry, i))) return 1;
  return 0;
}

static mg_tensor *result_of(const rnn_case *c, int i) {
  const mg_rnn_args *a = &c->args;
  mg_tensor *all[RESULTS] = { a->output, a->state, a->gates, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias,
                              a->dinitial_state, a->dinitial_carry };
  return all[i];
}

static int all_finite(const rnn_case *c) {
  for (int i = 0; i < RESULTS; i++) {
    const mg_tensor *t = result_of(c, i);
    for (int64_t k = 0; t != NULL && k < mg_tensor_size(t); k++)
      if (!(fabs(element(t, k)) < 1e30)) return 0;
  }
  return 1;
}

typedef struct errors {
  double of[2]; /* outputs, gradients */
} errors;

/* Gradients that vanish over many steps leave float32's range: below SMALLEST they are compared with it. */
static double tensor_error(const mg_tensor *found, const mg_tensor *truth, int gradient) {
  const float *y = mg_tensor_read(found);
  const double *ref = mg_tensor_read(truth);
  double worst = 0, largest = 0;
  for (int64_t k = 0; k < mg_tensor_size(found); k++) {
    const double d = fabs((double)y[k] - ref[k]);
    worst = worse(worst, gradient ? d : d / fmax(1, fabs(ref[k])));
    largest = fmax(largest, fabs(ref[k]));
  }
  return gradient ? worst / fmax(largest, SMALLEST) : worst;
}

static errors errors_of(const rnn_case *c, const rnn_case *truth) {
  errors e = { { 0, 0 } };
  for (int i = 0; i < RESULTS; i++) {
    const int gradient = i >= OUTPUTS;
    if (result_of(c, i) == NULL) continue;
    e.of[gradient] = worse(e.of[gradient], tensor_error(result_of(c, i), result_of(truth, i), gradient));
  }
  return e;
}

static errors errors_of_plain(rnn_shape shape, const rnn_case *truth) {
  static const mg_rnn_kind kinds[KINDS] = { [GRU] = { .cell = MG_CELL_GRU, .gates = 3, .layer = "GRU" },
                                            [LSTM] = { .cell = MG_CELL_LSTM, .gates = 4, .has_carry = 1, .layer = "LSTM" },
                                            [SIMPLE] = { .cell = MG_CELL_SIMPLE, .gates = 1, .layer = "SimpleRNN" } };
  rnn_case c = new_case(shape, MG_FLOAT32);
  int64_t elements;
  CHECK_OK(rnn_reference_saved_size(&elements, &kinds[shape.kind], &c.args)); /* the case has what the fast kernel needs */
  check_must(mg_tensor_alloc(c.args.saved, MG_CPU, MG_FLOAT32, SHAPE(elements)));
  CHECK_OK(rnn_plain.forward(&kinds[shape.kind], &c.args));
  CHECK_OK(rnn_plain.backward(&kinds[shape.kind], &c.args));
  const errors e = errors_of(&c, truth);
  free_case(&c);
  return e;
}

static errors errors_at(rnn_shape shape, int precision, const rnn_case *truth) {
  rnn_case c = new_case(shape, MG_FLOAT32);
  if (shape.seed % 2) c.args.gates = NULL; /* the kernels of few rows do not give them */
  CHECK_OK(mg_set_matmul_precision(precision));
  CHECK_OK(c.ops->forward(&c.args));
  CHECK_OK(c.ops->backward(&c.args));
  const errors e = errors_of(&c, truth);
  free_case(&c);
  return e;
}

/* ---- over the sets ---- */

static const char *const of_names[2] = { "outputs", "gradients" };
static const char *const precision_names[PRECISIONS] = { "highest", "high", "medium" };
static const double most_of[PRECISIONS] = { 0, 1e-5, 1e-2 };

typedef struct summary {
  double squares, worst;
  int sets;
  rnn_shape where; /* of the worst */
} summary;
enum { CLASSES = 2 };
static const char *const class_names[CLASSES] = { "tanh and sigmoid", "other activations" };
typedef struct summaries {
  summary plain[2], of[PRECISIONS][2];
} summaries;
static summaries all[CLASSES];

static void add_to(summary *s, double error, rnn_shape shape) {
  s->squares += error * error;
  s->sets++;
  if (error >= s->worst) s->where = shape;
  s->worst = worse(s->worst, error);
}

static double root_mean_square(const summary *s) { return sqrt(s->squares / (s->sets > 0 ? s->sets : 1)); }

static const char *shape_text(const rnn_shape *s, char *text, size_t size) {
  snprintf(text, size, "%s, T=%lld B=%lld F=%lld U=%lld, activations %d and %d, flags %x, mask %d, dropout %d and %d, seed %llu",
           case_ops[s->kind].name, (long long)s->T, (long long)s->B, (long long)s->F, (long long)s->U, (int)s->activation.kind,
           (int)s->recurrent_activation.kind, (unsigned)s->flags, s->mask, s->dropout, s->recurrent_dropout,
           (unsigned long long)s->seed);
  return text;
}

static void measure(rnn_shape shape, int activations, const rnn_case *truth, int report) {
  const errors plain = errors_of_plain(shape, truth);
  summaries *sums = &all[activations > 0];
  const int jumps = has_jumps(&shape.activation) || has_jumps(&shape.recurrent_activation);
  char text[256];
  for (int i = 0; i < 2; i++) add_to(&sums->plain[i], plain.of[i], shape);
  for (int p = 0; p < (activations < 2 ? PRECISIONS : 1); p++) {
    const errors e = errors_at(shape, p, truth);
    if (report) printf("%s %.3g %.3g plain %.3g %.3g: ", precision_names[p], e.of[0], e.of[1], plain.of[0], plain.of[1]);
    if (report) printf("%s\n", shape_text(&shape, text, sizeof text));
    for (int i = 0; i < 2; i++) {
      if (p > 0 && i == 1 && jumps) continue;
      add_to(&sums->of[p][i], e.of[i], shape);
      if (p > 0)
        check_that(e.of[i] <= most_of[p], __FILE__, __LINE__, "\"%s\": %s are off by %.3g: %s", precision_names[p],
                   of_names[i], e.of[i], shape_text(&shape, text, sizeof text));
    }
  }
}

/* Draws other numbers while a sum lies where an activation jumps, or a value grows out of bounds. */
static void run_set(unsigned number, int report) {
  int activations, good = 0;
  rnn_shape shape = draw_shape(number, &activations);
  if (has_jumps(&shape.activation) || has_jumps(&shape.recurrent_activation)) shape.flags &= ~(uint32_t)MG_RNN_RECOMPUTE;
  for (int attempt = 0; !good && attempt < 200; attempt++, shape.seed += 1000003) {
    rnn_case truth = new_case(shape, MG_FLOAT64);
    CHECK_OK(truth.ops->forward(&truth.args));
    good = shape.flags & MG_RNN_RECOMPUTE || !near_a_jump(&truth);
    if (good) CHECK_OK(truth.ops->backward(&truth.args));
    good = good && all_finite(&truth);
    if (good) measure(shape, activations, &truth, report);
    free_case(&truth);
    if (attempt % 4 == 3 && shape.T > 1) shape.T /= 2;
    else if (attempt % 4 == 3 && shape.B > 1) shape.B /= 2;
  }
  char text[256];
  check_that(good, __FILE__, __LINE__, "set %u finds no numbers: %s", number, shape_text(&shape, text, sizeof text));
}

static void check_summaries(const summaries *sums, const char *class, int report) {
  char text[256];
  for (int i = 0; i < 2; i++) {
    const summary *highest = &sums->of[0][i], *bound = &sums->plain[i];
    const double plain = root_mean_square(bound), own = root_mean_square(highest);
    check_that(own <= plain, __FILE__, __LINE__, "%s, %s: root mean square of the errors %.3g, plain float32 %.3g", class,
               of_names[i], own, plain);
    for (int p = 1; p < PRECISIONS; p++)
      check_that(root_mean_square(&sums->of[p][i]) <= most_of[p] / 2, __FILE__, __LINE__, "%s, %s: root mean square of \"%s\" %.3g",
                 class, of_names[i], precision_names[p], root_mean_square(&sums->of[p][i]));
    check_that(highest->worst <= 2 * bound->worst, __FILE__, __LINE__, "%s, %s: worst error %.3g, plain float32 %.3g: %s", class,
               of_names[i], highest->worst, bound->worst, shape_text(&highest->where, text, sizeof text));
    if (!report) continue;
    printf("%s, %s of %d sets: plain float32 rms %.3g worst %.3g", class, of_names[i], bound->sets, plain, bound->worst);
    for (int p = 0; p < PRECISIONS; p++)
      printf("; %s %.3g %.3g", precision_names[p], root_mean_square(&sums->of[p][i]), sums->of[p][i].worst);
    printf("\n  worst of highest: %s\n", shape_text(&highest->where, text, sizeof text));
  }
}

/* MOONGATE_TEST_REPORT=1 prints the summaries, 2 every set too. */
static void test_exactness(void) {
  const char *report = getenv("MOONGATE_TEST_REPORT");
  const int level = report == NULL ? 0 : atoi(report);
  const unsigned sets = getenv("MOONGATE_TEST_LONG") ? LONG_SETS : SETS;
  for (unsigned number = 0; number < sets; number += case_step(EVERY, 7)) run_set(number, level > 1);
  for (int class = 0; class < CLASSES; class++) check_summaries(&all[class], class_names[class], level > 0);
}

static int tests(void) {
  RUN(test_exactness);
  return finish();
}

static int print_errors(char **sizes) {
  rnn_shape shape = { .T = atoi(sizes[0]), .B = atoi(sizes[1]), .F = atoi(sizes[2]), .U = atoi(sizes[3]), .bias = 1, .gain = 1,
                      .seed = 1, .flags = MG_RNN_RETURN_SEQUENCES | MG_GRU_RESET_AFTER, .activation = act_tanh,
                      .recurrent_activation = act_sigmoid };
  rnn_case truth = new_case(shape, MG_FLOAT64);
  check_must(truth.ops->forward(&truth.args));
  check_must(truth.ops->backward(&truth.args));
  measure(shape, 0, &truth, 1);
  free_case(&truth);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  return argc == 5 ? print_errors(argv + 1) : rerun_for_each_isa(argc > 0 ? argv[0] : "", tests);
}
