/* gru.c: the CPU's GRU kernels, the fastest first. */
#include "cpu.h"
#include "gru_fast.h"
#include "gru_reference.h"

static mg_status fast_refuses(const char **reason, const mg_gru_args *args) {
  if (args->x->dtype != MG_FLOAT32) *reason = "it is for float32";
  return MG_OK;
}

const mg_gru_kernel mg_cpu_gru_kernels[MG_CPU_GRU_KERNELS] = {
  { .name = "fused float32",
    .refuses = fast_refuses,
    .saved_size = gru_fast_saved_size,
    .forward = gru_fast_forward,
    .backward = gru_fast_backward },
  { .name = "reference",
    .saved_size = gru_reference_saved_size,
    .forward = gru_reference_forward,
    .backward = gru_reference_backward },
};
