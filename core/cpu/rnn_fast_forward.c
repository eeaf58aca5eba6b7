/* rnn_fast_forward.c: the float32 GRU forward: input products of some steps at once, then those steps one by one. */
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "rnn_fast.h"

typedef struct run {
  rnn_fast *f;
  float *output, *state, *gates_out; /* NULL: not wanted */
} run;

/* A block of rows and its memory. */
typedef struct block {
  const run *run;
  const rnn_fast *f;
  int64_t first, rows;
  float *x;      /* (step of the chunk, row, F): input of a product */
  float *gates;  /* of a chunk; NULL when all are kept */
  float *sums;   /* (row, 4P) */
  float *states; /* two of them; NULL when all are kept */
  float *scaled; /* h times a dropout mask */
  float *masks;  /* (3, row, P): recurrent dropout */
} block;

mg_status rnn_fast_saved_size(int64_t *elements, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  int64_t states, gates, size;
  int bad = __builtin_add_overflow(f.d.T, 1, &states) || __builtin_mul_overflow(states, f.d.B, &states) ||
            __builtin_mul_overflow(states, f.P, &states) || __builtin_mul_overflow(f.d.T, f.d.B, &gates) ||
            __builtin_mul_overflow(gates, SLOTS * f.P, &gates) || __builtin_add_overflow(gates, states, &size);
  if (bad) {
    return mg_fail(MG_ENOMEM, "%s: argument x %s is too large for %lld units", kind->saved_size, mg_shape_text(args->x),
                   (long long)f.d.U);
  }
  *elements = f.d.recompute ? states : size;
  return MG_OK;
}

static void scale_row(float *out, const float *x, const float *mask, int64_t n) {
  if (mask == NULL) memcpy(out, x, (size_t)n * sizeof *out);
  for (int64_t i = 0; mask != NULL && i < n; i++) out[i] = x[i] * mask[i];
}

/* Rows of x as the product wants them: (step, row, F), times the dropout mask of a gate, masked steps 0. */
static void input_rows(const block *k, int64_t first_step, int64_t steps, int gate) {
  const rnn_fast *f = k->f;
  const int64_t F = f->d.F;
  float *out = k->x;
  for (int64_t s = first_step; s < first_step + steps; s++) {
    for (int64_t b = k->first; b < k->first + k->rows; b++, out += F) {
      const float *x = f->x + mg_rnn_row(&f->d, b, mg_rnn_time(&f->d, s)) * F;
      if (!mg_rnn_step_counts(&f->d, f->mask, b, s)) memset(out, 0, (size_t)F * sizeof *out);
      else scale_row(out, x, f->dropout[gate] == NULL ? NULL : f->dropout[gate] + b * F, F);
    }
  }
}

/* Slots n, z, r of the chunk's gates = x K. */
static void input_products(const block *k, int64_t first_step, int64_t steps, float *gates) {
  const rnn_fast *f = k->f;
  for (int i = 0; i < f->inputs; i++) {
    input_rows(k, first_step, steps, rnn_gate_of_slot(f->input[i].first));
    f->table->multiply(&(rnn_product){ .c = gates + f->input[i].first * f->P,
                                       .ldc = SLOTS * f->P,
                                       .M = steps * k->rows,
                                       .K = f->d.F,
                                       .a = k->x,
                                       .row = f->d.F,
                                       .step = 1,
                                       .b = f->input[i].panels });
  }
}

/* h times the recurrent dropout mask of a gate; h itself without one. */
static const float *dropped_state(const block *k, const float *h, int gate) {
  const int64_t n = k->rows * k->f->P;
  if (k->masks == NULL) return h;
  scale_row(k->scaled, h, k->masks + gate * n, n);
  return k->scaled;
}

static void recurrent_product(const block *k, const rnn_group *group, const float *a, int64_t row) {
  const rnn_fast *f = k->f;
  f->table->multiply(&(rnn_product){ .c = k->sums + group->first * f->P,
                                     .ldc = SLOTS * f->P,
                                     .M = k->rows,
                                     .K = f->d.U,
                                     .a = a,
                                     .row = row,
                                     .step = 1,
                                     .b = group->panels });
}

static void step(const block *k, float *gates, const float *h, float *h_new) {
  const rnn_fast *f = k->f;
  const mg_rnn_args *args = f->args;
  rnn_cell cell = { .rows = k->rows, .P = f->P, .gates = gates, .sums = k->sums, .bias = f->bias, .h = h, .h_new = h_new,
                    .activation = &args->activation, .recurrent_activation = &args->recurrent_activation };
  if (f->d.reset_after) {
    for (int i = 0; i < f->recurrents; i++)
      recurrent_product(k, &f->recurrent[i], dropped_state(k, h, rnn_gate_of_slot(f->recurrent[i].first)), f->P);
    f->cells->forward_after(&cell);
    return;
  }
  const int last = f->recurrents - 1;
  for (int i = 0; i < last; i++)
    recurrent_product(k, &f->recurrent[i], dropped_state(k, h, rnn_gate_of_slot(f->recurrent[i].first)), f->P);
  cell.h_n = dropped_state(k, h, 2);
  f->cells->forward_reset(&cell);
  recurrent_product(k, &f->recurrent[last], gates + SLOT_Q * f->P, SLOTS * f->P);
  f->cells->forward_state(&cell);
}

