/* rnn_fast_pack.c: weights as panels: once a version of the weights, in pieces that threads share. */
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "rnn_row.h"

/* Weights to be packed: the columns of a group's slots, or the transpose, whose rows are slots from `first` on. */
typedef struct packing {
  const rnn_fast *f;
  const float *W; /* (K or N, GU) */
  float *data;
  int first;
  int64_t K, N, vectors; /* rows of the panels; columns (of a transpose), in vectors */
} packing;

/* A panel takes K rows for each of its vectors. Its first vector, how many it has, and where it lies. */
static float *find_panel(const packing *p, int64_t index, int64_t *first, int64_t *vectors) {
  *first = 0;
  *vectors = rnn_panel_vectors(p->vectors);
  for (int64_t i = 0; i < index; i++) {
    *first += *vectors;
    *vectors = rnn_panel_vectors(p->vectors - *first);
  }
  return p->data + *first * p->K * p->f->V;
}

static int64_t panels_of(int64_t vectors) {
  int64_t panels = 0;
  for (int64_t v = 0; v < vectors; panels++) v += rnn_panel_vectors(vectors - v);
  return panels;
}

enum { AHEAD = 16 }; /* rows whose lines are fetched early: the processor foresees no jumps from page to page */

static mg_status pack_columns(void *context, int64_t index) {
  const packing *p = context;
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V, each = f->P / V;
  int64_t first, vectors;
  float *data = find_panel(p, index, &first, &vectors);
  for (int64_t k = 0; k < p->K; k++) {
    for (int64_t i = first; i < first + vectors; i++, data += V) {
      const int64_t u = i % each * V, n = U - u < V ? U - u : V;
      const float *from = p->W + (k * f->d.G + rnn_gate_of_slot(f, p->first + (int)(i / each))) * U + u;
      __builtin_prefetch(from + AHEAD * f->d.G * U);
      if (n == V) { /* the size known: no call */
        for (int64_t j = 0; j < V; j++) data[j] = from[j];
      } else {
        for (int64_t j = 0; j < V; j++) data[j] = j < n ? from[j] : 0;
      }
    }
  }
  return MG_OK;
}

/* V values of each column at a time, a line of the cache, so that what is written stays in the cache until it is whole. */
static void transpose_slot(const packing *p, int slot, int64_t first, int64_t columns, int64_t ld, float *to) {
  const rnn_fast *f = p->f;
  const int64_t U = f->d.U, V = f->V, row = f->d.G * U;
  const float *from = p->W + first * row + rnn_gate_of_slot(f, p->first + slot) * U;
  for (int64_t u = 0; u < U; u += V) {
    const int64_t n = U - u < V ? U - u : V;
    for (int64_t column = 0; column < columns; column++) {
      __builtin_prefetch(from + column * row + u + 2 * V);
      for (int64_t j = 0; j < n; j++) to[(u + j) * ld + column] = from[column * row + u + j];
    }
  }
}

static mg_status pack_transposed(void *context, int64_t index) {
  const packing *p = context;
  const rnn_fast *f = p->f;
  int64_t first, vectors;
  float *data = find_panel(p, index, &first, &vectors);
  const int64_t ld = vectors * f->V, left = p->N - first * f->V, columns = left < ld ? left : ld;
  if (columns < ld || f->P > f->d.U) memset(data, 0, (size_t)(p->K * ld) * sizeof *data);
  for (int slot = 0; slot < f->d.G; slot++) transpose_slot(p, slot, first * f->V, columns, ld, data + slot * f->P * ld);
  return MG_OK;
}

static void add_bias(const rnn_fast *f, float *to, int row, int gate) {
  const float *from = mg_rnn_elements(f->args->bias);
  for (int64_t u = 0; from != NULL && u < f->d.U; u++) to[u] += from[(row * f->d.G + gate) * f->d.U + u];
}

void rnn_pack_bias(const rnn_fast *f, float *bias) {
  memset(bias, 0, (size_t)f->width * sizeof *bias);
  for (int slot = 0; slot < f->d.G; slot++) add_bias(f, bias + slot * f->P, 0, rnn_gate_of_slot(f, slot));
  if (!f->d.reset_after) return;
  for (int slot = SLOT_Z; slot <= SLOT_Q; slot++) add_bias(f, bias + slot * f->P, 1, rnn_gate_of_slot(f, slot));
}

