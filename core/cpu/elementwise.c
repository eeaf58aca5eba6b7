/* elementwise.c: see elementwise.h. */
#include "elementwise.h"

#include <string.h>

enum { CHUNK = 512 };

typedef struct call {
  mg_kernel kernel;
  const void *context;
  int operands;
  int64_t bytes[MG_MAX_OPERANDS];
} call;

#define FILL(type)                                                              \
  do {                                                                          \
    type value;                                                                 \
    memcpy(&value, from, sizeof value);                                         \
    for (int64_t i = 0; i < n; i++) ((type *)to)[i] = value;                    \
  } while (0)
/* One element n times, as a row of a broadcast operand has it. */
static void fill(void *to, const char *from, int64_t n, int64_t bytes) {
  if (bytes == 4) FILL(int32_t);
  else if (bytes == 8) FILL(int64_t);
  else memset(to, *from, (size_t)n);
}
#undef FILL

#define MOVE(type) \
  for (int64_t i = 0; i < n; i++, to += to_stride, from += from_stride) memcpy(to, from, sizeof(type))
static void move(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t n, int64_t bytes) {
  if (bytes == 4) MOVE(int32_t);
  else if (bytes == 8) MOVE(int64_t);
  else MOVE(char);
}
#undef MOVE

/* A row with at least one operand that is not contiguous. A stride of 0 fills its buffer once. */
static void row_in_chunks(const call *c, char *const *data, const int64_t *strides, int64_t n) {
  _Alignas(64) char buffer[MG_MAX_OPERANDS][CHUNK * 8];
  char *array[MG_MAX_OPERANDS];
  for (int64_t i = 0; i < n; i += CHUNK) {
    int64_t count = n - i < CHUNK ? n - i : CHUNK;
    for (int k = 0; k < c->operands; k++) {
      int direct = strides[k] == c->bytes[k];
      array[k] = direct ? data[k] + i * strides[k] : buffer[k];
      if (k == 0 || direct) continue;
      if (strides[k] != 0)
        move(buffer[k], c->bytes[k], data[k] + i * strides[k], strides[k], count, c->bytes[k]);
      else if (i == 0) fill(buffer[k], data[k], count, c->bytes[k]);
    }
    c->kernel(c->context, count, array[0], (const void *const *)(array + 1));
    if (array[0] == buffer[0]) move(data[0] + i * strides[0], strides[0], buffer[0], c->bytes[0], count, c->bytes[0]);
  }
}

static void row(void *context, char *const *data, const int64_t *strides, int64_t n) {
  const call *c = context;
  int direct = 1;
  for (int k = 0; k < c->operands; k++) direct &= strides[k] == c->bytes[k] || n == 1;
  if (direct) c->kernel(c->context, n, data[0], (const void *const *)(data + 1));
  else row_in_chunks(c, data, strides, n);
}

mg_status mg_elementwise(mg_tensor *out, const mg_tensor *const *in, int count, int64_t piece, mg_kernel kernel,
                         const void *context) {
  const mg_tensor *operands[MG_MAX_OPERANDS] = {out};
  call c = {.kernel = kernel, .context = context, .operands = count + 1};
  for (int k = 0; k < count; k++) operands[k + 1] = in[k];
  for (int k = 0; k <= count; k++) c.bytes[k] = mg_dtype_bytes(operands[k]->dtype);
  return mg_iterate(operands, count + 1, piece, row, &c);
}
