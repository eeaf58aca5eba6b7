/* op_gru.c: the GRU over a whole sequence: checks, empty work, and the choice of a kernel. The equations: moongate.h. */
#include "error.h"
#include "gru.h"

static const mg_backend *backend_of(const mg_gru_args *args) { return args->x->buffer->backend; }

static int is_empty(const mg_gru_args *args) {
  mg_gru_dims d = mg_gru_dims_of(args);
  return d.B == 0 || d.T == 0;
}

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
static mg_status refuses(const mg_gru_kernel *kernel, const mg_gru_args *args, int training, const char **reason) {
  *reason = NULL;
  if (training && kernel->backward == NULL) {
    *reason = "it is for inference and these arguments ask for training";
    return MG_OK;
  }
  return kernel->refuses == NULL ? MG_OK : kernel->refuses(reason, args);
}

static mg_status check_kernels(const char *op, const mg_gru_args *args) {
  const mg_backend *backend = backend_of(args);
  return mg_check_offered(op, args->x, backend->gru_kernels != NULL && backend->gru_kernel_count > 0);
}

mg_status mg_gru_saved_size(int64_t *elements, const mg_gru_args *args) {
  if (elements == NULL) return mg_fail(MG_EINVAL, "gru_saved_size: argument elements is NULL");
  MG_TRY(mg_gru_check_inputs("gru_saved_size", args));
  const mg_backend *backend = backend_of(args);
  MG_TRY(check_kernels("gru_saved_size", args));
  int64_t most = 0;
  for (int i = 0; i < backend->gru_kernel_count && !is_empty(args); i++) {
    const char *reason;
    int64_t size;
    MG_TRY(refuses(&backend->gru_kernels[i], args, 1, &reason));
    if (reason != NULL) continue;
    MG_TRY(backend->gru_kernels[i].saved_size(&size, args));
    if (size > most) most = size;
  }
  *elements = most;
  return MG_OK;
}

static mg_status check_saved_size(const char *op, const mg_gru_kernel *kernel, const mg_gru_args *args) {
  int64_t needed;
  MG_TRY(kernel->saved_size(&needed, args));
  if (mg_element_count(args->saved) >= needed) return MG_OK;
  return mg_fail(MG_ESHAPE, "%s: argument saved %s expected at least %lld elements; ask mg_gru_saved_size", op,
                 mg_shape_text(args->saved), (long long)needed);
}

/* Tries the kernels in order on contiguous arguments; *used becomes the number (from 1) of the one that ran. */
static mg_status run_forward(mg_gru_views *own, const mg_gru_args *args, int32_t *used) {
  const mg_backend *backend = backend_of(args);
  for (int i = 0; i < backend->gru_kernel_count; i++) {
    const mg_gru_kernel *kernel = &backend->gru_kernels[i];
    const char *reason;
    MG_TRY(refuses(kernel, args, args->saved != NULL, &reason));
    if (reason != NULL) continue;
    if (args->saved != NULL) MG_TRY(check_saved_size("gru_forward", kernel, args));
    if (args->packed != NULL) mg_packed_match(args->packed, args, kernel);
    mg_status status = kernel->forward(&own->args);
    if (status == MG_NEXT_KERNEL) continue;
    *used = i + 1;
    return status;
  }
  return mg_fail(MG_EUNSUPPORTED, "gru_forward: no kernel of %s takes these arguments", backend->name);
}

mg_status mg_gru_forward(mg_gru_args *args) {
  MG_TRY(mg_gru_check_inputs("gru_forward", args));
  MG_TRY(mg_gru_check_forward(args));
  MG_TRY(check_kernels("gru_forward", args));
  if (is_empty(args)) {
    MG_TRY(zero(args->output));
    MG_TRY(copy_or_zero(args->state, args->initial_state));
    args->kernel_used = 0;
    return MG_OK;
  }
  mg_gru_views own;
  mg_status status = mg_gru_views_open(&own, args, 0);
  if (status == MG_OK) status = run_forward(&own, args, &args->kernel_used);
  if (status == MG_OK) status = mg_gru_views_write_back(&own, args, 0);
  if (status == MG_OK && args->saved != NULL) mg_mark_written(args->saved);
  mg_gru_views_close(&own);
  return status;
}

static mg_status backward_empty(const mg_gru_args *args) {
  MG_TRY(zero(args->dx));
  MG_TRY(zero(args->dkernel));
  MG_TRY(zero(args->drecurrent_kernel));
  MG_TRY(zero(args->dbias));
  return copy_or_zero(args->dinitial_state, args->dstate);
}

/* The kernel that forward ran, by its number. */
static mg_status find_kernel(const mg_gru_kernel **kernel, const mg_gru_args *args) {
  const mg_backend *backend = backend_of(args);
  int32_t used = args->kernel_used;
  if (used < 1 || used > backend->gru_kernel_count || backend->gru_kernels[used - 1].backward == NULL) {
    return mg_fail(MG_EINVAL,
                   "gru_backward: argument kernel_used (%d) expected what gru_forward left there; call forward with `saved` first",
                   (int)used);
  }
  *kernel = &backend->gru_kernels[used - 1];
  const char *reason;
  MG_TRY(refuses(*kernel, args, 1, &reason));
  if (reason == NULL) return MG_OK;
  return mg_fail(MG_EINVAL,
                 "gru_backward: argument kernel_used (%d): that kernel takes no such call (%s); pass forward's arguments unchanged",
                 (int)used, reason);
}

mg_status mg_gru_backward(const mg_gru_args *args) {
  MG_TRY(mg_gru_check_inputs("gru_backward", args));
  MG_TRY(mg_gru_check_backward(args));
  if (is_empty(args)) return backward_empty(args);
  MG_TRY(check_kernels("gru_backward", args));
  const mg_gru_kernel *kernel = NULL;
  MG_TRY(find_kernel(&kernel, args));
  MG_TRY(check_saved_size("gru_backward", kernel, args));
  if (args->packed != NULL) mg_packed_match(args->packed, args, kernel);
  mg_gru_views own;
  mg_status status = mg_gru_views_open(&own, args, 1);
  if (status == MG_OK) status = kernel->backward(&own.args);
  if (status == MG_OK) status = mg_gru_views_write_back(&own, args, 1);
  mg_mark_written(args->saved);
  mg_gru_views_close(&own);
  return status;
}

mg_status mg_gru_explain(mg_plan *plan, const mg_gru_args *args) {
  if (plan == NULL) return mg_fail(MG_EINVAL, "gru_explain: argument plan is NULL");
  MG_TRY(mg_gru_check_inputs("gru_explain", args));
  const mg_backend *backend = backend_of(args);
  MG_TRY(check_kernels("gru_explain", args));
  mg_plan found = { .kernel = NULL };
  for (int i = 0; i < backend->gru_kernel_count && found.kernel == NULL; i++) {
    const char *reason;
    MG_TRY(refuses(&backend->gru_kernels[i], args, args->saved != NULL, &reason));
    if (reason == NULL) found.kernel = backend->gru_kernels[i].name;
    else if (found.faster == NULL) {
      found.faster = backend->gru_kernels[i].name;
      found.reason = reason;
    }
  }
  *plan = found;
  return MG_OK;
}
