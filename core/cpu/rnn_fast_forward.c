/* rnn_fast_forward.c: the float32 recurrent layers forward: input products of some steps at once, then those steps one by one. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_row.h"

typedef struct run {
  rnn_fast *f;
  float *output, *state, *carry, *gates_out; /* NULL: not wanted */
} run;

/* A block of rows and its memory. */
typedef struct block {
  const run *run;
  const rnn_fast *f;
  int64_t index, first, rows;
  float *x;      /* (step of the chunk, row, F): input of a product; NULL: x is read in place */
  float *gates;  /* of a chunk, or all where they are kept */
  float *sums;   /* (row, slots) */
  float *h, *c;  /* (step, row, P), or two of them in turn; c NULL: no carry */
  float *scaled; /* h times a dropout mask */
  float *masks;  /* (state_masks, row, P): recurrent dropout */
} block;

/* The state before step s, of h or c. */
static float *state_at(const block *k, float *states, int64_t s) {
  return states + (k->f->states != NULL ? s - k->f->from : s % 2) * k->rows * k->f->P;
}

/* h times the recurrent dropout mask of a gate; h itself without one. */
static const float *dropped_state(const block *k, const float *h, int gate) {
  const int64_t n = k->rows * k->f->P;
  if (k->masks == NULL) return h;
  k->f->table->scale(n, k->scaled, h, k->masks + rnn_state_mask(k->f, gate) * n);
  return k->scaled;
}

/* Slots of a group, of sums or, for sums that end in the gates themselves, added there. */
static void recurrent_product(const block *k, const rnn_group *group, const float *a, int64_t row, float *gates) {
  const rnn_fast *f = k->f;
  const int add = f->d.kind->cell != MG_CELL_GRU;
  rnn_multiply(f, &(rnn_product){ .c = (add ? gates : k->sums) + group->first * f->P,
                                  .ldc = f->width,
                                  .M = k->rows,
                                  .K = f->d.U,
                                  .a = a,
                                  .row = row,
                                  .step = 1,
                                  .b = group->panels,
                                  .accumulate = add });
}

static void step(const block *k, int64_t s, float *gates) {
  const rnn_fast *f = k->f;
  const mg_rnn_args *args = f->args;
  const float *h = state_at(k, k->h, s);
  rnn_cell cell = { .rows = k->rows, .P = f->P, .gates = gates, .sums = k->sums, .bias = f->bias, .h = h,
                    .h_new = state_at(k, k->h, s + 1), .activation = &args->activation,
                    .recurrent_activation = &args->recurrent_activation };
  if (k->c != NULL) {
    cell.c = state_at(k, k->c, s);
    cell.c_new = state_at(k, k->c, s + 1);
  }
  const int of_h = f->recurrents - f->resets;
  for (int i = 0; i < of_h; i++) {
    const float *dropped = dropped_state(k, h, rnn_gate_of_slot(f, f->recurrent[i].first));
    recurrent_product(k, &f->recurrent[i], dropped, f->P, gates);
  }
  if (!f->resets) {
    f->cells->forward(&cell);
    return;
  }
  cell.h_n = dropped_state(k, h, 2);
  f->cells->forward_reset(&cell);
  recurrent_product(k, &f->recurrent[of_h], gates + SLOT_Q * f->P, f->width, gates);
  f->cells->forward_state(&cell);
}

/* Masked rows keep their states. */
static void hold_masked(const block *k, int64_t s, float *states) {
  const rnn_fast *f = k->f;
  if (f->mask == NULL || states == NULL) return;
  const float *from = state_at(k, states, s);
  float *to = state_at(k, states, s + 1);
  for (int64_t i = 0; i < k->rows; i++) {
    if (!mg_rnn_step_counts(&f->d, f->mask, k->first + i, s)) memcpy(to + i * f->P, from + i * f->P, (size_t)f->P * sizeof *to);
  }
}

