/* stream_fused.c: which layers take the compiled steps of stream_body.h, and the packing of their weights. */
#include "stream.h"

typedef struct column { int gate, row; } column; /* of the bias: row 0 or 1; 2: the sum of both */

/* Row k of a gate of a weight, units u to u + width; zeros past U and past the last row. */
static float *pack_row(float *data, const mg_tensor *weight, int64_t U, int64_t k, int gate, int64_t u, int64_t width) {
  for (int64_t i = u; i < u + width; i++) *data++ = i < U && k < weight->shape[0] ? stream_weight_at(weight, k, gate * U + i) : 0;
  return data;
}

static float *pack_bias(float *data, const mg_tensor *bias, int64_t U, column c, int64_t u, int64_t width) {
  for (int64_t i = u; i < u + width; i++, data++) {
    *data = 0;
    if (bias == NULL || i >= U) continue;
    for (int row = 0; row < 2; row++)
      if (c.row == row || c.row == 2) *data += stream_weight_at(bias, row, c.gate * U + i);
  }
  return data;
}

/* Order of a GRU's gates: see gru_block. */
static void pack_gru(const mg_stream_layer *l, float *data) {
  static const column biases[] = { { 1, 2 }, { 2, 1 }, { 0, 2 }, { 2, 0 } };
  static const int gates[] = { 1, 2, 0 };
  const int64_t U = l->outputs, V = ((const stream_table *)l->plan)->width, P = stream_round_up(U, V);
  for (int64_t u = 0, width; u < P; u += width) {
    width = stream_block_vectors((P - u) / V) * V;
    for (int i = 0; i < 4; i++) data = pack_bias(data, mg_stream_weight(l, 2), U, biases[i], u, width);
    for (int64_t k = 0; k < l->inputs; k++)
      for (int i = 0; i < 3; i++) data = pack_row(data, &l->weight[0], U, k, gates[i], u, width);
    for (int i = 0; i < 3; i++)
      for (int64_t k = 0; k < stream_state_rows(l); k++) data = pack_row(data, &l->weight[1], U, k, gates[i], u, width);
  }
}

int stream_plan_fused(mg_stream_layer *l) {
  const stream_table *table = MG_ISA_PICK(stream);
  const int64_t P = stream_round_up(l->outputs, table->width), vectors = P / table->width;
  if (l->rnn_kind->cell != MG_CELL_GRU || !l->reset_after || l->activation.kind != MG_ACT_TANH ||
      l->recurrent_activation.kind != MG_ACT_SIGMOID)
    return 0;
  l->plan = table;
  l->row = stream_round_up(l->outputs, 16); /* at least stream_state_rows */
  l->pack = pack_gru;
  l->packed_floats = P * (4 + 3 * (l->inputs + stream_state_rows(l)));
  l->scratch_floats = l->row;
  l->step = table->gru[vectors <= STREAM_BLOCK_VECTORS ? vectors : 0];
  return 1;
}
