/* activation.h: what the slope of an activation is computed from; the list of mg_activation_backward in moongate.h. Private. */
#ifndef MG_ACTIVATION_H
#define MG_ACTIVATION_H

#include "moongate.h"

static inline int mg_slope_needs_x(const mg_activation *activation) {
  switch (activation->kind) {
    case MG_ACT_LINEAR: /* neither x nor y */
    case MG_ACT_TANH:
    case MG_ACT_SIGMOID:
    case MG_ACT_HARD_SIGMOID:
    case MG_ACT_SELU:
    case MG_ACT_EXPONENTIAL:
    case MG_ACT_SOFTSIGN: return 0;
    case MG_ACT_ELU: return activation->a < 0; /* both sides of 0 give y > 0 */
    case MG_ACT_RELU: return activation->a != 0 || activation->c != 0;
    default: return 1;
  }
}

#endif
