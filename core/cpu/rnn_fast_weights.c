/* rnn_fast_weights.c: dkernel, drecurrent_kernel and dbias of the float32 recurrent layers: products over all rows and steps.
 *
 * A piece of work owns some units: their columns of all slots, against all values of x and of h. It adds up all rows for them in
 * one order, so that the bits do not depend on who works. Rows come in chunks. The gradients of a chunk's sums are packed once,
 * into strips: of a GRU whose gates share their factors the four slots of one vector of units, of which x meets n, z, r and h meets
 * z, r, q; else up to three vectors of one slot. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_row.h"

/* PAD: rows a power of two apart would share few sets of the caches; FEW_SETS: floats apart of which a chunk's rows do not fit
 * the second. */
enum { CHUNK_ROWS = 256, MOST_VALUES = 128, MOST_UNITS = 64, PAD = 16, FEW_SETS = 2048 };

typedef struct piece {
  const rnn_fast *f;
  int64_t unit, units; /* in vectors */
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

static int64_t x_rows_ld(const rnn_fast *f) { return f->FP + PAD; }

static int64_t count_of(int64_t n, int64_t most) { return (n + most - 1) / most; }

/* An even number shares two threads alike. */
static int64_t count_pieces(const rnn_fast *f) {
  const int64_t units = f->P / f->V, pieces = count_of(f->P, MOST_UNITS);
  return units == 1 ? 1 : pieces + pieces % 2;
}

/* The source of a side's values for row i of a block, in step s; *width: of its rows. */
static const float *values_of(const rnn_fast *f, const rnn_values *v, int64_t i, int64_t b, int64_t s) {
  if (!v->recurrent) return f->x + mg_rnn_row(&f->d, b, mg_rnn_time(&f->d, s)) * f->d.F;
  if (f->resets && v->slot == SLOT_N) return rnn_block_gates(f, v->block) + i * f->width + SLOT_Q * f->P;
  return rnn_block_states(f, f->states, v->block) + i * f->P;
}

static void copy_values(const rnn_fast *f, const rnn_values *v) {
  const int64_t R = rnn_block_size(f, v->block), b0 = rnn_block_first(f, v->block), width = v->recurrent ? f->d.U : f->d.F;
  const int gate = rnn_gate_of_slot(f, v->slot), stored = v->recurrent && f->resets && v->slot == SLOT_N; /* r * h_n: q */
  const float *mask = v->recurrent ? (stored ? NULL : f->recurrent_dropout[gate]) : f->dropout[gate];
  const size_t bytes = (size_t)v->values * sizeof *v->to;
  int64_t row = v->first % R, s = f->from + v->first / R;
  for (int64_t i = 0; i < v->rows; i++, row++) {
    if (row == R) {
      row = 0;
      s++;
    }
    float *to = v->to + i * v->ld;
    const float *from = values_of(f, v, v->first + i, b0 + row, s) + v->value;
    if (!mg_rnn_step_counts(&f->d, f->mask, b0 + row, s)) memset(to, 0, bytes);
    else if (mask == NULL) memcpy(to, from, bytes);
    else f->table->scale(v->values, to, from, mask + (b0 + row) * width + v->value);
  }
}

/* Rows of x once for all pieces, each of which would copy them for itself. */
static mg_status copy_block(void *context, int64_t block) {
  const rnn_fast *f = context;
  const int64_t rows = rnn_block_size(f, block) * f->steps, ld = x_rows_ld(f);
  if (rows == 0) return MG_OK;
  copy_values(f, &(rnn_values){ .block = block, .rows = rows, .slot = f->input[0].first, .values = f->d.F, .ld = ld,
                                .to = f->x_rows + rnn_block_first(f, block) * f->steps * ld });
  return MG_OK;
}

static mg_status share_x(rnn_fast *f) {
  if (f->inputs > 1 || f->P <= MOST_UNITS || f->args->dkernel == NULL) return MG_OK;
  f->x_rows = rnn_take(f->d.B * f->steps * x_rows_ld(f));
  if (f->x_rows == NULL) return no_memory(f);
  return rnn_parallel(f, rnn_blocks(f), copy_block, f);
}

/* Where values lie as the products take them, *ld apart; NULL: nowhere. */
static const float *values_in_place(const rnn_fast *f, const rnn_values *v, int64_t *ld) {
  const int64_t row = rnn_block_first(f, v->block) * f->steps + v->first;
  const int stored = f->resets && v->slot == SLOT_N;
  *ld = v->recurrent ? f->P : x_rows_ld(f);
  if (!v->recurrent) return f->x_rows == NULL ? NULL : f->x_rows + row * *ld + v->value;
  if (stored || f->mask != NULL || f->state_masks > 0 || f->P % FEW_SETS == 0) return NULL;
  return rnn_block_states(f, f->states, v->block) + v->first * f->P + v->value;
}

const float *rnn_fast_values(const rnn_fast *f, const rnn_values *v, int64_t *ld) {
  const float *values = values_in_place(f, v, ld);
  if (values != NULL) return values;
  copy_values(f, v);
  *ld = v->ld;
  return v->to;
}

/* Strip of a slot (not together) or of a vector of units. */
static float *strip_at(const piece *p, int64_t rows, int64_t slot, int64_t unit) {
  return p->strips + (p->together ? unit * p->slots : slot * p->units + unit) * rows * p->f->V;
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
        s.apart = f->P;
        s.vectors = p->slots;
        s.sums = p->sums + u * p->slots * V;
      }
      f->table->pack_strip(&s);
    }
  }
}

