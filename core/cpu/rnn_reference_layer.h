/* rnn_reference_layer.h: body of the general recurrent layer: its arguments, and the sums inside the gates. Included once for each
 * REAL, before the rest. Notation: moongate.h, mg_rnn_args. */
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "activation_scalar.h"
#include "rnn_reference.h"

typedef struct layer {
  mg_rnn_dims d;
  const mg_rnn_args *args;
  int64_t values, h_at; /* of a row of `saved`, in units of U; c lies behind h */
  const REAL *x, *kernel, *recurrent_kernel, *bias, *initial_state, *initial_carry;
  const uint8_t *mask;
  const REAL *dropout[4], *recurrent_dropout[4]; /* NULL: ones */
  REAL *output, *state, *carry, *gates;          /* forward */
  REAL *saved;                                   /* (B,T,values U), here the whole of it even when recomputing; or NULL */
  REAL *states;                                  /* (B,T,U or 2U): what RECOMPUTE saves; or NULL */
  const REAL *doutput, *dstate, *dcarry;         /* backward */
  REAL *dx, *dkernel, *drecurrent_kernel, *dbias, *dinitial_state, *dinitial_carry;
} layer;

static layer layer_of(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  layer l = {
    .d = mg_rnn_dims_of(kind, args),
    .args = args,
    .values = rnn_reference_values(kind),
    .h_at = rnn_reference_h_at(kind),
    .x = mg_rnn_elements(args->x),
    .kernel = mg_rnn_elements(args->kernel),
    .recurrent_kernel = mg_rnn_elements(args->recurrent_kernel),
    .bias = mg_rnn_elements(args->bias),
    .initial_state = mg_rnn_elements(args->initial_state),
    .initial_carry = mg_rnn_elements(args->initial_carry),
    .mask = mg_rnn_elements(args->mask),
  };
  for (int64_t g = 0; g < l.d.G; g++) {
    l.dropout[g] = mg_rnn_elements(mg_rnn_dropout_mask(args->dropout_masks, g));
    l.recurrent_dropout[g] = mg_rnn_elements(mg_rnn_dropout_mask(args->recurrent_dropout_masks, g));
  }
  return l;
}

/* The row of (b, step s) in `saved`. */
static REAL *saved_row(const layer *l, int64_t b, int64_t s) { return l->saved + (b * l->d.T + s) * l->values * l->d.U; }

/* The states before (b, step s) that RECOMPUTE saves: h, and for an LSTM c. */
static REAL *state_row(const layer *l, int64_t b, int64_t s) {
  return l->states + (b * l->d.T + s) * (l->values - l->h_at) * l->d.U;
}

static const REAL *x_row(const layer *l, int64_t b, int64_t s) {
  return l->x + mg_rnn_row(&l->d, b, mg_rnn_time(&l->d, s)) * l->d.F;
}

static double times(const REAL *mask, int64_t at, double value) { return mask == NULL ? value : value * (double)mask[at]; }

/* Row b of the scale of a gate: x_g = x * scale, h_g = h * scale. */
static const REAL *mask_row(const REAL *mask, int64_t b, int64_t width) { return mask == NULL ? NULL : mask + b * width; }

static double recurrent_activation(const layer *l, double x) { return mg_activation_value(&l->args->recurrent_activation, x); }
static double activation(const layer *l, double x) { return mg_activation_value(&l->args->activation, x); }
static double slope(const mg_activation *activation, double x) { return mg_activation_slope(activation, x); }

/* sum[0..U) += (v * scale) W_g for v (n), W (n,GU) and its columns of gate g. */
static void add_product(const layer *l, double *sum, const REAL *v, const REAL *scale, int64_t n, const REAL *W, int64_t g) {
  const int64_t U = l->d.U;
  for (int64_t k = 0; k < n; k++) {
    const double value = times(scale, k, (double)v[k]);
    const REAL *row = W + (k * l->d.G + g) * U;
    for (int64_t u = 0; u < U; u++) sum[u] += value * (double)row[u];
  }
}

/* dv[k] += scale[k] * sum over u of dsum[u] W[k, g, u], for k in 0..n. */
static void add_transposed(const layer *l, double *dv, const REAL *dsum, const REAL *scale, int64_t n, const REAL *W, int64_t g) {
  const int64_t U = l->d.U;
  for (int64_t k = 0; k < n; k++) {
    const REAL *row = W + (k * l->d.G + g) * U;
    double sum = 0;
    for (int64_t u = 0; u < U; u++) sum += (double)dsum[u] * (double)row[u];
    dv[k] += times(scale, k, sum);
  }
}

static void set_bias(double *sum, const layer *l, int64_t bias_row, int64_t g) {
  const int64_t U = l->d.U;
  for (int64_t u = 0; u < U; u++) sum[u] = l->bias == NULL ? 0 : (double)l->bias[(bias_row * l->d.G + g) * U + u];
}

/* sum = x_g K + b, and with reset_after its b2 unless that belongs inside (n). */
static void input_sum(const layer *l, double *sum, int64_t b, const REAL *x, int64_t g) {
  const int64_t F = l->d.F, U = l->d.U;
  set_bias(sum, l, 0, g);
  add_product(l, sum, x, mask_row(l->dropout[g], b, F), F, l->kernel, g);
  if (!l->d.reset_after || g == 2 || l->bias == NULL) return;
  for (int64_t u = 0; u < U; u++) sum[u] += (double)l->bias[(l->d.G + g) * U + u];
}

/* a_g = x_g K + b + h_g R into row[g]. */
static void gate_sum(const layer *l, double *sum, int64_t b, const REAL *x, const REAL *h, int64_t g, REAL *row) {
  const int64_t U = l->d.U;
  input_sum(l, sum, b, x, g);
  add_product(l, sum, h, mask_row(l->recurrent_dropout[g], b, U), U, l->recurrent_kernel, g);
  for (int64_t u = 0; u < U; u++) row[g * U + u] = (REAL)sum[u];
}
