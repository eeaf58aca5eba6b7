/* rnn_packed_test.c: one handle of packed weights serves batches of every size, each of which may take other kernels and other
 * layouts: in every order, the results have the bits of calls without a handle. */
#include "ops.h"
#include "rnn_case.h"
#include "tiles_here.h"

/* Few rows; vectors of bf16 without and with tiles for larger batches; tiles. Every size follows every other. */
static const int64_t batches[] = { 32, 8, 1, 16, 1, 8, 32, 2, 4, 32, 1 };
enum { CALLS = sizeof batches / sizeof *batches, RESULTS = 9 };

static mg_tensor *result_of(const rnn_case *c, int i) {
  const mg_rnn_args *a = &c->args;
  mg_tensor *all[RESULTS] = { a->output, a->state, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias, a->dinitial_state,
                              a->dinitial_carry };
  return all[i];
}

static void run(rnn_case *c, mg_packed *packed) {
  c->args.packed = packed;
  CHECK_OK(c->ops->forward(&c->args));
  CHECK_OK(c->ops->backward(&c->args));
}

/* A call with the weights of `of`. */
static rnn_case call_of(const rnn_case *of, int64_t B) {
  rnn_shape shape = of->shape;
  shape.B = B;
  rnn_case c = new_case(shape, MG_FLOAT32);
  c.args.gates = NULL;
  c.args.kernel = of->args.kernel;
  c.args.recurrent_kernel = of->args.recurrent_kernel;
  c.args.bias = of->args.bias;
  return c;
}

static void check_shape(rnn_shape shape, int precision) {
  rnn_case weights = new_case(shape, MG_FLOAT32);
  mg_packed *packed;
  CHECK_OK(mg_set_matmul_precision(precision));
  CHECK_OK(mg_packed_create(&packed));
  for (unsigned i = 0; i < CALLS; i++) {
    rnn_case kept = call_of(&weights, batches[i]), alone = call_of(&weights, batches[i]);
    run(&kept, packed);
    run(&alone, NULL);
    for (int k = 0; k < RESULTS; k++) {
      if (result_of(&kept, k) == NULL) continue;
      check_that(same_bits(result_of(&kept, k), result_of(&alone, k)), __FILE__, __LINE__,
                 "%s, %d units, precision %d, call %u of %d rows: result %d differs", kept.ops->name, (int)shape.U, precision, i,
                 (int)batches[i], k);
    }
    free_case(&kept);
    free_case(&alone);
  }
  mg_packed_destroy(packed);
  CHECK_OK(mg_set_matmul_precision(MG_PRECISION_HIGHEST));
  free_case(&weights);
}

/* Sizes in whole blocks, where other layouts take as much memory, and others; with tiles only the first, since their emulation is
 * slow. */
static void check_kind(int kind, const rnn_engine *engine) {
  const int with_tiles = engine != &no_tiles;
  rnn_shape shape = { .kind = kind, .B = 1, .T = 2, .flags = MG_GRU_RESET_AFTER, .bias = 1, .initial = 1, .seed = 11,
                      .activation = act_tanh, .recurrent_activation = act_sigmoid };
  rnn_tiles_use(engine);
  for (int size = 0; size < (with_tiles ? 1 : 3); size++) {
    shape.U = (int64_t[]){ 128, 37, 208 }[size];
    shape.F = (int64_t[]){ 64, 20, 32 }[size];
    for (int precision = MG_PRECISION_HIGHEST; precision <= MG_PRECISION_MEDIUM; precision++)
      if (!with_tiles || precision == MG_PRECISION_MEDIUM) check_shape(shape, precision);
  }
}

static void test_every_order(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    check_kind(kind, &no_tiles);
    if (mg_cpu_bf16()) check_kind(kind, tiles_here());
  }
}

static int tests(void) {
  RUN(test_every_order);
  return finish();
}

int main(int argc, char **argv) { return rerun_for_each_isa(argc > 0 ? argv[0] : "", tests); }
