/* rnn_precision_test.c: the recurrent layers at the precisions "highest", "high" and "medium": AMX's tiles, through their emulation
 * where the processor has none; VDPBF16PS where it has that. */
#include "cpu/rnn_fast.h"
#include "ops.h"
#include "rnn_case.h"
#include "tiles_here.h"
#include "workspace.h"

/* What is measured of a case: the largest error of y beside max(1, |y|), of a gradient beside its largest value. */
typedef struct errors { double worst, squares; int count; } errors;

static double error_of(const mg_tensor *a, const mg_tensor *truth, int gradient) {
  double most = 0, largest = 0;
  for (int64_t i = 0; a != NULL && i < mg_tensor_size(a); i++) {
    const double x = element(truth, i), error = fabs(element(a, i) - x);
    most = worse(most, gradient ? error : error / fmax(1, fabs(x)));
    largest = fmax(largest, fabs(x));
  }
  return gradient && largest > 0 ? most / largest : most;
}

static void run(rnn_case *c) {
  CHECK_OK(c->ops->forward(&c->args));
  CHECK_OK(c->ops->backward(&c->args));
}

static void measure(errors *e, rnn_shape shape, const rnn_case *truth, int precision) {
  CHECK_OK(mg_set_matmul_precision(precision));
  rnn_case c = new_case(shape, MG_FLOAT32);
  run(&c);
  const mg_rnn_args *a = &c.args, *b = &truth->args;
  const double all[] = { error_of(a->output, b->output, 0), error_of(a->state, b->state, 0), error_of(a->dx, b->dx, 1),
                         error_of(a->dkernel, b->dkernel, 1), error_of(a->drecurrent_kernel, b->drecurrent_kernel, 1),
                         error_of(a->dbias, b->dbias, 1), error_of(a->dinitial_state, b->dinitial_state, 1) };
  for (int i = 0; i < 7; i++, e->count++) {
    e->worst = worse(e->worst, all[i]);
    e->squares += all[i] * all[i];
  }
  free_case(&c);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
}

static double rms(const errors *e) { return sqrt(e->squares / e->count); }

static rnn_shape shape_of(unsigned number) {
  rnn_shape shape = shape_number(300 + number);
  shape.kind = (int)(number % 4 < 2 ? GRU : number % 4 == 2 ? LSTM : SIMPLE);
  shape.B = (int64_t[]){ 16, 17, 35 }[number / 3 % 3];
  shape.T = 1 + number % 3;
  shape.F = (int64_t[]){ 3, 40, 64, 33 }[number / 2 % 4];
  shape.U = (int64_t[]){ 128, 144, 130 }[number % 3];
  shape.bias = shape.dstate = 1;
  return shape;
}

/* No tiles, as on a processor without them, and then tiles: errors of the precisions over the same cases. */
static void test_errors_of_tiles(void) {
  errors plain = { 0 }, of[3] = { { 0 } };
  if (!mg_cpu_bf16()) return;
  for (unsigned number = 0; number < 8; number += tsan_step(3)) {
    const rnn_shape shape = shape_of(number);
    rnn_case truth = new_case(shape, MG_FLOAT64);
    run(&truth);
    measure(&plain, shape, &truth, MG_PRECISION_HIGHEST);
    rnn_tiles_use(tiles_here());
    for (int precision = MG_PRECISION_HIGHEST; precision <= MG_PRECISION_MEDIUM; precision++)
      measure(&of[precision], shape, &truth, precision);
    rnn_tiles_use(&no_tiles);
    free_case(&truth);
  }
  CHECK(!tiles_misused);
  CHECK(rms(&of[MG_PRECISION_HIGHEST]) <= rms(&plain));
  CHECK(of[MG_PRECISION_HIGHEST].worst <= 2 * plain.worst);
  CHECK(of[MG_PRECISION_HIGHEST].worst != plain.worst);
  CHECK(of[MG_PRECISION_HIGH].worst <= 1e-5 && of[MG_PRECISION_HIGH].worst > 1e-6);
  CHECK(of[MG_PRECISION_MEDIUM].worst <= 1e-2 && of[MG_PRECISION_MEDIUM].worst > 1e-4);
}

