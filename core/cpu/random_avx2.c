#include <immintrin.h>
#define MG_NAME(x) x##_avx2
#define VECTOR_BYTES 32
#define MULTIPLY_LOW(a, b) ((lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#include "random_body.h"
