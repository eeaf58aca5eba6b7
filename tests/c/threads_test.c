/* threads_test.c: the pool and the scratch memory of its threads. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "threads.h"
#include "workspace.h"

enum { MANY = 1000 };
static int visits[MANY];

static mg_status visit(void *context, int64_t i) {
  (void)context;
  __atomic_add_fetch(&visits[i], 1, __ATOMIC_RELAXED);
  return MG_OK;
}

static int each_visited(int n, int times) {
  for (int i = 0; i < MANY; i++)
    if (visits[i] != (i < n ? times : 0)) return 0;
  return 1;
}

static void test_every_index_once(void) {
  int thread_counts[] = {1, 2, 3, 8, 2}, counts[] = {0, 1, 2, 7, MANY};
  for (int t = 0; t < 5; t++) {
    CHECK_OK(mg_set_threads(thread_counts[t]));
    CHECK_INT(mg_get_threads(), thread_counts[t]);
    for (int c = 0; c < 5; c++) {
      memset(visits, 0, sizeof visits);
      for (int round = 0; round < 20; round++) CHECK_OK(mg_parallel(counts[c], visit, NULL));
      CHECK(each_visited(counts[c], 20));
    }
  }
}

static void test_limits(void) {
  CHECK_FAILS(mg_set_threads(0), MG_EINVAL, "0 threads; expected 1 to 256");
  CHECK_FAILS(mg_set_threads(257), MG_EINVAL, "257");
  CHECK_FAILS(mg_set_threads(INT32_MIN), MG_EINVAL, "set_threads");
  CHECK_OK(mg_set_threads(256));
  memset(visits, 0, sizeof visits);
  CHECK_OK(mg_parallel(MANY, visit, NULL));
  CHECK(each_visited(MANY, 1));
  CHECK_OK(mg_set_threads(2));
}

static mg_status fail_from_300(void *context, int64_t i) {
  (void)context;
  return i >= 300 ? mg_fail(MG_EDTYPE, "piece %d is bad", (int)i) : MG_OK;
}

static void test_lowest_failure_wins(void) {
  for (int threads = 1; threads <= 4; threads++) {
    CHECK_OK(mg_set_threads(threads));
    for (int round = 0; round < 50; round++) CHECK_FAILS(mg_parallel(MANY, fail_from_300, NULL), MG_EDTYPE, "piece 300 is bad");
  }
  CHECK_OK(mg_parallel(300, fail_from_300, NULL));
}

static mg_status nested(void *context, int64_t i) { return mg_parallel(10, visit, (char *)context + i * 0); }

static void test_nested(void) {
  memset(visits, 0, sizeof visits);
  CHECK_OK(mg_set_threads(4));
  CHECK_OK(mg_parallel(100, nested, visits));
  CHECK(each_visited(10, 100));
}

static void *calling_thread(void *unused) {
  for (int i = 0; i < 200; i++) mg_parallel(MANY, visit, NULL);
  return unused;
}

static void test_callers_at_once(void) {
  pthread_t threads[3];
  memset(visits, 0, sizeof visits);
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, calling_thread, NULL);
  for (int i = 2; i < 10; i++) CHECK_OK(mg_set_threads(1 + i % 3)); /* while they run */
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK(each_visited(MANY, 600));
}

enum { TURNS = 2000 };
typedef struct together {
  mg_meeting meeting;
  int64_t seen[MG_MOST_TOGETHER]; /* turn that each one is at; plain memory: meeting orders it */
  int wrong[MG_MOST_TOGETHER], sleepy;
} together;

/* Every turn all write, meet, read what the others wrote, and meet again. */
static void meet_often(void *context, int64_t index) {
  together *t = context;
  for (int64_t turn = 1; turn <= TURNS; turn++) {
    if (t->sleepy && turn % 500 == 0 && index == turn / 500 % 2) usleep(300);
    t->seen[index] = turn;
    mg_meet(&t->meeting, index);
    for (int64_t i = 0; i < t->meeting.count; i++)
      if (t->seen[i] != turn) t->wrong[index]++;
    mg_meet(&t->meeting, index);
  }
}

static int together_is_right(int64_t count, int sleepy) {
  together t = { .meeting = { .count = count }, .sleepy = sleepy };
  const int ran = mg_parallel_together(count, meet_often, &t);
  for (int64_t i = 0; i < count; i++)
    if (ran && (t.wrong[i] != 0 || t.seen[i] != TURNS)) return -1;
  return ran;
}

static void test_together(void) {
  const int processors = mg_processors();
  CHECK_OK(mg_set_threads(1));
  CHECK_INT(together_is_right(1, 0), 1);
  CHECK_INT(together_is_right(2, 0), 0);
  for (int threads = 2; threads <= 4; threads++) {
    CHECK_OK(mg_set_threads(threads));
    for (int count = 1; count <= 5; count++)
      CHECK_INT(together_is_right(count, count == 2), count <= threads && count <= processors);
  }
  CHECK_INT(together_is_right(MG_MOST_TOGETHER + 1 > processors ? processors + 1 : MG_MOST_TOGETHER, 0),
            processors >= MG_MOST_TOGETHER && mg_get_threads() >= MG_MOST_TOGETHER);
}