static void write_output(const block *k, int64_t s, const float *h_new) {
  const rnn_fast *f = k->f;
  const size_t bytes = (size_t)f->d.U * sizeof(float);
  for (int64_t i = 0; i < k->rows; i++) {
    const int64_t b = k->first + i;
    float *out = k->run->output + mg_rnn_row(&f->d, b, s) * f->d.U;
    if (mg_rnn_step_counts(&f->d, f->mask, b, s)) memcpy(out, h_new + i * f->P, bytes);
    else if (f->d.zero_masked || s == 0) memset(out, 0, bytes);
    else memcpy(out, k->run->output + mg_rnn_row(&f->d, b, s - 1) * f->d.U, bytes);
  }
}

static void write_gates(const block *k, int64_t s, const float *gates) {
  const rnn_fast *f = k->f;
  const int64_t U = f->d.U;
  const float *from = f->any ? k->sums : gates;
  for (int64_t i = 0; i < k->rows; i++) {
    float *out = k->run->gates_out + mg_rnn_row(&f->d, k->first + i, s) * f->d.G * U;
    const int counts = mg_rnn_step_counts(&f->d, f->mask, k->first + i, s);
    for (int64_t g = 0; g < f->d.G; g++) {
      if (counts) memcpy(out + g * U, from + i * f->width + f->layout->slot_of_gate[g] * f->P, (size_t)U * sizeof *out);
      else memset(out + g * U, 0, (size_t)U * sizeof *out);
    }
  }
}

static int row_counts(const rnn_fast *f, int64_t b) {
  for (int64_t s = 0; s < f->d.T; s++)
    if (mg_rnn_step_counts(&f->d, f->mask, b, s)) return 1;
  return 0;
}

/* The last states, and without return_sequences the last valid output: h again, or zeros. */
static void write_last(const block *k) {
  const rnn_fast *f = k->f;
  const int64_t U = f->d.U;
  const size_t bytes = (size_t)U * sizeof(float);
  for (int64_t i = 0; i < k->rows; i++) {
    const int64_t b = k->first + i;
    const float *h = state_at(k, k->h, f->d.T) + i * f->P;
    if (k->run->state != NULL) memcpy(k->run->state + b * U, h, bytes);
    if (k->run->carry != NULL) memcpy(k->run->carry + b * U, state_at(k, k->c, f->d.T) + i * f->P, bytes);
    if (k->run->output == NULL || f->d.return_sequences) continue;
    if (row_counts(f, b)) memcpy(k->run->output + b * U, h, bytes);
    else memset(k->run->output + b * U, 0, bytes);
  }
}

/* The state before the run's first step: the initial one, or that of its segment. */
static void first_state(const block *k, float *states, const mg_tensor *given, float *marks) {
  const rnn_fast *f = k->f;
  const float *initial = mg_rnn_elements(given);
  if (states == NULL) return;
  if (f->from > 0) {
    memcpy(states, rnn_mark(f, marks, k->index, f->from / f->segment), (size_t)(k->rows * f->P) * sizeof *states);
    return;
  }
  memset(states, 0, (size_t)(k->rows * f->P) * sizeof *states);
  for (int64_t i = 0; initial != NULL && i < k->rows; i++)
    memcpy(states + i * f->P, initial + (k->first + i) * f->d.U, (size_t)f->d.U * sizeof *states);
}

/* The state before a segment, unless it is the run that reads it. */
static void keep_state(const block *k, float *states, float *marks, int64_t s) {
  const rnn_fast *f = k->f;
  if (marks == NULL || f->states != NULL || s % f->segment != 0) return;
  memcpy(rnn_mark(f, marks, k->index, s / f->segment), state_at(k, states, s), (size_t)(k->rows * f->P) * sizeof *states);
}

static void run_steps(const block *k) {
  const rnn_fast *f = k->f;
  const int64_t gate_size = k->rows * f->width, chunk = rnn_chunk_steps(f, k->rows), end = f->from + f->steps;
  for (int64_t s = f->from; s < end; s++) {
    const int64_t at = (s - f->from) % chunk, left = end - s;
    float *chunk_gates = f->gates != NULL ? k->gates + (s - f->from - at) * gate_size : k->gates;
    keep_state(k, k->h, f->marks, s);
    keep_state(k, k->c, f->carry_marks, s);
    if (at == 0) {
      const rnn_chunk c = { .first = k->first, .rows = k->rows, .step = s, .steps = left < chunk ? left : chunk, .scratch = k->x };
      rnn_input_products(f, &c, chunk_gates);
    }
    float *gates = chunk_gates + at * gate_size;
    step(k, s, gates);
    hold_masked(k, s, k->h);
    hold_masked(k, s, k->c);
    if (k->run->output != NULL && f->d.return_sequences) write_output(k, s, state_at(k, k->h, s + 1));
    if (k->run->gates_out != NULL) write_gates(k, s, gates);
  }
}

