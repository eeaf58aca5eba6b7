/* rnn_reference_forward.h: body of the general recurrent layer, forward. */

static void write_output(const layer *l, int64_t b, int64_t s, const REAL *last, int counts) {
  const int64_t U = l->d.U;
  if (!l->d.return_sequences && s + 1 < l->d.T) return;
  REAL *out = l->output + (l->d.return_sequences ? mg_rnn_row(&l->d, b, s) : b) * U;
  for (int64_t u = 0; u < U; u++) out[u] = l->d.zero_masked && !counts ? 0 : last[u];
}

static void set_row(REAL *out, const REAL *x, int64_t b, int64_t n) {
  if (x == NULL) memset(out, 0, (size_t)n * sizeof *out);
  else memcpy(out, x + b * n, (size_t)n * sizeof *out);
}

/* One row of the batch through time. memory: the states (2U), last output (U), a row of sums (values U). */
static void forward_row(const layer *l, int64_t b, REAL *memory, double *scratch) {
  const int64_t U = l->d.U, T = l->d.T, G = l->d.G;
  const size_t states = (size_t)((l->values - l->h_at) * U) * sizeof(REAL);
  REAL *h = memory, *last = memory + 2 * U;
  set_row(h, l->initial_state, b, U);
  set_row(h + U, l->initial_carry, b, U);
  memset(last, 0, (size_t)U * sizeof *last);
  for (int64_t s = 0; s < T; s++) {
    REAL *row = l->saved == NULL ? memory + 3 * U : saved_row(l, b, s);
    REAL *gates = l->gates == NULL ? NULL : l->gates + mg_rnn_row(&l->d, b, s) * G * U;
    const int counts = mg_rnn_step_counts(&l->d, l->mask, b, s);
    if (l->states != NULL) memcpy(state_row(l, b, s), h, states);
    if (counts) {
      step_sums(l, b, x_row(l, b, s), h, row, scratch);
      step_state(l, row, h, gates);
      memcpy(last, h, (size_t)U * sizeof *h);
    } else if (gates != NULL) {
      memset(gates, 0, (size_t)(G * U) * sizeof *gates);
    }
    write_output(l, b, s, last, counts);
  }
  if (l->state != NULL) memcpy(l->state + b * U, h, (size_t)U * sizeof *h);
  if (l->carry != NULL) memcpy(l->carry + b * U, h + U, (size_t)U * sizeof *h);
}

static mg_status forward_task(void *context, int64_t b) {
  const layer *l = context;
  const size_t U = (size_t)l->d.U, mark = mg_workspace_mark();
  REAL *memory = mg_workspace_take((3 + (size_t)l->values) * U * sizeof *memory);
  double *scratch = mg_workspace_take(2 * U * sizeof *scratch);
  const int good = memory != NULL && scratch != NULL;
  if (good) forward_row(l, b, memory, scratch);
  mg_workspace_give_back(mark);
  return good ? MG_OK : mg_fail(MG_ENOMEM, "%s: no memory for a step of %zu units", l->d.kind->forward, U);
}

static mg_status forward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  layer l = layer_of(kind, args);
  l.output = mg_rnn_elements(args->output);
  l.state = mg_rnn_elements(args->state);
  l.carry = mg_rnn_elements(args->carry);
  l.gates = mg_rnn_elements(args->gates);
  if (l.d.recompute) l.states = mg_rnn_elements(args->saved);
  else l.saved = mg_rnn_elements(args->saved);
  return mg_parallel(l.d.B, forward_task, &l);
}
