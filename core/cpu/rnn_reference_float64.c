/* rnn_reference_float64.c: the general recurrent layer for float64. */
#define REAL double
#include "rnn_reference_layer.h"
#include "rnn_reference_cells.h"
#include "rnn_reference_forward.h"
#include "rnn_reference_backward.h"

const rnn_reference rnn_reference_float64 = { forward, backward };
