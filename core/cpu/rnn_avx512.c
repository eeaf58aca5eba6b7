/* rnn_avx512.c: the float32 recurrent layers for AVX512. */
#define MG_NAME(x) x##_avx512
#include "rnn_body.h"
