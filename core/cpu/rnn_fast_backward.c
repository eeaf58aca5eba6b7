/* rnn_fast_backward.c: the float32 recurrent layers back through time. Each step turns the gates in `gates` into gradients of their
 * sums, in place; dx follows chunk by chunk, the weights' gradients at the end (rnn_fast_weights.c). Equations: moongate.h. */
#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "rnn_row.h"

typedef struct run {
  const rnn_fast *f;
  const float *doutput, *dstate, *dcarry;
  float *dx, *dinitial_state, *dinitial_carry;
  float *dh, *dc; /* (B,P): from the run of the later steps, and for that of the earlier ones; NULL: all steps are here */
} run;

typedef struct block {
  const run *run;
  const rnn_fast *f;
  int64_t first, rows;
  float *gates, *states, *carries;
  float *dh, *dc;           /* (row, P); dc NULL: no carry */
  float *held, *held_carry; /* (row, P): dh and dc of masked rows during a step; NULL without a mask */
  float *sums;              /* (row, slots): scratch of the cell, and LSTM_SCRATCH times P more */
  float *product; /* (row, P): du, or dh before its dropout mask */
  float *scaled;  /* (row, P): h_n */
  float *masks;   /* (state_masks, row, P): recurrent dropout; NULL: none */
  float *dx;      /* (step of the chunk, row, FP); NULL: dx is written in place */
  int64_t *valid; /* (row): the first step that counts, T: none */
} block;

static void find_valid(const block *k) {
  const rnn_fast *f = k->f;
  for (int64_t i = 0; i < k->rows; i++) {
    k->valid[i] = 0;
    while (k->valid[i] < f->d.T && !mg_rnn_step_counts(&f->d, f->mask, k->first + i, k->valid[i])) k->valid[i]++;
  }
}

/* (row, P) from the block's rows of t (B, U), zeros where it is absent. */
static void read_rows(const block *k, float *to, const float *from) {
  const int64_t U = k->f->d.U, P = k->f->P;
  memset(to, 0, (size_t)(k->rows * P) * sizeof *to);
  for (int64_t i = 0; from != NULL && i < k->rows; i++) memcpy(to + i * P, from + (k->first + i) * U, (size_t)U * sizeof *to);
}

static void write_rows(const block *k, float *to, const float *from) {
  const int64_t U = k->f->d.U, P = k->f->P;
  for (int64_t i = 0; to != NULL && i < k->rows; i++) memcpy(to + (k->first + i) * U, from + i * P, (size_t)U * sizeof *to);
}

/* dstate and dcarry, and the last output's gradient where a step of the row counted. */
static void first_gradient(const block *k) {
  const rnn_fast *f = k->f;
  read_rows(k, k->dh, k->run->dstate);
  if (k->dc != NULL) read_rows(k, k->dc, k->run->dcarry);
  for (int64_t i = 0; k->run->doutput != NULL && !f->d.return_sequences && i < k->rows; i++) {
    if (k->valid[i] < f->d.T) f->table->add(f->d.U, k->dh + i * f->P, k->run->doutput + (k->first + i) * f->d.U);
  }
}

/* A masked output repeats the last valid one: its gradient waits in dh, which masked steps pass on. */
static void add_doutput(const block *k, int64_t s) {
  const rnn_fast *f = k->f;
  for (int64_t i = 0; i < k->rows; i++) {
    const int64_t b = k->first + i;
    const int counts = mg_rnn_step_counts(&f->d, f->mask, b, s);
    if (!counts && (f->d.zero_masked || s < k->valid[i])) continue;
    f->table->add(f->d.U, k->dh + i * f->P, k->run->doutput + mg_rnn_row(&f->d, b, s) * f->d.U);
  }
}

/* dh += [slots of the group] R^T, times the group's dropout mask when each gate has its own. */
static void state_gradient(const block *k, const rnn_group *group, const float *gates) {
  const rnn_fast *f = k->f;
  const int64_t first = group->first - f->back_first, n = k->rows * f->P;
  rnn_product p = { .c = k->dh,
                    .ldc = f->P,
                    .M = k->rows,
                    .K = group->slots * f->P,
                    .a = gates + group->first * f->P,
                    .row = f->width,
                    .step = 1,
                    .b = f->recurrent_back,
                    .first_k = first * f->P,
                    .accumulate = 1 };
  if (k->masks != NULL) {
    p.c = k->product;
    p.accumulate = 0;
  }
  rnn_multiply(f, &p);
  if (k->masks == NULL) return;
  const float *mask = k->masks + rnn_state_mask(f, rnn_gate_of_slot(f, group->first)) * n;
  rnn_add_scaled(f, k->dh, k->product, mask, n);
}