/* VDPBF16PS at "medium"; "high" stays with float32. */
static void test_errors_of_vectors(void) {
  errors plain = { 0 }, high = { 0 }, medium = { 0 };
  for (unsigned number = 0; number < 60; number += tsan_step(11)) {
    rnn_shape shape = shape_of(number);
    shape.B = 1 + number * 7 % 40;
    shape.U = 5 + number * 13 % 90;
    rnn_case truth = new_case(shape, MG_FLOAT64);
    run(&truth);
    measure(&plain, shape, &truth, MG_PRECISION_HIGHEST);
    measure(&high, shape, &truth, MG_PRECISION_HIGH);
    measure(&medium, shape, &truth, MG_PRECISION_MEDIUM);
    free_case(&truth);
  }
  CHECK(plain.worst <= 4e-6 && high.worst <= 1e-5 && medium.worst <= 1e-2);
  if (mg_cpu_isa() >= MG_ISA_AVX512) CHECK(high.worst == plain.worst && (medium.worst > 1e-4) == mg_cpu_bf16());
}

/* Only the last output has a gradient: it shrinks over the steps, and errors of one piece would reach 1.3e-2. */
static void test_gradients_that_shrink(void) {
  errors e = { 0 };
  for (unsigned i = 0; mg_cpu_bf16() && i < 32; i += tsan_step(9)) {
    const rnn_shape shape = { .kind = SIMPLE, .T = 12, .B = 16, .F = 4, .U = 33, .bias = 1, .initial = 1, .gain = 1, .seed = i / 2,
                              .activation = act_tanh, .recurrent_activation = act_sigmoid };
    rnn_case truth = new_case(shape, MG_FLOAT64);
    run(&truth);
    rnn_tiles_use(i % 2 ? tiles_here() : &no_tiles);
    measure(&e, shape, &truth, MG_PRECISION_MEDIUM);
    free_case(&truth);
  }
  rnn_tiles_use(&no_tiles);
  CHECK(e.worst <= 1e-2);
}

/* Results of two calls: the same bits, or equal within a tolerance (infinities and NaN in the same places). */
static void same_results(const rnn_case *a, const rnn_case *b, double tolerance) {
  const mg_rnn_args *x = &a->args, *y = &b->args;
  const mg_tensor *pairs[][2] = { { x->output, y->output }, { x->state, y->state }, { x->dx, y->dx }, { x->dkernel, y->dkernel },
                                  { x->drecurrent_kernel, y->drecurrent_kernel }, { x->dinitial_state, y->dinitial_state } };
  for (int i = 0; i < 6; i++) {
    double largest = 1;
    for (int64_t k = 0; k < mg_tensor_size(pairs[i][0]); k++) {
      const double size = fabs(element(pairs[i][1], k));
      if (isfinite(size)) largest = fmax(largest, size);
    }
    int same = 1;
    for (int64_t k = 0; k < mg_tensor_size(pairs[i][0]); k++) {
      const double p = element(pairs[i][0], k), q = element(pairs[i][1], k);
      same &= tolerance == 0 || !isfinite(q) ? is_near(p, q, 0) : fabs(p - q) <= tolerance * largest;
    }
    check_that(same, __FILE__, __LINE__, "%s: result %d differs", a->ops->name, i);
  }
}

static rnn_case calculated(rnn_shape shape, int precision, void (*change)(rnn_case *)) {
  rnn_case c = new_case(shape, MG_FLOAT32);
  if (change != NULL) change(&c);
  CHECK_OK(mg_set_matmul_precision(precision));
  run(&c);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
  return c;
}

static void infinite_input(rnn_case *c) { set_element((mg_tensor *)c->args.x, 7, INFINITY); }
static void nan_input(rnn_case *c) { set_element((mg_tensor *)c->args.x, 7, NAN); }
static void large_input(rnn_case *c) { set_element((mg_tensor *)c->args.x, 7, 3.395e38); }
static void infinite_state(rnn_case *c) { set_element((mg_tensor *)c->args.initial_state, 3, -INFINITY); }
static void infinite_kernel(rnn_case *c) { set_element((mg_tensor *)c->args.kernel, 5, INFINITY); }
static void large_recurrent_kernel(rnn_case *c) { set_element((mg_tensor *)c->args.recurrent_kernel, 5, -3.4e38); }
static void large_gradient(rnn_case *c) { set_element((mg_tensor *)c->args.doutput, 5, 3.4e38); }

