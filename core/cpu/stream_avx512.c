/* stream_avx512.c: the steps of streams for the instruction set in the name. */
#define MG_NAME(x) x##_avx512
#include "stream_body.h"
