/* op_rnn_check.c: the arguments of a recurrent layer, checked before anything is written. */
#include "error.h"
#include "rnn.h"

enum { GENERAL_FLAGS = MG_RNN_GO_BACKWARDS | MG_RNN_RETURN_SEQUENCES | MG_RNN_ZERO_OUTPUT_FOR_MASK | MG_RNN_TIME_MAJOR |
                       MG_RNN_RECOMPUTE };

/* t, when given, is like x and has exactly this shape. */
static mg_status check_like_x(const char *op, const char *name, const mg_tensor *t, const mg_tensor *x, int ndim,
                              const int64_t *shape) {
  if (t == NULL) return MG_OK;
  MG_TRY(mg_check_like(op, name, t, "x", x));
  return mg_check_shape(op, name, t, ndim, shape);
}

static mg_status check_options(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  const uint32_t unknown = args->flags & ~(GENERAL_FLAGS | kind->flags);
  if (unknown) {
    return mg_fail(MG_EINVAL, "%s: argument flags (%#x) has unknown bits %#x; combine MG_RNN_* and those of this layer only", op,
                   (unsigned)args->flags, (unsigned)unknown);
  }
  const mg_activation *both[2] = { &args->activation, &args->recurrent_activation };
  for (int i = 0; i < 2; i++) {
    if (both[i]->kind < 0 || both[i]->kind >= MG_ACT_COUNT) {
      return mg_fail(MG_EINVAL, "%s: argument %s (kind %d) expected one of MG_ACT_*, 0 to %d", op,
                     i == 0 ? "activation" : "recurrent_activation", (int)both[i]->kind, MG_ACT_COUNT - 1);
    }
  }
  for (int i = 0; i < 6; i++) {
    if (args->reserved[i] != NULL)
      return mg_fail(MG_EINVAL, "%s: argument reserved[%d] expected NULL; clear the struct first", op, i);
  }
  return MG_OK;
}

/* Columns of a weight: G gates of U units, as a text for messages. */
static const char *columns_text(const mg_rnn_kind *kind) {
  return kind->gates == 1 ? "units" : kind->gates == 3 ? "3 * units" : "4 * units";
}

static mg_status check_recurrent_kernel(const char *op, const mg_rnn_kind *kind, const mg_tensor *t) {
  if (t->ndim == 2 && t->shape[0] != 0 && t->shape[1] % kind->gates == 0 && t->shape[1] / kind->gates == t->shape[0]) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: argument recurrent_kernel %s expected (units, %s) with units > 0", op, mg_shape_text(t),
                 columns_text(kind));
}

static mg_status check_weights(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args, mg_rnn_dims *d) {
  MG_TRY(mg_check_float(op, "x", args->x));
  MG_TRY(mg_check_tensor(op, "kernel", args->kernel));
  MG_TRY(mg_check_tensor(op, "recurrent_kernel", args->recurrent_kernel));
  const mg_tensor *x = args->x, *recurrent = args->recurrent_kernel;
  if (x->ndim != 3) {
    return mg_fail(MG_ESHAPE, "%s: argument x %s expected three axes (batch, time, features); add the missing axis", op,
                   mg_shape_text(x));
  }
  MG_TRY(check_recurrent_kernel(op, kind, recurrent));
  *d = mg_rnn_dims_of(kind, args);
  if (d->F == 0) return mg_fail(MG_ESHAPE, "%s: argument x %s expected at least one feature", op, mg_shape_text(x));
  const int64_t columns = recurrent->shape[1];
  MG_TRY(check_like_x(op, "kernel", args->kernel, x, 2, (int64_t[]){ d->F, columns }));
  MG_TRY(check_like_x(op, "recurrent_kernel", recurrent, x, 2, (int64_t[]){ d->U, columns }));
  if (d->reset_after) return check_like_x(op, "bias", args->bias, x, 2, (int64_t[]){ 2, columns });
  return check_like_x(op, "bias", args->bias, x, 1, (int64_t[]){ columns });
}

/* None, the first alone (where gates may share one), or one for each of the G gates. */
static mg_status check_mask_count(const char *op, const char *name, const mg_tensor *const masks[4], int gates, int may_share) {
  int given = 0, last = 0;
  for (int g = 0; g < 4; g++) {
    given += masks[g] != NULL;
    if (masks[g] != NULL) last = g + 1;
  }
  if (given == last && (given == 0 || given == gates || (given == 1 && may_share))) return MG_OK;
  static const char *const counts[] = { "", "one", "", "all three", "all four" };
  return mg_fail(MG_EINVAL, "%s: argument %s expected none%s or %s", op, name, gates == 1 || !may_share ? "" : ", the first alone",
                 counts[gates]);
}

