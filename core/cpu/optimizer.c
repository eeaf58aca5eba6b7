/* cpu/optimizer.c: the optimizer slot: fixed pieces of flat memory, one after the other on any thread. */
#include "../threads.h"
#include "cpu.h"
#include "optimizer_kernels.h"

enum { PIECE = 16384 };

typedef struct update_job {
  const mg_optimizer_args *args;
  mg_optimizer_memory memory;
  const mg_optimizer_kernels *kernels;
  int64_t count;
} update_job;

static mg_status update_piece(void *context, int64_t piece) {
  const update_job *job = context;
  int64_t at = piece * PIECE, rest = job->count - at;
  job->kernels->update(job->args, &job->memory, at, rest < PIECE ? rest : PIECE);
  return MG_OK;
}

static mg_optimizer_memory memory_of(const mg_optimizer_args *args) {
  mg_optimizer_memory memory = {.parameter = mg_elements(args->parameter), .gradient = mg_elements(args->gradient)};
  for (int i = 0; i < 3; i++)
    if (args->state[i]) memory.state[i] = mg_elements(args->state[i]);
  return memory;
}

mg_status mg_cpu_optimizer_update(const mg_optimizer_args *args) {
  const mg_optimizer_kernels *kernels = MG_ISA_PICK(mg_optimizer_float);
  if (args->parameter->dtype == MG_FLOAT64) kernels = &mg_optimizer_double;
  update_job job = {args, memory_of(args), kernels, mg_element_count(args->parameter)};
  return mg_parallel(mg_pieces(job.count, PIECE), update_piece, &job);
}
