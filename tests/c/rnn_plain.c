/* rnn_plain.c: the bodies of the general recurrent layer, which computes its sums in double, with float in place of double.
 * Compiled without fused multiplication and addition. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rnn_plain.h"
#include "error.h"
#include "threads.h"
#include "workspace.h"

#define REAL float
#define double float
#define exp expf
#define expm1 expm1f
#define log1p log1pf
#define tanh tanhf
#define erfc erfcf
#define sqrt sqrtf
#define fabs fabsf
#include "cpu/rnn_reference_layer.h"
#include "cpu/rnn_reference_cells.h"
#include "cpu/rnn_reference_forward.h"
#include "cpu/rnn_reference_backward.h"

const rnn_reference rnn_plain = { forward, backward };
