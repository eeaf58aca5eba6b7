/* gru_generic.c: the float32 GRU for any processor. */
#define MG_NAME(x) x##_generic
#include "gru_body.h"