/* Without reset_after: du = da_n Rn^T. */
static void reset_gradient(const block *k, rnn_cell *cell) {
  const rnn_fast *f = k->f;
  const int64_t n = k->rows * f->P;
  rnn_multiply(f, &(rnn_product){ .c = k->product, .ldc = f->P, .M = k->rows, .K = f->P, .a = cell->gates, .row = f->width,
                                  .step = 1, .b = f->recurrent_back });
  cell->du = k->product;
  cell->h_n = cell->h;
  if (k->masks != NULL) {
    cell->h_n_mask = k->masks + rnn_state_mask(f, 2) * n;
    cell->h_n = k->scaled;
    f->table->scale(n, k->scaled, cell->h, cell->h_n_mask);
  }
  f->cells->backward_reset(cell);
}

/* (row, P) of masked rows. */
static void copy_masked(const block *k, int64_t s, float *to, const float *from) {
  const int64_t P = k->f->P;
  for (int64_t i = 0; to != NULL && i < k->rows; i++) {
    if (!mg_rnn_step_counts(&k->f->d, k->f->mask, k->first + i, s)) memcpy(to + i * P, from + i * P, (size_t)P * sizeof *to);
  }
}

/* Masked rows: no gate had a part in the step. */
static void release_masked(const block *k, int64_t s, float *gates) {
  const int64_t width = k->f->width;
  copy_masked(k, s, k->dh, k->held);
  copy_masked(k, s, k->dc, k->held_carry);
  for (int64_t i = 0; i < k->rows; i++) {
    if (!mg_rnn_step_counts(&k->f->d, k->f->mask, k->first + i, s)) memset(gates + i * width, 0, (size_t)width * sizeof *gates);
  }
}

/* A slope may be NaN in the pads (squareplus with b = 0 has none at 0), which the zeros of the panels would pass on. */
static void clear_pads(const block *k, float *gates) {
  const int64_t U = k->f->d.U, P = k->f->P;
  if (!k->f->any || U == P) return;
  for (int64_t i = 0; i < k->rows * k->f->layout->slots; i++) memset(gates + i * P + U, 0, (size_t)(P - U) * sizeof *gates);
}

static void step(const block *k, int64_t s, float *gates) {
  const rnn_fast *f = k->f;
  const mg_rnn_args *args = f->args;
  const int64_t size = k->rows * f->P, at = s - f->from;
  rnn_cell cell = { .rows = k->rows, .P = f->P, .gates = gates, .sums = k->sums, .h = k->states + at * size, .dh = k->dh,
                    .dc = k->dc, .scratch = k->sums + k->rows * f->width, .activation = &args->activation,
                    .recurrent_activation = &args->recurrent_activation };
  if (k->dc != NULL) {
    cell.c = k->carries + at * size;
    cell.c_new = k->carries + (at + 1) * size;
  }
  copy_masked(k, s, k->held, k->dh);
  copy_masked(k, s, k->held_carry, k->dc);
  if (!f->resets) {
    f->cells->backward(&cell);
  } else {
    f->cells->backward_state(&cell);
    clear_pads(k, gates);
    reset_gradient(k, &cell);
  }
  clear_pads(k, gates);
  if (f->mask != NULL) release_masked(k, s, gates);
  for (int i = 0; i < f->recurrents - f->resets; i++) state_gradient(k, &f->recurrent[i], gates);
  if (f->mask != NULL) copy_masked(k, s, k->dh, k->held);
}

static void run_steps(const block *k) {
  const rnn_fast *f = k->f;
  const int64_t gate_size = k->rows * f->width, chunk = rnn_chunk_steps(f, k->rows), end = f->from + f->steps;
  for (int64_t s = end - 1; s >= f->from; s--) {
    float *gates = k->gates + (s - f->from) * gate_size;
    if (k->run->doutput != NULL && f->d.return_sequences) add_doutput(k, s);
    step(k, s, gates);
    const int64_t left = end - s;
    if (k->run->dx == NULL || (s - f->from) % chunk != 0) continue;
    const rnn_chunk c = { .first = k->first, .rows = k->rows, .step = s, .steps = left < chunk ? left : chunk, .scratch = k->dx };
    rnn_input_gradient(f, &c, k->run->dx, gates);
  }
}

