/* rnn_reference_backward.h: body of the general recurrent layer, backward. d of a name: its gradient. */

static void state_gradient(const layer *l, int64_t b, const REAL *row, double *dh) {
  const int64_t U = l->d.U;
  for (int64_t g = 0; g < l->d.G; g++) {
    if (uses_q(l, g) && !l->d.reset_after) continue;
    add_transposed(l, dh, recurrent_gradient(l, row, g), mask_row(l->recurrent_dropout[g], b, U), U, l->recurrent_kernel, g);
  }
}

static void write_dx(const layer *l, int64_t b, int64_t s, const REAL *row, double *dx) {
  const int64_t F = l->d.F, U = l->d.U;
  REAL *out = l->dx + mg_rnn_row(&l->d, b, mg_rnn_time(&l->d, s)) * F;
  memset(dx, 0, (size_t)F * sizeof *dx);
  for (int64_t g = 0; row != NULL && g < l->d.G; g++)
    add_transposed(l, dx, row + g * U, mask_row(l->dropout[g], b, F), F, l->kernel, g);
  for (int64_t f = 0; f < F; f++) out[f] = (REAL)dx[f];
}

/* dout collects the gradient of the outputs that repeat the last valid one. */
static void collect_doutput(const layer *l, int64_t b, int64_t s, int counts, double *dout) {
  const int64_t U = l->d.U;
  if (l->doutput == NULL || (!l->d.return_sequences && s + 1 < l->d.T) || (l->d.zero_masked && !counts)) return;
  const REAL *row = l->doutput + (l->d.return_sequences ? mg_rnn_row(&l->d, b, s) : b) * U;
  for (int64_t u = 0; u < U; u++) dout[u] += (double)row[u];
}

static void set_gradient(double *to, const REAL *from, int64_t b, int64_t U) {
  for (int64_t u = 0; u < U; u++) to[u] = from == NULL ? 0 : (double)from[b * U + u];
}

static void write_gradient(REAL *to, const double *from, int64_t b, int64_t U) {
  for (int64_t u = 0; to != NULL && u < U; u++) to[b * U + u] = (REAL)from[u];
}

/* One row of the batch back through time. memory: dh, dc, dout, dq (U each), scratch (2U), dx (F). */
static void backward_row(const layer *l, int64_t b, double *memory) {
  const int64_t U = l->d.U, T = l->d.T;
  double *dh = memory, *dc = memory + U, *dout = memory + 2 * U, *dq = memory + 3 * U, *scratch = memory + 4 * U,
         *dx = memory + 6 * U;
  set_gradient(dh, l->dstate, b, U);
  set_gradient(dc, l->dcarry, b, U);
  set_gradient(dout, NULL, b, U);
  for (int64_t s = T - 1; s >= 0; s--) {
    REAL *row = saved_row(l, b, s);
    const int counts = mg_rnn_step_counts(&l->d, l->mask, b, s);
    collect_doutput(l, b, s, counts, dout);
    if (counts) {
      if (l->states != NULL) step_sums(l, b, x_row(l, b, s), state_row(l, b, s), row, scratch);
      for (int64_t u = 0; u < U; u++) dh[u] += dout[u];
      set_gradient(dout, NULL, b, U);
      step_gradients(l, b, row, dh, dc, dq);
      state_gradient(l, b, row, dh);
    }
    if (l->dx != NULL) write_dx(l, b, s, counts ? row : NULL, dx);
  }
  write_gradient(l->dinitial_state, dh, b, U);
  write_gradient(l->dinitial_carry, dc, b, U);
}

static mg_status backward_task(void *context, int64_t b) {
  const layer *l = context;
  const size_t mark = mg_workspace_mark();
  double *memory = mg_workspace_take((size_t)(6 * l->d.U + l->d.F) * sizeof *memory);
  if (memory != NULL) backward_row(l, b, memory);
  mg_workspace_give_back(mark);
  return memory != NULL ? MG_OK
                        : mg_fail(MG_ENOMEM, "%s: no memory for a step of %lld units", l->d.kind->backward, (long long)l->d.U);
}

