/* rnn_fast_values.c: x and the states as the factors of the weights' gradients: read where they lie, or copied, with their dropout
 * and zeros in masked steps. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_fast.h"

/* PAD: rows a power of two apart would share few sets of the caches; FEW_SETS: those so many floats apart. */
enum { PAD = 16, FEW_SETS = 1024 };

static int64_t shared_ld(const rnn_fast *f, int recurrent) { return (recurrent ? f->P : f->FP) + PAD; }

static int states_in_place(const rnn_fast *f) { return f->mask == NULL && f->state_masks == 0 && f->P % FEW_SETS != 0; }

/* The source of a side's values for row i of a block, in step s. */
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

typedef struct sharing {
  rnn_fast *f;
  int recurrent;
} sharing;

static mg_status copy_block(void *context, int64_t block) {
  const sharing *s = context;
  const rnn_fast *f = s->f;
  const int64_t rows = rnn_block_size(f, block) * f->steps, ld = shared_ld(f, s->recurrent);
  const int first = s->recurrent ? f->recurrent[0].first : f->input[0].first;
  if (rows == 0) return MG_OK;
  copy_values(f, &(rnn_values){ .block = block, .rows = rows, .recurrent = s->recurrent, .slot = first,
                                .values = s->recurrent ? f->d.U : f->d.F, .ld = ld,
                                .to = f->values[s->recurrent] + rnn_block_first(f, block) * f->steps * ld });
  return MG_OK;
}

static mg_status share(rnn_fast *f, int recurrent) {
  const int groups = recurrent ? f->recurrents - f->resets : f->inputs;
  const mg_tensor *wanted = recurrent ? f->args->drecurrent_kernel : f->args->dkernel;
  if (wanted == NULL || groups > 1 || (recurrent && states_in_place(f))) return MG_OK;
  const int64_t floats = f->d.B * f->steps * shared_ld(f, recurrent);
  f->values[recurrent] = rnn_take(floats);
  if (f->values[recurrent] == NULL)
    return mg_fail(MG_ENOMEM, "%s: no memory for %lld numbers of %s", f->d.kind->backward, (long long)floats,
                   recurrent ? "the states" : "x");
  return rnn_parallel(f, rnn_blocks(f), copy_block, &(sharing){ f, recurrent });
}

mg_status rnn_fast_share_values(rnn_fast *f) {
  MG_TRY(share(f, 0));
  return share(f, 1);
}

/* Where values lie as the products take them, *ld apart; NULL: nowhere. */
static const float *values_in_place(const rnn_fast *f, const rnn_values *v, int64_t *ld) {
  const int64_t row = rnn_block_first(f, v->block) * f->steps + v->first;
  const int stored = v->recurrent && f->resets && v->slot == SLOT_N, in_place = v->recurrent && states_in_place(f);
  if (stored) return NULL;
  *ld = in_place ? f->P : shared_ld(f, v->recurrent);
  if (in_place) return rnn_block_states(f, f->states, v->block) + v->first * f->P + v->value;
  return f->values[v->recurrent] == NULL ? NULL : f->values[v->recurrent] + row * *ld + v->value;
}

const float *rnn_fast_values(const rnn_fast *f, const rnn_values *v, int64_t *ld) {
  const float *values = values_in_place(f, v, ld);
  if (values != NULL) return values;
  copy_values(f, v);
  *ld = v->ld;
  return v->to;
}