static void run_block(const block *k) {
  const rnn_fast *f = k->f;
  first_state(k, k->h, f->args->initial_state, f->marks);
  first_state(k, k->c, f->args->initial_carry, f->carry_marks);
  if (f->row == NULL) {
    run_steps(k);
  } else {
    float *output = f->d.return_sequences ? k->run->output : NULL;
    rnn_row_forward(f, &(rnn_row_call){ .b = k->first, .gates = k->gates, .h = k->h, .c = k->c, .output = output });
  }
  if (f->from + f->steps == f->d.T) write_last(k);
}

void rnn_fast_block_masks(const rnn_fast *f, float *masks, int64_t first, int64_t rows) {
  const int64_t U = f->d.U, P = f->P;
  memset(masks, 0, (size_t)(f->state_masks * rows * P) * sizeof *masks);
  for (int g = 0; g < f->state_masks; g++)
    for (int64_t i = 0; i < rows; i++)
      memcpy(masks + (g * rows + i) * P, f->recurrent_dropout[g] + (first + i) * U, (size_t)U * sizeof *masks);
}

/* The block's part of what is kept, and scratch for the rest. */
static int block_memory(block *k, int64_t index) {
  const rnn_fast *f = k->f;
  const int64_t size = k->rows * f->P, chunk = rnn_chunk_steps(f, k->rows);
  int good = (k->sums = rnn_take(k->rows * f->width)) != NULL;
  if (!rnn_x_in_place(f)) good = good && (k->x = rnn_take(chunk * k->rows * f->d.F)) != NULL;
  k->gates = f->gates != NULL ? rnn_block_gates(f, index) : rnn_take(chunk * k->rows * f->width);
  k->h = f->states != NULL ? rnn_block_states(f, f->states, index) : rnn_take(2 * size);
  if (f->d.kind->has_carry) {
    k->c = f->carries != NULL ? rnn_block_states(f, f->carries, index) : rnn_take(2 * size);
    good = good && k->c != NULL;
  }
  if (f->state_masks > 0)
    good = good && (k->scaled = rnn_take(size)) != NULL && (k->masks = rnn_take(f->state_masks * size)) != NULL;
  return good && k->gates != NULL && k->h != NULL;
}

static mg_status block_task(void *context, int64_t index) {
  const run *r = context;
  const rnn_fast *f = r->f;
  block k = { .run = r, .f = f, .index = index, .first = rnn_block_first(f, index), .rows = rnn_block_size(f, index) };
  if (k.rows == 0) return MG_OK;
  const size_t mark = mg_workspace_mark();
  const int good = block_memory(&k, index);
  if (good) {
    if (k.masks != NULL) rnn_fast_block_masks(f, k.masks, k.first, k.rows);
    run_block(&k);
  }
  mg_workspace_give_back(mark);
  return good ? MG_OK
              : mg_fail(MG_ENOMEM, "%s: no memory for a block of %lld rows and %lld units", f->d.kind->forward, (long long)k.rows,
                        (long long)f->d.U);
}

mg_status rnn_fast_run(rnn_fast *f, int outputs) {
  run r = { .f = f };
  if (outputs) {
    r.output = mg_rnn_elements(f->args->output);
    r.state = mg_rnn_elements(f->args->state);
    r.carry = mg_rnn_elements(f->args->carry);
    r.gates_out = mg_rnn_elements(f->args->gates);
  }
  return rnn_parallel(f, rnn_blocks(f), block_task, &r);
}

mg_status rnn_fast_forward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  rnn_fast_places(&f);
  const size_t mark = mg_workspace_mark();
  mg_status status = rnn_fast_pack_forward(&f);
  if (status == MG_OK) status = rnn_fast_run(&f, 1);
  mg_workspace_give_back(mark);
  return status;
}
