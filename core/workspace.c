/* workspace.c: a stack of scratch memory per thread, made of a few blocks.
 *
 * A mark is a position in the blocks laid end to end. Memory that was handed out never moves: a request that the current block
 * cannot hold goes to the next one. When the stack is empty again, several blocks are replaced by one as large as all of them. */
#include "workspace.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend.h"

enum { BLOCKS = 48, FIRST = 64 << 10, ALIGN = 64 };

typedef struct stack {
  struct { char *data; size_t size; } blocks[BLOCKS];
  int count;        /* blocks there are */
  int current;      /* the one in use */
  size_t begin;     /* position of the current block */
  size_t used;      /* bytes of it */
  size_t wanted;    /* size of the next first block */
} stack;

static _Thread_local stack *mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t total;

int64_t mg_workspace_bytes(void) { return __atomic_load_n(&total, __ATOMIC_RELAXED); }

static void free_blocks(stack *s) {
  for (int i = 0; i < s->count; i++) {
    mg_cpu_backend.memory_free(s->blocks[i].data, (int64_t)s->blocks[i].size);
    __atomic_sub_fetch(&total, (int64_t)s->blocks[i].size, __ATOMIC_RELAXED);
  }
  s->count = s->current = 0;
  s->begin = s->used = 0;
}

static void thread_ends(void *p) {
  free_blocks(p);
  free(p);
}

static void make_key(void) { pthread_key_create(&key, thread_ends); }

static stack *get(void) {
  if (mine) return mine;
  pthread_once(&once, make_key);
  stack *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->wanted = FIRST;
  if (pthread_setspecific(key, s) != 0) {
    free(s);
    return NULL;
  }
  return mine = s;
}

static size_t all_blocks(const stack *s) {
  size_t sum = 0;
  for (int i = 0; i < s->count; i++) sum += s->blocks[i].size;
  return sum;
}

/* A block after the last one, at least as large as all before it together. */
static int add_block(stack *s, size_t bytes) {
  size_t size = s->count ? all_blocks(s) : s->wanted;
  if (size < bytes) size = bytes;
  void *data;
  if (s->count == BLOCKS || size > (size_t)INT64_MAX) return 0;
  if (mg_cpu_backend.memory_alloc(&data, (int64_t)size) != MG_OK) {
    size = bytes;
    if (mg_cpu_backend.memory_alloc(&data, (int64_t)size) != MG_OK) return 0;
  }
  s->blocks[s->count].data = data;
  s->blocks[s->count++].size = size;
  __atomic_add_fetch(&total, (int64_t)size, __ATOMIC_RELAXED);
  return 1;
}

/* In the current block or a later one. */
static int has_room(const stack *s, size_t bytes) {
  size_t used = s->used;
  for (int i = s->current; i < s->count; i++, used = 0)
    if (s->blocks[i].size - used >= bytes) return 1;
  return 0;
}

/* One that fails leaves the stack as it was. */
void *mg_workspace_take(size_t bytes) {
  stack *s = get();
  if (!s || bytes > SIZE_MAX - ALIGN) return NULL;
  bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  if (!has_room(s, bytes) && !add_block(s, bytes)) return NULL;
  while (s->blocks[s->current].size - s->used < bytes) {
    s->begin += s->blocks[s->current++].size;
    s->used = 0;
  }
  void *result = s->blocks[s->current].data + s->used;
  s->used += bytes;
  return result;
}

size_t mg_workspace_mark(void) {
  stack *s = get();
  return s ? s->begin + s->used : 0;
}

void mg_workspace_give_back(size_t mark) {
  stack *s = get();
  if (!s) return;
  while (s->current > 0 && mark < s->begin) s->begin -= s->blocks[--s->current].size;
  s->used = mark - s->begin;
  if (mark > 0 || s->count < 2) return;
  s->wanted = all_blocks(s);
  free_blocks(s);
}

void mg_workspace_trim(void) {
  if (!mine || mine->begin + mine->used > 0) return;
  free_blocks(mine);
  mine->wanted = FIRST;
}
