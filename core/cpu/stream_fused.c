/* stream_fused.c: which layers take the compiled steps of stream_body.h, and the packing of their weights. */
#include "stream.h"

/* What is packed of a block of units, in this order: see the blocks of stream_body.h. */
typedef struct order {
  int biases, gates;
  struct { int gate, row; } bias[4]; /* row 0 or 1; 2: the sum of both */
  int gate[4];                       /* of kernel and recurrent kernel */
} order;
static const order orders[MG_CELLS] = {
  [MG_CELL_GRU] = { 4, 3, { { 1, 2 }, { 2, 0 }, { 0, 2 }, { 2, 1 } }, { 1, 2, 0 } },
  [MG_CELL_LSTM] = { 4, 4, { { 2, 0 }, { 0, 0 }, { 1, 0 }, { 3, 0 } }, { 2, 0, 1, 3 } },
  [MG_CELL_SIMPLE] = { 1, 1, { { 0, 0 } }, { 0 } },
};

/* Row k of a gate of a weight, units u to u + width; zeros past U and past the last row. */
static float *pack_row(float *data, const mg_tensor *weight, int64_t U, int64_t k, int gate, int64_t u, int64_t width) {
  for (int64_t i = u; i < u + width; i++) *data++ = i < U && k < weight->shape[0] ? stream_weight_at(weight, k, gate * U + i) : 0;
  return data;
}

static float *pack_bias(float *data, const mg_tensor *bias, int64_t U, int gate, int row, int64_t u, int64_t width) {
  for (int64_t i = u; i < u + width; i++, data++) {
    *data = 0;
    if (bias == NULL || i >= U) continue;
    if (bias->ndim == 1) *data = stream_weight_at(bias, gate * U + i, 0);
    else if (row < 2) *data = stream_weight_at(bias, row, gate * U + i);
    else *data = stream_weight_at(bias, 0, gate * U + i) + stream_weight_at(bias, 1, gate * U + i);
  }
  return data;
}

void stream_pack_fused(const mg_stream_layer *l, float *data) {
  const order *o = &orders[l->rnn_kind->cell];
  const int64_t U = l->outputs, V = MG_ISA_PICK(stream)->width, P = rnn_round_up(U, V);
  for (int64_t u = 0, width; u < P; u += width) {
    width = stream_block_vectors((P - u) / V) * V;
    for (int i = 0; i < o->biases; i++)
      data = pack_bias(data, mg_stream_weight(l, 2), U, o->bias[i].gate, o->bias[i].row, u, width);
    for (int64_t k = 0; k < l->inputs; k++)
      for (int i = 0; i < o->gates; i++) data = pack_row(data, &l->weight[0], U, k, o->gate[i], u, width);
    for (int i = 0; i < o->gates; i++)
      for (int64_t k = 0; k < stream_state_rows(l); k++) data = pack_row(data, &l->weight[1], U, k, o->gate[i], u, width);
  }
}

int stream_plan_fused(mg_stream_layer *l) {
  const stream_table *table = MG_ISA_PICK(stream);
  const mg_rnn_cell cell = l->rnn_kind->cell;
  const int64_t P = rnn_round_up(l->outputs, table->width), vectors = P / table->width;
  if ((cell == MG_CELL_GRU && !l->reset_after) || l->activation.kind != MG_ACT_TANH ||
      (cell != MG_CELL_SIMPLE && l->recurrent_activation.kind != MG_ACT_SIGMOID))
    return 0;
  l->row = rnn_round_up(l->outputs, 16); /* at least stream_state_rows */
  l->pack = stream_pack_fused;
  l->packed_floats = P * (orders[cell].biases + orders[cell].gates * (l->inputs + stream_state_rows(l)));
  l->scratch_floats = l->row;
  l->step = table->step[cell][vectors <= STREAM_BLOCK_VECTORS ? vectors : 0];
  return 1;
}
