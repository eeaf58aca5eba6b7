/* copy.c: copies, casts and fills. Floats become integers by truncation, saturating; NaN becomes 0. Integers become narrower ones
 * by their low bits. */
#include <string.h>

#include "copy.h"
#include "cpu.h"

static int32_t float_to_int32(double x) {
  if (!(x > -2147483649.0)) return x != x ? 0 : INT32_MIN;
  return x < 2147483648.0 ? (int32_t)x : INT32_MAX;
}

static uint8_t float_to_uint8(double x) {
  if (!(x > 0.0)) return 0; /* NaN too */
  return x < 256.0 ? (uint8_t)x : 255;
}

/* One row function for each pair of types. */
#define MG_COPY_ROW(name, from, to, convert)                                                                 \
  static void name(void *unused, char *const *p, const int64_t *stride, int64_t n) {                         \
    (void)unused;                                                                                            \
    if (stride[0] == (int64_t)sizeof(to) && stride[1] == (int64_t)sizeof(from)) {                            \
      to *restrict out = (to *)p[0];                                                                         \
      const from *restrict x = (const from *)p[1];                                                           \
      for (int64_t i = 0; i < n; i++) out[i] = convert(x[i]);                                                \
      return;                                                                                                \
    }                                                                                                        \
    if (stride[0] == (int64_t)sizeof(to) && stride[1] == 0) {                                                \
      to *restrict out = (to *)p[0];                                                                         \
      const to value = convert(*(const from *)p[1]);                                                         \
      for (int64_t i = 0; i < n; i++) out[i] = value;                                                        \
      return;                                                                                                \
    }                                                                                                        \
    for (int64_t i = 0; i < n; i++) *(to *)(p[0] + i * stride[0]) = convert(*(const from *)(p[1] + i * stride[1])); \
  }

MG_COPY_ROW(copy_4, uint32_t, uint32_t, )
MG_COPY_ROW(copy_8, uint64_t, uint64_t, )
MG_COPY_ROW(copy_1, uint8_t, uint8_t, )
MG_COPY_ROW(f32_to_f64, float, double, (double))
MG_COPY_ROW(f32_to_i32, float, int32_t, float_to_int32)
MG_COPY_ROW(f32_to_u8, float, uint8_t, float_to_uint8)
MG_COPY_ROW(f64_to_f32, double, float, (float))
MG_COPY_ROW(f64_to_i32, double, int32_t, float_to_int32)
MG_COPY_ROW(f64_to_u8, double, uint8_t, float_to_uint8)
MG_COPY_ROW(i32_to_f32, int32_t, float, (float))
MG_COPY_ROW(i32_to_f64, int32_t, double, (double))
MG_COPY_ROW(i32_to_u8, int32_t, uint8_t, (uint8_t))
MG_COPY_ROW(u8_to_f32, uint8_t, float, (float))
MG_COPY_ROW(u8_to_f64, uint8_t, double, (double))
MG_COPY_ROW(u8_to_i32, uint8_t, int32_t, (int32_t))

static const mg_row copy_rows[4][4] = { /* [x's dtype - 1][out's dtype - 1] */
  {copy_4, f32_to_f64, f32_to_i32, f32_to_u8},
  {f64_to_f32, copy_8, f64_to_i32, f64_to_u8},
  {i32_to_f32, i32_to_f64, copy_4, i32_to_u8},
  {u8_to_f32, u8_to_f64, u8_to_i32, copy_1},
};

mg_status mg_cpu_copy(mg_tensor *out, const mg_tensor *x) {
  const mg_tensor *operands[] = {out, x};
  if (out->dtype == x->dtype && out->ndim > 1) {
    mg_iterator it;
    mg_status status;
    mg_iterator_init(&it, operands, 2);
    if (mg_copy_transposed(&status, &it, mg_dtype_bytes(x->dtype))) return status;
  }
  return mg_iterate(operands, 2, MG_PIECE_LIGHT, copy_rows[x->dtype - 1][out->dtype - 1], NULL);
}

/* A fill is a copy of one value, already of out's type, that every element shares: its stride is 0. */
mg_status mg_cpu_fill(mg_tensor *out, double value) {
  union { float f32; double f64; int32_t i32; uint8_t u8; } one;
  mg_tensor x = *out;
  mg_buffer buffer = {.backend = &mg_cpu_backend, .data = &one};
  x.buffer = &buffer;
  x.offset = 0;
  memset(x.strides, 0, sizeof x.strides);
  switch (out->dtype) {
    case MG_FLOAT32: one.f32 = (float)value; break;
    case MG_FLOAT64: one.f64 = value; break;
    case MG_INT32: one.i32 = float_to_int32(value); break;
    default: one.u8 = float_to_uint8(value); break;
  }
  return mg_cpu_copy(out, &x);
}
