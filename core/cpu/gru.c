/* gru.c: the CPU's GRU kernels, the fastest first. */
#include "cpu.h"
#include "gru_reference.h"

const mg_gru_kernel mg_cpu_gru_kernels[MG_CPU_GRU_KERNELS] = {
  { .name = "reference",
    .saved_size = gru_reference_saved_size,
    .forward = gru_reference_forward,
    .backward = gru_reference_backward },
};
