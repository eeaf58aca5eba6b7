/* rnn_fast_plan.c: sizes and groups of the float32 recurrent layers. All depend on shapes and instruction set alone. What only
 * plans of views larger than memory reach is computed in double, or by division, where a product would overflow. */
#include <math.h>

#include "../error.h"
#include "../threads.h"
#include "rnn_row.h"
#include "isa.h"

enum { FEW_ROWS = 3, BLOCK_ROWS = 16, SMALL_BATCH = 32, LARGE_COLUMNS = 3 * 384, CHUNK_FLOATS = 1 << 15, ROW_CHUNKS = 4 };
enum { CACHED_FLOATS = 128 << 10 };

MG_ISA_DECLARE(rnn_table, rnn);

/* Blocks of nearly equal size: smaller ones give small batches to more threads, larger ones read weights that do not fit the second
 * cache less often. An even number shares two threads alike; fewer than four rows are not worth a thread. */
static int64_t blocks_for(int64_t B, int64_t columns) {
  int64_t most = B <= SMALL_BATCH ? BLOCK_ROWS / 2 : BLOCK_ROWS;
  if (columns >= LARGE_COLUMNS) most *= 2;
  const int64_t blocks = (B + most - 1) / most;
  return B < 8 ? 1 : blocks + blocks % 2;
}

/* Rows by themselves take longer ones where both weights do not fit the second cache, as they drive each other out of it. */
int64_t rnn_chunk_steps(const rnn_fast *f, int64_t rows) {
  const int64_t width = f->width > f->FP ? f->width : f->FP;
  const int longer = f->row != NULL && f->d.G * f->P * (f->d.F + f->d.U) > CACHED_FLOATS;
  int64_t steps = (longer ? ROW_CHUNKS : 1) * CHUNK_FLOATS / (rows * width);
  return steps < 1 ? 1 : steps < f->d.T ? steps : f->d.T;
}

/* About the root of T: as many segments as steps in one, so that neither part grows faster. */
static int64_t segment_steps(int64_t T) {
  int64_t steps = (int64_t)sqrt((double)T) - 1;
  if (steps < 1) steps = 1;
  while (steps < mg_pieces(T, steps)) steps++;
  return steps;
}

/* Waking a thread costs as much as some million multiplications: calls with fewer, and little to write, stay in the caller's. */
int rnn_is_small(const rnn_fast *f) {
  enum { MULTIPLICATIONS = 2 << 20, WRITTEN = 8 };
  return (double)((f->d.F + f->d.U) * f->d.G) * (double)f->P * ((double)f->d.T * (double)f->d.B + WRITTEN) < MULTIPLICATIONS;
}

mg_status rnn_parallel(const rnn_fast *f, int64_t count, mg_status (*task)(void *context, int64_t index), void *context) {
  if (!rnn_is_small(f)) return mg_parallel(count, task, context);
  for (int64_t i = 0; i < count; i++) MG_TRY(task(context, i));
  return MG_OK;
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
  const int G = (int)f->d.G, apart = f->state_masks > 1;
  f->inputs = cut_groups(f->input, f->args->dropout_masks[1] != NULL, 0, G);
  f->back_first = f->d.reset_after ? SLOT_Z : 0;
  if (!f->resets) {
    f->recurrents = cut_groups(f->recurrent, apart, f->back_first, G);
  } else {
    f->recurrents = cut_groups(f->recurrent, apart, SLOT_Z, 2);
    f->recurrents += cut_groups(f->recurrent + f->recurrents, 0, SLOT_N, 1);
  }
}

static void plan_masks(rnn_fast *f) {
  const mg_rnn_args *args = f->args;
  f->mask = mg_rnn_elements(args->mask);
  for (int64_t g = 0; g < f->d.G; g++) {
    f->dropout[g] = mg_rnn_elements(mg_rnn_dropout_mask(args->dropout_masks, g));
    f->recurrent_dropout[g] = mg_rnn_elements(mg_rnn_dropout_mask(args->recurrent_dropout_masks, g));
  }
  if (f->recurrent_dropout[0] != NULL) f->state_masks = args->recurrent_dropout_masks[1] == NULL ? 1 : (int)f->d.G;
}

