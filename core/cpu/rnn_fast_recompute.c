/* rnn_fast_recompute.c: training of long sequences in little memory (MG_RNN_RECOMPUTE). Forward keeps the states before each
 * segment of about sqrt(T) steps; backward takes the segments from the last to the first, computes the states and gates of one
 * again and goes back through it. So memory is O(sqrt(T)) rows of the layer instead of O(T), for one more forward's time.
 * Source: Chen et al. 2016, "Training deep nets with sublinear memory cost"; Gruslys et al. 2016 for recurrent networks.
 * Outputs are those of the plain call, bit for bit where that one takes no kernels for few rows (rnn_row.c). Gradients are sums in
 * another order (segment by segment; tiles of products cut elsewhere), of the same precision. */
#include <string.h>

#include "../error.h"
#include "../threads.h"
#include "rnn_fast.h"

int64_t rnn_segments(const rnn_fast *f) { return f->segment > 0 ? mg_pieces(f->d.T, f->segment) : 1; }

float *rnn_mark(const rnn_fast *f, float *marks, int64_t block, int64_t segment) {
  const int64_t rows = rnn_block_size(f, block);
  return marks + (rnn_block_first(f, block) * rnn_segments(f) + segment * rows) * f->P;
}

void rnn_put(const rnn_fast *f, float *to, const float *from, int64_t n) {
  if (!f->accumulate) memcpy(to, from, (size_t)n * sizeof *to);
  for (int64_t i = 0; f->accumulate && i < n; i++) to[i] += from[i];
}

/* States, carries and gates of one segment, and the gradients of the states between two of them. */
static mg_status segment_memory(rnn_fast *f, float **dh, float **dc) {
  const int64_t B = f->d.B, states = B * (f->segment + 1) * f->P;
  int good = (f->states = rnn_take(states)) != NULL && (f->gates = rnn_take(B * f->segment * f->width)) != NULL;
  good = good && (*dh = rnn_take(B * f->P)) != NULL;
  if (f->d.kind->has_carry) good = good && (f->carries = rnn_take(states)) != NULL && (*dc = rnn_take(B * f->P)) != NULL;
  return good ? MG_OK
              : mg_fail(MG_ENOMEM, "%s: no memory to compute %lld steps of x %s again", f->d.kind->backward, (long long)f->segment,
                        mg_shape_text(f->args->x));
}

mg_status rnn_fast_back_by_segments(rnn_fast *f) {
  float *dh = NULL, *dc = NULL;
  MG_TRY(segment_memory(f, &dh, &dc));
  MG_TRY(rnn_fast_pack_forward(f));
  for (int64_t segment = rnn_segments(f) - 1; segment >= 0; segment--) {
    const int64_t left = f->d.T - segment * f->segment;
    f->from = segment * f->segment;
    f->steps = left < f->segment ? left : f->segment;
    MG_TRY(rnn_fast_run(f, 0));
    MG_TRY(rnn_fast_back(f, dh, dc));
    MG_TRY(rnn_fast_weights(f));
    f->accumulate = 1;
  }
  return MG_OK;
}
