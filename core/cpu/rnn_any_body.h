/* rnn_any_body.h: what the cells of any pair of activations share, for one instruction set. Included by rnn_body.h.
 *
 * Activations run over whole rows through the float32 loops. A slot keeps the activated value, or its input where the slope needs
 * that; the activated gates of the step are left in `sums`. */

#define LOOPS (&MG_NAME(float32))

/* sums: inputs of an activation become its values; slots: what the slope needs. n floats. */
static void activate(const mg_activation *a, int64_t n, float *slots, float *sums) {
  if (mg_slope_needs_x(a)) memcpy(slots, sums, (size_t)n * sizeof *sums);
  LOOPS->activation(a, n, sums, sums);
  if (!mg_slope_needs_x(a)) memcpy(slots, sums, (size_t)n * sizeof *sums);
}

/* The activated values of slots, written to `values` where they are not there already. */
static const float *activated(const mg_activation *a, int64_t n, const float *slots, float *values) {
  if (!mg_slope_needs_x(a)) return slots;
  LOOPS->activation(a, n, values, slots);
  return values;
}
