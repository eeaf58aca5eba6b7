/* rnn_body.h: the compiled part of the float32 GRU, once per instruction set: gru_generic.c, gru_avx2.c, gru_avx512.c. */
#include <string.h>

#include "../activation.h"
#include "float32.h"
#include "rnn_fast.h"
#include "vector_math.h"

#include "rnn_product_body.h"
#include "gru_cell_body.h"
#include "gru_any_body.h"

extern const rnn_table MG_NAME(rnn);
const rnn_table MG_NAME(rnn) = {
  .width = MG_VW,
  .multiply = multiply,
  .pack_sum = pack_sum,
  .fused = { .forward_after = fused_forward_after, .backward_after = fused_backward_after,
             .forward_reset = fused_forward_reset, .forward_state = fused_forward_state,
             .backward_state = fused_backward_state, .backward_reset = fused_backward_reset },
  .any = { .forward_after = any_forward_after, .backward_after = any_backward_after,
           .forward_reset = any_forward_reset, .forward_state = any_forward_state,
           .backward_state = any_backward_state, .backward_reset = any_backward_reset },
};
