/* rnn_row_weights_body.h: gradients of weights for one row of the batch: products of two sequences where they lie, for one
 * instruction set. Included by rnn_row_body.h. */

/* Steps that are summed before they are added to what is there. */
enum { SUMMED = 192 };

MG_INLINE vf load_out(const float *out, int64_t n) { return n >= MG_VW ? vload(out) : vload_part(out, (int)n); }

MG_INLINE void store_out(float *out, vf x, int64_t n) {
  if (n >= MG_VW) vstore(out, x);
  else vstore_part(out, x, (int)n);
}

/* out (values, `vectors` vectors) = or += values^T gates over some steps. `left` columns are no padding. */
MG_INLINE void weights_tile(const int values, const int vectors, const rnn_row_weights *w, float *out, int64_t left, int add) {
  vf acc[8][3];
  const float *value = w->values, *gates = w->gates;
  const int64_t value_step = w->values_step, width = w->width;
#pragma GCC unroll 8
  for (int i = 0; i < values; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = vset(0.0f);
  for (int64_t s = w->steps; s > 0; s--, value += value_step, gates += width) {
    vf row[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) row[v] = vload(gates + v * MG_VW);
#pragma GCC unroll 8
    for (int i = 0; i < values; i++) {
      const vf x = vset(value[i]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = vfma(x, row[v], acc[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < values; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) {
      float *to = out + i * w->ld + v * MG_VW;
      const int64_t n = left - v * MG_VW;
      store_out(to, add ? load_out(to, n) + acc[i][v] : acc[i][v], n);
    }
}

typedef void (*weights_function)(const rnn_row_weights *w, float *out, int64_t left, int add);
#define WEIGHTS(values, vectors)                                                                                             \
  static __attribute__((noinline)) void weights_##values##_##vectors(const rnn_row_weights *w, float *out, int64_t left,     \
                                                                     int add) {                                              \
    weights_tile(values, vectors, w, out, left, add);                                                                        \
  }
#define ALL_WEIGHTS(values)                                          \
  WEIGHTS(values, 1) WEIGHTS(values, 2) WEIGHTS(values, 3)           \
  static const weights_function weights_##values[] = { weights_##values##_1, weights_##values##_2, weights_##values##_3 };
ALL_WEIGHTS(1)
ALL_WEIGHTS(4)
#if MG_VW == 16
ALL_WEIGHTS(8)
#else
static const weights_function *const weights_8 = weights_4;
#endif

/* All values with some neighbouring vectors of a gate. */
static void weights_columns(rnn_row_weights w, int64_t count, int64_t vectors, float *out, int64_t left, int add) {
  for (int64_t i = 0, values; i < count; i += values) {
    values = count - i >= STEPS ? STEPS : count - i >= 4 ? 4 : 1;
    (values == STEPS ? weights_8 : values == 4 ? weights_4 : weights_1)[vectors - 1](&w, out + i * w.ld, left, add);
    w.values += values;
  }
}

static void weights_gradient(const rnn_row_weights *p) {
  const int64_t units = (p->U + MG_VW - 1) / MG_VW;
  for (int64_t first = 0; first < p->steps; first += SUMMED) {
    rnn_row_weights w = *p;
    w.values += first * w.values_step;
    w.steps = p->steps - first < SUMMED ? p->steps - first : SUMMED;
    for (int64_t u = 0, vectors; u < units; u += vectors) {
      vectors = rnn_panel_vectors(units - u);
      w.gates = p->gates + first * p->width + u * MG_VW;
      weights_columns(w, p->count, vectors, p->out + u * MG_VW, p->U - u * MG_VW, p->add || first > 0);
    }
  }
}

/* out (U) = or += the sums of gates over the steps. */
static void bias_gradient(const rnn_row_weights *p) {
  for (int64_t u = 0; u < p->U; u += MG_VW) {
    vf total = vset(0.0f);
    for (int64_t first = 0; first < p->steps; first += SUMMED) {
      vf sum = vset(0.0f);
      for (int64_t s = first; s < p->steps && s < first + SUMMED; s++) sum += vload(p->gates + s * p->width + u);
      total += sum;
    }
    store_out(p->out + u, p->add ? load_out(p->out + u, p->U - u) + total : total, p->U - u);
  }
}
