/* float32_avx512.c: the float32 loops for the instruction set in the name. */
#define MG_NAME(x) x##_avx512
#include "float32_body.h"