static mg_status check_dropout(const char *op, const mg_rnn_args *args, const mg_rnn_dims *d) {
  static const char *const names[4] = { "dropout_masks[0]", "dropout_masks[1]", "dropout_masks[2]", "dropout_masks[3]" };
  static const char *const recurrent_names[4] = { "recurrent_dropout_masks[0]", "recurrent_dropout_masks[1]",
                                                  "recurrent_dropout_masks[2]", "recurrent_dropout_masks[3]" };
  const mg_rnn_kind *kind = d->kind;
  MG_TRY(check_mask_count(op, "dropout_masks", args->dropout_masks, kind->gates, 1));
  MG_TRY(check_mask_count(op, "recurrent_dropout_masks", args->recurrent_dropout_masks, kind->gates, kind->shared_state_mask));
  for (int g = 0; g < kind->gates; g++) {
    MG_TRY(check_like_x(op, names[g], args->dropout_masks[g], args->x, 2, (int64_t[]){ d->B, d->F }));
    MG_TRY(check_like_x(op, recurrent_names[g], args->recurrent_dropout_masks[g], args->x, 2, (int64_t[]){ d->B, d->U }));
  }
  return MG_OK;
}

/* A field of the carry: (B,U), and only where there is one. */
static mg_status check_carry(const char *op, const char *name, const mg_tensor *t, const mg_rnn_args *args, const mg_rnn_dims *d) {
  if (t != NULL && !d->kind->has_carry)
    return mg_fail(MG_EINVAL, "%s: argument %s is given, and a %s has no carry; pass NULL", op, name, d->kind->layer);
  return check_like_x(op, name, t, args->x, 2, (int64_t[]){ d->B, d->U });
}

static mg_status check_mask(const char *op, const mg_rnn_args *args, const mg_rnn_dims *d) {
  const mg_tensor *mask = args->mask;
  if (mask == NULL) return MG_OK;
  MG_TRY(mg_check_dtype(op, "mask", mask, MG_UINT8));
  MG_TRY(mg_check_device(op, "mask", mask, "x", args->x));
  int64_t shape[2] = { d->time_major ? d->T : d->B, d->time_major ? d->B : d->T };
  return mg_check_shape(op, "mask", mask, 2, shape);
}

mg_status mg_rnn_check_inputs(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  if (args == NULL) return mg_fail(MG_EINVAL, "%s: argument args is NULL", op);
  mg_rnn_dims d = { 0 };
  MG_TRY(check_options(op, kind, args));
  MG_TRY(check_weights(op, kind, args, &d));
  MG_TRY(check_like_x(op, "initial_state", args->initial_state, args->x, 2, (int64_t[]){ d.B, d.U }));
  MG_TRY(check_carry(op, "initial_carry", args->initial_carry, args, &d));
  MG_TRY(check_mask(op, args, &d));
  return check_dropout(op, args, &d);
}

/* A sequence of `width` values a step, or (B,width) of the last one. */
static mg_status check_steps(const char *op, const char *name, const mg_tensor *t, const mg_tensor *x, const mg_rnn_dims *d,
                             int sequence, int64_t width) {
  if (!sequence) return check_like_x(op, name, t, x, 2, (int64_t[]){ d->B, width });
  return check_like_x(op, name, t, x, 3, (int64_t[]){ x->shape[0], x->shape[1], width });
}

static mg_status check_saved(const char *op, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  if (args->saved == NULL) return MG_OK;
  MG_TRY(mg_check_tensor(op, "saved", args->saved));
  MG_TRY(mg_check_like(op, "saved", args->saved, "x", args->x));
  if (mg_is_contiguous(args->saved)) return MG_OK;
  return mg_fail(MG_EINVAL, "%s: argument saved %s expected contiguous memory; allocate mg_%s elements", op,
                 mg_shape_text(args->saved), kind->saved_size);
}

enum { MAX_TENSORS = 32 };
typedef struct tensor_list {
  const mg_tensor *items[MAX_TENSORS];
  int count;
} tensor_list;

static void append(tensor_list *list, const mg_tensor *t) { list->items[list->count++] = t; }

static void append_inputs(tensor_list *list, const mg_rnn_args *args) {
  append(list, args->x);
  append(list, args->kernel);
  append(list, args->recurrent_kernel);
  append(list, args->bias);
  append(list, args->mask);
  for (int g = 0; g < 4; g++) append(list, args->dropout_masks[g]);
  for (int g = 0; g < 4; g++) append(list, args->recurrent_dropout_masks[g]);
}

