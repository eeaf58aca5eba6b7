/* rnn_row_avx2.c: recurrent layers on a few rows, for AVX2. */
#define MG_NAME(x) x##_avx2
#include "rnn_row_body.h"
