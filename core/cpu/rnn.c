/* rnn.c: the CPU's kernels of recurrent layers, the fastest first. */
#include "cpu.h"
#include "rnn_fast.h"
#include "rnn_reference.h"

static mg_status fast_refuses(const char **reason, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  (void)kind;
  if (args->x->dtype != MG_FLOAT32) *reason = "it is for float32";
  return MG_OK;
}

static const char *fast_text(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  return rnn_precision_text(&f.d, mg_get_matmul_precision(), f.row != NULL);
}

const mg_rnn_kernel mg_cpu_rnn_kernels[MG_CPU_RNN_KERNELS] = {
  { .name = RNN_FAST_NAME,
    .text = fast_text,
    .refuses = fast_refuses,
    .saved_size = rnn_fast_saved_size,
    .forward = rnn_fast_forward,
    .backward = rnn_fast_backward,
    .estimate = rnn_fast_estimate },
  { .name = "reference",
    .saved_size = rnn_reference_saved_size,
    .forward = rnn_reference_forward,
    .backward = rnn_reference_backward },
};
