/* rnn_avx2.c: the float32 recurrent layers for AVX2. */
#define MG_NAME(x) x##_avx2
#include "rnn_body.h"
