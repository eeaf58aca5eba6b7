/* rnn_fast_plan.c: sizes, groups and packed weights of the float32 GRU. All depend on shapes and instruction set alone. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_fast.h"
#include "isa.h"

enum { BLOCK_ROWS = 16, SMALL_BATCH = 32, LARGE_UNITS = 384, CHUNK_FLOATS = 1 << 17 };

MG_ISA_DECLARE(rnn_table, rnn);

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* Blocks of nearly equal size, whole tiles of eight rows: smaller ones give small batches to more threads, larger ones read weights
 * that do not fit the second cache less often. */
static int64_t block_rows_for(int64_t B, int64_t U) {
  int64_t most = B <= SMALL_BATCH ? BLOCK_ROWS / 2 : BLOCK_ROWS;
  if (U >= LARGE_UNITS) most *= 2;
  if (B <= most) return B;
  int64_t blocks = (B + most - 1) / most;
  return round_up((B + blocks - 1) / blocks, 8);
}

int64_t rnn_chunk_steps(const rnn_fast *f, int64_t rows) {
  const int64_t width = SLOTS * f->P > f->FP ? SLOTS * f->P : f->FP;
  int64_t steps = CHUNK_FLOATS / (rows * width);
  return steps < 1 ? 1 : steps < f->d.T ? steps : f->d.T;
}

static int cut_groups(rnn_group *groups, int apart, int first, int slots) {
  if (!apart) {
    groups[0] = (rnn_group){ .first = first, .slots = slots };
    return 1;
  }
  for (int i = 0; i < slots; i++) groups[i] = (rnn_group){ .first = first + i, .slots = 1 };
  return slots;
}

static void plan_groups(rnn_fast *f) {
  const int apart = f->recurrent_dropout[0] != NULL;
  f->inputs = cut_groups(f->input, f->args->dropout_masks[1] != NULL, SLOT_N, 3);
  if (f->d.reset_after) {
    f->recurrents = cut_groups(f->recurrent, apart, SLOT_Z, 3);
  } else {
    f->recurrents = cut_groups(f->recurrent, apart, SLOT_Z, 2);
    f->recurrents += cut_groups(f->recurrent + f->recurrents, 0, SLOT_N, 1);
  }
}

void rnn_fast_plan(rnn_fast *f, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  *f = (rnn_fast){ .d = mg_rnn_dims_of(kind, args), .args = args, .table = MG_ISA_PICK(rnn) };
  int fused = args->activation.kind == MG_ACT_TANH && args->recurrent_activation.kind == MG_ACT_SIGMOID;
  f->cells = fused ? &f->table->fused : &f->table->any;
  f->V = f->table->width;
  f->P = round_up(f->d.U, f->V);
  f->FP = round_up(f->d.F, f->V);
  f->block_rows = block_rows_for(f->d.B, f->d.U);
  f->x = mg_rnn_elements(args->x);
  f->mask = mg_rnn_elements(args->mask);
  for (int g = 0; g < 3; g++) {
    f->dropout[g] = mg_rnn_elements(args->dropout_masks[1] == NULL ? args->dropout_masks[0] : args->dropout_masks[g]);
    f->recurrent_dropout[g] = mg_rnn_elements(args->recurrent_dropout_masks[g]);
  }
  plan_groups(f);
}

/* Panels of the group's columns of W (K, 3U). */
static void pack_group(const rnn_fast *f, rnn_group *group, const float *W, int64_t K, float *data) {
  const int64_t U = f->d.U, V = f->V, each = f->P / V, vectors = group->slots * each;
  group->panels = (rnn_panels){ .data = data, .K = K, .vectors = vectors };
  for (int64_t v = 0, width; v < vectors; v += width) {
    width = rnn_panel_vectors(vectors - v);
    for (int64_t k = 0; k < K; k++) {
      for (int64_t i = v; i < v + width; i++, data += V) {
        const int64_t u = i % each * V, n = U - u < V ? U - u : V;
        const float *from = W + k * 3 * U + rnn_gate_of_slot(group->first + (int)(i / each)) * U + u;
        if (n == V) { /* the size known: no call */
          for (int64_t j = 0; j < V; j++) data[j] = from[j];
        } else {
          for (int64_t j = 0; j < V; j++) data[j] = j < n ? from[j] : 0;
        }
      }
    }
  }
}

