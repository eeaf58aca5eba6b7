/* processors_test.c: more threads than processors are asked for: rows are shared as with as many as there are, and explain says so.
 * This program sees as many processors as it likes, on every machine. */
#include <sched.h>

#include "rnn_case.h"
#include "threads.h"

static int processors, asked;
int sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set) {
  (void)process;
  asked++;
  memset(set, 0, bytes);
  for (int i = 0; i < processors; i++) CPU_SET(i, set);
  return 0;
}

static void visit(void *context, int64_t index) { ((int *)context)[index]++; }

static void test_together(void) {
  for (int threads = 1; threads <= 5; threads++) {
    int visits[5] = { 0 };
    const int most = threads < processors ? threads : processors;
    CHECK_OK(mg_set_threads(threads));
    CHECK_INT(mg_threads_at_once(), most);
    CHECK_INT(mg_parallel_together(most, visit, visits), 1);
    CHECK_INT(mg_parallel_together(most + 1, visit, visits), 0);
    for (int i = 0; i < 5; i++) CHECK_INT(visits[i], i < most);
  }
}

static mg_plan plan_of(int64_t B, int64_t U, int threads) {
  rnn_case c = new_case((rnn_shape){ .kind = GRU, .B = B, .T = 8, .F = 32, .U = U, .flags = MG_GRU_RESET_AFTER, .seed = 3,
                                     .activation = act_tanh, .recurrent_activation = act_sigmoid },
                        MG_FLOAT32);
  mg_plan plan;
  c.args.gates = NULL;
  CHECK_OK(mg_set_threads(threads));
  CHECK_OK(c.ops->explain(&plan, &c.args));
  asked = 0;
  for (int i = 0; i < 3; i++) CHECK_OK(c.ops->forward(&c.args));
  CHECK_INT(asked, 0); /* the system is not asked in calls */
  free_case(&c);
  return plan;
}

static void test_plans(void) {
  for (int threads = processors; threads <= 7; threads++) {
    const mg_plan units = plan_of(1, 384, threads), rows = plan_of(128, 64, threads);
    CHECK_INT(units.threads, processors);
    CHECK_INT(units.split, processors > 1 ? MG_SPLIT_UNITS : MG_SPLIT_NONE);
    CHECK_INT(rows.threads, processors);
    CHECK_INT(rows.split, MG_SPLIT_ROWS);
  }
}

int main(void) {
  for (processors = 1; processors <= 4; processors++) {
    RUN(test_together);
    RUN(test_plans);
  }
  return finish();
}
