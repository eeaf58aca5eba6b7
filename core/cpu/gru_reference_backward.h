/* gru_reference_backward.h: body of the general GRU, backward; included after gru_reference_forward.h. d of a name: its gradient.
 */

static double slope(const mg_activation *activation, double x) { return mg_activation_slope(activation, x); }

/* The gradients of one step. row: a_z, a_r, a_n, q, h become da_z, da_r, da_n, dq, h with reset_after, else the same with
 * q = r * h_n kept. dh: of the new state on entry, of the old one on return. */
static void gate_gradients(const layer *l, REAL *row, double *dh, double *dq) {
  const int64_t U = l->d.U;
  const mg_activation *act = &l->args->activation, *rec = &l->args->recurrent_activation;
  for (int64_t u = 0; u < U; u++) {
    const double a_z = (double)row[u], a_n = (double)row[2 * U + u], h = (double)row[4 * U + u];
    const double z = recurrent_activation(l, a_z), n = activation(l, a_n);
    const double dz = (h - n) * dh[u], dn = (1 - z) * dh[u];
    row[u] = (REAL)(slope(rec, a_z) * dz);
    row[2 * U + u] = (REAL)(slope(act, a_n) * dn);
    dh[u] *= z;
    if (!l->d.reset_after) continue;
    const double a_r = (double)row[U + u], q = (double)row[3 * U + u], da_n = (double)row[2 * U + u];
    dq[u] = da_n * recurrent_activation(l, a_r);
    row[U + u] = (REAL)(slope(rec, a_r) * da_n * q);
    row[3 * U + u] = (REAL)dq[u];
  }
}

/* dv[k] += scale[k] * sum over u of dsum[u] W[k, g, u], for k in 0..n. */
static void add_transposed(double *dv, const REAL *dsum, const REAL *scale, int64_t n, const REAL *W, int g, int64_t U) {
  for (int64_t k = 0; k < n; k++) {
    const REAL *row = W + k * 3 * U + g * U;
    double sum = 0;
    for (int64_t u = 0; u < U; u++) sum += (double)dsum[u] * (double)row[u];
    dv[k] += times(scale, k, sum);
  }
}

/* Without reset_after: d(r * h_n) = da_n Rn^T, from which da_r and the share of h. */
static void reset_gradients(const layer *l, int64_t b, REAL *row, double *dh, double *dq) {
  const int64_t U = l->d.U;
  const REAL *scale = mask_row(l->recurrent_dropout[2], b, U);
  memset(dq, 0, (size_t)U * sizeof *dq);
  add_transposed(dq, row + 2 * U, NULL, U, l->recurrent_kernel, 2, U);
  for (int64_t u = 0; u < U; u++) {
    const double a_r = (double)row[U + u], h_n = times(scale, u, (double)row[4 * U + u]);
    row[U + u] = (REAL)(slope(&l->args->recurrent_activation, a_r) * dq[u] * h_n);
    dh[u] += times(scale, u, dq[u] * recurrent_activation(l, a_r));
  }
}

static void state_gradient(const layer *l, int64_t b, const REAL *row, double *dh) {
  const int64_t U = l->d.U;
  for (int g = 0; g < (l->d.reset_after ? 3 : 2); g++) {
    const REAL *dsum = g == 2 ? row + 3 * U : row + g * U;
    add_transposed(dh, dsum, mask_row(l->recurrent_dropout[g], b, U), U, l->recurrent_kernel, g, U);
  }
}

static void write_dx(const layer *l, int64_t b, int64_t s, const REAL *row, double *dx) {
  const int64_t F = l->d.F, U = l->d.U;
  REAL *out = l->dx + mg_gru_row(&l->d, b, mg_gru_time(&l->d, s)) * F;
  memset(dx, 0, (size_t)F * sizeof *dx);
  for (int g = 0; row != NULL && g < 3; g++) add_transposed(dx, row + g * U, mask_row(l->dropout[g], b, F), F, l->kernel, g, U);
  for (int64_t f = 0; f < F; f++) out[f] = (REAL)dx[f];
}

/* dout collects the gradient of the outputs that repeat the last valid one. */
static void collect_doutput(const layer *l, int64_t b, int64_t s, int counts, double *dout) {
  const int64_t U = l->d.U;
  if (l->doutput == NULL || (!l->d.return_sequences && s + 1 < l->d.T) || (l->d.zero_masked && !counts)) return;
  const REAL *row = l->doutput + (l->d.return_sequences ? mg_gru_row(&l->d, b, s) : b) * U;
  for (int64_t u = 0; u < U; u++) dout[u] += (double)row[u];
}

/* One row of the batch back through time. memory: dh, dout, dq (U each), dx (F), scratch (2U). */
static void backward_row(const layer *l, int64_t b, double *memory) {
  const int64_t U = l->d.U, T = l->d.T;
  double *dh = memory, *dout = memory + U, *dq = memory + 2 * U, *scratch = memory + 3 * U, *dx = memory + 5 * U;
  for (int64_t u = 0; u < U; u++) dh[u] = l->dstate == NULL ? 0 : (double)l->dstate[b * U + u];
  memset(dout, 0, (size_t)U * sizeof *dout);
  for (int64_t s = T - 1; s >= 0; s--) {
    REAL *row = l->saved + (b * T + s) * SAVED_VALUES * U;
    const int counts = mg_gru_step_counts(&l->d, l->mask, b, s);
    collect_doutput(l, b, s, counts, dout);
    if (counts) {
      if (l->states != NULL) step_sums(l, b, x_row(l, b, s), l->states + (b * T + s) * U, row, scratch);
      for (int64_t u = 0; u < U; u++) dh[u] += dout[u];
      memset(dout, 0, (size_t)U * sizeof *dout);
      gate_gradients(l, row, dh, dq);
      if (!l->d.reset_after) reset_gradients(l, b, row, dh, dq);
      state_gradient(l, b, row, dh);
    }
    if (l->dx != NULL) write_dx(l, b, s, counts ? row : NULL, dx);
  }
  for (int64_t u = 0; l->dinitial_state != NULL && u < U; u++) l->dinitial_state[b * U + u] = (REAL)dh[u];
}

