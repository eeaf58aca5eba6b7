/* gru_reference_float64.c: the general GRU for float64. */
#define REAL double
#include "gru_reference_forward.h"
#include "gru_reference_backward.h"

const gru_reference gru_reference_float64 = { forward, backward };
