/* rnn_row_pieces.c: where a row's recurrent weights are of one bf16 piece, and how they are packed. */
#include "rnn_row.h"

#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "isa.h"

#ifdef MG_COMPILED_BF16
/* Floats of panels from which they do not stay in the first cache: there is something to gain. */
enum { LEAST_FLOATS = 40 << 10, LEAST_FEATURES = 32, HEADER = 16 /* floats; the first two tell whether the weights fit */ };

static int64_t pairs_of(int64_t K) { return (K + 1) / 2; }

int rnn_row_takes_pieces(const mg_rnn_dims *d, int precision) {
  const int64_t P = (d->U + RNN_LANES - 1) / RNN_LANES * RNN_LANES;
  return precision == MG_PRECISION_MEDIUM && mg_cpu_bf16() && P > RNN_BLOCK_VECTORS * RNN_LANES && d->G * P * d->U >= LEAST_FLOATS;
}

/* Returns whether all numbers fit bf16. */
static int split_panels(const rnn_fast *f, uint16_t *to) {
  const int64_t V = f->V, G = f->d.G, pairs = rnn_row_pairs(f->d.U);
  int fits = 1;
  for (int64_t first = 0, left = f->P / V, vectors; left > 0; first += vectors, left -= vectors) {
    vectors = rnn_row_block(left);
    for (int64_t g = 0; g < G; g++, to += pairs * vectors * 2 * V) {
      const float *from = f->row_recurrent + rnn_row_gates(f)->gates[g] * f->P + first * V;
      for (int64_t v = 0; v < vectors; v++)
        fits &= rnn_split_bf16.columns(&(rnn_split_columns){ .from = from + v * V, .ld = G * f->P, .K = f->d.U, .columns = V,
                                                              .to = to + v * 2 * V, .pair = vectors * 2 * V, .pairs = pairs,
                                                              .count = 1 });
    }
  }
  return fits;
}

/* The kernel as rnn_pieces.h has b, block by block and gate by gate. */
static int split_kernel(const rnn_fast *f, uint16_t *to) {
  const int64_t V = f->V, G = f->d.G, pairs = pairs_of(f->d.F);
  int fits = 1;
  for (int64_t first = 0, left = f->P / V, vectors; left > 0; first += vectors, left -= vectors) {
    vectors = rnn_row_block(left);
    for (int64_t g = 0; g < G; g++)
      for (int64_t v = 0, width; v < vectors; v += width, to += pairs * width * 2 * V) {
        width = rnn_pieces_cut(&rnn_vectors_bf16, vectors - v);
        fits &= rnn_split_bf16.columns(&(rnn_split_columns){ .from = f->row_kernel + g * f->P + (first + v) * V, .ld = G * f->P,
                                                              .K = f->d.F, .columns = width * V, .to = to, .pair = width * 2 * V,
                                                              .pairs = pairs, .count = 1 });
      }
  }
  return fits;
}

/* One gate's input products of a block, which begin with the bias. */
static void project_gate(const rnn_row *r, rnn_pieces_product p, int64_t gate, int64_t u) {
  const int64_t slot = r->slot_of_gate[gate] * r->P, columns = p.vectors * RNN_LANES;
  p.c = r->gates + slot + u;
  p.b = r->kernel_pieces + (u * r->G + gate * columns) * 2 * p.pairs;
  for (int64_t i = 0; i < p.M; i++) memcpy(p.c + i * p.ldc, r->bias + slot + u, (size_t)columns * sizeof *p.c);
  rnn_vectors_bf16.multiply(&p);
}

int rnn_row_project_pieces(const rnn_row *r) {
  const int64_t pairs = pairs_of(r->F), row = (pairs / RNN_BLOCK_PAIRS + 2) * RNN_BLOCK_PAIRS;
  const size_t mark = mg_workspace_mark();
  uint16_t *a = mg_workspace_take((size_t)(r->steps * row * 2) * sizeof *a);
  const rnn_split_rows x = { .from = r->x, .ld = r->x_step, .M = r->steps, .K = r->F, .to = a, .rows16 = 32 * row, .row = 2 * row,
                             .block = RNN_BLOCK, .count = 1 };
  const int good = a != NULL && rnn_split_bf16.rows(&x);
  for (int64_t v = r->first, left = good ? r->vectors : 0, vectors; left > 0; v += vectors, left -= vectors) {
    vectors = rnn_row_block(left);
    const rnn_pieces_product p = { .count = 1, .ldc = r->width, .M = r->steps, .vectors = vectors, .a = a, .row = row, .step = 1,
                                   .b_pairs = pairs, .pairs = pairs, .accumulate = 1 };
    for (int64_t g = 0; g < r->G; g++) project_gate(r, p, g, v * RNN_LANES);
  }
  mg_workspace_give_back(mark);
  return good;
}

/* The states before the first step; later ones are within -1 and 1. */
static int states_fit(const rnn_fast *f) {
  const float *h = mg_rnn_elements(f->args->initial_state);
  for (int64_t i = 0; h != NULL && i < f->d.B * f->d.U; i++)
    if (!(h[i] > -3.3e38f && h[i] < 3.3e38f)) return 0;
  return 1;
}

mg_status rnn_row_pack_pieces(rnn_fast *f) {
  float *data;
  int ready;
  const int64_t columns = f->d.G * f->P, floats = columns * rnn_row_pairs(f->d.U);
  MG_TRY(rnn_part_memory(f, RNN_PART_ROW_PANELS, HEADER + floats + columns * pairs_of(f->d.F), &data, &ready));
  int32_t *fits = (void *)data;
  uint16_t *pieces = (void *)(data + HEADER), *kernel = (void *)(data + HEADER + floats);
  if (!ready) {
    fits[0] = split_panels(f, pieces);
    fits[1] = f->d.F >= LEAST_FEATURES && split_kernel(f, kernel);
  }
  rnn_part_done(f, RNN_PART_ROW_PANELS);
  f->row_pieces = fits[0] && states_fit(f) ? pieces : NULL;
  f->row_kernel_pieces = fits[1] ? kernel : NULL;
  return MG_OK;
}
#else
int rnn_row_project_pieces(const rnn_row *r) {
  (void)r;
  return 0;
}

int rnn_row_takes_pieces(const mg_rnn_dims *d, int precision) {
  (void)d;
  (void)precision;
  return 0;
}

mg_status rnn_row_pack_pieces(rnn_fast *f) {
  (void)f;
  return MG_OK;
}
#endif
