/* rnn_generic.c: the float32 recurrent layers for any processor. */
#define MG_NAME(x) x##_generic
#include "rnn_body.h"
