/* rnn_reference_cells.h: body of the general recurrent layer: one step of a GRU, an LSTM and a SimpleRNN, and its gradients. d of a
 * name: its gradient. row: rnn_reference.h. */

/* a_n, q of a GRU from x, h and row's a_r. */
static void candidate_sum(const layer *l, int64_t b, const REAL *x, const REAL *h, REAL *row, double *sum, double *inner) {
  const int64_t U = l->d.U;
  const REAL *h_scale = mask_row(l->recurrent_dropout[2], b, U);
  REAL *q = row + 3 * U;
  input_sum(l, sum, b, x, 2);
  if (l->d.reset_after) { /* a_n = x_n Kn + bn + r * q,  q = h_n Rn + b2n */
    set_bias(inner, l, 1, 2);
    add_product(l, inner, h, h_scale, U, l->recurrent_kernel, 2);
    for (int64_t u = 0; u < U; u++) sum[u] += recurrent_activation(l, (double)row[U + u]) * inner[u];
    for (int64_t u = 0; u < U; u++) q[u] = (REAL)inner[u];
  } else { /* a_n = x_n Kn + bn + q Rn,  q = r * h_n */
    for (int64_t u = 0; u < U; u++) q[u] = (REAL)(recurrent_activation(l, (double)row[U + u]) * times(h_scale, u, (double)h[u]));
    add_product(l, sum, q, NULL, U, l->recurrent_kernel, 2);
  }
  for (int64_t u = 0; u < U; u++) row[2 * U + u] = (REAL)sum[u];
}

/* A row of one step from x (F) and the states h, and for an LSTM c behind it. scratch: 2U. */
static void step_sums(const layer *l, int64_t b, const REAL *x, const REAL *states, REAL *row, double *scratch) {
  const int64_t U = l->d.U, plain = l->d.kind->cell == MG_CELL_GRU ? 2 : l->d.G;
  for (int64_t g = 0; g < plain; g++) gate_sum(l, scratch, b, x, states, g, row);
  if (plain < l->d.G) candidate_sum(l, b, x, states, row, scratch, scratch + U);
  memmove(row + l->h_at * U, states, (size_t)((l->values - l->h_at) * U) * sizeof *row);
}

/* h = z * h + (1 - z) * n; gates: z, r, n, or NULL. */
static void gru_state(const layer *l, const REAL *row, REAL *h, REAL *gates) {
  const int64_t U = l->d.U;
  for (int64_t u = 0; u < U; u++) {
    const double z = recurrent_activation(l, (double)row[u]), r = recurrent_activation(l, (double)row[U + u]);
    const double n = activation(l, (double)row[2 * U + u]);
    h[u] = (REAL)(z * (double)h[u] + (1 - z) * n);
    if (gates == NULL) continue;
    gates[u] = (REAL)z;
    gates[U + u] = (REAL)r;
    gates[2 * U + u] = (REAL)n;
  }
}

/* One unit of an LSTM. */
typedef struct lstm_unit {
  double i, f, g, o;
} lstm_unit;

static lstm_unit lstm_gates(const layer *l, const REAL *row, int64_t u) {
  const int64_t U = l->d.U;
  return (lstm_unit){ recurrent_activation(l, (double)row[u]), recurrent_activation(l, (double)row[U + u]),
                      activation(l, (double)row[2 * U + u]), recurrent_activation(l, (double)row[3 * U + u]) };
}

/* c = f * c + i * g,  h = o * a(c); states: h, c; gates: i, f, g, o, or NULL. */
static void lstm_state(const layer *l, const REAL *row, REAL *states, REAL *gates) {
  const int64_t U = l->d.U;
  REAL *h = states, *c = states + U;
  for (int64_t u = 0; u < U; u++) {
    const lstm_unit at = lstm_gates(l, row, u);
    c[u] = (REAL)(at.f * (double)c[u] + at.i * at.g);
    h[u] = (REAL)(at.o * activation(l, (double)c[u]));
    if (gates == NULL) continue;
    gates[u] = (REAL)at.i;
    gates[U + u] = (REAL)at.f;
    gates[2 * U + u] = (REAL)at.g;
    gates[3 * U + u] = (REAL)at.o;
  }
}

