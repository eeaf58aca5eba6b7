/* op_lstm.c: the LSTM over a whole sequence, as one kind of op_rnn.c. The equations: moongate.h. */
#include "rnn.h"
#include "stream.h"

static const mg_rnn_kind kind = {
  .cell = MG_CELL_LSTM,
  .gates = 4,
  .has_carry = 1,
  .shared_state_mask = 1,
  .flags = 0,
  .layer = "LSTM",
  .saved_size = "lstm_saved_size",
  .forward = "lstm_forward",
  .backward = "lstm_backward",
  .explain = "lstm_explain",
};

mg_status mg_lstm_saved_size(int64_t *elements, const mg_rnn_args *args) { return mg_rnn_saved_size(&kind, elements, args); }
mg_status mg_lstm_forward(mg_rnn_args *args) { return mg_rnn_forward(&kind, args); }
mg_status mg_lstm_backward(const mg_rnn_args *args) { return mg_rnn_backward(&kind, args); }
mg_status mg_lstm_explain(mg_plan *plan, const mg_rnn_args *args) { return mg_rnn_explain(&kind, plan, args); }

mg_status mg_stepper_add_lstm(mg_stepper *stepper, const mg_rnn_args *layer) {
  return mg_stepper_add_rnn("stepper_add_lstm", stepper, &kind, layer);
}
