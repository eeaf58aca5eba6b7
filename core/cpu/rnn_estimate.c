/* rnn_estimate.c: how a call of the float32 recurrent layers is cut, and about how long it lasts. The times come from a probe of
 * the processor, some milliseconds once in a process; only explain reads them, nothing is chosen by them. */
#include <pthread.h>
#include <time.h>

#include "../workspace.h"
#include "isa.h"
#include "rnn_row.h"

MG_ISA_DECLARE(rnn_table, rnn);

/* What one thread does in a nanosecond: operations of large products, and bytes of weights that a single row reads from the first
 * cache, the second one and beyond. */
typedef struct rates {
  double multiply, read[3];
} rates;
enum { FIRST_CACHE = 24 << 10, SECOND_CACHE = 640 << 10, BEYOND = 4 << 20 };
enum { TRIES = 8, NANOSECONDS_A_TRY = 20000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds of a product: the least of some tries, which another program's work disturbs least. */
static double time_of(const rnn_table *table, const rnn_product *p) {
  double least = 1e18;
  for (int i = 0; i < TRIES; i++) {
    const double from = now();
    double time = 0;
    for (int64_t n = 1; time < NANOSECONDS_A_TRY; n++) {
      table->multiply(p);
      time = now() - from;
      if (time / (double)n < least && time >= NANOSECONDS_A_TRY) least = time / (double)n;
    }
  }
  return least;
}

static rates measured = { 10, { 20, 10, 5 } };

static void probe(void) {
  enum { K = 64, ROWS = 8 };
  const rnn_table *table = MG_ISA_PICK(rnn);
  const int64_t bytes[3] = { FIRST_CACHE, SECOND_CACHE, BEYOND }, V = table->width, most = BEYOND / (K * 4 * V);
  const size_t mark = mg_workspace_mark();
  float *a = mg_workspace_take(K * ROWS * sizeof *a), *b = mg_workspace_take(BEYOND);
  float *c = mg_workspace_take((size_t)(ROWS * most * V) * sizeof *c);
  if (a != NULL && b != NULL && c != NULL) {
    for (int64_t i = 0; i < K * ROWS; i++) a[i] = 1;
    for (int64_t i = 0; i < BEYOND / 4; i++) b[i] = 1;
    rnn_product p = { .c = c, .ldc = 3 * V, .M = ROWS, .K = K, .a = a, .row = K, .step = 1,
                      .b = { .data = b, .K = K, .vectors = 3 } };
    measured.multiply = (double)(2 * ROWS * K * 3 * V) / time_of(table, &p);
    p.M = 1;
    for (int i = 0; i < 3; i++) {
      p.b.vectors = bytes[i] / (K * 4 * V);
      measured.read[i] = (double)bytes[i] / time_of(table, &p);
    }
  }
  mg_workspace_give_back(mark);
}

static const rates *rates_now(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, probe);
  return &measured;
}

/* How much faster than float32's the engine multiplies: VDPBF16PS twice, less the splitting; TDPBF16PS sixteen times, of which
 * loading tiles leaves some half, by the products that a sum of pieces takes. */
static double speed_of(const rnn_fast *f) {
  static const double of_tiles[] = { 1, 8, 2.7, 1.4 };
  if (f->engine == NULL) return 1;
  return f->engine->tiles ? of_tiles[f->pieces] : 1.7;
}

/* (rows, K) (K, columns): the arithmetic, or reading the weights where few rows share them. */
static double product(const rnn_fast *f, double rows, double K, double columns) {
  const rates *r = rates_now();
  const double bytes = 4 * K * columns, arithmetic = 2 * rows * K * columns / (r->multiply * speed_of(f));
  const double reading = bytes / r->read[bytes <= 2 * FIRST_CACHE ? 0 : bytes <= 2 * SECOND_CACHE ? 1 : 2];
  return arithmetic > reading ? arithmetic : reading;
}

/* Operations that the gates of a unit cost in the time of as many of a product's; and what a step costs besides, in nanoseconds. */
static const double forward_work[MG_CELLS] = { [MG_CELL_GRU] = 150, [MG_CELL_LSTM] = 180, [MG_CELL_SIMPLE] = 50 };
static const double backward_work[MG_CELLS] = { [MG_CELL_GRU] = 60, [MG_CELL_LSTM] = 80, [MG_CELL_SIMPLE] = 15 };
static const double STEP = 60, MEETING = 300, CALL = 3000, ANY = 3, WEIGHT_PACKED = 0.35, WEIGHT_WRITTEN = 0.8, WAKING = 3000;

