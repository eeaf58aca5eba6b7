/* threads.h: the engine's own pool of persistent workers. Private. */
#ifndef MG_THREADS_H
#define MG_THREADS_H

#include "moongate.h"

/* Runs task(context, i) once for every i in 0..count-1, on any thread, and returns when all are done: MG_OK, or the status of the
 * lowest failing index with its message moved to the calling thread. The caller cuts the work into pieces by its shape alone, never
 * by the number of threads: that is what makes results repeatable. A nested call runs its pieces in the calling thread; without
 * workers the caller does all of them. */
typedef mg_status (*mg_task)(void *context, int64_t index);
mg_status mg_parallel(int64_t count, mg_task task, void *context);

/* Runs task(context, i) for every i in 0..count-1, all of them at once, each on a thread of its own, so that they may wait for one
 * another (mg_meet), and returns 1 when all are done. Returns 0, and has run nothing, where that cannot be: fewer threads or
 * processors than tasks, a nested call, or a pool that serves another caller. The caller then does the same work alone. */
enum { MG_MOST_TOGETHER = 16 };
typedef void (*mg_task_together)(void *context, int64_t index);
int mg_parallel_together(int64_t count, mg_task_together task, void *context);

/* Where the tasks of one mg_parallel_together meet, any number of times. Zeros at first, but for the count. */
typedef struct mg_meeting {
  int64_t count;
  struct {
    _Alignas(64) int64_t turn; /* how often this one has come; a cache line of its own */
  } at[MG_MOST_TOGETHER];
} mg_meeting;
void mg_meet(mg_meeting *m, int64_t index); /* returns when all have come as often as this one; what they wrote before is seen */
void mg_wait(int64_t waits); /* one turn of a loop that has waited so often: spins, yields, sleeps */

/* Tells the processor that this is a loop that waits. */
static inline void mg_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

enum { MG_MOST_THREADS = 256 };
int32_t mg_processors(void);       /* that this process may run on, at most so many: asks the system */
int32_t mg_threads_at_once(void);  /* those asked for, at most the processors, which are looked at when threads are set */
mg_status mg_threads_status(void); /* fails when MOONGATE_THREADS holds something else than 1..256 */

/* Pieces of `piece` elements that cover n. */
static inline int64_t mg_pieces(int64_t n, int64_t piece) { return (n + piece - 1) / piece; }

#endif
