/* layer_norm.c: rows normalized, and back, on the CPU; float64 here, float32 in layer_norm_body.h. */
#include <math.h>
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "../workspace.h"
#include "cpu.h"
#include "float32.h"

/* Elements of a piece. Backward has at most MOST_PIECES, each of LEAST_ROWS or more: each keeps its own sums over rows. */
enum { PIECE = 1 << 14, MOST_PIECES = 64, LEAST_ROWS = 32 };

static void forward64(const mg_norm_piece *p) {
  const mg_norm_rows *r = p->rows;
  const double *gamma = r->gamma, *beta = r->beta;
  for (int64_t row = p->first; row < p->end; row++) {
    const double *x = (const double *)r->x + row * r->n;
    double *y = (double *)r->y + row * r->n, mean = 0, squares = 0;
    for (int64_t i = 0; i < r->n; i++) mean += x[i];
    mean /= (double)r->n;
    for (int64_t i = 0; i < r->n; i++) squares += (x[i] - mean) * (x[i] - mean);
    const double inverse = 1 / sqrt(squares / (double)r->n + r->epsilon);
    ((double *)r->mean)[row] = mean;
    ((double *)r->inverse)[row] = inverse;
    for (int64_t i = 0; i < r->n; i++) y[i] = (x[i] - mean) * inverse * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
  }
}

static void backward64(const mg_norm_piece *p) {
  const mg_norm_rows *r = p->rows;
  const int64_t n = r->n;
  const double *gamma = r->gamma;
  for (int64_t row = p->first; row < p->end; row++) {
    const double *x = (const double *)r->x + row * n, *dy = (const double *)r->dy + row * n;
    const double mean = ((const double *)r->mean)[row], inverse = ((const double *)r->inverse)[row];
    double of_g = 0, of_gn = 0;
    for (int64_t i = 0; i < n; i++) {
      const double value = (x[i] - mean) * inverse, g = dy[i] * (gamma ? gamma[i] : 1);
      of_g += g / (double)n;
      of_gn += g * value / (double)n;
      if (p->sums) p->sums[i] += dy[i] * value;
      if (p->sums) p->sums[n + i] += dy[i];
    }
    double *dx = r->dx ? (double *)r->dx + row * n : NULL;
    for (int64_t i = 0; dx && i < n; i++)
      dx[i] = (dy[i] * (gamma ? gamma[i] : 1) - of_g - (x[i] - mean) * inverse * of_gn) * inverse;
  }
}

typedef struct call {
  mg_norm_rows rows;
  int64_t count, step; /* rows, rows of a piece */
  double *sums;        /* (piece, 2, n); NULL: not wanted */
  void (*run)(const mg_norm_piece *p);
} call;

static mg_status run_piece(void *context, int64_t index) {
  const call *c = context;
  mg_norm_piece p = { .rows = &c->rows, .first = index * c->step, .end = (index + 1) * c->step };
  if (p.end > c->count) p.end = c->count;
  if (c->sums) {
    p.sums = c->sums + index * 2 * c->rows.n;
    memset(p.sums, 0, (size_t)(2 * c->rows.n) * sizeof *p.sums);
  }
  c->run(&p);
  return MG_OK;
}

static void *elements_or_null(const mg_tensor *t) { return t ? mg_elements(t) : NULL; }

mg_status mg_cpu_layer_norm_forward(mg_tensor *y, mg_tensor *mean, mg_tensor *inverse, const mg_tensor *x, const mg_tensor *gamma,
                                    const mg_tensor *beta, double epsilon) {
  call c = { .count = x->shape[0], .run = x->dtype == MG_FLOAT64 ? forward64 : mg_float32_now()->layer_norm };
  c.rows = (mg_norm_rows){ .n = x->shape[1], .epsilon = epsilon, .y = mg_elements(y), .mean = mg_elements(mean),
                           .inverse = mg_elements(inverse), .x = mg_elements(x), .gamma = elements_or_null(gamma),
                           .beta = elements_or_null(beta) };
  c.step = c.rows.n < PIECE ? PIECE / c.rows.n : 1;
  return mg_parallel(mg_pieces(c.count, c.step), run_piece, &c);
}

/* The pieces' sums, in their order. */
static void add_up(const call *c, int64_t pieces, mg_tensor *out, int64_t which) {
  const int64_t n = c->rows.n;
  for (int64_t i = 0; out && i < n; i++) {
    double total = 0;
    for (int64_t k = 0; k < pieces; k++) total += c->sums[(2 * k + which) * n + i];
    if (out->dtype == MG_FLOAT64) ((double *)mg_elements(out))[i] = total;
    else ((float *)mg_elements(out))[i] = (float)total;
  }
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

mg_status mg_cpu_layer_norm_backward(mg_tensor *dx, mg_tensor *dgamma, mg_tensor *dbeta, const mg_tensor *dy, const mg_tensor *x,
                                     const mg_tensor *mean, const mg_tensor *inverse, const mg_tensor *gamma) {
  call c = { .count = x->shape[0], .run = x->dtype == MG_FLOAT64 ? backward64 : mg_float32_now()->layer_norm_slope };
  c.rows = (mg_norm_rows){ .n = x->shape[1], .mean = mg_elements(mean), .inverse = mg_elements(inverse), .x = mg_elements(x),
                           .gamma = elements_or_null(gamma), .dx = elements_or_null(dx), .dy = mg_elements(dy) };
  c.step = larger(larger(LEAST_ROWS, PIECE / c.rows.n), mg_pieces(c.count, MOST_PIECES));
  const int64_t pieces = mg_pieces(c.count, c.step);
  const size_t mark = mg_workspace_mark();
  if (dgamma || dbeta) {
    c.sums = mg_workspace_take((size_t)(pieces * 2 * c.rows.n) * sizeof *c.sums);
    if (!c.sums) return mg_fail(MG_ENOMEM, "layer_norm backward: no memory for sums of %lld columns", (long long)c.rows.n);
  }
  mg_status status = mg_parallel(pieces, run_piece, &c);
  if (status == MG_OK) add_up(&c, pieces, dgamma, 0);
  if (status == MG_OK) add_up(&c, pieces, dbeta, 1);
  mg_workspace_give_back(mark);
  return status;
}
