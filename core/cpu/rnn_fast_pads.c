/* rnn_fast_pads.c: what lies from U to P in slots and states. The weights there are zero, and so is everything that follows, but
 * zero times an infinity or a NaN of x or of an initial state is NaN. Forward never reads pads; backward's products do. */
#include <string.h>

#include "rnn_fast.h"

/* A NaN in a pad stays in those of the later states, but for a SimpleRNN, which computes its state from real units alone. */
static int pads_are_numbers(const rnn_fast *f, int64_t block) {
  const int64_t rows = rnn_block_size(f, block), P = f->P;
  const float *pad = rnn_block_states(f, f->states, block) + f->d.U;
  const int64_t first = f->d.kind->cell == MG_CELL_SIMPLE ? rows : f->steps * rows;
  for (int64_t i = first; i < (f->steps + 1) * rows; i++)
    if (pad[i * P] != pad[i * P]) return 0;
  return 1;
}

static void clear(const rnn_fast *f, float *slots, int64_t count) {
  for (int64_t i = 0; i < count; i++) memset(slots + i * f->P + f->d.U, 0, (size_t)(f->P - f->d.U) * sizeof *slots);
}

void rnn_clear_pads(const rnn_fast *f, int64_t block) {
  const int64_t rows = rnn_block_size(f, block), states = rows * (f->steps + 1);
  if (f->d.U == f->P || pads_are_numbers(f, block)) return;
  clear(f, rnn_block_gates(f, block), rows * f->steps * f->layout->slots);
  clear(f, rnn_block_states(f, f->states, block), states);
  if (f->carries != NULL) clear(f, rnn_block_states(f, f->carries, block), states);
}