/* Panels of the transpose of W (N, 3U): rows by slot from `first` on, three slots of P; columns N, padded. */
static rnn_panels pack_transposed(const rnn_fast *f, const float *W, int64_t N, int first, float *data) {
  const int64_t U = f->d.U, V = f->V, K = 3 * f->P, vectors = round_up(N, V) / V;
  const rnn_panels panels = { .data = data, .K = K, .vectors = vectors };
  memset(data, 0, (size_t)(K * vectors * V) * sizeof *data);
  for (int64_t v = 0, width; v < vectors; v += width) {
    width = rnn_panel_vectors(vectors - v);
    for (int64_t column = 0; column < width * V && v * V + column < N; column++) {
      for (int slot = 0; slot < 3; slot++) {
        const float *from = W + (v * V + column) * 3 * U + rnn_gate_of_slot(first + slot) * U;
        float *to = data + slot * f->P * width * V + column;
        for (int64_t u = 0; u < U; u++) to[u * width * V] = from[u];
      }
    }
    data += K * width * V;
  }
  return panels;
}

static void add_bias(const rnn_fast *f, float *to, int row, int gate) {
  const float *from = mg_rnn_elements(f->args->bias);
  for (int64_t u = 0; from != NULL && u < f->d.U; u++) to[u] += from[(row * 3 + gate) * f->d.U + u];
}

static void pack_bias(const rnn_fast *f, float *bias) {
  memset(bias, 0, (size_t)(SLOTS * f->P) * sizeof *bias);
  for (int slot = SLOT_N; slot <= SLOT_R; slot++) add_bias(f, bias + slot * f->P, 0, rnn_gate_of_slot(slot));
  if (!f->d.reset_after) return;
  for (int slot = SLOT_Z; slot <= SLOT_Q; slot++) add_bias(f, bias + slot * f->P, 1, rnn_gate_of_slot(slot));
}

/* Memory for a packed part. *ready: what lies there is current. Groups by gate (dropout masks apart) are not kept in the handle. */
static mg_status part_memory(const rnn_fast *f, int part, int64_t floats, float **data, int *ready) {
  mg_packed *packed = f->args->packed;
  *ready = 0;
  if (packed == NULL || f->inputs > 1 || f->recurrent_dropout[0] != NULL) {
    *data = mg_workspace_take((size_t)floats * sizeof **data);
  } else {
    *ready = (packed->parts & (1u << part)) != 0;
    MG_TRY(mg_packed_part(packed, f->args->x->buffer->backend, part, floats * (int64_t)sizeof **data));
    *data = packed->data[part];
  }
  return *data != NULL ? MG_OK : mg_fail(MG_ENOMEM, "%s: no memory to pack weights of %lld units", f->d.kind->layer,
                                            (long long)f->d.U);
}

static void part_done(const rnn_fast *f, int part) {
  mg_packed *packed = f->args->packed;
  if (packed != NULL && packed->data[part] != NULL && f->inputs == 1 && f->recurrent_dropout[0] == NULL)
    packed->parts |= 1u << part;
}

/* Where a group's panels lie; packs them unless they are ready. */
static float *place_group(const rnn_fast *f, rnn_group *group, const mg_tensor *W, int64_t K, float *data, int ready) {
  if (ready) group->panels = (rnn_panels){ .data = data, .K = K, .vectors = group->slots * f->P / f->V };
  else pack_group(f, group, mg_elements(W), K, data);
  return data + K * group->slots * f->P;
}

mg_status rnn_fast_pack_forward(rnn_fast *f) {
  float *data;
  int ready;
  MG_TRY(part_memory(f, 0, SLOTS * f->P + 3 * f->P * (f->d.F + f->d.U), &data, &ready));
  if (!ready) pack_bias(f, data);
  f->bias = data;
  data += SLOTS * f->P;
  for (int i = 0; i < f->inputs; i++) data = place_group(f, &f->input[i], f->args->kernel, f->d.F, data, ready);
  for (int i = 0; i < f->recurrents; i++) data = place_group(f, &f->recurrent[i], f->args->recurrent_kernel, f->d.U, data, ready);
  part_done(f, 0);
  return MG_OK;
}

mg_status rnn_fast_pack_backward(rnn_fast *f) {
  const int64_t recurrent_size = 3 * f->P * f->P;
  float *data;
  int ready;
  MG_TRY(part_memory(f, 1, recurrent_size + 3 * f->P * f->FP, &data, &ready));
  if (ready) {
    f->recurrent_back = (rnn_panels){ .data = data, .K = 3 * f->P, .vectors = f->P / f->V };
    f->input_back = (rnn_panels){ .data = data + recurrent_size, .K = 3 * f->P, .vectors = f->FP / f->V };
    return MG_OK;
  }
  f->recurrent_back = pack_transposed(f, mg_elements(f->args->recurrent_kernel), f->d.U, f->d.reset_after ? SLOT_Z : SLOT_N, data);
  f->input_back = pack_transposed(f, mg_elements(f->args->kernel), f->d.F, SLOT_N, data + recurrent_size);
  part_done(f, 1);
  return MG_OK;
}
