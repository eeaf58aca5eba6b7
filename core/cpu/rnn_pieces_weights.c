/* rnn_pieces_weights.c: dkernel, drecurrent_kernel and dbias on bf16 pieces: products over all rows and steps.
 *
 * A piece of work owns a rectangle of a weight gradient and adds up all rows for it in one order, so that the bits do not depend on
 * who works. Rows come in chunks: the values x or h, and the gradients of the sums, which are packed into panels on the way. */
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "rnn_fast.h"

/* Both factors of a piece are split once: large pieces split less often. CHUNK_ROWS times (values + columns) pieces and the
 * sums fit the second cache. */
enum { CHUNK_ROWS = 256, MOST_VALUES = 256, MOST_VECTORS = 24, PAD = 16 };

/* One piece: values [value, value + values) of x (recurrent 0) or h (1) with some vectors of a group's slots. */
typedef struct piece {
  const rnn_fast *f;
  int recurrent;
  const rnn_group *group;
  int64_t value, values, vector, vectors;
  int bias; /* it adds up dbias too */
  float *a, *b, *c, *sums;
} piece;

/* Vectors of a piece, whole panels: parts of nearly equal size, an even number of them shares two threads alike. */
static int64_t piece_vectors(const rnn_fast *f, const rnn_group *group) {
  const int64_t vectors = group->slots * f->P / f->V, parts = mg_pieces(vectors, MOST_VECTORS);
  return mg_pieces(mg_pieces(vectors, parts + parts % 2), 6) * 6;
}

static int64_t group_pieces(const rnn_fast *f, const rnn_group *group, int64_t values) {
  return mg_pieces(values, MOST_VALUES) * mg_pieces(group->slots * f->P / f->V, piece_vectors(f, group));
}

/* Piece number index of all groups: inputs first. Returns how many pieces there are. */
static int64_t find_piece(const rnn_fast *f, int64_t index, piece *p) {
  int64_t before = 0;
  for (int i = 0; i < f->inputs + f->recurrents; i++) {
    const int recurrent = i >= f->inputs;
    const rnn_group *group = recurrent ? &f->recurrent[i - f->inputs] : &f->input[i];
    const int64_t values = recurrent ? f->d.U : f->d.F, vectors = group->slots * f->P / f->V;
    const int64_t parts = mg_pieces(values, MOST_VALUES), pieces = group_pieces(f, group, values);
    const int64_t most = piece_vectors(f, group), at = index - before;
    before += pieces;
    if (at < 0 || at >= pieces) continue;
    *p = (piece){ .f = f,
                  .recurrent = recurrent,
                  .group = group,
                  .value = at % parts * MOST_VALUES,
                  .vector = at / parts * most };
    p->values = values - p->value < MOST_VALUES ? values - p->value : MOST_VALUES;
    p->vectors = vectors - p->vector < most ? vectors - p->vector : most;
    p->bias = p->value == 0 && f->args->dbias != NULL && (!recurrent || f->d.reset_after);
  }
  return before;
}

/* The gradients as panels, and their sums. */
static void pack_panels(const piece *p, const float *gradients, int64_t rows, float *sums) {
  const int64_t V = p->f->V;
  for (int64_t v = 0, width; v < p->vectors; v += width) {
    width = rnn_panel_vectors(p->vectors - v);
    p->f->table->pack_strip(&(rnn_strip){ .data = p->b + v * rows * V, .from = gradients + v * V, .row = p->f->width, .apart = V,
                                          .K = rows, .vectors = width, .sums = sums == NULL ? NULL : sums + v * V });
  }
}

static void add_chunk(const piece *p, int64_t block, int64_t first, int64_t rows, int wanted) {
  const rnn_fast *f = p->f;
  const float *gradients = rnn_block_gates(f, block) + first * f->width + p->group->first * f->P + p->vector * f->V;
  float *sums = p->bias ? p->sums : NULL;
  rnn_product product = { .c = p->c,
                          .ldc = p->vectors * f->V,
                          .M = p->values,
                          .K = rows,
                          .row = 1,
                          .b = { .data = p->b, .K = rows, .vectors = p->vectors },
                          .accumulate = 1 };
  const rnn_values values = { .block = block, .first = first, .rows = rows, .recurrent = p->recurrent, .slot = p->group->first,
                              .value = p->value, .values = p->values, .to = p->a, .ld = MOST_VALUES + PAD };
  if (wanted) product.a = rnn_fast_values(f, &values, &product.step);
  if (wanted && rnn_pieces_add(f, &product, gradients, f->width, sums)) return;
  pack_panels(p, gradients, rows, sums);
  if (wanted) rnn_multiply(f, &product);
}

