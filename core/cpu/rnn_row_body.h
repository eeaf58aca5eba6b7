/* rnn_row_body.h: the compiled part of recurrent layers on a few rows, once per instruction set: rnn_row_generic.c,
 * rnn_row_avx2.c, rnn_row_avx512.c. */
#include <string.h>

/* Constants of the activations are not to wait in registers while the sums need them all. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-move-loop-invariants")
#endif

#include "rnn_row.h"
#include "vector_math.h"

#include "rnn_row_sums_body.h"
#include "rnn_row_input_body.h"
#include "rnn_row_steps_body.h"
#include "rnn_row_weights_body.h"
#include "rnn_row_gru_body.h"
#include "rnn_row_lstm_body.h"

extern const rnn_row_table MG_NAME(rnn_row);
const rnn_row_table MG_NAME(rnn_row) = {
  .project = project,
  .forward = { [MG_CELL_GRU] = gru_forward, [MG_CELL_LSTM] = lstm_forward, [MG_CELL_SIMPLE] = simple_forward,
               [RNN_ROW_RESET] = gru_reset_forward },
  .backward = { [MG_CELL_GRU] = gru_backward, [MG_CELL_LSTM] = lstm_backward, [MG_CELL_SIMPLE] = simple_backward,
                [RNN_ROW_RESET] = gru_reset_backward },
  .input_gradient = input_gradient,
  .weights_gradient = weights_gradient,
  .bias_gradient = bias_gradient,
};