static void step_state(const layer *l, const REAL *row, REAL *states, REAL *gates) {
  if (l->d.kind->cell == MG_CELL_GRU) {
    gru_state(l, row, states, gates);
  } else if (l->d.kind->cell == MG_CELL_LSTM) {
    lstm_state(l, row, states, gates);
  } else {
    for (int64_t u = 0; u < l->d.U; u++) states[u] = (REAL)activation(l, (double)row[u]);
    if (gates != NULL) memcpy(gates, states, (size_t)l->d.U * sizeof *gates);
  }
}

/* row: a_z, a_r, a_n, q, h become da_z, da_r, da_n, dq, h with reset_after, else the same with q = r * h_n kept. dh: of the new
 * state on entry, of the old one on return. */
static void gru_gradients(const layer *l, REAL *row, double *dh) {
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
    row[U + u] = (REAL)(slope(rec, a_r) * da_n * q);
    row[3 * U + u] = (REAL)(da_n * recurrent_activation(l, a_r));
  }
}

/* Without reset_after: d(r * h_n) = da_n Rn^T, from which da_r and the share of h. */
static void reset_gradients(const layer *l, int64_t b, REAL *row, double *dh, double *dq) {
  const int64_t U = l->d.U;
  const REAL *scale = mask_row(l->recurrent_dropout[2], b, U);
  memset(dq, 0, (size_t)U * sizeof *dq);
  add_transposed(l, dq, row + 2 * U, NULL, U, l->recurrent_kernel, 2);
  for (int64_t u = 0; u < U; u++) {
    const double a_r = (double)row[U + u], h_n = times(scale, u, (double)row[4 * U + u]);
    row[U + u] = (REAL)(slope(&l->args->recurrent_activation, a_r) * dq[u] * h_n);
    dh[u] += times(scale, u, dq[u] * recurrent_activation(l, a_r));
  }
}

/* row: a_i, a_f, a_g, a_o become their gradients. dh and dc: of the new states on entry; on return dc of the old carry, and dh 0:
 * the old state counts through the gates alone. */
static void lstm_gradients(const layer *l, REAL *row, double *dh, double *dc) {
  const int64_t U = l->d.U;
  const mg_activation *act = &l->args->activation, *rec = &l->args->recurrent_activation;
  for (int64_t u = 0; u < U; u++) {
    const lstm_unit at = lstm_gates(l, row, u);
    const double c = (double)row[5 * U + u], c_new = (double)(REAL)(at.f * c + at.i * at.g);
    const double all = dc[u] + dh[u] * at.o * slope(act, c_new);
    row[3 * U + u] = (REAL)(slope(rec, (double)row[3 * U + u]) * dh[u] * activation(l, c_new));
    row[2 * U + u] = (REAL)(slope(act, (double)row[2 * U + u]) * all * at.i);
    row[U + u] = (REAL)(slope(rec, (double)row[U + u]) * all * c);
    row[u] = (REAL)(slope(rec, (double)row[u]) * all * at.g);
    dc[u] = all * at.f;
    dh[u] = 0;
  }
}

static void simple_gradients(const layer *l, REAL *row, double *dh) {
  for (int64_t u = 0; u < l->d.U; u++) {
    row[u] = (REAL)(slope(&l->args->activation, (double)row[u]) * dh[u]);
    dh[u] = 0;
  }
}

/* The gradients of one step's sums, in place; dh and dc become those of the old states, but for what the products add.
 * dq: scratch. */
static void step_gradients(const layer *l, int64_t b, REAL *row, double *dh, double *dc, double *dq) {
  if (l->d.kind->cell == MG_CELL_GRU) {
    gru_gradients(l, row, dh);
    if (!l->d.reset_after) reset_gradients(l, b, row, dh, dq);
  } else if (l->d.kind->cell == MG_CELL_LSTM) {
    lstm_gradients(l, row, dh, dc);
  } else {
    simple_gradients(l, row, dh);
  }
}

/* The factor of R's columns of gate g is not h_g but row's q, for a GRU's n without reset_after; with it, the gradient is dq. */
static int uses_q(const layer *l, int64_t g) { return l->d.kind->cell == MG_CELL_GRU && g == 2; }
static const REAL *recurrent_gradient(const layer *l, const REAL *row, int64_t g) {
  return row + (uses_q(l, g) && l->d.reset_after ? 3 : g) * l->d.U;
}
