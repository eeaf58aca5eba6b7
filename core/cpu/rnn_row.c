/* rnn_row.c: a batch of a few rows, each by itself through all its steps, on one thread or with its units shared by several. */
#include "rnn_row.h"

#include <string.h>

#include "../error.h"
#include "../workspace.h"
#include "isa.h"

enum {
  /* Two threads pay where a step reads BYTES_A_PART of weights for each, and the whole call lasts longer than to wake a thread. */
  BYTES_A_PART = 200 << 10, FLOATS = 2 << 20,
  /* Floats of the recurrent kernel from which forward packs it, and from which the packed one asks for a huge page; below CACHED
   * it stays in the first cache from step to step; with AHEAD all weights do. */
  PANEL_FLOATS = 13 << 10, LARGE_PANELS = 96 << 10, HUGE_PAGE = (2 << 20) / sizeof(float), CACHED = 16 << 10, AHEAD = 10 << 10,
  FEATURES = 32,
};

MG_ISA_DECLARE(rnn_row_table, rnn_row);
const rnn_row_table *rnn_row_table_now(void) { return MG_ISA_PICK(rnn_row); }

/* With zeros from U to P behind every gate of a row. */
static void pad_rows(const rnn_fast *f, float *to, const float *from, int64_t rows) {
  const int64_t U = f->d.U, P = f->P;
  for (int64_t i = 0; i < rows * f->d.G; i++, to += P, from += U) {
    memcpy(to, from, (size_t)U * sizeof *to);
    memset(to + U, 0, (size_t)(P - U) * sizeof *to);
  }
}

static int kind_of(const rnn_fast *f) { return f->resets ? RNN_ROW_RESET : (int)f->d.kind->cell; }

static mg_status pack_padded(rnn_fast *f) {
  const int64_t row = f->d.G * f->P;
  float *data;
  int ready;
  MG_TRY(rnn_part_memory(f, RNN_PART_ROW, row * (f->d.F + f->d.U), &data, &ready));
  if (!ready) {
    pad_rows(f, data, f->row_kernel, f->d.F);
    pad_rows(f, data + row * f->d.F, f->row_recurrent, f->d.U);
  }
  rnn_part_done(f, RNN_PART_ROW);
  f->row_kernel = data;
  f->row_recurrent = data + row * f->d.F;
  return MG_OK;
}

static const rnn_row_pass passes[RNN_ROW_KINDS] = {
  [MG_CELL_GRU] = RNN_GRU_ALL,
  [MG_CELL_LSTM] = RNN_LSTM_ALL,
  [MG_CELL_SIMPLE] = RNN_SIMPLE,
  [RNN_ROW_RESET] = RNN_GRU_ALL,
};
const rnn_row_pass *rnn_row_gates(const rnn_fast *f) { return &passes[kind_of(f)]; }

/* The panels of a part's units. */
static void pack_panels(const rnn_fast *f, const rnn_row *r) {
  const int64_t V = f->V, G = f->d.G, U = f->d.U;
  for (int64_t v = r->first, left = r->vectors, vectors; left > 0; v += vectors, left -= vectors) {
    vectors = rnn_row_block(left);
    float *to = f->row_panels + v * V * G * U;
    for (int64_t g = 0; g < G; g++) {
      const float *from = f->row_recurrent + passes[kind_of(f)].gates[g] * f->P + v * V;
      for (int64_t k = 0; k < U; k++, from += G * f->P, to += vectors * V)
        for (int64_t i = 0; i < vectors * V; i += 4) memcpy(to + i, from + i, 4 * sizeof *to);
    }
  }
}