mg_status rnn_part_memory(const rnn_fast *f, int part, int64_t floats, float **data, int *ready) {
  mg_packed *packed = f->args->packed;
  *ready = 0;
  if (packed == NULL || f->inputs > 1 || f->state_masks > 1) {
    *data = mg_workspace_take((size_t)floats * sizeof **data);
  } else {
    MG_TRY(mg_packed_part(packed, f->args->x->buffer->backend, part, floats * (int64_t)sizeof **data));
    *ready = (packed->parts & (1u << part)) != 0;
    *data = packed->data[part];
  }
  return *data != NULL ? MG_OK : mg_fail(MG_ENOMEM, "%s: no memory to pack weights of %lld units", f->d.kind->layer,
                                            (long long)f->d.U);
}

void rnn_part_done(const rnn_fast *f, int part) {
  mg_packed *packed = f->args->packed;
  if (packed != NULL && packed->data[part] != NULL && f->inputs == 1 && f->state_masks <= 1)
    packed->parts |= 1u << part;
}

/* Where a group's panels lie; packs them unless they are ready. */
static mg_status place_group(const rnn_fast *f, rnn_group *group, const mg_tensor *W, int64_t K, float **data, int ready) {
  packing p = { .f = f, .W = mg_elements(W), .data = *data, .first = group->first, .K = K, .vectors = group->slots * f->P / f->V };
  group->panels = (rnn_panels){ .data = *data, .K = K, .vectors = p.vectors };
  *data += K * group->slots * f->P;
  return ready ? MG_OK : rnn_parallel(f, panels_of(p.vectors), pack_columns, &p);
}

/* The transpose of W (N, GU), N columns in `floats` / V vectors. */
static mg_status place_transposed(const rnn_fast *f, rnn_panels *panels, const mg_tensor *W, int64_t N, int64_t floats, int first,
                                  float **data, int ready) {
  const int64_t K = f->d.G * f->P;
  packing p = { .f = f, .W = mg_elements(W), .data = *data, .first = first, .K = K, .N = N, .vectors = floats / f->V };
  *panels = (rnn_panels){ .data = *data, .K = K, .vectors = p.vectors };
  *data += K * floats;
  return ready ? MG_OK : rnn_parallel(f, panels_of(p.vectors), pack_transposed, &p);
}

mg_status rnn_fast_pack_forward(rnn_fast *f) {
  if (f->row != NULL) return rnn_row_pack(f, 1);
  float *data;
  int ready;
  MG_TRY(rnn_part_memory(f, RNN_PART_FORWARD, f->width + f->d.G * f->P * (f->d.F + f->d.U), &data, &ready));
  if (!ready) rnn_pack_bias(f, data);
  f->bias = data;
  data += f->width;
  for (int i = 0; i < f->inputs; i++) MG_TRY(place_group(f, &f->input[i], f->args->kernel, f->d.F, &data, ready));
  for (int i = 0; i < f->recurrents; i++)
    MG_TRY(place_group(f, &f->recurrent[i], f->args->recurrent_kernel, f->d.U, &data, ready));
  rnn_part_done(f, RNN_PART_FORWARD);
  return rnn_pieces_pack(f, RNN_PART_FORWARD_PIECES);
}

mg_status rnn_fast_pack_backward(rnn_fast *f) {
  if (f->row != NULL) return rnn_row_pack(f, 0);
  float *data;
  int ready;
  MG_TRY(rnn_part_memory(f, RNN_PART_BACKWARD, f->d.G * f->P * (f->P + f->FP), &data, &ready));
  MG_TRY(place_transposed(f, &f->recurrent_back, f->args->recurrent_kernel, f->d.U, f->P, f->back_first, &data, ready));
  MG_TRY(place_transposed(f, &f->input_back, f->args->kernel, f->d.F, f->FP, 0, &data, ready));
  rnn_part_done(f, RNN_PART_BACKWARD);
  return rnn_pieces_pack(f, RNN_PART_BACKWARD_PIECES);
}
