/* gru_reference_forward.h: body of the general GRU, forward; included once for each REAL. Notation: moongate.h, mg_gru_args. */
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "activation_scalar.h"
#include "gru_reference.h"

typedef struct layer {
  mg_gru_dims d;
  const mg_gru_args *args;
  const REAL *x, *kernel, *recurrent_kernel, *bias, *initial_state;
  const uint8_t *mask;
  const REAL *dropout[3], *recurrent_dropout[3]; /* NULL: ones */
  REAL *output, *state, *gates;                  /* forward */
  REAL *saved;                                   /* (B,T,5U), here the whole of it even when recomputing; or NULL */
  REAL *states;                                  /* (B,T,U): what RECOMPUTE saves; or NULL */
  const REAL *doutput, *dstate;                  /* backward */
  REAL *dx, *dkernel, *drecurrent_kernel, *dbias, *dinitial_state;
} layer;

static layer layer_of(const mg_gru_args *args) {
  layer l = {
    .d = mg_gru_dims_of(args),
    .args = args,
    .x = mg_gru_elements(args->x),
    .kernel = mg_gru_elements(args->kernel),
    .recurrent_kernel = mg_gru_elements(args->recurrent_kernel),
    .bias = mg_gru_elements(args->bias),
    .initial_state = mg_gru_elements(args->initial_state),
    .mask = mg_gru_elements(args->mask),
  };
  for (int g = 0; g < 3; g++) {
    const mg_tensor *shared = args->dropout_masks[1] == NULL ? args->dropout_masks[0] : args->dropout_masks[g];
    l.dropout[g] = mg_gru_elements(shared);
    l.recurrent_dropout[g] = mg_gru_elements(args->recurrent_dropout_masks[g]);
  }
  return l;
}

static const REAL *x_row(const layer *l, int64_t b, int64_t s) {
  return l->x + mg_gru_row(&l->d, b, mg_gru_time(&l->d, s)) * l->d.F;
}

static double times(const REAL *mask, int64_t at, double value) { return mask == NULL ? value : value * (double)mask[at]; }

/* Row i of the scale of gate g: x_g = x * scale, h_g = h * scale. */
static const REAL *mask_row(const REAL *mask, int64_t b, int64_t width) { return mask == NULL ? NULL : mask + b * width; }

static double recurrent_activation(const layer *l, double x) { return mg_activation_value(&l->args->recurrent_activation, x); }
static double activation(const layer *l, double x) { return mg_activation_value(&l->args->activation, x); }

/* sum[0..U) += (v * scale) W_g for v (n), W (n,3U) and its columns of gate g. */
static void add_product(double *sum, const REAL *v, const REAL *scale, int64_t n, const REAL *W, int g, int64_t U) {
  for (int64_t k = 0; k < n; k++) {
    const double value = times(scale, k, (double)v[k]);
    const REAL *row = W + k * 3 * U + g * U;
    for (int64_t u = 0; u < U; u++) sum[u] += value * (double)row[u];
  }
}

static void set_bias(double *sum, const layer *l, int bias_row, int g) {
  const int64_t U = l->d.U;
  for (int64_t u = 0; u < U; u++) sum[u] = l->bias == NULL ? 0 : (double)l->bias[bias_row * 3 * U + g * U + u];
}