mg_status rnn_row_pack(rnn_fast *f, int forward) {
  float *bias = mg_workspace_take((size_t)f->width * sizeof *bias);
  const int64_t floats = f->d.G * f->P * f->d.U;
  if (bias == NULL) return mg_fail(MG_ENOMEM, "%s: no memory for the bias of %lld units", f->d.kind->layer, (long long)f->d.U);
  rnn_pack_bias(f, bias);
  f->bias = bias;
  f->row_kernel = mg_elements(f->args->kernel);
  f->row_recurrent = mg_elements(f->args->recurrent_kernel);
  if (f->d.U != f->P) MG_TRY(pack_padded(f));
  if (!forward || floats < PANEL_FLOATS) return MG_OK;
  if (rnn_row_takes_pieces(&f->d, mg_get_matmul_precision())) return rnn_row_pack_pieces(f);
  /* Large ones ask for a huge page: scattered small ones fight for places in the second cache, which they nearly fill. */
  const int64_t taken = floats >= LARGE_PANELS && floats < HUGE_PAGE ? HUGE_PAGE : floats;
  MG_TRY(rnn_part_memory(f, RNN_PART_ROW_PANELS, taken, &f->row_panels, &f->row_panels_ready));
  if (f->d.B == 1 || f->row_panels_ready) return MG_OK; /* a single row's parts pack their own units */
  pack_panels(f, &(rnn_row){ .vectors = f->P / f->V });
  rnn_part_done(f, RNN_PART_ROW_PANELS);
  f->row_panels_ready = 1;
  return MG_OK;
}

typedef struct run {
  const rnn_fast *f;
  const rnn_row_call *call;
  rnn_row row; /* what all parts share */
  void (*part)(const struct run *run, rnn_row *r);
  int64_t parts;
  mg_meeting meeting;
} run;

static int counts(const run *n, int64_t s) { return mg_rnn_step_counts(&n->f->d, n->f->mask, n->call->b, s); }

/* Floats of a sequence argument from one step to the next. */
static int64_t step_of(const rnn_fast *f, int64_t size) { return f->d.time_major ? f->d.B * size : size; }

/* Step s of a run becomes the first one of r, and so many follow. */
static void place_steps(const run *n, rnn_row *r, int64_t s, int64_t steps, float *gates) {
  const rnn_fast *f = n->f;
  const int64_t b = n->call->b, U = f->d.U;
  r->s = s;
  r->steps = steps;
  r->gates = gates;
  r->x = f->x + mg_rnn_row(&f->d, b, mg_rnn_time(&f->d, s)) * f->d.F;
  if (n->call->output != NULL) r->output = n->call->output + mg_rnn_row(&f->d, b, s) * U;
  if (n->call->doutput != NULL) r->doutput = n->call->doutput + mg_rnn_row(&f->d, b, s) * U;
}

static rnn_row shared_row(const rnn_fast *f, const rnn_row_call *call) {
  const int64_t x_step = step_of(f, f->d.F);
  return (rnn_row){ .U = f->d.U, .P = f->P, .F = f->d.F, .G = f->d.G, .kernel = f->row_kernel,
                    .recurrent = f->row_recurrent, .panels = f->row_panels, .pieces = f->row_pieces,
                    .kernel_pieces = f->row_kernel_pieces, .cached = f->d.G * f->P * f->d.U < CACHED,
                    .ahead = f->P / f->V <= RNN_AHEAD_VECTORS && f->d.G * f->P * (f->d.U + f->d.F) < AHEAD,
                    .bias = f->bias, .x_step = f->d.go_backwards ? -x_step : x_step, .width = f->width, .keep = f->gates != NULL,
                    .h = call->h, .c = call->c, .kept = f->states != NULL, .output_step = step_of(f, f->d.U), .dh = call->dh,
                    .dc = call->dc, .du = call->du, .slot_of_gate = f->layout->slot_of_gate };
}

/* Floats [begin, begin + size) of every row of P that belong to a part; the last one has the pads. */
static int64_t begin_of(const rnn_fast *f, const rnn_row *r) { return r->first * f->V; }
static int64_t size_of(const rnn_fast *f, const rnn_row *r) { return r->vectors * f->V; }
static int64_t units_of(const rnn_fast *f, const rnn_row *r) {
  const int64_t left = f->d.U - begin_of(f, r), size = size_of(f, r);
  return left < size ? left : size;
}

