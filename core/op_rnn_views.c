/* op_rnn_views.c: kernels see contiguous tensors only; this makes them so and brings the results home. */
#include <string.h>

#include "error.h"
#include "rnn.h"

#define FIELD(name) offsetof(mg_rnn_args, name)
static const size_t inputs[] = {
  FIELD(x), FIELD(kernel), FIELD(recurrent_kernel), FIELD(bias), FIELD(initial_state), FIELD(initial_carry), FIELD(mask),
  FIELD(dropout_masks[0]), FIELD(dropout_masks[1]), FIELD(dropout_masks[2]), FIELD(dropout_masks[3]),
  FIELD(recurrent_dropout_masks[0]), FIELD(recurrent_dropout_masks[1]), FIELD(recurrent_dropout_masks[2]),
  FIELD(recurrent_dropout_masks[3]),
};
static const size_t gradients[] = { FIELD(doutput), FIELD(dstate), FIELD(dcarry) };
static const size_t forward_outputs[] = { FIELD(output), FIELD(state), FIELD(carry), FIELD(gates) };
static const size_t backward_outputs[] = { FIELD(dx), FIELD(dkernel), FIELD(drecurrent_kernel), FIELD(dbias),
                                           FIELD(dinitial_state), FIELD(dinitial_carry) };
#undef FIELD
#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

static mg_tensor *field(const mg_rnn_args *args, size_t at) {
  mg_tensor *t;
  memcpy(&t, (const char *)args + at, sizeof t);
  return t;
}

static void set_field(mg_rnn_args *args, size_t at, mg_tensor *t) { memcpy((char *)args + at, &t, sizeof t); }

/* What is not contiguous gets a handle of its own: a copy of an input, fresh memory for an output. */
static mg_status open_fields(mg_rnn_views *own, const mg_rnn_args *args, const size_t *fields, int count, int are_outputs) {
  for (int i = 0; i < count; i++) {
    const mg_tensor *t = field(args, fields[i]);
    if (t == NULL || mg_is_contiguous(t)) continue;
    mg_tensor *handle = &own->handles[own->count];
    memset(handle, 0, sizeof *handle);
    MG_TRY(are_outputs ? mg_alloc_like(handle, t) : mg_borrow_contiguous(handle, t));
    set_field(&own->args, fields[i], handle);
    own->count++;
  }
  return MG_OK;
}

mg_status mg_rnn_views_open(mg_rnn_views *own, const mg_rnn_args *args, int backward) {
  own->args = *args;
  own->count = 0;
  MG_TRY(open_fields(own, args, inputs, COUNT(inputs), 0));
  if (!backward) return open_fields(own, args, forward_outputs, COUNT(forward_outputs), 1);
  MG_TRY(open_fields(own, args, gradients, COUNT(gradients), 0));
  return open_fields(own, args, backward_outputs, COUNT(backward_outputs), 1);
}

mg_status mg_rnn_views_write_back(mg_rnn_views *own, const mg_rnn_args *args, int backward) {
  const size_t *fields = backward ? backward_outputs : forward_outputs;
  int count = backward ? COUNT(backward_outputs) : COUNT(forward_outputs);
  for (int i = 0; i < count; i++) {
    mg_tensor *mine = field(&own->args, fields[i]), *theirs = field(args, fields[i]);
    if (theirs == NULL) continue;
    if (mine != theirs) MG_TRY(theirs->buffer->backend->copy(theirs, mine));
    mg_mark_written(theirs);
  }
  return MG_OK;
}

void mg_rnn_views_close(mg_rnn_views *own) {
  while (own->count > 0) mg_release(&own->handles[--own->count]);
}
