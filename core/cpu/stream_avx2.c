/* stream_avx2.c: the steps of streams for the instruction set in the name. */
#define MG_NAME(x) x##_avx2
#include "stream_body.h"
