/* copy.h: the ways to copy that copy.c chooses from. Private to core/cpu. */
#ifndef MG_CPU_COPY_H
#define MG_CPU_COPY_H

#include "iterate.h"

/* Operand 0 = operand 1, elements of `element` bytes. Returns 0 and does nothing when their layouts do not cross. */
int mg_copy_transposed(mg_status *status, const mg_iterator *it, int64_t element);

#endif
