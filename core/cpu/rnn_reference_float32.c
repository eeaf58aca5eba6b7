/* rnn_reference_float32.c: the general recurrent layer for float32. */
#define REAL float
#include "rnn_reference_layer.h"
#include "rnn_reference_cells.h"
#include "rnn_reference_forward.h"
#include "rnn_reference_backward.h"

const rnn_reference rnn_reference_float32 = { forward, backward };
