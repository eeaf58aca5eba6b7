/* memory.c: the CPU's memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "../error.h"
#include "cpu.h"
#include "isa.h"

/* From LARGE on a block is mapped by itself, on a huge page's border: 20 MB of gates are 10 page faults instead of 5000. */
enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, LARGE = 2 << 20 };

#ifdef MG_ASAN
static int is_large(int64_t bytes) { return bytes < 0; } /* everything on the watched heap */
#else
static int is_large(int64_t bytes) { return bytes >= LARGE; }
#endif

static void *map_large(size_t bytes) {
  size_t mapped = bytes + HUGE_PAGE;
  char *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *data = (char *)(((uintptr_t)start + HUGE_PAGE - 1) & ~((uintptr_t)HUGE_PAGE - 1));
  char *end = data + ((bytes + 4095) & ~(size_t)4095);
  if (data > start) munmap(start, (size_t)(data - start));
  if (start + mapped > end) munmap(end, (size_t)(start + mapped - end));
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

/* Memory and swap of the machine; a kernel that overcommits would hand out more and then end the process. */
static int64_t machine_bytes(void) {
  struct sysinfo s;
  return sysinfo(&s) == 0 ? (int64_t)((uint64_t)(s.totalram + s.totalswap) * s.mem_unit) : INT64_MAX;
}

mg_status mg_cpu_memory_alloc(void **data, int64_t bytes) {
  int64_t most = bytes >= LARGE ? machine_bytes() : INT64_MAX;
  *data = NULL;
  if (bytes > most)
    return mg_fail(MG_ENOMEM, "alloc: %lld bytes; expected at most the %lld bytes of this machine", (long long)bytes,
                   (long long)most);
  if (is_large(bytes)) *data = map_large((size_t)bytes);
  else *data = aligned_alloc(ALIGNMENT, ((size_t)bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
  if (*data) return MG_OK;
  return mg_fail(MG_ENOMEM, "alloc: the system has no %lld bytes more; free tensors or use smaller ones", (long long)bytes);
}

void mg_cpu_memory_free(void *data, int64_t bytes) {
  if (is_large(bytes)) munmap(data, ((size_t)bytes + 4095) & ~(size_t)4095);
  else free(data);
}

mg_status mg_cpu_memory_read(void *host, const void *data, int64_t bytes) {
  memcpy(host, data, (size_t)bytes);
  return MG_OK;
}

mg_status mg_cpu_memory_write(void *data, const void *host, int64_t bytes) {
  memcpy(data, host, (size_t)bytes);
  return MG_OK;
}

mg_status mg_cpu_describe(mg_device_info *info) {
  struct sysinfo s;
  if (sysinfo(&s) != 0) return mg_fail(MG_EDEVICE, "device: the memory of this machine cannot be read: %s", strerror(errno));
  info->name = mg_cpu_name();
  info->total_bytes = (int64_t)((uint64_t)s.totalram * s.mem_unit);
  info->free_bytes = (int64_t)((uint64_t)(s.freeram + s.bufferram) * s.mem_unit);
  return MG_OK;
}

mg_status mg_cpu_synchronize(void) { return MG_OK; } /* every call has ended when it returns */
