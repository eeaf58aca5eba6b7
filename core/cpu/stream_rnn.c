/* stream_rnn.c: one step of any recurrent layer of a stream, on the products and cells of whole sequences (rnn_fast.h).
 *
 * packed: bias by slot; panels of the kernel, slots 0 to G-1; panels of the recurrent kernel: of a GRU slots z, r, q (reset_after),
 * else z and r, then n; of the others all slots. scratch, of all rows: gates, sums (slots P each), h_new and c_new (P each). */
#include <string.h>

#include "isa.h"
#include "stream.h"

MG_ISA_DECLARE(rnn_table, rnn);

const rnn_table *stream_rnn_table(void) { return MG_ISA_PICK(rnn); }

typedef struct order {
  int slots;
  int gate[4]; /* of slots */
} order;
static const order orders[MG_CELLS] = {
  [MG_CELL_GRU] = { GRU_SLOTS, { [SLOT_N] = 2, [SLOT_Z] = 0, [SLOT_R] = 1, [SLOT_Q] = 2 } },
  [MG_CELL_LSTM] = { LSTM_SLOTS, { [SLOT_G] = 2, [SLOT_I] = 0, [SLOT_F] = 1, [SLOT_O] = 3 } },
  [MG_CELL_SIMPLE] = { 1, { 0 } },
};

float *stream_pack_panels(float *data, const mg_tensor *weight, int64_t P, int64_t U, const int *gates, int count) {
  const int64_t V = stream_rnn_table()->width, vectors = count * P / V, K = weight->shape[0];
  for (int64_t v = 0, width; v < vectors; v += width) {
    width = rnn_panel_vectors(vectors - v);
    for (int64_t k = 0; k < K; k++) {
      for (int64_t column = v * V; column < (v + width) * V; column++) {
        const int64_t gate = gates[column / P], u = column % P;
        *data++ = u < U ? stream_weight_at(weight, k, gate * U + u) : 0;
      }
    }
  }
  return data;
}

static int resets(const mg_stream_layer *l) { return l->rnn_kind->cell == MG_CELL_GRU && !l->reset_after; }

static void add_bias(const mg_stream_layer *l, float *to, int64_t row, int64_t gate) {
  const mg_tensor *bias = mg_stream_weight(l, 2);
  const int64_t U = l->outputs, column = gate * U;
  for (int64_t u = 0; bias != NULL && u < U; u++)
    to[u] += bias->ndim == 2 ? stream_weight_at(bias, row, column + u) : stream_weight_at(bias, column + u, 0);
}

static void pack(const mg_stream_layer *l, float *packed) {
  const order *o = &orders[l->rnn_kind->cell];
  const int64_t P = l->row, U = l->outputs;
  const int G = l->rnn_kind->gates;
  memset(packed, 0, (size_t)(o->slots * P) * sizeof *packed);
  for (int slot = 0; slot < G; slot++) add_bias(l, packed + slot * P, 0, o->gate[slot]);
  for (int slot = SLOT_Z; l->reset_after && slot <= SLOT_Q; slot++) add_bias(l, packed + slot * P, 1, o->gate[slot]);
  packed = stream_pack_panels(packed + o->slots * P, &l->weight[0], P, U, o->gate, G);
  if (resets(l)) {
    packed = stream_pack_panels(packed, &l->weight[1], P, U, o->gate + SLOT_Z, 2);
    stream_pack_panels(packed, &l->weight[1], P, U, o->gate, 1);
  } else {
    stream_pack_panels(packed, &l->weight[1], P, U, o->gate + (l->reset_after ? SLOT_Z : 0), G);
  }
}

