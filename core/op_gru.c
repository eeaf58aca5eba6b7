/* op_gru.c: the GRU over a whole sequence, as one kind of op_rnn.c. The equations: moongate.h. */
#include "rnn.h"
#include "stream.h"

static const mg_rnn_kind kind = {
  .cell = MG_CELL_GRU,
  .gates = 3,
  .has_carry = 0,
  .shared_state_mask = 0,
  .flags = MG_GRU_RESET_AFTER,
  .layer = "GRU",
  .saved_size = "gru_saved_size",
  .forward = "gru_forward",
  .backward = "gru_backward",
  .explain = "gru_explain",
};

mg_status mg_gru_saved_size(int64_t *elements, const mg_rnn_args *args) { return mg_rnn_saved_size(&kind, elements, args); }
mg_status mg_gru_forward(mg_rnn_args *args) { return mg_rnn_forward(&kind, args); }
mg_status mg_gru_backward(const mg_rnn_args *args) { return mg_rnn_backward(&kind, args); }
mg_status mg_gru_explain(mg_plan *plan, const mg_rnn_args *args) { return mg_rnn_explain(&kind, plan, args); }

mg_status mg_stepper_add_gru(mg_stepper *stepper, const mg_rnn_args *layer) {
  return mg_stepper_add_rnn("stepper_add_gru", stepper, &kind, layer);
}
