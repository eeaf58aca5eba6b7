/* binary.c: arithmetic, comparison and choice on the CPU. */
#include <math.h>

#include "cpu.h"
#include "elementwise.h"
#include "float32.h"

#define TYPE float
#define NAME(x) x##_float32
#define WIDE float
#include "binary_body.h"

#define TYPE double
#define NAME(x) x##_float64
#define WIDE double
#include "binary_body.h"

#define TYPE int32_t
#define NAME(x) x##_int32
#define WIDE uint32_t
#include "binary_body.h"

#define TYPE uint8_t
#define NAME(x) x##_uint8
#define WIDE uint32_t
#include "binary_body.h"

static void vectors_float32(const void *context, int64_t n, void *out, const void *const *in) {
  mg_float32_now()->binary(*(const int32_t *)context, n, out, in[0], in[1]);
}

mg_status mg_cpu_binary(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  static const mg_kernel kernels[] = {[MG_FLOAT32] = vectors_float32, [MG_FLOAT64] = arithmetic_float64,
                                      [MG_INT32] = arithmetic_int32, [MG_UINT8] = arithmetic_uint8};
  const mg_tensor *in[] = {a, b};
  mg_kernel kernel = a->dtype == MG_FLOAT32 && op == MG_BINARY_POW ? arithmetic_float32 : kernels[a->dtype];
  return mg_elementwise(out, in, 2, MG_PIECE_LIGHT, kernel, &op);
}

mg_status mg_cpu_compare(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b) {
  static const mg_kernel kernels[] = {[MG_FLOAT32] = comparison_float32, [MG_FLOAT64] = comparison_float64,
                                      [MG_INT32] = comparison_int32, [MG_UINT8] = comparison_uint8};
  const mg_tensor *in[] = {a, b};
  return mg_elementwise(out, in, 2, MG_PIECE_LIGHT, kernels[a->dtype], &op);
}

/* A choice moves bits, whatever they mean: one loop per element size. */
#define WHERE(name, type)                                                                   \
  static void name(const void *context, int64_t n, void *out, const void *const *in) {      \
    const uint8_t *condition = in[0];                                                       \
    const type *a = in[1], *b = in[2];                                                      \
    type *z = out;                                                                          \
    (void)context;                                                                          \
    for (int64_t i = 0; i < n; i++) z[i] = condition[i] ? a[i] : b[i];                      \
  }
WHERE(where_float32, float)
WHERE(where_float64, double)
WHERE(where_int32, int32_t)
WHERE(where_uint8, uint8_t)

mg_status mg_cpu_where(mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b) {
  static const mg_kernel kernels[] = {
    [MG_FLOAT32] = where_float32, [MG_FLOAT64] = where_float64, [MG_INT32] = where_int32, [MG_UINT8] = where_uint8};
  const mg_tensor *in[] = {condition, a, b};
  return mg_elementwise(out, in, 3, MG_PIECE_LIGHT, kernels[out->dtype], NULL);
}