/* Masked rows keep their state. */
static void hold_masked(const block *k, int64_t s, const float *h, float *h_new) {
  const rnn_fast *f = k->f;
  for (int64_t i = 0; f->mask != NULL && i < k->rows; i++) {
    if (mg_rnn_step_counts(&f->d, f->mask, k->first + i, s)) continue;
    memcpy(h_new + i * f->P, h + i * f->P, (size_t)f->P * sizeof *h);
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
  static const int slots[] = { SLOT_Z, SLOT_R, SLOT_N };
  const rnn_fast *f = k->f;
  const float *from = rnn_is_any(f) ? k->sums : gates;
  for (int64_t i = 0; i < k->rows; i++) {
    float *out = k->run->gates_out + mg_rnn_row(&f->d, k->first + i, s) * 3 * f->d.U;
    const int counts = mg_rnn_step_counts(&f->d, f->mask, k->first + i, s);
    for (int g = 0; g < 3; g++) {
      if (counts) memcpy(out + g * f->d.U, from + (i * SLOTS + slots[g]) * f->P, (size_t)f->d.U * sizeof *out);
      else memset(out + g * f->d.U, 0, (size_t)f->d.U * sizeof *out);
    }
  }
}

static int row_counts(const rnn_fast *f, int64_t b) {
  for (int64_t s = 0; s < f->d.T; s++)
    if (mg_rnn_step_counts(&f->d, f->mask, b, s)) return 1;
  return 0;
}

/* The last state, and without return_sequences the last valid output: the same, or zeros. */
static void write_last(const block *k, const float *h) {
  const rnn_fast *f = k->f;
  const int64_t U = f->d.U;
  for (int64_t i = 0; i < k->rows; i++) {
    const int64_t b = k->first + i;
    const size_t bytes = (size_t)U * sizeof *h;
    if (k->run->state != NULL) memcpy(k->run->state + b * U, h + i * f->P, bytes);
    if (k->run->output == NULL || f->d.return_sequences) continue;
    if (row_counts(f, b)) memcpy(k->run->output + b * U, h + i * f->P, bytes);
    else memset(k->run->output + b * U, 0, bytes);
  }
}

static void first_state(const block *k, float *h) {
  const rnn_fast *f = k->f;
  const float *initial = mg_rnn_elements(f->args->initial_state);
  memset(h, 0, (size_t)(k->rows * f->P) * sizeof *h);
  for (int64_t i = 0; initial != NULL && i < k->rows; i++)
    memcpy(h + i * f->P, initial + (k->first + i) * f->d.U, (size_t)f->d.U * sizeof *h);
}

static void run_block(const block *k, float *kept_gates, float *kept_states) {
  const rnn_fast *f = k->f;
  const int64_t state_size = k->rows * f->P, gate_size = SLOTS * state_size, chunk = rnn_chunk_steps(f, k->rows);
  float *h = kept_states != NULL ? kept_states : k->states;
  first_state(k, h);
  for (int64_t s = 0; s < f->d.T; s++) {
    const int64_t at = s % chunk, left = f->d.T - s;
    float *chunk_gates = kept_gates != NULL ? kept_gates + (s - at) * gate_size : k->gates;
    if (at == 0) input_products(k, s, left < chunk ? left : chunk, chunk_gates);
    float *gates = chunk_gates + at * gate_size;
    float *h_new = kept_states != NULL ? h + state_size : k->states + (s + 1) % 2 * state_size;
    step(k, gates, h, h_new);
    hold_masked(k, s, h, h_new);
    if (k->run->output != NULL && f->d.return_sequences) write_output(k, s, h_new);
    if (k->run->gates_out != NULL) write_gates(k, s, gates);
    h = h_new;
  }
  write_last(k, h);
}

static float *take(int64_t floats) { return mg_workspace_take((size_t)floats * sizeof(float)); }

void rnn_fast_block_masks(const rnn_fast *f, float *masks, int64_t first, int64_t rows) {
  const int64_t U = f->d.U, P = f->P;
  memset(masks, 0, (size_t)(3 * rows * P) * sizeof *masks);
  for (int g = 0; g < 3; g++)
    for (int64_t i = 0; i < rows; i++)
      memcpy(masks + (g * rows + i) * P, f->recurrent_dropout[g] + (first + i) * U, (size_t)U * sizeof *masks);
}

static mg_status block_task(void *context, int64_t index) {
  const run *r = context;
  const rnn_fast *f = r->f;
  block k = { .run = r, .f = f, .first = rnn_block_first(f, index), .rows = rnn_block_size(f, index) };
  const int64_t state_size = k.rows * f->P, chunk = rnn_chunk_steps(f, k.rows);
  const size_t mark = mg_workspace_mark();
  int good = (k.x = take(chunk * k.rows * f->d.F)) != NULL && (k.sums = take(SLOTS * state_size)) != NULL;
  if (f->gates == NULL) good = good && (k.gates = take(chunk * SLOTS * state_size)) != NULL;
  if (f->states == NULL) good = good && (k.states = take(2 * state_size)) != NULL;
  if (f->recurrent_dropout[0] != NULL)
    good = good && (k.scaled = take(state_size)) != NULL && (k.masks = take(3 * state_size)) != NULL;
  if (good) {
    if (k.masks != NULL) rnn_fast_block_masks(f, k.masks, k.first, k.rows);
    run_block(&k, f->gates == NULL ? NULL : rnn_block_gates(f, index), f->states == NULL ? NULL : rnn_block_states(f, index));
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
    r.gates_out = mg_rnn_elements(f->args->gates);
  }
  return mg_parallel((f->d.B + f->block_rows - 1) / f->block_rows, block_task, &r);
}

mg_status rnn_fast_forward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  f.states = mg_rnn_elements(args->saved);
  if (f.states != NULL && !f.d.recompute) f.gates = f.states + f.d.B * (f.d.T + 1) * f.P;
  const size_t mark = mg_workspace_mark();
  mg_status status = rnn_fast_pack_forward(&f);
  if (status == MG_OK) status = rnn_fast_run(&f, 1);
  mg_workspace_give_back(mark);
  return status;
}
