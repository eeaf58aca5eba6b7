/* op_simple_rnn.c: the SimpleRNN over a whole sequence, as one kind of op_rnn.c. The equations: moongate.h. */
#include "rnn.h"
#include "stream.h"

static const mg_rnn_kind kind = {
  .cell = MG_CELL_SIMPLE,
  .gates = 1,
  .has_carry = 0,
  .shared_state_mask = 1,
  .flags = 0,
  .layer = "SimpleRNN",
  .saved_size = "simple_rnn_saved_size",
  .forward = "simple_rnn_forward",
  .backward = "simple_rnn_backward",
  .explain = "simple_rnn_explain",
};

mg_status mg_simple_rnn_saved_size(int64_t *elements, const mg_rnn_args *args) { return mg_rnn_saved_size(&kind, elements, args); }
mg_status mg_simple_rnn_forward(mg_rnn_args *args) { return mg_rnn_forward(&kind, args); }
mg_status mg_simple_rnn_backward(const mg_rnn_args *args) { return mg_rnn_backward(&kind, args); }
mg_status mg_simple_rnn_explain(mg_plan *plan, const mg_rnn_args *args) { return mg_rnn_explain(&kind, plan, args); }

mg_status mg_stepper_add_simple_rnn(mg_stepper *stepper, const mg_rnn_args *layer) {
  return mg_stepper_add_rnn("stepper_add_simple_rnn", stepper, &kind, layer);
}
