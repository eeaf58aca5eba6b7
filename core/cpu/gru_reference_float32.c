/* gru_reference_float32.c: the general GRU for float32. */
#define REAL float
#include "gru_reference_forward.h"
#include "gru_reference_backward.h"

const gru_reference gru_reference_float32 = { forward, backward };
