/* float32_avx2.c: the float32 loops for the instruction set in the name. */
#define MG_NAME(x) x##_avx2
#include "float32_body.h"
