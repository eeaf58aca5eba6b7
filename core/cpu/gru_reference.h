/* gru_reference.h: the general GRU, float32 and float64, every argument. Private to core/cpu/gru_reference*.c.
 *
 * Plain loops beside the equations of moongate.h; sums in double. It stays as what every faster kernel is compared with.
 * `saved`, a row for each (b, step): the sums inside s(), s() and a() of z, r, n, then q, then h: five times U values, where
 *   h  is the state before the step,
 *   q  is h_n Rn + b2n with reset_after, else r * h_n.
 * With MG_RNN_RECOMPUTE the row is h alone. Backward overwrites the sums with their gradients. */
#ifndef MG_GRU_REFERENCE_H
#define MG_GRU_REFERENCE_H

#include "gru.h"

enum { SAVED_VALUES = 5 };

typedef struct gru_reference {
  mg_status (*forward)(const mg_gru_args *args);
  mg_status (*backward)(const mg_gru_args *args);
} gru_reference;
extern const gru_reference gru_reference_float32, gru_reference_float64;

mg_status gru_reference_saved_size(int64_t *elements, const mg_gru_args *args);
mg_status gru_reference_forward(const mg_gru_args *args);
mg_status gru_reference_backward(const mg_gru_args *args);

#endif