/* A masked step: states stay, and the output is the one before or 0. */
static void hold_step(const run *n, rnn_row *r) {
  const rnn_fast *f = n->f;
  const int64_t at = begin_of(f, r), size = size_of(f, r), units = units_of(f, r);
  memcpy(rnn_row_state(r, r->h, 1) + at, rnn_row_state(r, r->h, 0) + at, (size_t)size * sizeof *r->h);
  if (r->c != NULL) memcpy(rnn_row_state(r, r->c, 1) + at, rnn_row_state(r, r->c, 0) + at, (size_t)size * sizeof *r->c);
  if (r->output != NULL && (f->d.zero_masked || r->s == 0)) memset(r->output + at, 0, (size_t)units * sizeof *r->output);
  else if (r->output != NULL) memcpy(r->output + at, r->output - r->output_step + at, (size_t)units * sizeof *r->output);
  if (r->meeting != NULL) mg_meet(r->meeting, r->index);
}

static int64_t steps_alike(const run *n, int64_t s, int64_t end) {
  int64_t e = s + 1;
  while (e < end && counts(n, e) == counts(n, s)) e++;
  return e - s;
}

static void forward_chunk(const run *n, rnn_row *r, int64_t first, int64_t steps, float *gates) {
  const rnn_fast *f = n->f;
  place_steps(n, r, first, steps, gates);
  if (!r->ahead && !(r->kernel_pieces != NULL && rnn_row_project_pieces(r))) f->row->project(r);
  for (int64_t s = first, alike; s < first + steps; s += alike) {
    alike = counts(n, s) ? steps_alike(n, s, first + steps) : 1;
    place_steps(n, r, s, alike, gates + (s - first) * f->width);
    if (counts(n, s)) f->row->forward[kind_of(f)](r);
    else hold_step(n, r);
  }
}

static void forward_part(const run *n, rnn_row *r) {
  const int64_t T = n->f->d.T, chunk = rnn_chunk_steps(n->f, 1);
  if (n->f->row_panels != NULL && !n->f->row_panels_ready) pack_panels(n->f, r);
  for (int64_t s = 0; s < T; s += chunk)
    forward_chunk(n, r, s, T - s < chunk ? T - s : chunk, n->call->gates + (n->f->gates != NULL ? s * n->f->width : 0));
}

/* A masked step: no gate had a part in it, and the output's gradient waits in dh for the last step that counts. */
static void release_step(const run *n, rnn_row *r) {
  const rnn_fast *f = n->f;
  const int64_t at = begin_of(f, r), units = units_of(f, r);
  for (int slot = 0; slot < f->layout->slots; slot++)
    memset(r->gates + slot * f->P + at, 0, (size_t)size_of(f, r) * sizeof *r->gates);
  if (r->doutput == NULL || f->d.zero_masked || r->s < n->call->valid) return;
  for (int64_t u = at; u < at + units; u++) r->dh[u] += r->doutput[u];
}

static void backward_part(const run *n, rnn_row *r) {
  const rnn_fast *f = n->f;
  for (int64_t end = f->d.T, s; end > 0; end = s) {
    const int valid = counts(n, end - 1);
    for (s = end - 1; valid && s > 0 && counts(n, s - 1);) s--;
    place_steps(n, r, s, end - s, n->call->gates + s * f->width);
    if (valid) f->row->backward[kind_of(f)](r);
    else release_step(n, r);
  }
}

/* Blocks that parts are made of. Five last vectors are one of them: they are computed as three and two (rnn_row_block), and a cut
 * between the fourth and the fifth would give other sums and other panels. */
static int64_t part_blocks(const rnn_fast *f) {
  const int64_t vectors = f->P / f->V;
  return mg_pieces(vectors % RNN_BLOCK_VECTORS == 1 && vectors > 1 ? vectors - 1 : vectors, RNN_BLOCK_VECTORS);
}