static mg_status together_within(void *context, int64_t i) {
  (void)i;
  if (together_is_right(1, 0) != 0) __atomic_add_fetch((int *)context, 1, __ATOMIC_RELAXED);
  return MG_OK;
}

static void test_together_nested(void) {
  int wrong = 0;
  CHECK_OK(mg_set_threads(2));
  CHECK_OK(mg_parallel(20, together_within, &wrong));
  CHECK_INT(wrong, 0);
}

static void *together_caller(void *wrong) {
  for (int i = 0; i < 5; i++)
    if (together_is_right(2, 0) < 0) __atomic_add_fetch((int *)wrong, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void test_together_callers_at_once(void) {
  pthread_t threads[3];
  int wrong = 0;
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, together_caller, &wrong);
  for (int i = 0; i < 8; i++) CHECK_OK(mg_set_threads(1 + i % 3));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK_INT(wrong, 0);
}

static mg_status slow_then_wake(void *context, int64_t i) {
  (void)context;
  (void)i;
  usleep(200); /* longer than anybody spins */
  return MG_OK;
}

static void test_sleep_and_wake(void) {
  CHECK_OK(mg_set_threads(2));
  for (int round = 0; round < 20; round++) CHECK_OK(mg_parallel(3, slow_then_wake, NULL));
}

static void test_fork(void) {
  CHECK_OK(mg_set_threads(3));
  memset(visits, 0, sizeof visits);
  CHECK_OK(mg_parallel(MANY, visit, NULL));
  pid_t child = fork();
  if (child == 0) {
    int good = mg_get_threads() == 1 && mg_parallel(MANY, visit, NULL) == MG_OK && each_visited(MANY, 2);
    _exit(good ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK_OK(mg_parallel(MANY, visit, NULL));
  CHECK(each_visited(MANY, 2));
}

static void test_workspace(void) {
  size_t start = mg_workspace_mark();
  char *a = mg_workspace_take(100), *b = mg_workspace_take(1);
  CHECK(a && b && (intptr_t)a % 64 == 0 && b - a == 128);
  memset(a, 1, 100);
  size_t middle = mg_workspace_mark();
  char *big = mg_workspace_take(1 << 20), *bigger = mg_workspace_take(5 << 20); /* into further blocks */
  memset(big, 2, 1 << 20);
  memset(bigger, 3, 5 << 20);
  CHECK(a[99] == 1 && big[0] == 2 && big[(1 << 20) - 1] == 2);
  mg_workspace_give_back(middle);
  CHECK(mg_workspace_take(64) == b + 64); /* the same place again */
  CHECK(mg_workspace_bytes() >= 6 << 20);
  mg_workspace_give_back(start);
  CHECK(mg_workspace_take(SIZE_MAX) == NULL);
  CHECK(mg_workspace_take(SIZE_MAX / 4) == NULL);
  char *again = mg_workspace_take(6 << 20);
  CHECK(again != NULL);
  mg_workspace_trim(); /* something is taken: nothing happens */
  memset(again, 4, 6 << 20);
  mg_workspace_give_back(start);
  mg_workspace_trim();
  CHECK_INT(mg_workspace_bytes(), 0);
}

static mg_status take_and_check(void *context, int64_t i) {
  size_t mark = mg_workspace_mark();
  unsigned char *p = mg_workspace_take((size_t)(i + 1) * 1000);
  if (!p) return mg_fail(MG_ENOMEM, "workspace");
  memset(p, (int)i, (size_t)(i + 1) * 1000);
  mg_status status = visit(context, i);
  if (p[i * 1000] != (unsigned char)i) status = mg_fail(MG_EINVAL, "shared scratch");
  mg_workspace_give_back(mark);
  return status;
}

static void test_workspace_of_threads(void) {
  CHECK_OK(mg_set_threads(3));
  CHECK_OK(mg_parallel(200, take_and_check, NULL));
  CHECK_OK(mg_set_threads(1)); /* its threads end, and their scratch with them */
  mg_memory_trim();
  CHECK_INT(mg_workspace_bytes(), 0);
}

int main(void) {
  RUN(test_every_index_once);
  RUN(test_limits);
  RUN(test_lowest_failure_wins);
  RUN(test_nested);
  RUN(test_callers_at_once);
  RUN(test_together);
  RUN(test_together_nested);
  RUN(test_together_callers_at_once);
  RUN(test_sleep_and_wake);
  RUN(test_fork);
  RUN(test_workspace);
  RUN(test_workspace_of_threads);
  return finish();
}