/* c[slots first to first + count) = or += a (rows, K) times panels; returns the end of the panels. */
static const float *product(const mg_stream_layer *l, float *c, int64_t rows, int first, int64_t count, const float *a, int64_t K,
                            int64_t a_row, const float *panels, int accumulate) {
  const rnn_table *table = stream_rnn_table();
  const int64_t P = l->row;
  table->multiply(&(rnn_product){ .c = c + first * P, .ldc = orders[l->rnn_kind->cell].slots * P, .M = rows, .K = K, .a = a,
                                  .row = a_row, .step = 1, .accumulate = accumulate,
                                  .b = { .data = panels, .K = K, .vectors = count * P / table->width } });
  return panels + K * count * P;
}

/* Not the padding: that of states stays zero, whatever the cell made of an infinity. */
static void copy_rows(float *to, int64_t ld, const float *from, int64_t P, int64_t rows, int64_t U) {
  for (int64_t i = 0; i < rows; i++) memcpy(to + i * ld, from + i * P, (size_t)U * sizeof *to);
}

static mg_status step(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  const rnn_cells *cells = l->plan;
  const int gru = l->rnn_kind->cell == MG_CELL_GRU;
  const int64_t U = l->outputs, P = l->row, G = l->rnn_kind->gates, width = orders[l->rnn_kind->cell].slots * P;
  float *gates = scratch, *sums = gates + rows * width, *h_new = sums + rows * width;
  float *carry = state + mg_stream_state_floats(l, rows);
  const float *packed = l->packed + l->many_at;
  const rnn_cell cell = { .rows = rows, .P = P, .gates = gates, .sums = sums, .bias = packed, .h = state, .h_n = state,
                          .h_new = h_new, .c = carry, .c_new = h_new + rows * P, .activation = &l->activation,
                          .recurrent_activation = &l->recurrent_activation };
  const float *panels = product(l, gates, rows, 0, G, x, l->inputs, l->inputs, packed + width, 0);
  if (resets(l)) {
    panels = product(l, sums, rows, SLOT_Z, 2, state, U, P, panels, 0);
    cells->forward_reset(&cell);
    product(l, sums, rows, SLOT_N, 1, gates + SLOT_Q * P, U, width, panels, 0);
    cells->forward_state(&cell);
  } else {
    product(l, gru ? sums : gates, rows, gru ? SLOT_Z : 0, G, state, U, P, panels, !gru);
    cells->forward(&cell);
  }
  copy_rows(state, P, h_new, P, rows, U);
  if (l->states == 2) copy_rows(carry, P, cell.c_new, P, rows, U);
  copy_rows(y, U, h_new, P, rows, U);
  return MG_OK;
}

/* ---- Layers whose weights do not stay in the first cache: one row by itself, many rows as tiles of a product -------------- */

enum { MANY = 4, CACHED_FLOATS = 12000 };

static mg_status step_by_rows(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  return (rows < MANY ? l->step_few : step)(l, state, y, x, rows, scratch);
}

static void pack_both(const mg_stream_layer *l, float *packed) {
  stream_pack_fused(l, packed);
  pack(l, packed + l->many_at);
}

void stream_plan_rnn(mg_stream_layer *l) {
  const rnn_table *table = stream_rnn_table();
  const mg_rnn_cell cell = l->rnn_kind->cell;
  const int any = l->activation.kind != MG_ACT_TANH || (cell != MG_CELL_SIMPLE && l->recurrent_activation.kind != MG_ACT_SIGMOID);
  const int64_t slots = orders[cell].slots;
  const int fused = stream_plan_fused(l);
  if (fused && l->packed_floats <= CACHED_FLOATS) return;
  l->many_at = fused ? rnn_round_up(l->packed_floats, 16) : 0;
  l->step_few = l->step;
  l->step = fused ? step_by_rows : step;
  l->pack = fused ? pack_both : pack;
  if (!fused) l->row = rnn_round_up(l->outputs, table->width);
  l->packed_floats = l->many_at + l->row * (slots + l->rnn_kind->gates * (l->inputs + l->outputs));
  l->scratch_row_floats = l->row * (2 * slots + 2);
  l->plan = any ? &table->any[cell] : &table->fused[cell];
}