static void run_part(void *context, int64_t index) {
  run *n = context;
  const int64_t blocks = part_blocks(n->f), last = index + 1 == n->parts;
  rnn_row r = n->row;
  r.first = index * blocks / n->parts * RNN_BLOCK_VECTORS;
  r.vectors = (last ? n->f->P / n->f->V : (index + 1) * blocks / n->parts * RNN_BLOCK_VECTORS) - r.first;
  r.index = index;
  n->part(n, &r);
}

/* Threads that share the units of a row. */
int64_t rnn_row_parts(const rnn_fast *f) {
  const int64_t floats = f->d.G * f->P * f->d.U, blocks = part_blocks(f);
  int64_t parts = floats / (BYTES_A_PART / (int64_t)sizeof(float));
  if (f->d.T < mg_pieces(FLOATS, floats)) return 1;
  if (parts > blocks) parts = blocks;
  if (parts > mg_threads_at_once()) parts = mg_threads_at_once(); /* they wait for one another: each wants a processor */
  return parts < 1 ? 1 : parts < MG_MOST_TOGETHER ? parts : MG_MOST_TOGETHER;
}

static void run_parts(run *n) {
  n->parts = n->meeting.count = rnn_row_parts(n->f);
  n->row.meeting = &n->meeting;
  if (n->parts > 1 && mg_parallel_together(n->parts, run_part, n)) return;
  n->parts = 1;
  n->row.meeting = NULL;
  run_part(n, 0);
}

void rnn_row_forward(const rnn_fast *f, const rnn_row_call *call) {
  run n = { .f = f, .call = call, .row = shared_row(f, call), .part = forward_part };
  run_parts(&n);
  if (f->row_panels != NULL && !f->row_panels_ready) rnn_part_done(f, RNN_PART_ROW_PANELS);
}

static mg_status input_piece(void *context, int64_t index) {
  rnn_row_input p = *(const rnn_row_input *)context;
  const int64_t left = p.features - index * FEATURES;
  p.first = index * FEATURES;
  p.features = left < FEATURES ? left : FEATURES;
  rnn_row_table_now()->input_gradient(&p);
  return MG_OK;
}

/* The gates' columns of the kernel, by where their slots lie. */
static void input_segments(const rnn_fast *f, rnn_segment *segments) {
  for (int i = 0; i < RNN_SEGMENTS; i++) segments[i] = (rnn_segment){ 0, 0, 0 };
  int count = 0;
  for (int g = 0; g < f->d.G; g++) {
    const int slot = f->layout->slot_of_gate[g];
    const int follows = g > 0 && slot == f->layout->slot_of_gate[g - 1] + 1;
    if (follows) segments[count - 1].size += f->P;
    else segments[count++] = (rnn_segment){ slot * f->P, g * f->P, f->P };
  }
}

static void row_dx(const rnn_fast *f, const rnn_row_call *call) {
  const int64_t F = f->d.F, dx_step = step_of(f, F);
  rnn_segment segments[RNN_SEGMENTS];
  input_segments(f, segments);
  rnn_row_input p = { .gates = call->gates, .kernel = f->row_kernel, .width = f->width, .ld = f->d.G * f->P, .steps = f->d.T,
                      .features = F, .dx = call->dx + mg_rnn_row(&f->d, call->b, mg_rnn_time(&f->d, 0)) * F,
                      .dx_step = f->d.go_backwards ? -dx_step : dx_step, .segments = segments };
  if (F * f->d.G * f->P * f->d.T < FLOATS) f->row->input_gradient(&p);
  else mg_parallel(mg_pieces(F, FEATURES), input_piece, &p); /* its pieces cannot fail */
  for (int64_t s = 0; f->mask != NULL && s < f->d.T; s++)
    if (!mg_rnn_step_counts(&f->d, f->mask, call->b, s)) memset(p.dx + s * p.dx_step, 0, (size_t)F * sizeof *p.dx);
}

void rnn_row_backward(const rnn_fast *f, const rnn_row_call *call) {
  run n = { .f = f, .call = call, .row = shared_row(f, call), .part = backward_part };
  run_parts(&n);
  if (call->dx != NULL) row_dx(f, call);
}
