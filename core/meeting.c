/* meeting.c: tasks that run at once wait for one another. */
#include <sched.h>

#include "threads.h"

enum { SPINS = 300 };

/* Spins for a moment: the others are some hundred nanoseconds away, unless another program has their processor; then whoever waits
 * leaves his own to it. */
void mg_meet(mg_meeting *m, int64_t index) {
  const int64_t turn = m->at[index].turn + 1;
  __atomic_store_n(&m->at[index].turn, turn, __ATOMIC_RELEASE);
  for (int64_t i = 0; i < m->count; i++) {
    for (int waits = 0; __atomic_load_n(&m->at[i].turn, __ATOMIC_ACQUIRE) < turn; waits++) {
      if (waits < SPINS) mg_pause();
      else sched_yield();
    }
  }
}