/* Numbers that bf16 has not: what float32 gives, of every precision. */
static void check_unfit(int precision) {
  void (*changes[])(rnn_case *) = { infinite_input, nan_input, large_input, infinite_state, infinite_kernel,
                                    large_recurrent_kernel, large_gradient };
  for (unsigned i = 0; i < 7; i += tsan_step(3)) {
    rnn_shape shape = shape_of(i % 2);
    shape.initial = 1;
    shape.T = 2;
    shape.F = 20;
    shape.mask = shape.no_doutput = shape.dropout = shape.recurrent_dropout = 0;
    rnn_case plain = calculated(shape, MG_PRECISION_HIGHEST, changes[i]);
    rnn_tiles_use(precision == MG_PRECISION_MEDIUM && i % 2 ? &no_tiles : tiles_here());
    rnn_case c = calculated(shape, precision, changes[i]);
    same_results(&c, &plain, precision == MG_PRECISION_MEDIUM ? 2e-2 : 2e-5);
    rnn_tiles_use(&no_tiles);
    free_case(&plain);
    free_case(&c);
  }
}

static void test_unfit_numbers(void) {
  if (!mg_cpu_bf16()) return;
  for (int precision = MG_PRECISION_HIGHEST; precision <= MG_PRECISION_MEDIUM; precision++) check_unfit(precision);
}

#ifdef MG_COMPILED_BF16
extern const rnn_table rnn_avx512;

enum { ROWS = 21, DEPTH = 45, VECTORS = 5, COLUMNS = VECTORS * RNN_LANES };

/* Whether rnn_multiply gives the bits of the float32 product, with a number in a and one in b replaced. */
static int floats_are_taken(const rnn_engine *engine, int count, float in_a, float in_b) {
  static float a[ROWS * DEPTH], b[DEPTH * COLUMNS], c[2][ROWS * COLUMNS];
  case_random = 1234567;
  for (int i = 0; i < ROWS * DEPTH; i++) a[i] = (float)next_uniform();
  for (int i = 0; i < DEPTH * COLUMNS; i++) b[i] = (float)next_uniform();
  a[3 * DEPTH + 44] = in_a;
  b[77] = in_b;
  const mg_rnn_args args = { 0 };
  rnn_fast f = { .args = &args, .table = &rnn_avx512, .engine = engine, .pieces = count, .inputs = 1 };
  f.input[0].panels = (rnn_panels){ .data = b, .K = DEPTH, .vectors = VECTORS };
  const size_t mark = mg_workspace_mark();
  CHECK_OK(rnn_pieces_pack(&f, RNN_PART_FORWARD_PIECES));
  rnn_product p = { .c = c[0], .ldc = COLUMNS, .M = ROWS, .K = DEPTH, .a = a, .row = DEPTH, .step = 1, .b = f.input[0].panels };
  rnn_multiply(&f, &p);
  p.c = c[1];
  f.table->multiply(&p);
  mg_workspace_give_back(mark);
  return memcmp(c[0], c[1], sizeof c[0]) == 0;
}

static void test_unfit_products(void) {
  if (!mg_cpu_bf16()) return;
  for (int count = 0; count <= 3; count++) {
    const rnn_engine *engine = count == 0 ? &rnn_vectors_bf16 : tiles_here();
    const int pieces = count == 0 ? 1 : count;
    CHECK(!floats_are_taken(engine, pieces, 1, 1));
    CHECK(!floats_are_taken(engine, pieces, -3.38e38f, 1e-20f));
    CHECK(floats_are_taken(engine, pieces, 3.4e38f, 1e-20f));
    CHECK(floats_are_taken(engine, pieces, INFINITY, 1));
    CHECK(floats_are_taken(engine, pieces, -NAN, 1));
    CHECK(floats_are_taken(engine, pieces, 1, 3.4e38f));
    CHECK(floats_are_taken(engine, pieces, 1, -INFINITY));
    CHECK(floats_are_taken(engine, pieces, 1, NAN));
  }
}
#else
static void test_unfit_products(void) {}
#endif

