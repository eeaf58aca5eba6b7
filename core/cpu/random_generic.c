#define MG_NAME(x) x##_generic
#define VECTOR_BYTES 16
#ifdef __SSE2__
#include <emmintrin.h>
#define MULTIPLY_LOW(a, b) ((lanes)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#else
#define MULTIPLY_LOW(a, b) (((a)&low) * (b))
#endif
#include "random_body.h"
