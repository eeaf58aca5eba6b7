/* rnn_threads_test.c: the recurrent layers give the same bits for any number of threads, in every run and every process: all
 * kernels, forward and backward, every instruction set and precision. */
#include <sched.h>

#include "ops.h"
#include "rnn_case.h"

/* The engine shares the units of a row among as many threads as there are processors: here it sees 16 on every machine. */
int sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set) {
  (void)process;
  memset(set, 0, bytes);
  for (int i = 0; i < 16; i++) CPU_SET(i, set);
  return 0;
}

static const int thread_counts[] = { 1, 2, 3, 7, 16 };
enum { COUNTS = sizeof thread_counts / sizeof *thread_counts, RESULTS = 10, PRECISIONS = 3 };

/* Under sanitizers what counts is who touches which memory: some of the shapes show that too, in less time. */
#if defined(__SANITIZE_THREAD__) || defined(MG_ASAN)
enum { EVERY = 11 };
#else
enum { EVERY = 1 };
#endif

/* One row, where a step may be split over its units (264 and 424: with a vector more than whole blocks of 16 and of 8 lanes, and as
 * many parts of an LSTM as blocks); few rows; blocks of rows; widths that are no whole vectors. */
static const struct {
  int64_t T, B, F, U;
} sizes[] = { { 30, 1, 40, 24 },  { 25, 1, 64, 64 },   { 12, 1, 33, 130 },  { 20, 1, 256, 256 }, { 6, 1, 20, 390 },
              { 9, 2, 16, 64 },   { 15, 5, 24, 33 },   { 9, 8, 64, 128 },   { 9, 41, 20, 37 },   { 7, 17, 130, 128 },
              { 5, 70, 24, 200 }, { 300, 1, 8, 16 },   { 90, 9, 3, 5 },     { 3, 129, 48, 48 },  { 9, 1, 20, 264 },
              { 5, 1, 12, 424 } };
enum { SIZES = sizeof sizes / sizeof *sizes };

static rnn_shape numbered_shape(unsigned number) {
  rnn_shape s = shape_number(6000 + number);
  const unsigned i = number % SIZES;
  s.kind = (int)(number / SIZES) % KINDS;
  s.T = sizes[i].T;
  s.B = sizes[i].B;
  s.F = sizes[i].F;
  s.U = sizes[i].U;
  if (number / SIZES >= KINDS) { /* once more, plain: what most calls are */
    s.dropout = s.recurrent_dropout = s.mask = 0;
    s.flags = MG_GRU_RESET_AFTER | MG_RNN_RETURN_SEQUENCES;
  }
  return s;
}
enum { SHAPES = 2 * KINDS * SIZES };

static const mg_tensor *result_of(const rnn_case *c, int i) {
  const mg_rnn_args *a = &c->args;
  const mg_tensor *all[RESULTS] = { a->output, a->state, a->gates, a->carry, a->dx, a->dkernel, a->drecurrent_kernel, a->dbias,
                                    a->dinitial_state, a->dinitial_carry };
  return all[i];
}

static void compute(rnn_case *c, int precision, int threads) {
  if (threads > 0) check_must(mg_set_threads(threads));
  check_must(mg_set_matmul_precision(precision));
  CHECK_OK(c->ops->forward(&c->args));
  CHECK_OK(c->ops->backward(&c->args));
}

static void same_results(const rnn_case *one, const rnn_case *many, int precision, int threads) {
  static const char *names[RESULTS] = {
    "output", "state", "gates", "carry", "dx", "dkernel", "drecurrent_kernel", "dbias", "dinitial_state", "dinitial_carry"
  };
  const rnn_shape *s = &one->shape;
  for (int i = 0; i < RESULTS; i++) {
    const mg_tensor *a = result_of(one, i), *b = result_of(many, i);
    if (a == NULL) continue;
    const int same = memcmp(mg_tensor_read(a), mg_tensor_read(b), (size_t)mg_tensor_size(a) * sizeof(float)) == 0;
    check_that(same, __FILE__, __LINE__, "%s, T=%lld B=%lld F=%lld U=%lld, flags %x, precision %d, %d threads: %s differs",
               one->ops->name, (long long)s->T, (long long)s->B, (long long)s->F, (long long)s->U, (unsigned)s->flags, precision,
               threads, names[i]);
  }
}

/* Precisions in turn, but all of them for the plain shapes. The weights that some threads have packed serve any other number. */
static void check_shape(unsigned number) {
  const rnn_shape shape = numbered_shape(number);
  rnn_case one = new_case(shape, MG_FLOAT32), many = new_case(shape, MG_FLOAT32);
  if (number % 3 != 2) check_must(mg_packed_create(&many.args.packed));
  if (number >= SHAPES / 2) one.args.gates = many.args.gates = NULL; /* few rows have other kernels where nobody wants the gates */
  for (int precision = 0; precision < PRECISIONS; precision++) {
    if (number < SHAPES / 2 && precision != (int)(number % PRECISIONS)) continue;
    compute(&one, precision, 1);
    for (int i = 0; i < COUNTS; i++) {
      const int threads = thread_counts[number & 1 ? COUNTS - 1 - i : i];
      compute(&many, precision, threads);
      same_results(&one, &many, precision, threads);
    }
  }
  mg_packed_destroy(many.args.packed);
  free_case(&one);
  free_case(&many);
}

static void test_threads(void) {
  for (unsigned number = 0; number < SHAPES; number += case_step(EVERY, 17)) check_shape(number);
}

/* ---- in fresh processes: this program again prints a number that depends on every bit of all results ---- */

static uint64_t add_bytes(uint64_t hash, const void *data, size_t bytes) { /* Fowler, Noll and Vo's, of 64 bits */
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
  return hash;
}

static int print_digest(void) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned number = 0; number < SHAPES; number += 4 * case_step(EVERY, 17)) {
    rnn_case c = new_case(numbered_shape(number), MG_FLOAT32);
    compute(&c, (int)(number / 4 % PRECISIONS), 0);
    for (int i = 0; i < RESULTS; i++) {
      const mg_tensor *t = result_of(&c, i);
      if (t != NULL) hash = add_bytes(hash, mg_tensor_read(t), (size_t)mg_tensor_size(t) * sizeof(float));
    }
    free_case(&c);
  }
  printf("digest %016llx\n", (unsigned long long)hash);
  return checks_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char *program;

static void test_processes(void) {
  char first[64] = "", command[4200], line[64];
  for (int i = 0; i < COUNTS; i++) {
    snprintf(command, sizeof command, "MOONGATE_THREADS=%d %s '%s' digest", thread_counts[i], test_runner(), program);
    FILE *pipe = popen(command, "r");
    line[0] = 0;
    CHECK(pipe != NULL && fgets(line, sizeof line, pipe) != NULL && pclose(pipe) == 0);
    if (i == 0) memcpy(first, line, sizeof first);
    check_that(strncmp(line, "digest ", 7) == 0 && strcmp(line, first) == 0, __FILE__, __LINE__,
               "MOONGATE_THREADS=%d: %s, with one thread %s", thread_counts[i], line, first);
  }
}

static int tests(void) {
  RUN(test_threads);
  RUN(test_processes);
  return finish();
}

int main(int argc, char **argv) {
  program = argc > 0 ? argv[0] : "";
  return argc > 1 ? print_digest() : rerun_for_each_isa(program, tests);
}
