/* rnn_row_generic.c: recurrent layers on a few rows, for every processor. */
#define MG_NAME(x) x##_generic
#include "rnn_row_body.h"