static const rnn_layout layouts[MG_CELLS] = {
  [MG_CELL_GRU] = { GRU_SLOTS, { [SLOT_N] = 2, [SLOT_Z] = 0, [SLOT_R] = 1, [SLOT_Q] = 2 }, { SLOT_Z, SLOT_R, SLOT_N } },
  [MG_CELL_LSTM] = { LSTM_SLOTS, { [SLOT_G] = 2, [SLOT_I] = 0, [SLOT_F] = 1, [SLOT_O] = 3 }, { SLOT_I, SLOT_F, SLOT_G, SLOT_O } },
  [MG_CELL_SIMPLE] = { 1, { 0 }, { 0 } },
};

/* Few rows are each a block; where nothing but tanh, sigmoid and a mask is asked for, rnn_row.c has kernels for them. */
static void plan_rows(rnn_fast *f) {
  const mg_rnn_args *args = f->args;
  const int few = f->d.B <= FEW_ROWS && !f->d.recompute;
  if (!few || f->any || args->dropout_masks[0] != NULL || args->recurrent_dropout_masks[0] != NULL) return;
  f->blocks = f->d.B;
  if (args->gates == NULL) f->row = rnn_row_table_now();
}

void rnn_fast_plan(rnn_fast *f, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  *f = (rnn_fast){ .d = mg_rnn_dims_of(kind, args), .args = args, .table = MG_ISA_PICK(rnn), .layout = &layouts[kind->cell] };
  const int simple = kind->cell == MG_CELL_SIMPLE;
  f->any = args->activation.kind != MG_ACT_TANH || (!simple && args->recurrent_activation.kind != MG_ACT_SIGMOID);
  f->cells = f->any ? &f->table->any[kind->cell] : &f->table->fused[kind->cell];
  f->resets = kind->cell == MG_CELL_GRU && !f->d.reset_after;
  f->V = f->table->width;
  f->P = rnn_round_up(f->d.U, f->V);
  f->FP = rnn_round_up(f->d.F, f->V);
  f->width = f->layout->slots * f->P;
  f->blocks = blocks_for(f->d.B, f->d.G * f->d.U);
  f->block_unit = rnn_tile_rows(&f->d, 1);
  plan_rows(f);
  f->x = mg_rnn_elements(args->x);
  plan_masks(f);
  plan_groups(f);
  f->steps = f->d.T;
  if (f->d.recompute) f->segment = segment_steps(f->d.T);
  f->engine = rnn_engine_for(&f->d, mg_get_matmul_precision(), &f->pieces);
}

mg_status rnn_fast_saved_size(int64_t *elements, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  const int64_t each = kind->has_carry ? 2 * f.P : f.P;
  int64_t states, gates, size;
  int bad = __builtin_add_overflow(f.d.recompute ? rnn_segments(&f) : f.d.T, !f.d.recompute, &states) ||
            __builtin_mul_overflow(states, f.d.B, &states) || __builtin_mul_overflow(states, each, &states) ||
            __builtin_mul_overflow(f.d.T, f.d.B, &gates) || __builtin_mul_overflow(gates, f.width, &gates) ||
            __builtin_add_overflow(gates, states, &size);
  if (bad) {
    return mg_fail(MG_ENOMEM, "%s: argument x %s is too large for %lld units", kind->saved_size, mg_shape_text(args->x),
                   (long long)f.d.U);
  }
  *elements = f.d.recompute ? states : size;
  return MG_OK;
}

void rnn_fast_places(rnn_fast *f) {
  const int64_t size = f->d.B * (f->d.recompute ? rnn_segments(f) : f->d.T + 1) * f->P;
  float *saved = mg_rnn_elements(f->args->saved), *carries = f->d.kind->has_carry ? saved + size : NULL;
  if (saved == NULL) return;
  if (f->d.recompute) {
    f->marks = saved;
    f->carry_marks = carries;
  } else {
    f->states = saved;
    f->carries = carries;
    f->gates = (carries != NULL ? carries : saved) + size;
  }
}