static void run_block(const block *k) {
  const rnn_fast *f = k->f;
  find_valid(k);
  if (f->from + f->steps == f->d.T) first_gradient(k);
  if (f->row == NULL) run_steps(k);
  else {
    const float *doutput = f->d.return_sequences ? k->run->doutput : NULL;
    rnn_row_backward(f, &(rnn_row_call){ .b = k->first, .gates = k->gates, .h = k->states, .c = k->carries, .doutput = doutput,
                                         .dh = k->dh, .dc = k->dc, .du = k->product, .dx = k->run->dx, .valid = k->valid[0] });
  }
  if (f->from > 0) return;
  write_rows(k, k->run->dinitial_state, k->dh);
  write_rows(k, k->run->dinitial_carry, k->dc);
}

static int block_memory(block *k) {
  const rnn_fast *f = k->f;
  const int64_t size = k->rows * f->P, own = k->run->dh == NULL;
  int good = (k->dh = own ? rnn_take(size) : k->run->dh + k->first * f->P) != NULL;
  good = good && (k->sums = rnn_take(k->rows * f->width + LSTM_SCRATCH * f->P)) != NULL;
  good = good && (k->product = rnn_take(size)) != NULL;
  good = good && (k->valid = mg_workspace_take((size_t)k->rows * sizeof *k->valid)) != NULL;
  if (f->d.kind->has_carry) good = good && (k->dc = own ? rnn_take(size) : k->run->dc + k->first * f->P) != NULL;
  if (f->mask != NULL) good = good && (k->held = rnn_take(size)) != NULL;
  if (f->mask != NULL && k->dc != NULL) good = good && (k->held_carry = rnn_take(size)) != NULL;
  if (f->state_masks > 0)
    good = good && (k->masks = rnn_take(f->state_masks * size)) != NULL && (k->scaled = rnn_take(size)) != NULL;
  if (k->run->dx != NULL && !rnn_dx_in_place(f))
    good = good && (k->dx = rnn_take(rnn_chunk_steps(f, k->rows) * k->rows * f->FP)) != NULL;
  return good;
}

static mg_status block_task(void *context, int64_t index) {
  const run *r = context;
  const rnn_fast *f = r->f;
  block k = { .run = r,
              .f = f,
              .first = rnn_block_first(f, index),
              .rows = rnn_block_size(f, index),
              .gates = rnn_block_gates(f, index),
              .states = rnn_block_states(f, f->states, index) };
  if (f->carries != NULL) k.carries = rnn_block_states(f, f->carries, index);
  if (k.rows == 0) return MG_OK;
  const size_t mark = mg_workspace_mark();
  const int good = block_memory(&k);
  if (good) {
    if (k.masks != NULL) rnn_fast_block_masks(f, k.masks, k.first, k.rows);
    rnn_clear_pads(f, index);
    run_block(&k);
  }
  mg_workspace_give_back(mark);
  return good ? MG_OK
              : mg_fail(MG_ENOMEM, "%s: no memory for a block of %lld rows and %lld units", f->d.kind->backward, (long long)k.rows,
                        (long long)f->d.U);
}

mg_status rnn_fast_back(const rnn_fast *f, float *dh, float *dc) {
  const mg_rnn_args *args = f->args;
  const run r = { .f = f,
                  .doutput = mg_rnn_elements(args->doutput),
                  .dstate = mg_rnn_elements(args->dstate),
                  .dcarry = mg_rnn_elements(args->dcarry),
                  .dx = mg_rnn_elements(args->dx),
                  .dinitial_state = mg_rnn_elements(args->dinitial_state),
                  .dinitial_carry = mg_rnn_elements(args->dinitial_carry),
                  .dh = dh,
                  .dc = dc };
  return rnn_parallel(f, rnn_blocks(f), block_task, (void *)&r);
}

static mg_status backward(rnn_fast *f) {
  MG_TRY(rnn_fast_pack_backward(f));
  if (f->d.recompute) return rnn_fast_back_by_segments(f);
  MG_TRY(rnn_fast_back(f, NULL, NULL));
  return rnn_fast_weights(f);
}

mg_status rnn_fast_backward(const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  rnn_fast_places(&f);
  const size_t mark = mg_workspace_mark();
  mg_status status = backward(&f);
  mg_workspace_give_back(mark);
  return status;
}
