/* rnn_row_steps_body.h: what the steps of all kinds of layers share for one row, for one instruction set. Included by
 * rnn_row_body.h. */

/* Parts of a sum of so many columns at once: enough chains for the latency of an addition, no more registers than there are. */
#if MG_VW == 16
#define PARTS(columns) ((columns) > 8 ? 1 : (columns) > 4 ? 2 : 4)
#define SUM_PARTS(columns) ((columns) > 2 ? 4 : 8)
#else
#define PARTS(columns) ((columns) > 4 ? 1 : 2)
#define SUM_PARTS(columns) ((columns) > 2 ? 2 : 4)
#endif

typedef struct row_step {
  const float *h;
  float *h_new, *gates, *output;
} row_step;

static row_step row_step_at(const rnn_row *r, int64_t i) {
  return (row_step){ .h = rnn_row_state(r, r->h, i),
                     .h_new = rnn_row_state(r, r->h, i + 1),
                     .gates = r->gates + i * r->width,
                     .output = r->output == NULL ? NULL : r->output + i * r->output_step };
}

MG_INLINE void write_state(const rnn_row *r, const row_step *t, int64_t u, vf h_new) {
  vstore(t->h_new + u, h_new);
  if (t->output == NULL) return;
  if (r->U - u >= MG_VW) vstore(t->output + u, h_new);
  else vstore_part(t->output + u, h_new, (int)(r->U - u));
}

/* Every second step goes through the weights the other way: it reads first what the step before read last. */
MG_INLINE int turned(const rnn_row *r, int64_t i) { return (r->s + i) & 1; }

MG_INLINE void load_sums(const int vectors, vf *sum, const float *from) {
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) sum[v] = vload(from + v * MG_VW);
}

/* Two gates' sums side by side. */
MG_INLINE void pair_sums(const int vectors, vf *pair, vf (*sum)[4]) {
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    pair[v] = sum[0][v];
    pair[vectors + v] = sum[1][v];
  }
}

/* Of few units: sum[gate * vectors + v] += h W for the gates of a pass. */
MG_INLINE void add_pass(const int vectors, const rnn_row *r, vf *sum, const float *h, const rnn_row_pass pass, int64_t i) {
  add_products(pass.count, vectors, PARTS(pass.count * vectors), sum, walk_rows(r, h, pass, turned(r, i)));
}

/* sum[v] += h times K rows of some vectors of one gate. Weights that do not stay in the first cache are all read by these loops,
 * from the front to the back: a processor fetches ahead for one stream of memory and one place in the code up to twice as fast as
 * for two streams, or for loops that take turns. */
typedef void (*sum_function)(vf *sum, const float *h, const float *weights, int64_t row_step, int64_t K);
#define SUM(vectors)                                                                                                           \
  static __attribute__((noinline)) void sum_##vectors(vf *sum, const float *h, const float *weights, int64_t row_step,         \
                                                      int64_t K) {                                                             \
    add_products(1, vectors, SUM_PARTS(vectors), sum,                                                                          \
                 (row_walk){ .h = h, .weights = { weights, weights }, .K = K, .h_step = 1, .row_step = row_step });            \
  }
SUM(1) SUM(2) SUM(3) SUM(4)
static const sum_function sum_of[] = { sum_1, sum_2, sum_3, sum_4 };

/* sum[gate][v] += h W for the gates of a pass, units [u, u + vectors). */
MG_INLINE void add_gates(const int vectors, const rnn_row *r, vf (*sum)[4], const float *h, const rnn_row_pass pass, int64_t i,
                         int64_t u) {
  const int64_t K = r->U, columns = vectors * MG_VW;
  for (int n = 0; n < pass.count; n++) {
    const int g = turned(r, i) ? pass.count - 1 - n : n;
#if MG_VW == 16 && defined(MG_COMPILED_BF16)
    if (r->pieces != NULL) {
      const int64_t columns16 = 2 * rnn_row_pairs(K);
      rnn_row_pieces_sums[vectors - 1](sum[g], h, r->pieces + (u * r->G + (pass.before + g) * columns) * columns16, K);
      continue;
    }
#endif
    if (r->panels == NULL) sum_of[vectors - 1](sum[g], h, r->recurrent + pass.gates[g] * r->P + u, r->G * r->P, K);
    else sum_of[vectors - 1](sum[g], h, r->panels + (u * r->G + (pass.before + g) * columns) * K, columns, K);
  }
}

