/* op_rnn.c: a recurrent layer over a whole sequence: checks, empty work, and the choice of a kernel. The equations: moongate.h. */
#include "error.h"
#include "rnn.h"

static const mg_backend *backend_of(const mg_rnn_args *args) { return args->x->buffer->backend; }

static int is_empty(const mg_rnn_args *args) { return args->x->shape[0] == 0 || args->x->shape[1] == 0; }

static mg_status zero(mg_tensor *t) {
  if (t == NULL) return MG_OK;
  if (mg_element_count(t) != 0) MG_TRY(t->buffer->backend->fill(t, 0));
  mg_mark_written(t);
  return MG_OK;
}

/* out = x, or zeros where x is absent. */
static mg_status copy_or_zero(mg_tensor *out, const mg_tensor *x) {
  if (out == NULL) return MG_OK;
  if (x == NULL) return zero(out);
  if (mg_element_count(out) != 0 && !mg_same_view(out, x)) MG_TRY(out->buffer->backend->copy(out, x));
  mg_mark_written(out);
  return MG_OK;
}

/* No kernel refuses with a status; a reason says why the next one has to take the call. */
static mg_status refuses(const mg_rnn_kernel *kernel, const mg_rnn_kind *kind, const mg_rnn_args *args, int training,
                         const char **reason) {
  *reason = NULL;
  if (training && kernel->backward == NULL) {
    *reason = "it is for inference and these arguments ask for training";
    return MG_OK;
  }
  return kernel->refuses == NULL ? MG_OK : kernel->refuses(reason, kind, args);
}

static mg_status check_kernels(const char *op, const mg_rnn_args *args) {
  const mg_backend *backend = backend_of(args);
  return mg_check_offered(op, args->x, backend->rnn_kernels != NULL && backend->rnn_kernel_count > 0);
}

mg_status mg_rnn_saved_size(const mg_rnn_kind *kind, int64_t *elements, const mg_rnn_args *args) {
  if (elements == NULL) return mg_fail(MG_EINVAL, "%s: argument elements is NULL", kind->saved_size);
  MG_TRY(mg_rnn_check_inputs(kind->saved_size, kind, args));
  const mg_backend *backend = backend_of(args);
  MG_TRY(check_kernels(kind->saved_size, args));
  int64_t most = 0;
  for (int i = 0; i < backend->rnn_kernel_count && !is_empty(args); i++) {
    const char *reason;
    int64_t size;
    MG_TRY(refuses(&backend->rnn_kernels[i], kind, args, 1, &reason));
    if (reason != NULL) continue;
    MG_TRY(backend->rnn_kernels[i].saved_size(&size, kind, args));
    if (size > most) most = size;
    if (!backend->rnn_kernels[i].passes_on) break; /* the one that runs */
  }
  *elements = most;
  return MG_OK;
}

static mg_status check_saved_size(const char *op, const mg_rnn_kernel *kernel, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  int64_t needed;
  MG_TRY(kernel->saved_size(&needed, kind, args));
  if (mg_element_count(args->saved) >= needed) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: argument saved %s expected at least %lld elements; ask mg_%s", op,
                 mg_shape_text(args->saved), (long long)needed, kind->saved_size);
}

/* Tries the kernels in order on contiguous arguments; *used becomes the number (from 1) of the one that ran. */
static mg_status run_forward(mg_rnn_views *own, const mg_rnn_kind *kind, const mg_rnn_args *args, int32_t *used) {
  const mg_backend *backend = backend_of(args);
  for (int i = 0; i < backend->rnn_kernel_count; i++) {
    const mg_rnn_kernel *kernel = &backend->rnn_kernels[i];
    const char *reason;
    MG_TRY(refuses(kernel, kind, args, args->saved != NULL, &reason));
    if (reason != NULL) continue;
    if (args->saved != NULL) MG_TRY(check_saved_size(kind->forward, kernel, kind, args));
    if (args->packed != NULL) mg_packed_match(args->packed, kind, args, kernel);
    mg_status status = kernel->forward(kind, &own->args);
    if (status == MG_NEXT_KERNEL) continue;
    *used = i + 1;
    return status;
  }
  return mg_fail(MG_EUNSUPPORTED, "%s: no kernel of %s takes these arguments", kind->forward, backend->name);
}