/* out is apart from everything in the list, and joins it. */
static mg_status check_apart(const char *op, const char *name, const mg_tensor *out, tensor_list *list) {
  if (out == NULL) return MG_OK;
  MG_TRY(mg_check_out(op, name, out, list->items, list->count));
  append(list, out);
  return MG_OK;
}

/* A final state may take the place of the initial one when nothing is saved; else the two are apart. */
static int is_in_place(const mg_tensor *out, const mg_tensor *initial, const mg_rnn_args *args) {
  return out != NULL && initial != NULL && args->saved == NULL && mg_same_view(out, initial);
}

mg_status mg_rnn_check_forward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  const char *op = kind->forward;
  mg_rnn_dims d = mg_rnn_dims_of(kind, args);
  MG_TRY(mg_check_tensor(op, "output", args->output));
  MG_TRY(check_steps(op, "output", args->output, args->x, &d, d.return_sequences, d.U));
  MG_TRY(check_steps(op, "state", args->state, args->x, &d, 0, d.U));
  MG_TRY(check_carry(op, "carry", args->carry, args, &d));
  MG_TRY(check_steps(op, "gates", args->gates, args->x, &d, 1, d.G * d.U));
  MG_TRY(check_saved(op, kind, args));
  tensor_list list = { .count = 0 };
  append_inputs(&list, args);
  if (!is_in_place(args->state, args->initial_state, args)) append(&list, args->initial_state);
  if (!is_in_place(args->carry, args->initial_carry, args)) append(&list, args->initial_carry);
  MG_TRY(check_apart(op, "state", args->state, &list));
  MG_TRY(check_apart(op, "carry", args->carry, &list));
  MG_TRY(check_apart(op, "output", args->output, &list));
  MG_TRY(check_apart(op, "gates", args->gates, &list));
  return check_apart(op, "saved", args->saved, &list);
}

mg_status mg_rnn_check_backward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  const char *op = kind->backward;
  mg_rnn_dims d = mg_rnn_dims_of(kind, args);
  const mg_tensor *x = args->x;
  const int64_t columns = d.G * d.U;
  MG_TRY(mg_check_tensor(op, "saved", args->saved));
  MG_TRY(check_saved(op, kind, args));
  MG_TRY(check_steps(op, "doutput", args->doutput, args->x, &d, d.return_sequences, d.U));
  MG_TRY(check_steps(op, "dstate", args->dstate, args->x, &d, 0, d.U));
  MG_TRY(check_like_x(op, "dx", args->dx, x, 3, x->shape));
  MG_TRY(check_like_x(op, "dkernel", args->dkernel, x, 2, (int64_t[]){ d.F, columns }));
  MG_TRY(check_like_x(op, "drecurrent_kernel", args->drecurrent_kernel, x, 2, (int64_t[]){ d.U, columns }));
  MG_TRY(check_steps(op, "dinitial_state", args->dinitial_state, args->x, &d, 0, d.U));
  MG_TRY(check_carry(op, "dcarry", args->dcarry, args, &d));
  MG_TRY(check_carry(op, "dinitial_carry", args->dinitial_carry, args, &d));
  if (args->dbias != NULL && args->bias == NULL) {
    return mg_fail(MG_EINVAL, "%s: argument dbias %s is given without bias; pass NULL", op, mg_shape_text(args->dbias));
  }
  if (args->dbias != NULL) MG_TRY(check_like_x(op, "dbias", args->dbias, x, args->bias->ndim, args->bias->shape));
  tensor_list list = { .count = 0 };
  append_inputs(&list, args);
  append(&list, args->initial_state);
  append(&list, args->initial_carry);
  append(&list, args->doutput);
  append(&list, args->dstate);
  append(&list, args->dcarry);
  MG_TRY(check_apart(op, "saved", args->saved, &list));
  MG_TRY(check_apart(op, "dx", args->dx, &list));
  MG_TRY(check_apart(op, "dkernel", args->dkernel, &list));
  MG_TRY(check_apart(op, "drecurrent_kernel", args->drecurrent_kernel, &list));
  MG_TRY(check_apart(op, "dbias", args->dbias, &list));
  MG_TRY(check_apart(op, "dinitial_state", args->dinitial_state, &list));
  return check_apart(op, "dinitial_carry", args->dinitial_carry, &list);
}