typedef void (*units_function)(const rnn_row *r, const row_step *t, int64_t i, int64_t u);
#define UNITS(name, vectors)                                                                                                 \
  static __attribute__((noinline)) void name##_##vectors(const rnn_row *r, const row_step *t, int64_t i, int64_t u) {        \
    name(vectors, 0, r, t, i, u);                                                                                            \
  }
#define ALL_UNITS(name)                                                            \
  UNITS(name, 1) UNITS(name, 2) UNITS(name, 3) UNITS(name, 4)                      \
  static const units_function name##_of[] = { name##_1, name##_2, name##_3, name##_4 };

static void all_units(const rnn_row *r, const row_step *t, int64_t i, const units_function *of) {
  const int64_t end = r->first + r->vectors;
  if (!turned(r, i)) {
    for (int64_t v = r->first, vectors; v < end; v += vectors) {
      vectors = rnn_row_block(end - v);
      of[vectors - 1](r, t, i, v * MG_VW);
    }
    return;
  }
  for (int64_t left = 0, vectors; left < r->vectors; left += vectors) {
    vectors = rnn_row_last_block(r->vectors, left);
    of[vectors - 1](r, t, i, (end - left - vectors) * MG_VW);
  }
}

static void meet(const rnn_row *r) {
  if (r->meeting != NULL) mg_meet(r->meeting, r->index);
}

/* Few units: nothing leaves the function between two steps. */
typedef void (*steps_function)(const rnn_row *r);
#define FEW(name, vectors)                                                           \
  static __attribute__((noinline)) void name##_steps_##vectors(const rnn_row *r) {   \
    project_ahead(vectors, r, 0, 1);                                                 \
    for (int64_t i = 0; i < r->steps; i++) {                                         \
      const row_step t = row_step_at(r, i);                                          \
      name(vectors, 1, r, &t, i, 0);                                                 \
      project_ahead(vectors, r, i, 0);                                               \
    }                                                                                \
  }
#define ALL_FEW(name)                                           \
  FEW(name, 1) FEW(name, 2) FEW(name, 3) FEW(name, 4)           \
  static const steps_function name##_steps[] = { name##_steps_1, name##_steps_2, name##_steps_3, name##_steps_4 };

/* All steps of a kind whose units need one sum over h. */
static void all_steps(const rnn_row *r, const steps_function *few, const units_function *of) {
  if (rnn_row_few(r)) {
    few[r->vectors - 1](r);
    return;
  }
  for (int64_t i = 0; i < r->steps; i++) {
    const row_step t = row_step_at(r, i);
    all_units(r, &t, i, of);
    meet(r);
  }
}

/* ---- backward */

/* dh + this step's share of doutput. */
MG_INLINE vf arriving(const rnn_row *r, const float *doutput, int64_t u) {
  const vf dh = vload(r->dh + u);
  if (doutput == NULL) return dh;
  return dh + (r->U - u >= MG_VW ? vload(doutput + u) : vload_part(doutput + u, (int)(r->U - u)));
}

MG_INLINE int64_t row_end(const rnn_row *r) {
  const int64_t end = (r->first + r->vectors) * MG_VW;
  return end < r->U ? end : r->U;
}

/* to[k] += gates . row k of the recurrent kernel, for the units of this call. */
static void add_dots(const rnn_row *r, const float *gates, const rnn_segment *segments, float *to, int backwards) {
  const int64_t begin = r->first * MG_VW, end = row_end(r), count = (end - begin + DOTS - 1) / DOTS, ld = r->G * r->P;
  for (int64_t n = 0; n < count; n++) {
    const int64_t k = begin + (backwards ? count - 1 - n : n) * DOTS, rows = end - k < DOTS ? end - k : DOTS;
    float out[DOTS];
    dots_of_rows(gates, r->recurrent + k * ld, ld, rows, segments, r->cached, out);
    for (int64_t i = 0; i < rows; i++) to[k + i] += out[i];
  }
}
