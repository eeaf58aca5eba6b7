/* rnn_fast_weights.c: dkernel, drecurrent_kernel and dbias of the float32 recurrent layers: products over all rows and steps.
 *
 * A piece of work owns some units: their columns of all slots, against all values of x and of h (its sides). It adds up all rows
 * for them in one order, so that the bits do not depend on who works. Rows come in chunks. The gradients of a chunk's sums are
 * packed once, into strips: of a GRU whose gates share their factors the four slots of a vector of units, of which x meets n, z, r
 * and h meets z, r, q; else up to three vectors of one slot. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_row.h"

enum { CHUNK_ROWS = 256, MOST_VALUES = 128, MOST_UNITS = 64, PAD = 16 };

typedef struct piece {
  const rnn_fast *f;
  int64_t unit, units;        /* in vectors: those of both sides */
  int64_t begin[2], count[2]; /* a side's among them */
  int slots;           /* with gradients */
  int together;        /* a strip holds all slots */
  float *values, *strips, *sums;
  float *c[2]; /* (value, slot of the products, unit): gradients of the kernel and of the recurrent one; NULL: not wanted */
} piece;

/* The slots that the products with a side's weights take. */
static int first_slot(const piece *p, int recurrent) { return recurrent ? p->f->back_first : 0; }

static mg_status no_memory(const rnn_fast *f) {
  return mg_fail(MG_ENOMEM, "%s: no memory for a part of the weights' gradients", f->d.kind->backward);
}

static int together(const rnn_fast *f) { return f->d.reset_after && f->inputs == 1 && f->recurrents == 1; }

/* An even number shares two threads alike. */
static int64_t count_pieces(const rnn_fast *f) {
  const int64_t units = f->P / f->V, pieces = mg_pieces(f->P, MOST_UNITS);
  return units == 1 && !together(f) ? 1 : pieces + pieces % 2;
}

/* Strip of a slot (not together) or of a vector of units. */
static float *strip_at(const piece *p, int64_t rows, int64_t slot, int64_t unit) {
  return p->strips + (p->together ? unit * p->slots : slot * p->units + unit) * rows * p->f->V;
}

/* The slots of a unit that are packed: all, or those of the only side that takes it. */
static int64_t packed_slots(const piece *p, int64_t u, int64_t *first) {
  int only = -1;
  for (int side = 0; side < 2; side++)
    if (u < p->begin[side] || u >= p->begin[side] + p->count[side]) only = !side;
  *first = only < 0 ? 0 : first_slot(p, only);
  return only < 0 ? p->slots : p->f->d.G;
}

static void pack_chunk(const piece *p, const float *gates, int64_t rows) {
  const rnn_fast *f = p->f;
  const int64_t V = f->V;
  for (int64_t slot = 0; slot < (p->together ? 1 : p->slots); slot++) {
    for (int64_t u = 0, width; u < p->units; u += width) {
      width = p->together ? 1 : rnn_panel_vectors(p->units - u);
      rnn_strip s = { .data = strip_at(p, rows, slot, u), .from = gates + slot * f->P + (p->unit + u) * V, .row = f->width,
                      .K = rows, .apart = V, .vectors = width, .sums = p->sums + (slot * p->units + u) * V };
      if (p->together) {
        int64_t first;
        s.apart = f->P;
        s.vectors = packed_slots(p, u, &first);
        s.from += first * f->P;
        s.sums = p->sums + (u * p->slots + first) * V;
      }
      f->table->pack_strip(&s);
    }
  }
}

