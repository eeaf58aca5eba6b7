/* runtime.c: what is running here: version, instruction set, memory, devices, precision. */
#include <stdatomic.h>
#include <string.h>

#include "backend.h"
#include "buffer.h"
#include "cpu/isa.h"
#include "error.h"
#include "threads.h"
#include "workspace.h"

static atomic_int matmul_precision = MG_PRECISION_HIGHEST;

int32_t mg_abi(void) { return MG_ABI; }

mg_status mg_runtime(mg_runtime_info *info) {
  if (!info) return mg_fail(MG_EINVAL, "runtime: info is NULL; expected a struct to fill");
  *info = (mg_runtime_info){
    .version = MG_VERSION,
    .isa = mg_cpu_isa_name(mg_cpu_isa()),
    .isa_best = mg_cpu_isa_name(mg_cpu_isa_best()),
    .cpu = mg_cpu_name(),
    .features = mg_cpu_features(),
    .blas = mg_cpu_blas_name(),
    .compiler = __VERSION__,
    .threads = mg_get_threads(),
    .processors = mg_processors(),
  };
  MG_TRY(mg_cpu_isa_status()); /* the environment asked for what is not there */
  return mg_threads_status();
}

mg_status mg_memory(mg_memory_info *info) {
  if (!info) return mg_fail(MG_EINVAL, "memory: info is NULL; expected a struct to fill");
  mg_buffer_counts(info);
  info->workspace_bytes = mg_workspace_bytes();
  return MG_OK;
}

void mg_memory_trim(void) {
  mg_buffer_trim();
  mg_workspace_trim();
}

const mg_backend *mg_backend_of(mg_device device) {
  if (device == MG_CPU) return &mg_cpu_backend;
  if (device == MG_CUDA) mg_fail(MG_EDEVICE, "device: cuda is not there: this build has no CUDA backend; expected cpu");
  else mg_fail(MG_EDEVICE, "device: unknown number %d; expected %d (cpu) or %d (cuda)", (int)device, MG_CPU, MG_CUDA);
  return NULL;
}

const mg_backend *mg_host_backend(void) { return &mg_cpu_backend; }

mg_status mg_device_describe(mg_device_info *info, mg_device device) {
  if (!info) return mg_fail(MG_EINVAL, "device: info is NULL; expected a struct to fill");
  const mg_backend *backend = mg_backend_of(device);
  return backend ? backend->describe(info) : MG_EDEVICE;
}

mg_status mg_device_synchronize(mg_device device) {
  const mg_backend *backend = mg_backend_of(device);
  return backend ? backend->synchronize() : MG_EDEVICE;
}

mg_status mg_set_matmul_precision(int32_t precision) {
  if (precision < MG_PRECISION_HIGHEST || precision > MG_PRECISION_MEDIUM)
    return mg_fail(MG_EINVAL, "set_matmul_precision: %d; expected 0 (highest), 1 (high) or 2 (medium)", (int)precision);
  atomic_store(&matmul_precision, precision);
  return MG_OK;
}

int32_t mg_get_matmul_precision(void) { return atomic_load(&matmul_precision); }
