/* threads.c: a pool of workers that wait for one job at a time.
 *
 * The job lies in the pool. `open` holds its number while pieces may be claimed, 0 otherwise. A worker first counts itself into
 * `inside`, then looks at `open`; the caller first closes `open`, then waits until `inside` is 0. Both pairs are sequentially
 * consistent, so either the worker sees the job closed or the caller waits for the worker: nobody touches a job that has ended.
 * Pieces are claimed in order, which makes "lowest failing index" independent of timing. */
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "error.h"

/* To wake a thread that sleeps takes 25 to 35 us here, one that spins 0.4 us. */
enum { LEAST_SPIN_NS = 30000, MOST_SPIN_NS = 200000, CALLER_SPIN_NS = 1000000, CALLER_TURNS = 16 };
enum { MOST = MG_MOST_THREADS, TEXT = 1024 };

static struct {
  pthread_mutex_t owner; /* held for the length of a job, and while the pool changes */
  pthread_mutex_t lock;  /* guards sleeping, and the failure below */
  pthread_cond_t wake, done;
  pthread_t workers[MOST];
  int started; /* workers there are */
  atomic_int threads;    /* asked for; 0: not decided yet */
  atomic_int processors; /* when threads were last asked for; 0: not looked yet */
  atomic_int quit, sleepers, caller_sleeps;
  atomic_llong open, inside;
  long long last;
  /* the job */
  mg_task task;
  mg_task_together together; /* instead of task: each thread runs one */
  void *context;
  int64_t count;
  atomic_llong next;
  int64_t failed; /* lowest failing index, count: none */
  mg_status status;
  char text[TEXT];
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static _Thread_local int in_task;
static char complaint[160];

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* MOONGATE_THREADS, else the processors of this process. */
static int default_threads(void) {
  const char *text = getenv("MOONGATE_THREADS");
  if (!text || !*text) return mg_processors();
  char *end;
  long n = strtol(text, &end, 10);
  if (*end == 0 && n >= 1 && n <= MOST) return (int)n;
  snprintf(complaint, sizeof complaint, "MOONGATE_THREADS: \"%.40s\"; expected a number from 1 to %d", text, MOST);
  return mg_processors();
}

int32_t mg_get_threads(void) {
  int n = atomic_load(&pool.threads);
  if (n) return n;
  pthread_mutex_lock(&pool.lock);
  n = atomic_load(&pool.threads);
  if (!n) atomic_store(&pool.threads, n = default_threads());
  pthread_mutex_unlock(&pool.lock);
  return n;
}

int32_t mg_threads_at_once(void) {
  const int threads = mg_get_threads();
  int processors = atomic_load(&pool.processors);
  if (!processors) atomic_store(&pool.processors, processors = mg_processors());
  return threads < processors ? threads : processors;
}

mg_status mg_threads_status(void) {
  mg_get_threads();
  return complaint[0] ? mg_fail(MG_EINVAL, "%s", complaint) : MG_OK;
}

/* ---- the workers' side ---- */

static void record_failure(int64_t index, mg_status status) {
  pthread_mutex_lock(&pool.lock);
  if (index < pool.failed) {
    pool.failed = index;
    pool.status = status;
    snprintf(pool.text, TEXT, "%s", mg_error());
  }
  pthread_mutex_unlock(&pool.lock);
  atomic_store(&pool.next, pool.count);
}

static void work(void) {
  in_task = 1;
  for (;;) {
    int64_t i = atomic_fetch_add(&pool.next, 1);
    if (i >= pool.count) break;
    mg_status status = pool.task(pool.context, i);
    if (status != MG_OK) record_failure(i, status);
  }
  in_task = 0;
}

/* All pieces that are left, or one that must run beside the others. */
static void take_part(void) {
  if (pool.together == NULL) {
    work();
    return;
  }
  const int64_t i = atomic_fetch_add(&pool.next, 1);
  in_task = 1;
  if (i < pool.count) pool.together(pool.context, i);
  in_task = 0;
}

static void leave(void) {
  if (atomic_fetch_sub(&pool.inside, 1) > 1 || !atomic_load(&pool.caller_sleeps)) return;
  pthread_mutex_lock(&pool.lock);
  pthread_cond_signal(&pool.done);
  pthread_mutex_unlock(&pool.lock);
}

static int something_new(long long seen) {
  long long open = atomic_load(&pool.open);
  return (open != 0 && open != seen) || atomic_load(&pool.quit);
}

/* Spins for a while, since the next job of a step often comes at once, then sleeps: for as long as it has worked, but
 * MOST_SPIN_NS at most, and LEAST_SPIN_NS, about what waking it would cost, at least. Spinning is left out when there are more
 * threads than processors: it would take the processor from the one who works. */
static void wait_for_job(long long seen, int may_spin, int64_t worked) {
  const int64_t spin = worked < LEAST_SPIN_NS ? LEAST_SPIN_NS : worked < MOST_SPIN_NS ? worked : MOST_SPIN_NS;
  const int64_t until = may_spin ? now_ns() + spin : 0;
  while (may_spin && now_ns() < until)
    for (int i = 0; i < 32; i++) {
      if (something_new(seen)) return;
      mg_pause();
    }
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.sleepers, 1);
  while (!something_new(seen)) pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.sleepers, 1);
  pthread_mutex_unlock(&pool.lock);
}

