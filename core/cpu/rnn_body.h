/* rnn_body.h: the compiled part of the float32 recurrent layers, once per instruction set: rnn_generic.c, rnn_avx2.c, rnn_avx512.c.
 */
#include <string.h>

#include "../activation.h"
#include "float32.h"
#include "rnn_fast.h"
#include "vector_math.h"

#define MG_EACH_ROW(c, i) for (int64_t i = 0; i < (c)->rows; i++)
#define MG_EACH_VECTOR(c, u) for (int64_t u = 0; u < (c)->P; u += MG_VW)

#include "rnn_product_body.h"
#include "rnn_any_body.h"
#include "gru_cell_body.h"
#include "gru_any_body.h"
#include "lstm_cell_body.h"
#include "simple_rnn_cell_body.h"

extern const rnn_table MG_NAME(rnn);
const rnn_table MG_NAME(rnn) = {
  .width = MG_VW,
  .multiply = multiply,
  .pack_strip = pack_strip,
  .scale = scale,
  .add = add,
  .fused = { [MG_CELL_GRU] = { .forward = gru_fused_forward, .backward = gru_fused_backward,
                               .forward_reset = gru_fused_forward_reset, .forward_state = gru_fused_forward_state,
                               .backward_state = gru_fused_backward_state, .backward_reset = gru_fused_backward_reset },
             [MG_CELL_LSTM] = { .forward = lstm_fused_forward, .backward = lstm_fused_backward },
             [MG_CELL_SIMPLE] = { .forward = simple_rnn_fused_forward, .backward = simple_rnn_fused_backward } },
  .any = { [MG_CELL_GRU] = { .forward = gru_any_forward, .backward = gru_any_backward,
                             .forward_reset = gru_any_forward_reset, .forward_state = gru_any_forward_state,
                             .backward_state = gru_any_backward_state, .backward_reset = gru_any_backward_reset },
           [MG_CELL_LSTM] = { .forward = lstm_any_forward, .backward = lstm_any_backward },
           [MG_CELL_SIMPLE] = { .forward = simple_rnn_any_forward, .backward = simple_rnn_any_backward } },
};
