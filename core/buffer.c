/* buffer.c: reference counts, the live-byte counter and the store of released buffers.
 *
 * The system's own allocator returns large blocks to the kernel at once; taking them again costs a page fault per 4 KiB, more than
 * the arithmetic on them. So a released buffer waits in the store, in the class of its size (eight classes to a power of two), and
 * the longest unused ones leave it when it holds more than its limit. One lock guards store and counters: it is held for a few list
 * operations, never while memory is requested or returned. */
#include "buffer.h"

#include <pthread.h>
#include <stdlib.h>

#include "error.h"

enum { CLASSES = 64 * 8, SMALLEST = 64, DEVICES = 2 };

typedef struct entry {
  mg_buffer buffer; /* first: an mg_buffer * is an entry * */
  int64_t capacity;
  struct entry *newer, *older;         /* in the store: by time of release */
  struct entry *class_next, *class_previous;
} entry;

typedef struct store {
  entry *newest, *oldest;
  entry *classes[CLASSES];
  int64_t bytes;
  int64_t limit; /* atomic; -1: nothing was ever allocated */
} store;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static store stores[DEVICES] = {{.limit = -1}, {.limit = -1}};
static int64_t live, peak, last_id;

static int octave_of(int64_t bytes) { return 63 - __builtin_clzll((unsigned long long)bytes); }

int64_t mg_buffer_capacity(int64_t bytes) {
  if (bytes <= SMALLEST) return SMALLEST;
  int64_t step = (int64_t)1 << (octave_of(bytes) - 3);
  if (step < 8) step = 8;
  if (bytes > INT64_MAX - (step - 1)) return 0;
  return (bytes + step - 1) & -step;
}

static int class_of(int64_t capacity) {
  int octave = octave_of(capacity);
  return octave * 8 + (int)((capacity >> (octave - 3)) & 7);
}

/* Everything below until mg_buffer_create runs under the lock. */

static void put(store *s, entry *e) {
  entry **head = &s->classes[class_of(e->capacity)];
  e->class_previous = NULL;
  e->class_next = *head;
  if (*head) (*head)->class_previous = e;
  *head = e;
  e->newer = NULL;
  e->older = s->newest;
  if (s->newest) s->newest->newer = e;
  else s->oldest = e;
  s->newest = e;
  s->bytes += e->capacity;
}

static void take(store *s, entry *e) {
  if (e->class_previous) e->class_previous->class_next = e->class_next;
  else s->classes[class_of(e->capacity)] = e->class_next;
  if (e->class_next) e->class_next->class_previous = e->class_previous;
  if (e->newer) e->newer->older = e->older;
  else s->newest = e->older;
  if (e->older) e->older->newer = e->newer;
  else s->oldest = e->newer;
  s->bytes -= e->capacity;
}

/* The entry begins its life as a buffer of so many bytes. */
static void begin(entry *e, int64_t bytes) {
  e->buffer.bytes = bytes;
  e->buffer.version = 0;
  e->buffer.references = 1;
  e->buffer.id = ++last_id;
  live += bytes;
  if (live > peak) peak = live;
}

/* Takes out the longest unused ones until the store holds at most `limit` bytes; returns them as a list by `older`. */
static entry *take_beyond(store *s, int64_t limit) {
  entry *list = NULL;
  while (s->oldest && s->bytes > limit) {
    entry *e = s->oldest;
    take(s, e);
    e->older = list;
    list = e;
  }
  return list;
}

static void destroy(entry *list) {
  while (list) {
    entry *next = list->older;
    list->buffer.backend->memory_free(list->buffer.data, list->capacity);
    free(list);
    list = next;
  }
}

/* An eighth of the device's memory, at most 1 GiB. None under AddressSanitizer, which could not see a use after release. */
static int64_t store_limit(const mg_backend *backend) {
#ifdef MG_ASAN
  (void)backend;
  return 0;
#else
  mg_device_info info;
  if (backend->describe(&info) != MG_OK) return 0;
  int64_t part = info.total_bytes / 8, most = (int64_t)1 << 30;
  return part < most ? part : most;
#endif
}

void mg_buffer_trim(void) {
  for (int i = 0; i < DEVICES; i++) {
    pthread_mutex_lock(&lock);
    entry *list = take_beyond(&stores[i], 0);
    pthread_mutex_unlock(&lock);
    destroy(list);
  }
}

static mg_status allocate(entry **out, const mg_backend *backend, int64_t capacity) {
  int64_t *limit = &stores[backend->device].limit;
  if (__atomic_load_n(limit, __ATOMIC_RELAXED) < 0) __atomic_store_n(limit, store_limit(backend), __ATOMIC_RELAXED);
  entry *e = malloc(sizeof *e);
  if (!e) return mg_fail(MG_ENOMEM, "alloc: no memory for a tensor of %lld bytes; expected less", (long long)capacity);
  mg_status status = backend->memory_alloc(&e->buffer.data, capacity);
  if (status == MG_ENOMEM) {
    mg_buffer_trim();
    status = backend->memory_alloc(&e->buffer.data, capacity);
  }
  if (status != MG_OK) {
    free(e);
    return status;
  }
  e->buffer.backend = backend;
  e->capacity = capacity;
  *out = e;
  return MG_OK;
}

mg_status mg_buffer_create(mg_buffer **out, const mg_backend *backend, int64_t bytes) {
  int64_t capacity = bytes < 0 ? 0 : mg_buffer_capacity(bytes);
  if (capacity == 0) return mg_fail(MG_ENOMEM, "alloc: %lld bytes; expected a size that fits in memory", (long long)bytes);
  store *s = &stores[backend->device];
  pthread_mutex_lock(&lock);
  entry *e = s->classes[class_of(capacity)];
  if (e) {
    take(s, e);
    begin(e, bytes);
  }
  pthread_mutex_unlock(&lock);
  if (!e) {
    MG_TRY(allocate(&e, backend, capacity));
    pthread_mutex_lock(&lock);
    begin(e, bytes);
    pthread_mutex_unlock(&lock);
  }
  *out = &e->buffer;
  return MG_OK;
}

void mg_buffer_retain(mg_buffer *buffer) { __atomic_add_fetch(&buffer->references, 1, __ATOMIC_RELAXED); }

void mg_buffer_release(mg_buffer *buffer) {
  if (__atomic_sub_fetch(&buffer->references, 1, __ATOMIC_ACQ_REL) > 0) return;
  store *s = &stores[buffer->backend->device];
  int64_t limit = __atomic_load_n(&s->limit, __ATOMIC_RELAXED);
  pthread_mutex_lock(&lock);
  live -= buffer->bytes;
  put(s, (entry *)buffer);
  entry *list = take_beyond(s, limit);
  pthread_mutex_unlock(&lock);
  destroy(list);
}

void mg_buffer_counts(mg_memory_info *info) {
  pthread_mutex_lock(&lock);
  info->live_bytes = live;
  info->peak_bytes = peak;
  info->cached_bytes = stores[0].bytes + stores[1].bytes;
  pthread_mutex_unlock(&lock);
}

/* A fork while another thread holds the lock would leave it locked in the child for ever. */
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
__attribute__((constructor)) static void register_fork(void) { pthread_atfork(before_fork, after_fork, after_fork); }