static void *worker(void *unused) {
  long long seen = 0;
  int64_t worked = 0;
  int may_spin = mg_threads_at_once() == mg_get_threads();
  (void)unused;
  while (!atomic_load(&pool.quit)) {
    wait_for_job(seen, may_spin, worked);
    atomic_fetch_add(&pool.inside, 1);
    long long open = atomic_load(&pool.open);
    if (open != 0 && open != seen) {
      seen = open;
      worked = -now_ns();
      take_part();
      worked += now_ns();
    }
    leave();
  }
  return NULL;
}

/* ---- the caller's side; the owner lock is held ---- */

static void start_workers(int wanted) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the program's own threads */
  while (pool.started < wanted && pthread_create(&pool.workers[pool.started], NULL, worker, NULL) == 0) pool.started++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop_workers(void) {
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.quit, 1);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  for (int i = 0; i < pool.started; i++) pthread_join(pool.workers[i], NULL);
  pool.started = 0;
  atomic_store(&pool.quit, 0);
}

static void wake_workers(void) {
  if (atomic_load(&pool.sleepers) == 0) return;
  pthread_mutex_lock(&pool.lock);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
}

/* Nothing else is left to do here, so it spins longer than a worker, but offers the processor to whoever waits for it. */
static void wait_until_alone(void) {
  const int64_t until = now_ns() + CALLER_SPIN_NS;
  for (int64_t turns = 0; turns == 0 || now_ns() < until; turns++) {
    for (int i = 0; i < 32; i++) {
      if (atomic_load(&pool.inside) == 0) return;
      mg_pause();
    }
    if (turns >= CALLER_TURNS) sched_yield();
  }
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.caller_sleeps, 1);
  while (atomic_load(&pool.inside) != 0) pthread_cond_wait(&pool.done, &pool.lock);
  atomic_store(&pool.caller_sleeps, 0);
  pthread_mutex_unlock(&pool.lock);
}

static void run_job(int64_t count, mg_task task, mg_task_together together, void *context) {
  pool.task = task;
  pool.together = together;
  pool.context = context;
  pool.count = pool.failed = count;
  atomic_store(&pool.next, 0);
  atomic_store(&pool.open, ++pool.last);
  wake_workers();
  take_part();
  if (together != NULL) { /* every task has a worker that is on its way */
    for (int64_t waits = 0; atomic_load(&pool.next) < count; waits++) mg_wait(waits);
  }
  atomic_store(&pool.open, 0);
  wait_until_alone();
}

static mg_status run_with_workers(int64_t count, mg_task task, void *context) {
  run_job(count, task, NULL, context);
  return pool.failed == count ? MG_OK : mg_fail(pool.status, "%s", pool.text);
}

static mg_status run_alone(int64_t count, mg_task task, void *context) {
  for (int64_t i = 0; i < count; i++) MG_TRY(task(context, i));
  return MG_OK;
}

mg_status mg_parallel(int64_t count, mg_task task, void *context) {
  int threads = mg_get_threads();
  /* A second caller does not wait for the pool: it works alone. */
  if (count < 2 || threads < 2 || in_task || pthread_mutex_trylock(&pool.owner) != 0) return run_alone(count, task, context);
  if (pool.started < threads - 1) start_workers(threads - 1);
  mg_status status = pool.started ? run_with_workers(count, task, context) : run_alone(count, task, context);
  pthread_mutex_unlock(&pool.owner);
  return status;
}

int mg_parallel_together(int64_t count, mg_task_together task, void *context) {
  const int threads = mg_get_threads();
  if (count > mg_threads_at_once() || count > MG_MOST_TOGETHER || in_task) return 0;
  if (pthread_mutex_trylock(&pool.owner) != 0) return 0;
  if (pool.started < threads - 1) start_workers(threads - 1);
  const int enough = pool.started >= count - 1;
  if (enough) run_job(count, NULL, task, context);
  pthread_mutex_unlock(&pool.owner);
  return enough;
}

mg_status mg_set_threads(int32_t threads) {
  if (threads < 1 || threads > MOST) return mg_fail(MG_EINVAL, "set_threads: %d threads; expected 1 to %d", (int)threads, MOST);
  pthread_mutex_lock(&pool.owner);
  if (threads - 1 != pool.started) stop_workers();
  atomic_store(&pool.threads, threads);
  atomic_store(&pool.processors, mg_processors());
  pthread_mutex_unlock(&pool.owner);
  return MG_OK;
}

/* ---- fork: the child has no workers and works with one thread until it asks for more ---- */

static void before_fork(void) {
  pthread_mutex_lock(&pool.owner);
  pthread_mutex_lock(&pool.lock);
}

static void after_fork_parent(void) {
  pthread_mutex_unlock(&pool.lock);
  pthread_mutex_unlock(&pool.owner);
}

static void after_fork_child(void) {
  pthread_mutex_init(&pool.owner, NULL);
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pthread_cond_init(&pool.done, NULL);
  pool.started = 0;
  atomic_store(&pool.threads, 1);
  atomic_store(&pool.processors, 0);
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.inside, 0);
  atomic_store(&pool.caller_sleeps, 0);
}

__attribute__((constructor)) static void register_fork(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }
