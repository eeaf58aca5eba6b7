/* rnn_pieces.c: which products of a recurrent layer are computed on bf16 pieces; packing of both factors; the way back to the
 * floats where numbers do not fit. Everything depends on shape, instruction set and precision alone. */
#include "rnn_pieces.h"

#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "isa.h"
#include "rnn_row.h"

/* Rows and units from which pieces gain: below, a row of tiles or the splitting of a costs more than it saves. */
enum { TILE_BATCH = 16, TILE_UNITS = 32, EXACT_UNITS = 128, VECTOR_BATCH = 4, VECTOR_UNITS = 17 };

static const rnn_engine *tiles_in_use;
void rnn_tiles_use(const rnn_engine *engine) { tiles_in_use = engine; }

static const rnn_engine *tiles(void) {
#ifdef MG_COMPILED_AMX
  if (tiles_in_use == NULL && mg_cpu_isa() == MG_ISA_AMX) return &rnn_tiles_amx;
#endif
  return tiles_in_use;
}

static const rnn_engine *vectors(void) {
#ifdef MG_COMPILED_BF16
  if (mg_cpu_bf16()) return &rnn_vectors_bf16;
#endif
  return NULL;
}

static const rnn_split *split(void) {
#ifdef MG_COMPILED_BF16
  return &rnn_split_bf16;
#else
  return NULL;
#endif
}

const rnn_engine *rnn_engine_for(const mg_rnn_dims *d, int precision, int *count) {
  const rnn_engine *engine = tiles();
  *count = precision == MG_PRECISION_HIGHEST ? 3 : precision == MG_PRECISION_HIGH ? 2 : 1;
  const int64_t units = *count == 3 ? EXACT_UNITS : TILE_UNITS;
  if (engine != NULL && *count <= engine->most && d->B >= TILE_BATCH && d->U >= units) return engine;
  engine = vectors();
  if (engine != NULL && *count <= engine->most && d->B >= VECTOR_BATCH && d->U >= VECTOR_UNITS) return engine;
  *count = 0;
  return NULL;
}

const char *rnn_precision_text(const mg_rnn_dims *d, int precision, int few_rows) {
  static const char *const of_tiles[] = {
    RNN_FAST_NAME ", precision highest: products of 3 bf16 pieces, 6 each (AMX)",
    RNN_FAST_NAME ", precision high: products of 2 bf16 pieces, 4 each (AMX)",
    RNN_FAST_NAME ", precision medium: products of 1 bf16 piece (AMX)",
  };
  static const char *const of_floats[] = {
    RNN_FAST_NAME,
    RNN_FAST_NAME ", precision high: products of float32, faster than of bf16 pieces here and more exact",
    RNN_FAST_NAME ", precision medium: products of float32, no bf16 instructions or too few rows or units for them",
  };
  static const char *const of_few_rows[] = {
    RNN_FEW_ROWS,
    RNN_FEW_ROWS ", precision high: products of float32",
    RNN_FEW_ROWS ", precision medium: products of float32",
  };
  int count;
  const rnn_engine *engine = rnn_engine_for(d, precision, &count);
  if (few_rows && rnn_row_takes_pieces(d, precision))
    return RNN_FEW_ROWS ", precision medium: products of 1 bf16 piece with the states (AVX512-BF16)";
  if (few_rows) return of_few_rows[precision];
  if (engine == NULL) return of_floats[precision];
  return engine->tiles ? of_tiles[precision] : RNN_FAST_NAME ", precision medium: products of 1 bf16 piece (AVX512-BF16)";
}

int64_t rnn_tile_rows(const mg_rnn_dims *d, int64_t rows) {
  if (tiles() == NULL || d->B < TILE_BATCH || d->U < TILE_UNITS) return rows;
  return rnn_round_up(rows, d->B <= 2 * TILE_BATCH ? TILE_BATCH : 2 * TILE_BATCH);
}

/* Rows k that are filled up to whole blocks together. */
static int64_t segments_of(const rnn_fast *f, const rnn_panels *b, int64_t K) {
  return f->engine->tiles && b->segment != 0 ? K / b->segment : 1;
}
static int64_t pairs_of(const rnn_fast *f, const rnn_panels *b, int64_t K) {
  const int64_t segments = segments_of(f, b, K);
  return segments * rnn_round_up(K / segments, f->engine->tiles ? RNN_BLOCK : 2) / 2;
}
static int64_t panels_size(const rnn_fast *f, const rnn_panels *b) {
  return b->vectors * 2 * RNN_LANES * pairs_of(f, b, b->K) * b->count;
}

/* Each step multiplies the gradient of the states by the same weights. Of one piece, their rounding adds up: to some hundredths of
 * gradients that shrink over all steps since only the last output has one. There tiles take two pieces, and vectors the floats. */
static int count_for(const rnn_fast *f, const rnn_panels *b) {
  const int last_only = !f->d.return_sequences || f->args->doutput == NULL;
  if (f->pieces > 1 || b != &f->recurrent_back || !last_only) return f->pieces;
  return f->engine->tiles ? 2 : 0;
}

/* First float of vector v, and the distance of its rows: panels are three vectors, the last ones two or one. */
static const float *vector_of(const rnn_panels *b, int64_t v, int64_t *ld) {
  for (int64_t first = 0, width;; first += width) {
    width = rnn_panel_vectors(b->vectors - first);
    if (v >= first + width) continue;
    *ld = width * RNN_LANES;
    return b->data + first * b->K * RNN_LANES + (v - first) * RNN_LANES;
  }
}

/* Returns whether all numbers fit. */
static int pack_panels(const rnn_fast *f, const rnn_panels *b, uint16_t *data) {
  const int64_t segments = segments_of(f, b, b->K), pairs = pairs_of(f, b, b->K), each = b->K / segments;
  int fits = 1;
  for (int64_t first = 0, width; first < b->vectors; first += width) {
    width = rnn_pieces_cut(f->engine, b->vectors - first);
    const int64_t pair = width * 2 * RNN_LANES;
    for (int64_t v = first; v < first + width; v++) {
      rnn_split_columns s = { .K = each, .columns = RNN_LANES, .pair = pair, .pairs = pairs / segments, .count = b->count };
      const float *from = vector_of(b, v, &s.ld);
      for (int64_t i = 0; i < segments; i++) {
        s.from = from + i * each * s.ld;
        s.to = data + i * s.pairs * pair * b->count + (v - first) * 2 * RNN_LANES;
        fits &= split()->columns(&s);
      }
    }
    data += pairs * pair * b->count;
  }
  return fits;
}

enum { PANELS = 8, HEADER = 16 /* floats */ };

static int list_panels(rnn_fast *f, int part, rnn_panels *list[PANELS]) {
  int count = 0;
  if (part == RNN_PART_BACKWARD_PIECES) {
    list[count++] = &f->recurrent_back;
    list[count++] = &f->input_back;
    return count;
  }
  for (int i = 0; i < f->inputs; i++) list[count++] = &f->input[i].panels;
  for (int i = 0; i < f->recurrents; i++) list[count++] = &f->recurrent[i].panels;
  return count;
}

/* The part begins with a word for each of its panels: whether they fit. One more word tells the engine by its vectors of a panel:
 * batches of other sizes may take another one, whose layout needs as much memory. */
mg_status rnn_pieces_pack(rnn_fast *f, int part) {
  if (f->engine == NULL) return MG_OK;
  rnn_panels *list[PANELS];
  const int count = list_panels(f, part, list);
  int64_t size = HEADER;
  for (int i = 0; i < count; i++) {
    list[i]->count = count_for(f, list[i]);
    list[i]->segment = part == RNN_PART_BACKWARD_PIECES ? f->P : 0;
    size += panels_size(f, list[i]) / 2;
  }
  float *memory;
  int ready;
  MG_TRY(rnn_part_memory(f, part, size, &memory, &ready));
  int32_t *fits = (void *)memory;
  uint16_t *data = (void *)(memory + HEADER);
  ready = ready && fits[PANELS] == f->engine->panel;
  fits[PANELS] = f->engine->panel;
  for (int i = 0; i < count; i++, data += panels_size(f, list[i - 1])) {
    if (!ready) fits[i] = list[i]->count > 0 && pack_panels(f, list[i], data);
    list[i]->pieces = fits[i] ? data : NULL;
  }
  rnn_part_done(f, part);
  return MG_OK;
}

/* a of a product whose k are neighbours. */
static int split_a(const rnn_fast *f, const rnn_product *p, int64_t segments, int64_t pairs, rnn_pieces_product *q, uint16_t *to) {
  const int tiled = f->engine->tiles;
  const int64_t each = p->K / segments, ld = 2 * q->row;
  rnn_split_rows s = { .ld = p->row, .M = p->M, .K = each, .count = p->b.count };
  s.piece = RNN_TILE;
  s.block = tiled ? s.count * RNN_TILE : RNN_BLOCK;
  s.row = tiled ? RNN_BLOCK : ld;
  s.rows16 = tiled ? pairs / RNN_BLOCK_PAIRS * s.block : 16 * ld;
  int fits = 1;
  for (int64_t i = 0; i < segments && fits; i++) {
    s.from = p->a + i * each;
    s.to = to + i * (pairs / segments / RNN_BLOCK_PAIRS) * s.block;
    fits = split()->rows(&s);
  }
  return fits;
}