/* The sums of one step from x (F) and h (U): row = a_z, a_r, a_n, q, h. scratch: 2U. */
static void step_sums(const layer *l, int64_t b, const REAL *x, const REAL *h, REAL *row, double *scratch) {
  const int64_t F = l->d.F, U = l->d.U;
  REAL *q = row + 3 * U;
  double *sum = scratch, *inner = scratch + U;
  for (int g = 0; g < 2; g++) {
    set_bias(sum, l, 0, g);
    add_product(sum, x, mask_row(l->dropout[g], b, F), F, l->kernel, g, U);
    if (l->d.reset_after && l->bias != NULL) {
      for (int64_t u = 0; u < U; u++) sum[u] += (double)l->bias[3 * U + g * U + u];
    }
    add_product(sum, h, mask_row(l->recurrent_dropout[g], b, U), U, l->recurrent_kernel, g, U);
    for (int64_t u = 0; u < U; u++) row[g * U + u] = (REAL)sum[u];
  }
  const REAL *h_scale = mask_row(l->recurrent_dropout[2], b, U);
  set_bias(sum, l, 0, 2);
  add_product(sum, x, mask_row(l->dropout[2], b, F), F, l->kernel, 2, U);
  if (l->d.reset_after) { /* a_n = x_n Kn + bn + r * q,  q = h_n Rn + b2n */
    set_bias(inner, l, 1, 2);
    add_product(inner, h, h_scale, U, l->recurrent_kernel, 2, U);
    for (int64_t u = 0; u < U; u++) sum[u] += recurrent_activation(l, (double)row[U + u]) * inner[u];
    for (int64_t u = 0; u < U; u++) q[u] = (REAL)inner[u];
  } else { /* a_n = x_n Kn + bn + q Rn,  q = r * h_n */
    for (int64_t u = 0; u < U; u++) q[u] = (REAL)(recurrent_activation(l, (double)row[U + u]) * times(h_scale, u, (double)h[u]));
    add_product(sum, q, NULL, U, l->recurrent_kernel, 2, U);
  }
  for (int64_t u = 0; u < U; u++) row[2 * U + u] = (REAL)sum[u];
  memmove(row + 4 * U, h, (size_t)U * sizeof *row);
}

/* h = z * h + (1 - z) * n; gates: z, r, n, or NULL. */
static void step_state(const layer *l, const REAL *row, REAL *h, REAL *gates) {
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

static void write_output(const layer *l, int64_t b, int64_t s, const REAL *last, int counts) {
  const int64_t U = l->d.U;
  if (!l->d.return_sequences && s + 1 < l->d.T) return;
  REAL *out = l->output + (l->d.return_sequences ? mg_gru_row(&l->d, b, s) : b) * U;
  for (int64_t u = 0; u < U; u++) out[u] = l->d.zero_masked && !counts ? 0 : last[u];
}

/* One row of the batch through time. memory: h (U), last output (U), a row of sums (5U). */
static void forward_row(const layer *l, int64_t b, REAL *memory, double *scratch) {
  const int64_t U = l->d.U, T = l->d.T;
  REAL *h = memory, *last = memory + U;
  for (int64_t u = 0; u < U; u++) h[u] = l->initial_state == NULL ? 0 : l->initial_state[b * U + u];
  memset(last, 0, (size_t)U * sizeof *last);
  for (int64_t s = 0; s < T; s++) {
    REAL *row = l->saved == NULL ? memory + 2 * U : l->saved + (b * T + s) * SAVED_VALUES * U;
    REAL *gates = l->gates == NULL ? NULL : l->gates + mg_gru_row(&l->d, b, s) * 3 * U;
    const int counts = mg_gru_step_counts(&l->d, l->mask, b, s);
    if (l->states != NULL) memcpy(l->states + (b * T + s) * U, h, (size_t)U * sizeof *h);
    if (counts) {
      step_sums(l, b, x_row(l, b, s), h, row, scratch);
      step_state(l, row, h, gates);
      memcpy(last, h, (size_t)U * sizeof *h);
    } else if (gates != NULL) {
      memset(gates, 0, (size_t)(3 * U) * sizeof *gates);
    }
    write_output(l, b, s, last, counts);
  }
  if (l->state != NULL) memcpy(l->state + b * U, h, (size_t)U * sizeof *h);
}

static mg_status forward_task(void *context, int64_t b) {
  const layer *l = context;
  const size_t U = (size_t)l->d.U, mark = mg_workspace_mark();
  REAL *memory = mg_workspace_take(7 * U * sizeof *memory);
  double *scratch = mg_workspace_take(2 * U * sizeof *scratch);
  if (memory != NULL && scratch != NULL) forward_row(l, b, memory, scratch);
  mg_workspace_give_back(mark);
  return memory != NULL && scratch != NULL ? MG_OK : mg_fail(MG_ENOMEM, "gru_forward: no memory for a step of %zu units", U);
}

static mg_status forward(const mg_gru_args *args) {
  layer l = layer_of(args);
  l.output = mg_gru_elements(args->output);
  l.state = mg_gru_elements(args->state);
  l.gates = mg_gru_elements(args->gates);
  if (l.d.recompute) l.states = mg_gru_elements(args->saved);
  else l.saved = mg_gru_elements(args->saved);
  return mg_parallel(l.d.B, forward_task, &l);
}