/* c += values^T strips, for the slots of a group. */
static void add_products(const piece *p, const rnn_product *values, int recurrent, const rnn_group *group, float *c) {
  const rnn_fast *f = p->f;
  const int64_t V = f->V, first = group->first - first_slot(p, recurrent), begin = p->begin[recurrent], count = p->count[recurrent];
  rnn_product product = *values;
  for (int64_t i = 0; i < (p->together ? 1 : group->slots); i++) {
    for (int64_t u = begin, width; u < begin + count; u += width) {
      width = p->together ? 1 : rnn_panel_vectors(p->units - u);
      product.b = (rnn_panels){ .data = strip_at(p, values->K, group->first + i, u), .K = values->K, .vectors = width };
      product.c = c + ((first + i) * count + u) * V; /* here begin is 0 */
      if (p->together) {
        int64_t packed;
        product.b.ld = packed_slots(p, u, &packed) * V;
        product.b.data += (group->first - packed) * V;
        product.b.vectors = group->slots;
        product.c = c + (u - begin) * group->slots * V;
      }
      f->table->multiply(&product);
    }
  }
}

static void add_side(const piece *p, rnn_values *v, const rnn_group *group) {
  const rnn_fast *f = p->f;
  const int64_t all = v->recurrent ? f->d.U : f->d.F, ldc = f->d.G * p->count[v->recurrent] * f->V;
  float *c = p->c[v->recurrent];
  if (c == NULL) return;
  v->slot = group->first;
  for (v->value = 0; v->value < all; v->value += MOST_VALUES) {
    v->values = all - v->value < MOST_VALUES ? all - v->value : MOST_VALUES;
    rnn_product product = { .ldc = ldc, .M = v->values, .K = v->rows, .row = 1, .accumulate = 1 };
    product.a = rnn_fast_values(f, v, &product.step);
    add_products(p, &product, v->recurrent, group, c + v->value * ldc);
  }
}

static void add_chunk(const piece *p, int64_t block, int64_t first, int64_t rows) {
  const rnn_fast *f = p->f;
  rnn_values v = { .block = block, .first = first, .rows = rows, .to = p->values, .ld = MOST_VALUES + PAD };
  pack_chunk(p, rnn_block_gates(f, block) + first * f->width, rows);
  for (int i = 0; i < f->inputs; i++) add_side(p, &v, &f->input[i]);
  v.recurrent = 1;
  for (int i = 0; i < f->recurrents; i++) add_side(p, &v, &f->recurrent[i]);
}

/* Where a slot's vector of units lies among `slots` and `units` in memory of the piece, in vectors. */
static int64_t place_of(const piece *p, int64_t slot, int64_t slots, int64_t unit, int64_t units) {
  return p->together ? unit * slots + slot : slot * units + unit;
}

/* Row 0 of dbias: the sums of all gates, of the kernel's units; row 1, with reset_after: of z, r and q, of the other side's. */
static void write_bias(const piece *p, int row, float *dbias) {
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V, first = first_slot(p, row);
  for (int64_t slot = first; slot < first + f->d.G; slot++) {
    for (int64_t u = p->begin[row]; u < p->begin[row] + p->count[row]; u++) {
      const int64_t at = (p->unit + u) * V, column = (row * f->d.G + rnn_gate_of_slot(f, (int)slot)) * U + at;
      rnn_put(f, dbias + column, p->sums + place_of(p, slot, p->slots, u, p->units) * V, U - at < V ? U - at : V);
    }
  }
}

static void write_side(const piece *p, int recurrent, float *out) {
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V, G = f->d.G, first = first_slot(p, recurrent), units = p->count[recurrent];
  for (int64_t i = 0; i < (recurrent ? U : f->d.F); i++, out += G * U) {
    for (int64_t slot = 0; slot < G; slot++) {
      for (int64_t u = 0; u < units; u++) {
        const int64_t at = (p->unit + p->begin[recurrent] + u) * V, n = U - at < V ? U - at : V;
        const float *from = p->c[recurrent] + (i * G * units + place_of(p, slot, G, u, units)) * V;
        rnn_put(f, out + rnn_gate_of_slot(f, (int)(first + slot)) * U + at, from, n);
      }
    }
  }
}

static int64_t side_floats(const piece *p, int side) {
  const rnn_fast *f = p->f;
  return (side ? f->d.U : f->d.F) * f->d.G * p->count[side] * f->V;
}

