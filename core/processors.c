/* processors.c: how many processors this process may run on. */
#include <sched.h>

#include "threads.h"

int32_t mg_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int n = CPU_COUNT(&set);
  return n < 1 ? 1 : n > MG_MOST_THREADS ? MG_MOST_THREADS : n;
}