/* sum (GU) += value_g * dsum_g of one step, value k of x_g (recurrent 0) or h_g (1). */
static void add_weight_row(const layer *l, int recurrent, int64_t k, int64_t b, int64_t s, double *sum) {
  const int64_t U = l->d.U, width = recurrent ? U : l->d.F;
  const REAL *row = saved_row(l, b, s);
  for (int64_t g = 0; g < l->d.G; g++) {
    const REAL *scale = mask_row(recurrent ? l->recurrent_dropout[g] : l->dropout[g], b, width);
    const int before = recurrent && uses_q(l, g) && !l->d.reset_after; /* its factor is q = r * h_n */
    const double value =
        before ? (double)row[3 * U + k] : times(scale, k, (double)(recurrent ? row[l->h_at * U + k] : x_row(l, b, s)[k]));
    const REAL *dsum = recurrent ? recurrent_gradient(l, row, g) : row + g * U;
    for (int64_t u = 0; u < U; u++) sum[g * U + u] += value * (double)dsum[u];
  }
}

/* bias row 0 adds to every sum; row 1 to those of z and r and to q. */
static void add_bias_row(const layer *l, int64_t which, int64_t b, int64_t s, double *sum) {
  const int64_t U = l->d.U;
  const REAL *row = saved_row(l, b, s);
  for (int64_t j = 0; j < l->d.G * U; j++) sum[j] += (double)row[j < 2 * U ? j : j + which * U];
}

/* A row of a gradient, out (GU): number k of dkernel, drecurrent_kernel or dbias (`of` 0, 1, 2), a sum over the valid steps. */
static void weight_row(const layer *l, int of, int64_t k, REAL *out, double *sum) {
  const int64_t columns = l->d.G * l->d.U;
  if (out == NULL) return;
  memset(sum, 0, (size_t)columns * sizeof *sum);
  for (int64_t b = 0; b < l->d.B; b++) {
    for (int64_t s = 0; s < l->d.T; s++) {
      if (!mg_rnn_step_counts(&l->d, l->mask, b, s)) continue;
      if (of == 2) add_bias_row(l, k, b, s, sum);
      else add_weight_row(l, of, k, b, s, sum);
    }
  }
  for (int64_t j = 0; j < columns; j++) out[k * columns + j] = (REAL)sum[j];
}

/* Pieces: F rows of dkernel, U of drecurrent_kernel, then those of dbias. */
static mg_status weight_task(void *context, int64_t index) {
  const layer *l = context;
  const int64_t F = l->d.F, U = l->d.U, columns = l->d.G * U;
  const size_t mark = mg_workspace_mark();
  double *sum = mg_workspace_take((size_t)columns * sizeof *sum);
  if (sum == NULL)
    return mg_fail(MG_ENOMEM, "%s: no memory for a row of %lld weights", l->d.kind->backward, (long long)columns);
  if (index < F) weight_row(l, 0, index, l->dkernel, sum);
  else if (index < F + U) weight_row(l, 1, index - F, l->drecurrent_kernel, sum);
  else weight_row(l, 2, index - F - U, l->dbias, sum);
  mg_workspace_give_back(mark);
  return MG_OK;
}

static mg_status run_backward(layer *l) {
  MG_TRY(mg_parallel(l->d.B, backward_task, l));
  return mg_parallel(l->d.F + l->d.U + (l->d.reset_after ? 2 : 1), weight_task, l);
}

static mg_status backward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  layer l = layer_of(kind, args);
  l.doutput = mg_rnn_elements(args->doutput);
  l.dstate = mg_rnn_elements(args->dstate);
  l.dcarry = mg_rnn_elements(args->dcarry);
  l.dx = mg_rnn_elements(args->dx);
  l.dkernel = mg_rnn_elements(args->dkernel);
  l.drecurrent_kernel = mg_rnn_elements(args->drecurrent_kernel);
  l.dbias = mg_rnn_elements(args->dbias);
  l.dinitial_state = mg_rnn_elements(args->dinitial_state);
  l.dinitial_carry = mg_rnn_elements(args->dinitial_carry);
  l.saved = mg_rnn_elements(args->saved);
  if (!l.d.recompute) return run_backward(&l);
  const size_t mark = mg_workspace_mark();
  l.states = l.saved;
  l.saved = mg_workspace_take((size_t)(l.d.B * l.d.T * l.d.U * l.values) * sizeof *l.saved);
  mg_status status = l.saved == NULL ? mg_fail(MG_ENOMEM, "%s: no memory to compute the gates of x %s again", kind->backward,
                                               mg_shape_text(args->x))
                                     : run_backward(&l);
  mg_workspace_give_back(mark);
  return status;
}
