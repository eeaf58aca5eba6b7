/* rnn_row_weights.c: gradients of the weights for a few rows without a mask: sums over the steps from x, states and gates as they
 * lie. A piece of work owns some values (features or units) of one gate, and adds up all rows and steps in one order. */
#include <string.h>

#include "rnn_row.h"

enum { VALUES = 64, ALONE = 1 << 23 };

typedef struct side {
  int64_t count;  /* values: F or U */
  float *out;     /* (count, GU); NULL: not wanted */
} side;

static side side_of(const rnn_fast *f, int recurrent) {
  return recurrent ? (side){ f->d.U, mg_rnn_elements(f->args->drecurrent_kernel) }
                   : (side){ f->d.F, mg_rnn_elements(f->args->dkernel) };
}

static int64_t side_pieces(const rnn_fast *f, int recurrent) { return f->d.G * mg_pieces(side_of(f, recurrent).count, VALUES); }

/* The slot whose gradient belongs to a gate: of a GRU's n, with the recurrent kernel and reset_after, q. */
static int slot_of(const rnn_fast *f, int recurrent, int gate) {
  const int slot = f->layout->slot_of_gate[gate];
  return recurrent && f->d.reset_after && slot == SLOT_N ? SLOT_Q : slot;
}

/* The values of step 0 of row b, and how far those of the next step are. */
static const float *values_of(const rnn_fast *f, int recurrent, int slot, int64_t b, int64_t *step) {
  if (!recurrent) {
    const int64_t row = (f->d.time_major ? f->d.B : 1) * f->d.F;
    *step = f->d.go_backwards ? -row : row;
    return f->x + mg_rnn_row(&f->d, b, mg_rnn_time(&f->d, 0)) * f->d.F;
  }
  const int stored = f->resets && slot == SLOT_N; /* r * h: q's slot */
  *step = stored ? f->width : f->P;
  return stored ? rnn_block_gates(f, b) + SLOT_Q * f->P : rnn_block_states(f, f->states, b);
}

static mg_status weights_piece(void *context, int64_t index) {
  const rnn_fast *f = context;
  const int recurrent = index >= side_pieces(f, 0);
  const int64_t at = index - (recurrent ? side_pieces(f, 0) : 0), first = at / f->d.G * VALUES;
  const side s = side_of(f, recurrent);
  const int gate = (int)(at % f->d.G), slot = slot_of(f, recurrent, gate);
  if (s.out == NULL) return MG_OK;
  rnn_row_weights w = { .U = f->d.U, .width = f->width, .steps = f->d.T, .ld = f->d.G * f->d.U,
                        .count = s.count - first < VALUES ? s.count - first : VALUES,
                        .out = s.out + first * f->d.G * f->d.U + gate * f->d.U };
  for (int64_t b = 0; b < f->d.B; b++) {
    w.values = values_of(f, recurrent, slot, b, &w.values_step) + first;
    w.gates = rnn_block_gates(f, b) + slot * f->P;
    w.add = b > 0;
    f->row->weights_gradient(&w);
  }
  return MG_OK;
}

/* Row 0 of dbias: the sums of all gates; row 1, with reset_after: of z, r and q. */
static void bias_sums(const rnn_fast *f, float *dbias, int recurrent) {
  for (int gate = 0; gate < f->d.G; gate++) {
    rnn_row_weights w = { .U = f->d.U, .width = f->width, .steps = f->d.T, .out = dbias + gate * f->d.U };
    for (int64_t b = 0; b < f->d.B; b++) {
      w.gates = rnn_block_gates(f, b) + slot_of(f, recurrent, gate) * f->P;
      w.add = b > 0;
      f->row->bias_gradient(&w);
    }
  }
}

void rnn_row_gradients(rnn_fast *f) {
  float *dbias = mg_rnn_elements(f->args->dbias);
  const int64_t pieces = side_pieces(f, 0) + side_pieces(f, 1);
  if (f->d.B * f->d.T * f->d.G * f->P * (f->d.F + f->d.U) < ALONE) {
    for (int64_t i = 0; i < pieces; i++) weights_piece(f, i);
  } else {
    mg_parallel(pieces, weights_piece, f); /* its pieces cannot fail */
  }
  if (dbias == NULL) return;
  bias_sums(f, dbias, 0);
  if (f->d.reset_after) bias_sums(f, dbias + f->d.G * f->d.U, 1);
}