static double cells(const rnn_fast *f, const double work[MG_CELLS], double rows) {
  return rows * (double)f->P * work[f->d.kind->cell] * (f->any ? ANY : 1) / rates_now()->multiply;
}

/* Rows of x in, of h and the output out. */
static double copies(const rnn_fast *f, double rows) { return rows * (double)(f->d.F + 2 * f->P) * 4 / rates_now()->read[2]; }

/* A step's product with the weights of all units, its gates and the rest, the units shared by `parts` threads that meet in it. */
static double step(const rnn_fast *f, double rows, double multiplying, const double work[MG_CELLS], double parts) {
  return (multiplying + cells(f, work, rows) + copies(f, rows)) / parts + STEP + (parts > 1 ? MEETING : 0);
}

/* How much faster few rows multiply forward with weights of one bf16 piece: half the bytes, twice the products an instruction. */
static double speed_of_pieces(const rnn_fast *f) {
  return f->row != NULL && rnn_row_takes_pieces(&f->d, mg_get_matmul_precision()) ? 2 : 1;
}

static double forward_block(const rnn_fast *f, double rows, double parts) {
  const double T = (double)f->d.T, columns = (double)(f->d.G * f->P), faster = speed_of_pieces(f);
  const double recurrent = product(f, rows, (double)f->d.U, columns) / faster;
  return T * step(f, rows, recurrent, forward_work, parts) + product(f, T * rows, (double)f->d.F, columns) / (parts * faster);
}

static double backward_block(const rnn_fast *f, double rows, double parts) {
  const double T = (double)f->d.T, columns = (double)(f->d.G * f->P);
  const double recurrent = product(f, rows, columns, (double)f->P);
  return T * step(f, rows, recurrent, backward_work, parts) + product(f, T * rows, columns, (double)f->FP) / parts;
}

typedef double (*block_time)(const rnn_fast *f, double rows, double parts);

/* All blocks on so many threads: as many blocks one after the other as the busiest thread has. */
static double blocks(const rnn_fast *f, block_time block, const mg_plan *plan) {
  const int64_t n = rnn_blocks(f), side_by_side = plan->split == MG_SPLIT_ROWS ? plan->threads : 1;
  const double parts = plan->split == MG_SPLIT_UNITS ? (double)plan->threads : 1;
  return (double)((n + side_by_side - 1) / side_by_side) * block(f, (double)f->d.B / (double)n, parts) +
         (plan->threads > 1 ? WAKING : 0);
}

/* Their gradients; many rows have them packed anew in each step of training. */
static double weights(const rnn_fast *f, int64_t threads) {
  const double columns = (double)(f->d.G * f->P), inputs = (double)(f->d.F + f->d.U);
  const double packing = f->row != NULL ? 0 : 2 * WEIGHT_PACKED * inputs * columns, written = WEIGHT_WRITTEN * inputs * columns;
  return (product(f, inputs, (double)f->d.T * (double)f->d.B, columns) + written) / (double)threads + packing;
}

static int64_t threads_of(const rnn_fast *f) { return rnn_is_small(f) ? 1 : mg_threads_at_once(); }

static void cut(mg_plan *plan, const rnn_fast *f) {
  const int64_t all = threads_of(f), n = rnn_blocks(f), parts = n == 1 && f->row != NULL ? rnn_row_parts(f) : 1;
  plan->split = n > 1 ? MG_SPLIT_ROWS : parts > 1 ? MG_SPLIT_UNITS : MG_SPLIT_NONE;
  plan->threads = n > 1 ? (n < all ? n : all) : parts;
  plan->block_rows = rnn_block_size(f, 0);
  plan->chunk_steps = rnn_chunk_steps(f, plan->block_rows);
}

void rnn_fast_estimate(mg_plan *plan, const mg_rnn_kind *kind, const mg_rnn_args *args) {
  rnn_fast f;
  rnn_fast_plan(&f, kind, args);
  cut(plan, &f);
  double time = CALL + blocks(&f, forward_block, plan);
  if (args->saved != NULL) time += CALL + blocks(&f, backward_block, plan) + weights(&f, threads_of(&f));
  plan->nanoseconds = time < 9e18 ? (int64_t)time : INT64_MAX;
}