static mg_status backward_task(void *context, int64_t b) {
  const layer *l = context;
  const size_t mark = mg_workspace_mark();
  double *memory = mg_workspace_take((size_t)(5 * l->d.U + l->d.F) * sizeof *memory);
  if (memory != NULL) backward_row(l, b, memory);
  mg_workspace_give_back(mark);
  return memory != NULL ? MG_OK : mg_fail(MG_ENOMEM, "gru_backward: no memory for a step of %lld units", (long long)l->d.U);
}

/* Rows of the weight gradients: out (3U) = sum over the valid steps of value_g * dsum_g, value k of x_g (recurrent 0) or h_g (1).
 */
static void weight_row(const layer *l, int recurrent, int64_t k, REAL *out, double *sum) {
  const int64_t U = l->d.U, width = recurrent ? U : l->d.F;
  memset(sum, 0, (size_t)(3 * U) * sizeof *sum);
  for (int64_t b = 0; b < l->d.B; b++) {
    for (int64_t s = 0; s < l->d.T; s++) {
      if (!mg_gru_step_counts(&l->d, l->mask, b, s)) continue;
      const REAL *row = l->saved + (b * l->d.T + s) * SAVED_VALUES * U;
      for (int g = 0; g < 3; g++) {
        const REAL *scale = mask_row(recurrent ? l->recurrent_dropout[g] : l->dropout[g], b, width);
        const int before = recurrent && g == 2 && !l->d.reset_after; /* its factor is q = r * h_n */
        const double value =
            before ? (double)row[3 * U + k] : times(scale, k, (double)(recurrent ? row[4 * U + k] : x_row(l, b, s)[k]));
        const REAL *dsum = recurrent && g == 2 && l->d.reset_after ? row + 3 * U : row + g * U;
        for (int64_t u = 0; u < U; u++) sum[g * U + u] += value * (double)dsum[u];
      }
    }
  }
  for (int64_t j = 0; j < 3 * U; j++) out[j] = (REAL)sum[j];
}

/* bias row 0 adds to every sum; row 1 to those of z and r and to q. */
static void bias_row(const layer *l, int which, double *sum) {
  const int64_t U = l->d.U;
  memset(sum, 0, (size_t)(3 * U) * sizeof *sum);
  for (int64_t b = 0; b < l->d.B; b++) {
    for (int64_t s = 0; s < l->d.T; s++) {
      if (!mg_gru_step_counts(&l->d, l->mask, b, s)) continue;
      const REAL *row = l->saved + (b * l->d.T + s) * SAVED_VALUES * U;
      for (int64_t j = 0; j < 3 * U; j++) sum[j] += (double)row[j < 2 * U ? j : j + which * U];
    }
  }
  for (int64_t j = 0; j < 3 * U; j++) l->dbias[which * 3 * U + j] = (REAL)sum[j];
}

/* Pieces: F rows of dkernel, U of drecurrent_kernel, then those of dbias. */
static mg_status weight_task(void *context, int64_t index) {
  const layer *l = context;
  const int64_t F = l->d.F, U = l->d.U;
  const size_t mark = mg_workspace_mark();
  double *sum = mg_workspace_take((size_t)(3 * U) * sizeof *sum);
  if (sum == NULL) return mg_fail(MG_ENOMEM, "gru_backward: no memory for a row of %lld weights", (long long)(3 * U));
  if (index < F) {
    if (l->dkernel != NULL) weight_row(l, 0, index, l->dkernel + index * 3 * U, sum);
  } else if (index < F + U) {
    if (l->drecurrent_kernel != NULL) weight_row(l, 1, index - F, l->drecurrent_kernel + (index - F) * 3 * U, sum);
  } else if (l->dbias != NULL) {
    bias_row(l, (int)(index - F - U), sum);
  }
  mg_workspace_give_back(mark);
  return MG_OK;
}

static mg_status run_backward(layer *l) {
  MG_TRY(mg_parallel(l->d.B, backward_task, l));
  return mg_parallel(l->d.F + l->d.U + (l->d.reset_after ? 2 : 1), weight_task, l);
}

static mg_status backward(const mg_gru_args *args) {
  layer l = layer_of(args);
  l.doutput = mg_gru_elements(args->doutput);
  l.dstate = mg_gru_elements(args->dstate);
  l.dx = mg_gru_elements(args->dx);
  l.dkernel = mg_gru_elements(args->dkernel);
  l.drecurrent_kernel = mg_gru_elements(args->drecurrent_kernel);
  l.dbias = mg_gru_elements(args->dbias);
  l.dinitial_state = mg_gru_elements(args->dinitial_state);
  l.saved = mg_gru_elements(args->saved);
  if (!l.d.recompute) return run_backward(&l);
  const size_t mark = mg_workspace_mark();
  l.states = l.saved;
  l.saved = mg_workspace_take((size_t)(l.d.B * l.d.T * l.d.U * SAVED_VALUES) * sizeof *l.saved);
  mg_status status = l.saved == NULL
                         ? mg_fail(MG_ENOMEM, "gru_backward: no memory to compute the gates of x %s again", mg_shape_text(args->x))
                         : run_backward(&l);
  mg_workspace_give_back(mark);
  return status;
}
