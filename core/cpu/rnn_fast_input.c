/* rnn_fast_input.c: the float32 recurrent layers' products with the kernel, of some steps at once: the gates' sums from x, and dx
 * from the gradients of those sums. */
#include <string.h>

#include "rnn_fast.h"

enum { FEW_ROWS = 8 };

/* Where a product finds the rows of a chunk in x or dx itself, and in gates: M rows of the batch in each step or, of few rows, M
 * steps of each row; distances in floats. */
typedef struct grid {
  int64_t M, groups, x, x_group, gates, gates_group;
} grid;

static grid grid_of(const rnn_fast *f, const rnn_chunk *c) {
  const int64_t F = f->d.F, step = (f->d.time_major ? f->d.B * F : F) * (f->d.go_backwards ? -1 : 1);
  const int64_t row = f->d.time_major ? F : f->d.T * F, width = f->width;
  if (c->rows < FEW_ROWS)
    return (grid){ .M = c->steps, .groups = c->rows, .x = step, .x_group = row, .gates = c->rows * width, .gates_group = width };
  return (grid){ .M = c->rows, .groups = c->steps, .x = row, .x_group = step, .gates = width, .gates_group = c->rows * width };
}

/* Where that begins in x. */
static int64_t x_at(const rnn_fast *f, int64_t row, int64_t step) {
  return mg_rnn_row(&f->d, row, mg_rnn_time(&f->d, step)) * f->d.F;
}

/* Rows of x as the product wants them: (step, row, F), times the dropout mask of a gate, masked steps 0. */
static void input_rows(const rnn_fast *f, const rnn_chunk *c, int gate) {
  const int64_t F = f->d.F;
  float *out = c->scratch;
  for (int64_t s = c->step; s < c->step + c->steps; s++) {
    for (int64_t b = c->first; b < c->first + c->rows; b++, out += F) {
      const float *x = f->x + x_at(f, b, s);
      if (!mg_rnn_step_counts(&f->d, f->mask, b, s)) memset(out, 0, (size_t)F * sizeof *out);
      else if (f->dropout[gate] == NULL) memcpy(out, x, (size_t)F * sizeof *out);
      else f->table->scale(F, out, x, f->dropout[gate] + b * F);
    }
  }
}

/* x read where it lies. Masked steps compute what nobody uses. */
static void products_in_place(const rnn_fast *f, const rnn_chunk *c, float *gates) {
  const grid at = grid_of(f, c);
  rnn_multiply(f, &(rnn_product){ .c = gates, .ldc = at.gates, .M = at.M, .K = f->d.F, .a = f->x + x_at(f, c->first, c->step),
                                  .row = at.x, .step = 1, .b = f->input[0].panels, .groups = at.groups, .a_group = at.x_group,
                                  .c_group = at.gates_group });
}

/* The first G slots of the chunk's gates = x K. */
void rnn_input_products(const rnn_fast *f, const rnn_chunk *c, float *gates) {
  if (rnn_x_in_place(f)) {
    products_in_place(f, c, gates);
    return;
  }
  for (int i = 0; i < f->inputs; i++) {
    input_rows(f, c, rnn_gate_of_slot(f, f->input[i].first));
    rnn_multiply(f, &(rnn_product){ .c = gates + f->input[i].first * f->P,
                                    .ldc = f->width,
                                    .M = c->steps * c->rows,
                                    .K = f->d.F,
                                    .a = c->scratch,
                                    .row = f->d.F,
                                    .step = 1,
                                    .b = f->input[i].panels });
  }
}

/* to += from * mask. Rounded twice on every processor: no compiler can fuse the two. */
void rnn_add_scaled(const rnn_fast *f, float *to, float *from, const float *mask, int64_t n) {
  f->table->scale(n, from, from, mask);
  f->table->add(n, to, from);
}

static void write_dx(const rnn_fast *f, const rnn_chunk *c, float *dx, int group) {
  const int64_t F = f->d.F;
  const float *mask = f->dropout[rnn_gate_of_slot(f, f->input[group].first)];
  float *from = c->scratch;
  for (int64_t s = c->step; s < c->step + c->steps; s++) {
    for (int64_t b = c->first; b < c->first + c->rows; b++, from += f->FP) {
      float *to = dx + x_at(f, b, s);
      const float *scale = mask == NULL ? NULL : mask + b * F;
      if (!mg_rnn_step_counts(&f->d, f->mask, b, s)) memset(to, 0, (size_t)F * sizeof *to);
      else if (scale == NULL) memcpy(to, from, (size_t)F * sizeof *to);
      else if (group == 0) f->table->scale(F, to, from, scale);
      else rnn_add_scaled(f, to, from, scale, F);
    }
  }
}

static void clear_masked(const rnn_fast *f, const rnn_chunk *c, float *dx) {
  for (int64_t s = c->step; f->mask != NULL && s < c->step + c->steps; s++) {
    for (int64_t b = c->first; b < c->first + c->rows; b++)
      if (!mg_rnn_step_counts(&f->d, f->mask, b, s)) memset(dx + x_at(f, b, s), 0, (size_t)f->d.F * sizeof *dx);
  }
}

/* dx written where it lies. */
static void gradient_in_place(const rnn_fast *f, const rnn_chunk *c, float *dx, const float *gates) {
  const grid at = grid_of(f, c);
  rnn_multiply(f, &(rnn_product){ .c = dx + x_at(f, c->first, c->step), .ldc = at.x, .M = at.M, .K = f->d.G * f->P, .a = gates,
                                  .row = at.gates, .step = 1, .b = f->input_back, .groups = at.groups, .a_group = at.gates_group,
                                  .c_group = at.x_group });
  clear_masked(f, c, dx);
}

/* dx = [the gates' gradients] K^T of the chunk's steps; on pieces gate by gate: one sum over all of them rounds twice as much. */
void rnn_input_gradient(const rnn_fast *f, const rnn_chunk *c, float *dx, const float *gates) {
  if (rnn_dx_in_place(f)) {
    gradient_in_place(f, c, dx, gates);
    return;
  }
  for (int i = 0; i < f->inputs; i++) {
    const rnn_group *group = &f->input[i];
    for (int slot = group->first; slot < group->first + group->slots; slot++)
      rnn_multiply(f, &(rnn_product){ .c = c->scratch, .ldc = f->FP, .M = c->steps * c->rows, .K = f->P, .a = gates + slot * f->P,
                                      .row = f->width, .step = 1, .b = f->input_back, .first_k = slot * f->P,
                                      .accumulate = slot > group->first });
    write_dx(f, c, dx, i);
  }
}