/* The same bits for any number of threads and with weights packed before; `saved` may be read at another precision. */
static void check_repeats(rnn_shape shape, int precision) {
  const int32_t threads = mg_get_threads();
  rnn_case first = calculated(shape, precision, NULL), float32 = calculated(shape, MG_PRECISION_HIGHEST, NULL);
  mg_packed *packed;
  CHECK_OK(mg_packed_create(&packed));
  for (int32_t n = UNDER_TSAN ? 3 : 1; n <= 3; n++) {
    CHECK_OK(mg_set_threads(n));
    rnn_case c = new_case(shape, MG_FLOAT32);
    c.args.packed = packed;
    CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST)); /* parts of another precision are not taken */
    run(&c);
    CHECK_OK(mg_set_matmul_precision(precision));
    run(&c);
    same_results(&c, &first, 0);
    CHECK_OK(c.ops->forward(&c.args));
    CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
    CHECK_OK(c.ops->backward(&c.args));
    same_results(&c, &float32, 2e-2);
    free_case(&c);
  }
  mg_packed_destroy(packed);
  CHECK_OK(mg_set_threads(threads));
  free_case(&first);
  free_case(&float32);
}

static void test_repeats(void) {
  if (!mg_cpu_bf16()) return;
  for (unsigned number = 2; number < 4; number++) {
    rnn_shape shape = shape_of(number);
    shape.B = UNDER_TSAN ? 17 : 35; /* two blocks at least */
    shape.T = UNDER_TSAN ? 1 : 2;
    shape.F = 17;
    check_repeats(shape, MG_PRECISION_MEDIUM);
    rnn_tiles_use(tiles_here());
    check_repeats(shape, number == 2 ? MG_PRECISION_HIGHEST : MG_PRECISION_MEDIUM);
    rnn_tiles_use(&no_tiles);
  }
}

static int explained(int64_t B, int64_t U, int precision, const char *text) {
  rnn_case c = new_case((rnn_shape){ .kind = GRU, .B = B, .T = 2, .F = 3, .U = U, .activation = act_tanh,
                                     .recurrent_activation = act_sigmoid }, MG_FLOAT32);
  mg_plan plan;
  CHECK_OK(mg_set_matmul_precision(precision));
  CHECK_OK(mg_gru_explain(&plan, &c.args));
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
  free_case(&c);
  return strstr(plan.kernel, text) != NULL;
}

static void test_explain(void) {
  CHECK(!explained(64, 256, MG_PRECISION_HIGHEST, "precision"));
  CHECK(explained(64, 256, MG_PRECISION_HIGH, "precision high: products of float32"));
  CHECK(explained(64, 256, MG_PRECISION_MEDIUM, mg_cpu_bf16() ? "1 bf16 piece (AVX512-BF16)" : "medium: products of float32"));
  CHECK(explained(1, 256, MG_PRECISION_MEDIUM, "precision medium: products of float32"));
  rnn_tiles_use(tiles_here());
  CHECK(explained(16, 128, MG_PRECISION_HIGHEST, "precision highest: products of 3 bf16 pieces"));
  CHECK(explained(16, 64, MG_PRECISION_HIGH, "precision high: products of 2 bf16 pieces"));
  CHECK(explained(16, 64, MG_PRECISION_MEDIUM, "precision medium: products of 1 bf16 piece (AMX)"));
  CHECK(!explained(16, 64, MG_PRECISION_HIGHEST, "pieces"));
  CHECK(!explained(15, 128, MG_PRECISION_HIGHEST, "pieces"));
  rnn_tiles_use(&no_tiles);
}

int main(void) {
  rnn_tiles_use(&no_tiles); /* as on a processor without them, but where a test asks for tiles */
  RUN(test_errors_of_tiles);
  RUN(test_errors_of_vectors);
  RUN(test_gradients_that_shrink);
  RUN(test_unfit_numbers);
  RUN(test_unfit_products);
  RUN(test_repeats);
  RUN(test_explain);
  CHECK(!tiles_misused);
  return finish();
}