/* 0: the numbers of a do not fit, or there is no memory; nothing was written. */
static int multiply_pieces(const rnn_fast *f, const rnn_product *p) {
  const rnn_panels *b = &p->b;
  const int64_t segments = segments_of(f, b, p->K), pairs = pairs_of(f, b, p->K), row = rnn_round_up(pairs, RNN_BLOCK_PAIRS);
  const int64_t rows = f->engine->tiles ? rnn_round_up(p->M, RNN_LANES) : p->M;
  rnn_pieces_product q = { .count = b->count, .c = p->c, .ldc = p->ldc, .M = p->M, .vectors = b->vectors, .step = 1,
                           .row = row + RNN_BLOCK_PAIRS /* rows far apart would share sets of the cache */,
                           .b = b->pieces, .b_pairs = pairs_of(f, b, b->K), .pairs = pairs, .accumulate = p->accumulate };
  q.first_pair = b->segment == 0 ? 0 : f->engine->tiles ? p->first_k / b->segment * (pairs / segments) : p->first_k / 2;
  const size_t mark = mg_workspace_mark();
  uint16_t *a = mg_workspace_take((size_t)(rows * q.row * 2 * b->count) * sizeof *a);
  const int good = a != NULL && split_a(f, p, segments, pairs, &q, a);
  q.a = a;
  if (good) f->engine->multiply(&q);
  mg_workspace_give_back(mark);
  return good;
}

void rnn_multiply(const rnn_fast *f, const rnn_product *p) {
  if (p->b.pieces == NULL || !multiply_pieces(f, p)) f->table->multiply(p);
}

/* b of a product over rows: gradients, `ld` apart. */
static int split_gradients(const rnn_fast *f, const rnn_product *p, const float *b, int64_t ld, int64_t pairs, uint16_t *to,
                           float *sums) {
  int fits = 1;
  for (int64_t v = 0, width; v < p->b.vectors && fits; v += width) {
    width = rnn_pieces_cut(f->engine, p->b.vectors - v);
    fits = split()->columns(&(rnn_split_columns){ .from = b + v * RNN_LANES, .ld = ld, .K = p->K, .columns = width * RNN_LANES,
                                                   .to = to, .pair = width * 2 * RNN_LANES, .pairs = pairs, .count = f->pieces,
                                                   .sums = sums == NULL ? NULL : sums + v * RNN_LANES });
    to += pairs * width * 2 * RNN_LANES * f->pieces;
  }
  return fits;
}

/* a of such a product: [k][M], M neighbours. */
static int split_values(const rnn_fast *f, const rnn_product *p, int64_t pairs, int64_t M, uint16_t *to) {
  if (f->engine->tiles) return split()->transposed(p->a, p->step, p->M, p->K, to, f->pieces);
  int fits = 1;
  for (int64_t i = 0; i < p->M && fits; i += 3 * RNN_LANES) {
    fits = split()->columns(&(rnn_split_columns){ .from = p->a + i, .ld = p->step, .K = p->K,
                                                   .columns = p->M - i < 3 * RNN_LANES ? p->M - i : 3 * RNN_LANES,
                                                   .to = to + 2 * i, .pair = 2 * M, .pairs = pairs, .count = 1 });
  }
  return fits;
}

int rnn_pieces_add(const rnn_fast *f, const rnn_product *p, const float *b, int64_t ld, float *sums) {
  if (f->engine == NULL) return 0;
  const int64_t pairs = rnn_round_up(p->K, f->engine->tiles ? RNN_BLOCK : 2) / 2, M = rnn_round_up(p->M, RNN_LANES);
  const int64_t columns = p->b.vectors * RNN_LANES;
  rnn_pieces_product q = { .count = f->pieces, .c = p->c, .ldc = p->ldc, .M = p->M, .vectors = p->b.vectors, .row = 1, .step = M,
                           .b_pairs = pairs, .pairs = pairs, .accumulate = p->accumulate };
  const size_t mark = mg_workspace_mark();
  uint16_t *a = mg_workspace_take((size_t)(M * pairs * 2 * f->pieces) * sizeof *a);
  uint16_t *pieces = mg_workspace_take((size_t)(columns * pairs * 2 * f->pieces) * sizeof *pieces);
  float *added = mg_workspace_take((size_t)columns * sizeof *added);
  int good = a != NULL && pieces != NULL && added != NULL;
  if (good) memset(added, 0, (size_t)columns * sizeof *added);
  good = good && split_gradients(f, p, b, ld, pairs, pieces, added) && split_values(f, p, pairs, M, a);
  q.a = a;
  q.b = pieces;
  if (good) f->engine->multiply(&q);
  for (int64_t i = 0; good && sums != NULL && i < columns; i++) sums[i] += added[i];
  mg_workspace_give_back(mark);
  return good;
}