/* Column of a vector's first float in Keras's layout, and how many of its floats are not padding. */
static int64_t column_of(const piece *p, int64_t vector, int64_t *n, int *slot) {
  const rnn_fast *f = p->f;
  const int64_t each = f->P / f->V, u = vector % each * f->V;
  *slot = p->group->first + (int)(vector / each);
  *n = f->d.U - u < f->V ? f->d.U - u : f->V;
  return rnn_gate_of_slot(f, *slot) * f->d.U + u;
}

/* Row 0 of dbias: the sums of all gates; row 1, with reset_after: of z, r and q. */
static void write_bias(const piece *p, int64_t v, int64_t column, int64_t n, int slot) {
  const rnn_fast *f = p->f;
  float *dbias = mg_rnn_elements(f->args->dbias);
  if (p->recurrent && slot != SLOT_Q) return;
  const float *from = p->sums + v * f->V;
  if (!p->recurrent) rnn_put(f, dbias + column, from, n);
  if (f->d.reset_after && slot != SLOT_N) rnn_put(f, dbias + 3 * f->d.U + column, from, n);
}

static void write_piece(const piece *p, float *out) {
  const rnn_fast *f = p->f;
  for (int64_t v = 0; v < p->vectors; v++) {
    int64_t n;
    int slot;
    const int64_t column = column_of(p, p->vector + v, &n, &slot);
    for (int64_t i = 0; out != NULL && i < p->values; i++)
      rnn_put(f, out + (p->value + i) * f->d.G * f->d.U + column, p->c + (i * p->vectors + v) * f->V, n);
    if (p->bias) write_bias(p, v, column, n, slot);
  }
}

static void run_piece(const piece *p) {
  const rnn_fast *f = p->f;
  float *out = mg_rnn_elements(p->recurrent ? f->args->drecurrent_kernel : f->args->dkernel);
  if (out == NULL && !p->bias) return;
  memset(p->c, 0, (size_t)(p->values * p->vectors * f->V) * sizeof *p->c);
  memset(p->sums, 0, (size_t)(p->vectors * f->V) * sizeof *p->sums);
  for (int64_t block = 0; block < rnn_blocks(f); block++) {
    const int64_t all = rnn_block_size(f, block) * f->steps;
    for (int64_t first = 0; first < all; first += CHUNK_ROWS)
      add_chunk(p, block, first, all - first < CHUNK_ROWS ? all - first : CHUNK_ROWS, out != NULL);
  }
  write_piece(p, out);
}

static mg_status piece_task(void *context, int64_t index) {
  const rnn_fast *f = context;
  piece p;
  find_piece(f, index, &p);
  const size_t columns = (size_t)(p.vectors * f->V), mark = mg_workspace_mark();
  p.a = mg_workspace_take(CHUNK_ROWS * (MOST_VALUES + PAD) * sizeof *p.a);
  p.b = mg_workspace_take(CHUNK_ROWS * columns * sizeof *p.b);
  p.c = mg_workspace_take(MOST_VALUES * columns * sizeof *p.c);
  p.sums = mg_workspace_take(columns * sizeof *p.sums);
  const int good = p.a != NULL && p.b != NULL && p.c != NULL && p.sums != NULL;
  if (good) run_piece(&p);
  mg_workspace_give_back(mark);
  return good ? MG_OK : mg_fail(MG_ENOMEM, "%s: no memory for a part of the weights' gradients", f->d.kind->backward);
}

mg_status rnn_pieces_weights(rnn_fast *f) {
  piece unused;
  return rnn_parallel(f, find_piece(f, -1, &unused), piece_task, f);
}