static void run_piece(const piece *p) {
  const rnn_fast *f = p->f;
  for (int side = 0; side < 2; side++)
    if (p->c[side] != NULL) memset(p->c[side], 0, (size_t)side_floats(p, side) * sizeof(float));
  memset(p->sums, 0, (size_t)(p->slots * p->units * f->V) * sizeof *p->sums);
  for (int64_t block = 0; block < rnn_blocks(f); block++) {
    const int64_t all = rnn_block_size(f, block) * f->steps, chunks = mg_pieces(all, CHUNK_ROWS);
    for (int64_t i = 0; i < chunks; i++) add_chunk(p, block, all * i / chunks, all * (i + 1) / chunks - all * i / chunks);
  }
  if (p->c[0] != NULL) write_side(p, 0, mg_elements(f->args->dkernel));
  if (p->c[1] != NULL) write_side(p, 1, mg_elements(f->args->drecurrent_kernel));
  for (int row = 0; f->args->dbias != NULL && row <= f->d.reset_after; row++) write_bias(p, row, mg_elements(f->args->dbias));
}

static int piece_memory(piece *p) {
  const rnn_fast *f = p->f;
  const int64_t width = p->units * f->V;
  int good = (p->values = rnn_take(CHUNK_ROWS * (MOST_VALUES + PAD))) != NULL;
  good = good && (p->strips = rnn_take(CHUNK_ROWS * p->slots * width)) != NULL && (p->sums = rnn_take(p->slots * width)) != NULL;
  const mg_tensor *wanted[2] = { f->args->dkernel, f->args->drecurrent_kernel };
  for (int side = 0; side < 2; side++)
    if (wanted[side] != NULL && p->count[side] > 0) good = good && (p->c[side] = rnn_take(side_floats(p, side))) != NULL;
  return good;
}

/* Where a side's units of piece `index` begin; larger pieces come first. An odd vector is shared by the last two, a side for each,
 * unless strips of other widths would follow from that. */
static int64_t unit_at(const piece *p, int64_t index, int side) {
  const int64_t units = p->f->P / p->f->V, pieces = count_pieces(p->f), odd = p->together ? units % 2 : 0;
  const int64_t size = (units - odd) / pieces, larger = (units - odd) % pieces;
  const int64_t at = index * size + (index < larger ? index : larger);
  if (index == pieces) return units;
  return index == pieces - 1 && side == 0 ? at + odd : at;
}

static piece piece_at(const rnn_fast *f, int64_t index) {
  piece p = { .f = f, .slots = (int)(f->d.reset_after ? GRU_SLOTS : f->d.G), .together = together(f) };
  p.unit = unit_at(&p, index, 1);
  p.units = unit_at(&p, index + 1, 0) - p.unit;
  for (int side = 0; side < 2; side++) {
    p.begin[side] = unit_at(&p, index, side) - p.unit;
    p.count[side] = unit_at(&p, index + 1, side) - p.unit - p.begin[side];
  }
  return p;
}

static mg_status piece_task(void *context, int64_t index) {
  const rnn_fast *f = context;
  piece p = piece_at(f, index);
  const size_t mark = mg_workspace_mark();
  const int good = piece_memory(&p);
  if (good) run_piece(&p);
  mg_workspace_give_back(mark);
  return good ? MG_OK : no_memory(f);
}

mg_status rnn_fast_weights(rnn_fast *f) {
  const mg_rnn_args *args = f->args;
  if (args->dkernel == NULL && args->drecurrent_kernel == NULL && args->dbias == NULL) return MG_OK;
  if (f->row != NULL && f->mask == NULL) {
    rnn_row_gradients(f);
    return MG_OK;
  }
  const size_t mark = mg_workspace_mark();
  mg_status status = f->P > MOST_UNITS ? rnn_fast_share_values(f) : MG_OK;
  if (status == MG_OK) status = f->engine != NULL ? rnn_pieces_weights(f) : rnn_parallel(f, count_pieces(f), piece_task, f);
  f->values[0] = f->values[1] = NULL;
  mg_workspace_give_back(mark);
  return status;
}
