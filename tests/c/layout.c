/* layout.c: prints how this compiler lays out every struct of the public header, for cdef_spec.lua to compare with LuaJIT's:
 * "STRUCT size" and "STRUCT.FIELD offset". The spec notices a field that is missing here. */
#include <stddef.h>
#include <stdio.h>

#include "moongate.h"

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

static void print_information(void) {
  SIZE(mg_memory_info);
  FIELD(mg_memory_info, live_bytes);
  FIELD(mg_memory_info, peak_bytes);
  FIELD(mg_memory_info, cached_bytes);
  FIELD(mg_memory_info, workspace_bytes);
  SIZE(mg_runtime_info);
  FIELD(mg_runtime_info, version);
  FIELD(mg_runtime_info, isa);
  FIELD(mg_runtime_info, isa_best);
  FIELD(mg_runtime_info, cpu);
  FIELD(mg_runtime_info, features);
  FIELD(mg_runtime_info, blas);
  FIELD(mg_runtime_info, compiler);
  FIELD(mg_runtime_info, threads);
  FIELD(mg_runtime_info, processors);
  SIZE(mg_device_info);
  FIELD(mg_device_info, name);
  FIELD(mg_device_info, total_bytes);
  FIELD(mg_device_info, free_bytes);
  SIZE(mg_plan);
  FIELD(mg_plan, kernel);
  FIELD(mg_plan, faster);
  FIELD(mg_plan, reason);
  FIELD(mg_plan, nanoseconds);
  FIELD(mg_plan, split);
  FIELD(mg_plan, threads);
  FIELD(mg_plan, block_rows);
  FIELD(mg_plan, chunk_steps);
  FIELD(mg_plan, reserved);
}

static void print_arguments(void) {
  SIZE(mg_activation);
  FIELD(mg_activation, kind);
  FIELD(mg_activation, reserved);
  FIELD(mg_activation, a);
  FIELD(mg_activation, b);
  FIELD(mg_activation, c);
  SIZE(mg_random_key);
  FIELD(mg_random_key, seed);
  FIELD(mg_random_key, stream);
  FIELD(mg_random_key, offset);
  SIZE(mg_optimizer_args);
  FIELD(mg_optimizer_args, kind);
  FIELD(mg_optimizer_args, flags);
  FIELD(mg_optimizer_args, step);
  FIELD(mg_optimizer_args, learning_rate);
  FIELD(mg_optimizer_args, momentum);
  FIELD(mg_optimizer_args, rho);
  FIELD(mg_optimizer_args, beta_1);
  FIELD(mg_optimizer_args, beta_2);
  FIELD(mg_optimizer_args, epsilon);
  FIELD(mg_optimizer_args, weight_decay);
  FIELD(mg_optimizer_args, gradient_scale);
  FIELD(mg_optimizer_args, gradient_limit);
  FIELD(mg_optimizer_args, parameter);
  FIELD(mg_optimizer_args, gradient);
  FIELD(mg_optimizer_args, state);
}

static void print_rnn(void) {
  SIZE(mg_rnn_args);
  FIELD(mg_rnn_args, x);
  FIELD(mg_rnn_args, kernel);
  FIELD(mg_rnn_args, recurrent_kernel);
  FIELD(mg_rnn_args, bias);
  FIELD(mg_rnn_args, initial_state);
  FIELD(mg_rnn_args, initial_carry);
  FIELD(mg_rnn_args, mask);
  FIELD(mg_rnn_args, dropout_masks);
  FIELD(mg_rnn_args, recurrent_dropout_masks);
  FIELD(mg_rnn_args, activation);
  FIELD(mg_rnn_args, recurrent_activation);
  FIELD(mg_rnn_args, flags);
  FIELD(mg_rnn_args, kernel_used);
  FIELD(mg_rnn_args, output);
  FIELD(mg_rnn_args, state);
  FIELD(mg_rnn_args, carry);
  FIELD(mg_rnn_args, gates);
  FIELD(mg_rnn_args, saved);
  FIELD(mg_rnn_args, packed);
  FIELD(mg_rnn_args, doutput);
  FIELD(mg_rnn_args, dstate);
  FIELD(mg_rnn_args, dcarry);
  FIELD(mg_rnn_args, dx);
  FIELD(mg_rnn_args, dkernel);
  FIELD(mg_rnn_args, drecurrent_kernel);
  FIELD(mg_rnn_args, dbias);
  FIELD(mg_rnn_args, dinitial_state);
  FIELD(mg_rnn_args, dinitial_carry);
  FIELD(mg_rnn_args, reserved);
}

int main(void) {
  print_information();
  print_arguments();
  print_rnn();
  return 0;
}
