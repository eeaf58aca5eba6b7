/* buffer_test.c: counting, numbering and reuse of memory. */
#include <pthread.h>

#include "buffer.h"
#include "check.h"

static mg_memory_info memory(void) {
  mg_memory_info info;
  check_must(mg_memory(&info));
  return info;
}

static void test_capacity(void) {
  CHECK_INT(mg_buffer_capacity(0), 64);
  CHECK_INT(mg_buffer_capacity(64), 64);
  CHECK_INT(mg_buffer_capacity(65), 72);
  CHECK_INT(mg_buffer_capacity(1000), 1024); /* steps of 64 between 512 and 1024 */
  CHECK_INT(mg_buffer_capacity(1025), 1152); /* of 128 up to 2048 */
  for (int64_t bytes = 64; bytes < INT64_MAX / 3; bytes = bytes * 3 - 7) {
    int64_t capacity = mg_buffer_capacity(bytes);
    CHECK(capacity >= bytes && capacity - bytes <= bytes / 8);
    CHECK_INT(mg_buffer_capacity(capacity), capacity);
  }
  CHECK_INT(mg_buffer_capacity(INT64_MAX), 0);
}

static void test_counters(void) {
  int64_t before = memory().live_bytes;
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(1000)), *b = empty_tensor();
  CHECK_INT(memory().live_bytes, before + 4000);
  check_must(mg_tensor_alias(b, a));
  CHECK_INT(memory().live_bytes, before + 4000);
  check_must(mg_tensor_clear(a));
  CHECK_INT(memory().live_bytes, before + 4000);
  check_must(mg_tensor_clear(b));
  CHECK_INT(memory().live_bytes, before);
  CHECK(memory().peak_bytes >= before + 4000);
  check_must(mg_tensor_alloc(a, MG_CPU, MG_UINT8, SHAPE(0)));
  CHECK_INT(memory().live_bytes, before);
  mg_tensor_destroy(a);
  mg_tensor_destroy(b);
  CHECK_FAILS(mg_memory(NULL), MG_EINVAL, "memory: info is NULL");
}

static void test_identity(void) {
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(1000));
  int64_t id = a->buffer->id;
  check_must(mg_fill(a, 1));
  check_must(mg_tensor_alloc(a, MG_CPU, MG_FLOAT32, SHAPE(1000)));
  CHECK(a->buffer->id > id);
  id = a->buffer->id;
  check_must(mg_tensor_clear(a));
  check_must(mg_tensor_alloc(a, MG_CPU, MG_FLOAT32, SHAPE(1000))); /* the same memory perhaps, never the same number */
  CHECK(a->buffer->id > id);
  mg_tensor_destroy(a);
}

static void test_failure_keeps_everything(void) {
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(10));
  mg_memory_info before = memory();
  for (int shift = 45; shift < 61; shift++)
    CHECK_FAILS(mg_tensor_alloc(a, MG_CPU, MG_FLOAT32, SHAPE((int64_t)1 << shift)), MG_ENOMEM, "alloc");
  CHECK_INT(memory().live_bytes, before.live_bytes);
  CHECK_INT(memory().peak_bytes, before.peak_bytes);
  CHECK_INT(mg_tensor_size(a), 10);
  mg_tensor_destroy(a);
}

#ifndef MG_ASAN /* which keeps no released buffers */
static void test_reuse(void) {
  mg_memory_trim();
  CHECK_INT(memory().cached_bytes, 0);
  mg_tensor *a = new_tensor(MG_FLOAT32, SHAPE(5 << 20));
  const void *place = mg_tensor_read(a);
  CHECK_INT((intptr_t)place % (2 << 20), 0); /* a huge page's border */
  check_must(mg_fill(a, 1));
  check_must(mg_tensor_clear(a));
  CHECK_INT(memory().cached_bytes, mg_buffer_capacity(20 << 20));
  check_must(mg_tensor_alloc(a, MG_CPU, MG_FLOAT64, SHAPE((5 << 19) - 100))); /* of the same class */
  CHECK(mg_tensor_read(a) == place);
  CHECK_INT(memory().cached_bytes, 0);
  mg_tensor_destroy(a);
  mg_memory_trim();
  CHECK_INT(memory().cached_bytes, 0);
}

/* A buffer that the store cannot hold pushes the oldest ones out: an eighth of the memory is the most it keeps. */
static void test_store_is_bounded(void) {
  mg_device_info device;
  check_must(mg_device_describe(&device, MG_CPU));
  mg_tensor *all[20];
  for (int i = 0; i < 20; i++) all[i] = new_tensor(MG_UINT8, SHAPE(100 << 20)); /* untouched: costs no memory */
  for (int i = 0; i < 20; i++) mg_tensor_destroy(all[i]);
  int64_t cached = memory().cached_bytes;
  CHECK(cached <= 1 << 30 && cached <= device.total_bytes / 8);
  mg_memory_trim();
}
#endif

static void *churn(void *seed) {
  uint32_t state = (uint32_t)(intptr_t)seed;
  for (int i = 0; i < 2000; i++) {
    state = state * 1664525u + 1013904223u;
    mg_tensor *t = new_tensor(MG_UINT8, SHAPE(1 + (state >> 8) % 70000)), *v = empty_tensor();
    check_must(mg_tensor_alias(v, t));
    mg_tensor_destroy(t);
    ((uint8_t *)mg_tensor_data(v))[mg_tensor_size(v) - 1] = 1;
    mg_tensor_destroy(v);
  }
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[3];
  int64_t before = memory().live_bytes;
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, churn, (void *)(intptr_t)(i + 1));
  for (int i = 0; i < 10; i++) mg_memory_trim();
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK_INT(memory().live_bytes, before);
}

static void *release(void *t) {
  mg_tensor_destroy(t);
  return NULL;
}

static void test_shared_by_threads(void) {
  for (int round = 0; round < 100; round++) { /* whoever is last frees it */
    mg_tensor *t = new_tensor(MG_FLOAT32, SHAPE(100)), *v = empty_tensor();
    pthread_t thread;
    check_must(mg_tensor_alias(v, t));
    pthread_create(&thread, NULL, release, v);
    mg_tensor_destroy(t);
    pthread_join(thread, NULL);
  }
  CHECK_INT(memory().live_bytes, 0);
}

int main(void) {
  RUN(test_capacity);
  RUN(test_counters);
  RUN(test_identity);
  RUN(test_failure_keeps_everything);
#ifndef MG_ASAN
  RUN(test_reuse);
  RUN(test_store_is_bounded);
#endif
  RUN(test_threads);
  RUN(test_shared_by_threads);
  return finish();
}
