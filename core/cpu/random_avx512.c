#include <immintrin.h>
#define MG_NAME(x) x##_avx512
#define VECTOR_BYTES 64
#define MULTIPLY_LOW(a, b) ((lanes)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#include "random_body.h"
