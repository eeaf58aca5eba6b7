/* softmax.c: softmax and log-softmax of rows on the CPU; float64 here, float32 in softmax_body.h. */
#include <math.h>

#include "../threads.h"
#include "cpu.h"
#include "float32.h"

enum { PIECE = 4096 }; /* elements */

/* All (rows, n). */
typedef struct call {
  void *out;
  const void *x, *y;
  int64_t rows, n, rows_per_piece;
  int32_t log, single;
  void (*row64)(const struct call *c, double *out, const double *x, const double *y);
} call;

/* e^(x - m) / sum, or x - m - log sum, with m = max x. */
static void forward_row(const call *c, double *out, const double *x, const double *y) {
  double largest = x[0], sum = 0;
  (void)y;
  for (int64_t i = 1; i < c->n; i++)
    if (x[i] > largest || isnan(x[i])) largest = x[i];
  for (int64_t i = 0; i < c->n; i++) {
    double e = exp(x[i] - largest);
    sum += e;
    out[i] = c->log ? x[i] - largest : e;
  }
  for (int64_t i = 0; i < c->n; i++) out[i] = c->log ? out[i] - log(sum) : out[i] / sum;
}

/* y (dy - sum dy y); of log-softmax dy - e^y sum dy. x is dy. */
static void backward_row(const call *c, double *dx, const double *dy, const double *y) {
  double sum = 0;
  for (int64_t i = 0; i < c->n; i++) sum += c->log ? dy[i] : dy[i] * y[i];
  for (int64_t i = 0; i < c->n; i++) dx[i] = c->log ? dy[i] - exp(y[i]) * sum : y[i] * (dy[i] - sum);
}

static void run_row(const call *c, int64_t at) {
  const mg_float32 *loops = mg_float32_now();
  if (!c->single)
    c->row64(c, (double *)c->out + at, (const double *)c->x + at, c->y ? (const double *)c->y + at : NULL);
  else if (c->y)
    loops->softmax_slope(c->n, (float *)c->out + at, (const float *)c->x + at, (const float *)c->y + at, c->log);
  else
    loops->softmax(c->n, (float *)c->out + at, (const float *)c->x + at, c->log);
}

static mg_status run_rows(void *context, int64_t index) {
  const call *c = context;
  int64_t first = index * c->rows_per_piece, end = first + c->rows_per_piece < c->rows ? first + c->rows_per_piece : c->rows;
  for (int64_t r = first; r < end; r++) run_row(c, r * c->n);
  return MG_OK;
}

static mg_status run_all(mg_tensor *out, const mg_tensor *x, const mg_tensor *y, int32_t log) {
  call c = {.out = mg_elements(out), .x = mg_elements(x), .y = y ? mg_elements(y) : NULL, .n = mg_axis_size(x, -1), .log = log};
  c.single = x->dtype == MG_FLOAT32;
  c.row64 = y ? backward_row : forward_row;
  c.rows = mg_element_count(x) / c.n;
  c.rows_per_piece = c.n < PIECE ? PIECE / c.n : 1;
  return mg_parallel(mg_pieces(c.rows, c.rows_per_piece), run_rows, &c);
}

mg_status mg_cpu_softmax_forward(mg_tensor *out, const mg_tensor *x, int32_t log) { return run_all(out, x, NULL, log); }

mg_status mg_cpu_softmax_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t log) {
  return run_all(dx, dy, y, log);
}
