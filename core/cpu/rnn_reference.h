/* rnn_reference.h: the general recurrent layer: GRU, LSTM and SimpleRNN, float32 and float64, every argument. Private to
 * core/cpu/rnn_reference*.c.
 *
 * Plain loops beside the equations of moongate.h; sums in double. It stays as what every faster kernel is compared with.
 * `saved`, a row for each (b, step): the sums inside s() and a() of every gate, then for a GRU q, then the states before the step:
 * h and for an LSTM c; U values each.
 *   q  is h_n Rn + b2n with reset_after, else r * h_n.
 * With MG_RNN_RECOMPUTE the row is the states alone. Backward overwrites the sums with their gradients. */
#ifndef MG_RNN_REFERENCE_H
#define MG_RNN_REFERENCE_H

#include "../rnn.h"

/* How many times U values a row holds, and where among them h lies. */
static inline int64_t rnn_reference_h_at(const mg_rnn_kind *kind) { return kind->gates + (kind->cell == MG_CELL_GRU); }
static inline int64_t rnn_reference_states(const mg_rnn_kind *kind) { return kind->has_carry ? 2 : 1; }
static inline int64_t rnn_reference_values(const mg_rnn_kind *kind) {
  return rnn_reference_h_at(kind) + rnn_reference_states(kind);
}

typedef struct rnn_reference {
  mg_status (*forward)(const mg_rnn_kind *kind, const mg_rnn_args *args);
  mg_status (*backward)(const mg_rnn_kind *kind, const mg_rnn_args *args);
} rnn_reference;
extern const rnn_reference rnn_reference_float32, rnn_reference_float64;

mg_status rnn_reference_saved_size(int64_t *elements, const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status rnn_reference_forward(const mg_rnn_kind *kind, const mg_rnn_args *args);
mg_status rnn_reference_backward(const mg_rnn_kind *kind, const mg_rnn_args *args);

#endif
