/* rnn_row_avx512.c: recurrent layers on a few rows, for AVX-512. */
#define MG_NAME(x) x##_avx512
#include "rnn_row_body.h"
