/* ops.h: what the tests of operations share: tensors of many layouts, and reruns for every instruction set. */
#ifndef OPS_H
#define OPS_H

#include "check.h"

/* Uniform in low..high, the same on every run. */
static inline double random_number(uint64_t *state, double low, double high) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(*state >> 11) / 9007199254740992.0;
}

static inline void put(mg_tensor *t, int64_t i, double value) {
  const int64_t *shape = mg_tensor_shape(t), *strides = mg_tensor_strides(t);
  void *data = mg_tensor_data(t);
  int64_t at = 0;
  for (int axis = mg_tensor_ndim(t) - 1; axis >= 0; axis--) {
    at += i % shape[axis] * strides[axis];
    i /= shape[axis];
  }
  switch (mg_tensor_dtype(t)) {
    case MG_FLOAT32: ((float *)data)[at] = (float)value; break;
    case MG_FLOAT64: ((double *)data)[at] = value; break;
    case MG_INT32: ((int32_t *)data)[at] = (int32_t)value; break;
    default: ((uint8_t *)data)[at] = (uint8_t)value;
  }
}

static inline mg_tensor *fill_random(mg_tensor *t, double low, double high, uint64_t seed) {
  for (int64_t i = 0; i < mg_tensor_size(t); i++) put(t, i, random_number(&seed, low, high));
  return t;
}

enum { DENSE, PERMUTED, REVERSED, SLICED, LAYOUTS, BROADCAST = LAYOUTS };

static inline mg_tensor *view_of(mg_tensor *t, int layout, int32_t ndim, const int64_t *shape) {
  int32_t axes[MG_MAX_DIMS];
  for (int32_t i = 0; i < ndim; i++) axes[i] = ndim - 1 - i;
  if (layout == PERMUTED) check_must(mg_tensor_permute(t, t, axes));
  if (layout == REVERSED) check_must(mg_tensor_slice(t, t, ndim - 1, shape[ndim - 1] - 1, shape[ndim - 1], -1));
  if (layout == SLICED) check_must(mg_tensor_slice(t, t, ndim - 1, 1, shape[ndim - 1], 2));
  if (layout == BROADCAST) check_must(mg_tensor_broadcast(t, t, ndim, shape));
  return t;
}

/* A tensor of this shape whose memory lies in one of the ways above. */
static inline mg_tensor *laid_out(int layout, mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  int64_t own[MG_MAX_DIMS];
  for (int32_t i = 0; i < ndim; i++) own[i] = shape[layout == PERMUTED ? ndim - 1 - i : i];
  if (layout == SLICED) own[ndim - 1] = 2 * shape[ndim - 1] + 1;
  if (layout == BROADCAST) own[0] = 1;
  mg_tensor *t = new_tensor(dtype, ndim, own);
  fill_random(t, -2, 2, 7);
  return view_of(t, layout, ndim, shape);
}

static inline int same_bits(const mg_tensor *a, const mg_tensor *b) {
  for (int64_t i = 0; i < mg_tensor_size(a); i++) {
    double x = element(a, i), y = element(b, i);
    if (memcmp(&x, &y, sizeof x) != 0) return 0;
  }
  return 1;
}

/* Runs this program once for each instruction set up to the best one here, and ends with the sum of their counts. */
static inline int rerun_for_each_isa(const char *program, int (*tests)(void)) {
  static const char *const sets[] = {"generic", "avx2", "avx512", "amx"};
  if (getenv("MOONGATE_ISA")) return tests();
  mg_runtime_info info;
  check_must(mg_runtime(&info));
  for (int i = 0; i < 4; i++) {
    if (UNDER_TSAN && i > 0 && strcmp(sets[i], info.isa_best) != 0) continue; /* the narrowest vectors and the widest */
    char command[4096], line[4096];
    int passed = 0, failed = 1;
    snprintf(command, sizeof command, "MOONGATE_ISA=%s %s '%s'", sets[i], test_runner(), program);
    FILE *pipe = popen(command, "r");
    while (pipe && fgets(line, sizeof line, pipe))
      if (sscanf(line, "%d passed, %d failed", &passed, &failed) != 2) printf("%s: %s", sets[i], line);
    if (!pipe || (pclose(pipe) != 0 && failed == 0)) failed = 1;
    checks_passed += passed;
    checks_failed += failed;
    if (strcmp(sets[i], info.isa_best) == 0) break;
  }
  return finish();
}

#endif
