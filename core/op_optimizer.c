/* op_optimizer.c: one optimizer step over flat memory. */
#include <math.h>

#include "backend.h"
#include "error.h"

static const char *const kind_names[MG_OPTIMIZER_COUNT] = {"sgd", "rmsprop", "adam", "adagrad", "adadelta",
                                                              "adamax", "nadam", "lion", "average"};
static const char *const state_names[MG_OPTIMIZER_COUNT][3] = {
    {"state[0] (momentum)", "state[1]", "state[2]"},
    {"state[0] (velocity)", "state[1] (momentum)", "state[2] (average gradient)"},
    {"state[0] (m)", "state[1] (v)", "state[2] (v_hat)"},
    {"state[0] (sum of squares)", "state[1]", "state[2]"},
    {"state[0] (squared gradients)", "state[1] (squared updates)", "state[2]"},
    {"state[0] (m)", "state[1] (u)", "state[2]"},
    {"state[0] (m)", "state[1] (v)", "state[2]"},
    {"state[0] (m)", "state[1]", "state[2]"},
    {"state[0]", "state[1]", "state[2]"}};

/* Bit i: the update needs state[i]. */
static unsigned needed_states(const mg_optimizer_args *args) {
  switch (args->kind) {
    case MG_OPTIMIZER_SGD: return args->momentum != 0;
    case MG_OPTIMIZER_RMSPROP: return 1u | (args->momentum > 0) << 1 | ((args->flags & MG_OPTIMIZER_CENTERED) != 0) << 2;
    case MG_OPTIMIZER_ADAGRAD:
    case MG_OPTIMIZER_LION: return 1;
    case MG_OPTIMIZER_ADADELTA:
    case MG_OPTIMIZER_ADAMAX:
    case MG_OPTIMIZER_NADAM: return 3;
    case MG_OPTIMIZER_AVERAGE: return 0;
    default: return 3u | ((args->flags & MG_OPTIMIZER_AMSGRAD) != 0) << 2;
  }
}

static mg_status check_numbers(const char *op, const mg_optimizer_args *args) {
  const uint32_t known = MG_OPTIMIZER_NESTEROV | MG_OPTIMIZER_CENTERED | MG_OPTIMIZER_AMSGRAD | MG_OPTIMIZER_SCALED |
                         MG_OPTIMIZER_CLIPPED;
  if (args->flags & ~known) return mg_fail(MG_EINVAL, "%s: unknown flags 0x%x", op, (unsigned)args->flags);
  if (args->step < 1) return mg_fail(MG_EINVAL, "%s: step %lld must count from 1", op, (long long)args->step);
  const double values[] = {args->learning_rate, args->momentum, args->rho,         args->beta_1,
                           args->beta_2,        args->epsilon,  args->weight_decay};
  static const char *const names[] = {"learning_rate", "momentum", "rho", "beta_1", "beta_2", "epsilon", "weight_decay"};
  for (int i = 0; i < 7; i++)
    if (!isfinite(values[i])) return mg_fail(MG_EINVAL, "%s: %s is %g; expected a finite number", op, names[i], values[i]);
  return MG_OK;
}

static mg_status check_like_parameter(const char *op, const char *name, const mg_tensor *t, const mg_tensor *parameter) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_like(op, name, t, "parameter", parameter));
  MG_TRY(mg_check_same_shape(op, name, t, "parameter", parameter));
  if (!mg_is_contiguous(t)) return mg_fail(MG_EINVAL, "%s: %s %s is not contiguous; copy it first", op, name, mg_shape_text(t));
  return MG_OK;
}

/* Every written tensor apart from all the others. */
static mg_status check_apart(const char *op, const mg_optimizer_args *args, const char *const *names, unsigned needed) {
  const mg_tensor *others[4] = {args->gradient};
  int count = 1;
  MG_TRY(mg_check_out(op, "parameter", args->parameter, others, count));
  others[count++] = args->parameter;
  for (int i = 0; i < 3; i++) {
    if (!(needed >> i & 1)) continue;
    MG_TRY(mg_check_out(op, names[i], args->state[i], others, count));
    if (count < 4) others[count++] = args->state[i];
  }
  return MG_OK;
}

mg_status mg_optimizer_update(const mg_optimizer_args *args) {
  if (!args) return mg_fail(MG_EINVAL, "optimizer update: args is NULL");
  if (args->kind < 0 || args->kind >= MG_OPTIMIZER_COUNT)
    return mg_fail(MG_EINVAL, "optimizer update: unknown kind %d", (int)args->kind);
  const char *op = kind_names[args->kind], *const *names = state_names[args->kind];
  const unsigned needed = needed_states(args);
  MG_TRY(check_numbers(op, args));
  MG_TRY(mg_check_float(op, "parameter", args->parameter));
  MG_TRY(check_like_parameter(op, "parameter", args->parameter, args->parameter));
  MG_TRY(check_like_parameter(op, "gradient", args->gradient, args->parameter));
  for (int i = 0; i < 3; i++)
    if (needed >> i & 1) MG_TRY(check_like_parameter(op, names[i], args->state[i], args->parameter));
  MG_TRY(check_apart(op, args, names, needed));
  const mg_backend *backend = args->parameter->buffer->backend;
  MG_TRY(mg_check_offered(op, args->parameter, backend->optimizer_update != NULL));
  if (mg_element_count(args->parameter) == 0) return MG_OK;
  mg_optimizer_args used = *args; /* a backend tells the variants apart by the states it is given */
  mg_mark_written(used.parameter);
  for (int i = 0; i < 3; i++) {
    if (needed >> i & 1) mg_mark_written(used.state[i]);
    else used.state[i] = NULL;
  }
  return backend->optimizer_update(&used);
}
