/* rnn_row_steps_body.h: what the steps of all kinds of layers share for one row, for one instruction set. Included by
 * rnn_row_body.h. */

/* Parts of a sum of so many columns at once: enough chains for the latency of an addition, no more registers than there are. */
#if MG_VW == 16
#define PARTS(columns) ((columns) > 8 ? 1 : (columns) > 4 ? 2 : 4)
#else
#define PARTS(columns) ((columns) > 4 ? 1 : 2)
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

MG_INLINE int turned(const rnn_row *r, int64_t i) { return r->turns && ((r->s + i) & 1); }

MG_INLINE void add_pass(const int gates, const int vectors, const rnn_row *r, vf *sum, const float *h, const rnn_row_pass pass,
                        int64_t i, int64_t u) {
  add_products(gates, vectors, PARTS(gates * vectors), sum, walk_rows(r, h, pass, vectors, u, turned(r, i)));
}

typedef void (*units_function)(const rnn_row *r, const row_step *t, int64_t i, int64_t u);
#define UNITS(name, vectors)                                                                                                 \
  static __attribute__((noinline)) void name##_##vectors(const rnn_row *r, const row_step *t, int64_t i, int64_t u) {        \
    name(vectors, r, t, i, u);                                                                                               \
  }
#define ALL_UNITS(name)                                                            \
  UNITS(name, 1) UNITS(name, 2) UNITS(name, 3) UNITS(name, 4)                      \
  static const units_function name##_of[] = { name##_1, name##_2, name##_3, name##_4 };

static void all_units(const rnn_row *r, const row_step *t, int64_t i, const units_function *of) {
  for (int64_t v = r->first, left = r->vectors, vectors; left > 0; v += vectors, left -= vectors) {
    vectors = rnn_row_block(left);
    of[vectors - 1](r, t, i, v * MG_VW);
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
      name(vectors, r, &t, i, 0);                                                    \
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
    dots_of_rows(gates, r->recurrent + k * ld, ld, rows, segments, out);
    for (int64_t i = 0; i < rows; i++) to[k + i] += out[i];
  }
}
