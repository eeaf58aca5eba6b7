/* failing_memory.h: which of the engine's allocations fail. A test that includes it is linked with malloc, calloc, aligned_alloc
 * and mmap wrapped (CMakeLists.txt). */
#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H

#include <sys/mman.h>
#include <sys/types.h>

#include "check.h"

static long until_failure = -1; /* -1: none fails */

/* The chosen allocation and all later ones fail: a second try after giving back the store must not help. */
static int fails_now(void) {
  long left = __atomic_load_n(&until_failure, __ATOMIC_RELAXED);
  if (left < 0) return 0;
  if (left > 0) left = __atomic_fetch_sub(&until_failure, 1, __ATOMIC_RELAXED);
  return left <= 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_malloc(size_t size) { return fails_now() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails_now() ? NULL : __real_calloc(count, size); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) { return fails_now() ? NULL : __real_aligned_alloc(alignment, size); }
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  return fails_now() ? MAP_FAILED : __real_mmap(address, size, protection, flags, file, offset);
}

static int64_t live_bytes(void) {
  mg_memory_info info;
  check_must(mg_memory(&info));
  return info.live_bytes;
}

/* Runs the call with its 1st, 2nd, ... allocation failing until it needs no more; at least `least` of them must fail it. */
static void each_allocation_fails(const char *name, mg_status (*call)(void), int least) {
  int failures = 0;
  int64_t before = live_bytes();
  for (long n = 0; n < 100; n++) {
    mg_memory_trim();
    until_failure = n;
    mg_status status = call();
    int reached = until_failure == 0;
    until_failure = -1;
    check_that(live_bytes() == before, __FILE__, __LINE__, "%s: %lld bytes kept", name, (long long)(live_bytes() - before));
    if (status == MG_OK && !reached) break;
    failures += status != MG_OK;
    check_that(status == MG_ENOMEM || status == MG_OK, __FILE__, __LINE__, "%s: status %d", name, (int)status);
    if (status != MG_OK) check_that(strlen(mg_error()) > 0, __FILE__, __LINE__, "%s: no message", name);
  }
  check_that(failures >= least, __FILE__, __LINE__, "%s: %d of its allocations fail, expected %d", name, failures, least);
  check_that(call() == MG_OK, __FILE__, __LINE__, "%s: %s", name, mg_error());
}

#endif
