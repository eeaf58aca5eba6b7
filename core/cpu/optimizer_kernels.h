/* optimizer_kernels.h: one optimizer step over a run of elements, once per instruction set. Private to cpu/optimizer*.c. */
#ifndef MG_CPU_OPTIMIZER_KERNELS_H
#define MG_CPU_OPTIMIZER_KERNELS_H

#include "isa.h"

/* args for the numbers; elements at..at+n-1 of the memory here. Absent states are NULL. */
typedef struct mg_optimizer_memory {
  void *parameter, *state[3];
  const void *gradient;
} mg_optimizer_memory;
typedef struct mg_optimizer_kernels {
  void (*update)(const mg_optimizer_args *args, const mg_optimizer_memory *memory, int64_t at, int64_t n);
} mg_optimizer_kernels;

MG_ISA_DECLARE(mg_optimizer_kernels, mg_optimizer_float);
extern const mg_optimizer_kernels mg_optimizer_double;

#endif