/* c += values^T strips, for the slots of a group. */
static void add_products(const piece *p, const rnn_product *values, int recurrent, const rnn_group *group, float *c) {
  const rnn_fast *f = p->f;
  const int64_t V = f->V, first = group->first - first_slot(p, recurrent);
  rnn_product product = *values;
  for (int64_t i = 0; i < (p->together ? 1 : group->slots); i++) {
    for (int64_t u = 0, width; u < p->units; u += width) {
      width = p->together ? 1 : rnn_panel_vectors(p->units - u);
      product.b = (rnn_panels){ .data = strip_at(p, values->K, group->first + i, u), .K = values->K, .vectors = width };
      product.c = c + ((first + i) * p->units + u) * V;
      if (p->together) {
        product.b.data += group->first * V;
        product.b.vectors = group->slots;
        product.b.ld = p->slots * V;
        product.c = c + u * group->slots * V;
      }
      f->table->multiply(&product);
    }
  }
}

static void add_side(const piece *p, rnn_values *v, const rnn_group *group) {
  const rnn_fast *f = p->f;
  const int64_t all = v->recurrent ? f->d.U : f->d.F, ldc = f->d.G * p->units * f->V;
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

/* Where a slot's vector of units lies among `slots` in memory of the piece, in vectors. */
static int64_t place_of(const piece *p, int64_t slot, int64_t slots, int64_t unit) {
  return p->together ? unit * slots + slot : slot * p->units + unit;
}

/* Row 0 of dbias: the sums of all gates; row 1, with reset_after: of z, r and q. */
static void write_bias(const piece *p, float *dbias) {
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V;
  for (int slot = 0; slot < p->slots; slot++) {
    for (int64_t u = 0; u < p->units; u++) {
      const float *from = p->sums + place_of(p, slot, p->slots, u) * V;
      const int64_t at = (p->unit + u) * V, column = rnn_gate_of_slot(f, slot) * U + at;
      const int64_t n = U - at < V ? U - at : V;
      if (slot < f->d.G) rnn_put(f, dbias + column, from, n);
      if (f->d.reset_after && slot != SLOT_N) rnn_put(f, dbias + 3 * U + column, from, n);
    }
  }
}

static void write_side(const piece *p, int recurrent, float *out) {
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V, G = f->d.G, first = first_slot(p, recurrent);
  for (int64_t i = 0; i < (recurrent ? U : f->d.F); i++, out += G * U) {
    for (int64_t slot = 0; slot < G; slot++) {
      for (int64_t u = 0; u < p->units; u++) {
        const int64_t at = (p->unit + u) * V, n = U - at < V ? U - at : V;
        const float *from = p->c[recurrent] + (i * G * p->units + place_of(p, slot, G, u)) * V;
        rnn_put(f, out + rnn_gate_of_slot(f, (int)(first + slot)) * U + at, from, n);
      }
    }
  }
}

static void run_piece(const piece *p) {
  const rnn_fast *f = p->f;
  const int64_t columns = f->d.G * p->units * f->V;
  if (p->c[0] != NULL) memset(p->c[0], 0, (size_t)(f->d.F * columns) * sizeof(float));
  if (p->c[1] != NULL) memset(p->c[1], 0, (size_t)(f->d.U * columns) * sizeof(float));
  memset(p->sums, 0, (size_t)(p->slots * p->units * f->V) * sizeof *p->sums);
  for (int64_t block = 0; block < rnn_blocks(f); block++) {
    const int64_t all = rnn_block_size(f, block) * f->steps, chunks = count_of(all, CHUNK_ROWS);
    for (int64_t i = 0; i < chunks; i++) add_chunk(p, block, all * i / chunks, all * (i + 1) / chunks - all * i / chunks);
  }
  if (p->c[0] != NULL) write_side(p, 0, mg_elements(f->args->dkernel));
  if (p->c[1] != NULL) write_side(p, 1, mg_elements(f->args->drecurrent_kernel));
  if (f->args->dbias != NULL) write_bias(p, mg_elements(f->args->dbias));
}

static int piece_memory(piece *p) {
  const rnn_fast *f = p->f;
  const int64_t width = p->units * f->V;
  int good = (p->values = rnn_take(CHUNK_ROWS * (MOST_VALUES + PAD))) != NULL;
  good = good && (p->strips = rnn_take(CHUNK_ROWS * p->slots * width)) != NULL && (p->sums = rnn_take(p->slots * width)) != NULL;
  if (f->args->dkernel != NULL) good = good && (p->c[0] = rnn_take(f->d.F * f->d.G * width)) != NULL;
  if (f->args->drecurrent_kernel != NULL) good = good && (p->c[1] = rnn_take(f->d.U * f->d.G * width)) != NULL;
  return good;
}

static mg_status piece_task(void *context, int64_t index) {
  const rnn_fast *f = context;
  const int64_t pieces = count_pieces(f), units = f->P / f->V;
  piece p = { .f = f, .unit = units * index / pieces, .slots = (int)(f->d.reset_after ? GRU_SLOTS : f->d.G) };
  p.units = units * (index + 1) / pieces - p.unit;
  p.together = f->d.reset_after && f->inputs == 1 && f->recurrents == 1;
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
  mg_status status = share_x(f);
  if (status == MG_OK) status = f->engine != NULL ? rnn_pieces_weights(f) : rnn_parallel(f, count_pieces(f), piece_task, f);
  f->x_rows = NULL;
  mg_workspace_give_back(mark);
  return status;
}
