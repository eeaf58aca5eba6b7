/* float32.h: float32 work on plain arrays, compiled once per instruction set from the *_body.h files. Private to core/cpu.
 * n is the number of elements; an output may be one of the inputs. */
#ifndef MG_FLOAT32_H
#define MG_FLOAT32_H

#include "isa.h"
#include "layer_norm.h"

typedef struct mg_float32 {
  int (*unary)(int32_t op, int64_t n, float *out, const float *x, float a, float b); /* 0: not here, nothing done */
  void (*binary)(int32_t op, int64_t n, float *out, const float *a, const float *b);
  void (*activation)(const mg_activation *activation, int64_t n, float *out, const float *x);
  /* dx = dy * slope; v is x, or y for the kinds that mg_activation_backward takes by y */
  void (*activation_slope)(const mg_activation *activation, int64_t n, float *dx, const float *dy, const float *v);
  /* reductions: MG_REDUCE_*; sums are kept in double */
  double (*reduce)(int32_t op, int64_t n, const float *x);
  void (*reduce_columns)(int32_t op, double *total /*[columns] [io]*/, const float *x /*rows apart by stride*/, int64_t rows,
                         int64_t stride, int64_t columns);
  int64_t (*find)(int64_t n, const float *x, float value); /* the first equal one, any NaN when value is NaN; n: none */
  void (*softmax)(int64_t n, float *out, const float *x, int32_t log);
  void (*softmax_slope)(int64_t n, float *dx, const float *dy, const float *y, int32_t log);
  void (*layer_norm)(const mg_norm_piece *p);
  void (*layer_norm_slope)(const mg_norm_piece *p);
} mg_float32;

MG_ISA_DECLARE(mg_float32, float32);
static inline const mg_float32 *mg_float32_now(void) { return MG_ISA_PICK(float32); }

#endif
