/* meeting.c: tasks that run at once wait for one another. */
#include <sched.h>
#include <time.h>

#include "threads.h"

enum { SPINS = 300, YIELDS = 1000, NAP_NS = 50000 };

/* The others are some hundred nanoseconds away, unless another program has their processor; then whoever waits leaves his own to
 * it. A thread that the scheduler prefers to the others (real time) gets it back at once, so it sleeps in the end. */
void mg_wait(int64_t waits) {
  if (waits < SPINS) mg_pause();
  else if (waits < SPINS + YIELDS) sched_yield();
  else nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

void mg_meet(mg_meeting *m, int64_t index) {
  const int64_t turn = m->at[index].turn + 1;
  __atomic_store_n(&m->at[index].turn, turn, __ATOMIC_RELEASE);
  for (int64_t i = 0; i < m->count; i++) {
    for (int64_t waits = 0; __atomic_load_n(&m->at[i].turn, __ATOMIC_ACQUIRE) < turn; waits++) mg_wait(waits);
  }
}