mg_status mg_rnn_forward(const mg_rnn_kind *kind, mg_rnn_args *args) {
  MG_TRY(mg_rnn_check_inputs(kind->forward, kind, args));
  MG_TRY(mg_rnn_check_forward(kind, args));
  MG_TRY(check_kernels(kind->forward, args));
  if (is_empty(args)) {
    MG_TRY(zero(args->output));
    MG_TRY(copy_or_zero(args->state, args->initial_state));
    MG_TRY(copy_or_zero(args->carry, args->initial_carry));
    args->kernel_used = 0;
    return MG_OK;
  }
  mg_rnn_views own;
  mg_status status = mg_rnn_views_open(&own, args, 0);
  if (status == MG_OK) status = run_forward(&own, kind, args, &args->kernel_used);
  if (status == MG_OK) status = mg_rnn_views_write_back(&own, args, 0);
  if (status == MG_OK && args->saved != NULL) mg_mark_written(args->saved);
  mg_rnn_views_close(&own);
  return status;
}

static mg_status backward_empty(const mg_rnn_args *args) {
  MG_TRY(zero(args->dx));
  MG_TRY(zero(args->dkernel));
  MG_TRY(zero(args->drecurrent_kernel));
  MG_TRY(zero(args->dbias));
  MG_TRY(copy_or_zero(args->dinitial_state, args->dstate));
  return copy_or_zero(args->dinitial_carry, args->dcarry);
}

/* The kernel that forward ran, by its number. */
static mg_status find_kernel(const mg_rnn_kernel **kernel, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  const mg_backend *backend = backend_of(args);
  int32_t used = args->kernel_used;
  if (used < 1 || used > backend->rnn_kernel_count || backend->rnn_kernels[used - 1].backward == NULL) {
    return mg_fail(MG_EINVAL,
                   "%s: argument kernel_used (%d) expected what %s left there; call forward with `saved` first", kind->backward,
                   (int)used, kind->forward);
  }
  *kernel = &backend->rnn_kernels[used - 1];
  const char *reason;
  MG_TRY(refuses(*kernel, kind, args, 1, &reason));
  if (reason == NULL) return MG_OK;
  return mg_fail(MG_EINVAL,
                 "%s: argument kernel_used (%d): that kernel takes no such call (%s); pass forward's arguments unchanged",
                 kind->backward, (int)used, reason);
}

mg_status mg_rnn_backward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  MG_TRY(mg_rnn_check_inputs(kind->backward, kind, args));
  MG_TRY(mg_rnn_check_backward(kind, args));
  if (is_empty(args)) return backward_empty(args);
  MG_TRY(check_kernels(kind->backward, args));
  const mg_rnn_kernel *kernel = NULL;
  MG_TRY(find_kernel(&kernel, kind, args));
  MG_TRY(check_saved_size(kind->backward, kernel, kind, args));
  if (args->packed != NULL) mg_packed_match(args->packed, kind, args, kernel);
  mg_rnn_views own;
  mg_status status = mg_rnn_views_open(&own, args, 1);
  if (status == MG_OK) status = kernel->backward(kind, &own.args);
  if (status == MG_OK) status = mg_rnn_views_write_back(&own, args, 1);
  mg_mark_written(args->saved);
  mg_rnn_views_close(&own);
  return status;
}

mg_status mg_rnn_explain(const mg_rnn_kind *kind, mg_plan *plan, const mg_rnn_args *args) {
  if (plan == NULL) return mg_fail(MG_EINVAL, "%s: argument plan is NULL", kind->explain);
  MG_TRY(mg_rnn_check_inputs(kind->explain, kind, args));
  const mg_backend *backend = backend_of(args);
  MG_TRY(check_kernels(kind->explain, args));
  mg_plan found = { .kernel = NULL };
  for (int i = 0; i < backend->rnn_kernel_count && found.kernel == NULL; i++) {
    const char *reason;
    const mg_rnn_kernel *kernel = &backend->rnn_kernels[i];
    MG_TRY(refuses(kernel, kind, args, args->saved != NULL, &reason));
    if (reason == NULL) {
      found.kernel = kernel->text == NULL ? kernel->name : kernel->text(kind, args);
      if (kernel->estimate != NULL && !is_empty(args)) kernel->estimate(&found, kind, args);
    } else if (found.faster == NULL) {
      found.faster = kernel->name;
      found.reason = reason;
    }
  }
  *plan = found;
  return MG_OK;
}
