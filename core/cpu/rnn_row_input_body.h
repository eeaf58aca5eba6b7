/* rnn_row_input_body.h: the input products of many steps at once, forward and backward, with the kernel in Keras's layout, for one
 * instruction set. Included by rnn_row_body.h. */

#if MG_VW == 16
enum { STEPS = 8 };
#else
enum { STEPS = 4 };
#endif

typedef struct project_place {
  const float *x, *weights, *bias;
  int64_t x_step, F, ld;
  float *out;
  int64_t width;
} project_place;

MG_INLINE void project_tile(const int steps, const int vectors, const project_place *p) {
  vf acc[8][3];
  const float *x = p->x, *weights = p->weights;
  const int64_t x_step = p->x_step, ld = p->ld;
#pragma GCC unroll 8
  for (int i = 0; i < steps; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) acc[i][v] = vload(p->bias + v * MG_VW);
  for (int64_t k = p->F; k > 0; k--, weights += ld, x++) {
    vf row[3];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) row[v] = vload(weights + v * MG_VW);
#pragma GCC unroll 8
    for (int i = 0; i < steps; i++) {
      const vf value = vset(x[i * x_step]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; v++) acc[i][v] = vfma(value, row[v], acc[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < steps; i++)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) vstore(p->out + i * p->width + v * MG_VW, acc[i][v]);
}

typedef void (*project_function)(const project_place *p);
#define PROJECT(steps, vectors) \
  static __attribute__((noinline)) void project_##steps##_##vectors(const project_place *p) { project_tile(steps, vectors, p); }
#define PROJECTS(steps) PROJECT(steps, 1) PROJECT(steps, 2) PROJECT(steps, 3)
PROJECTS(1)
PROJECTS(2)
PROJECTS(4)
static const project_function project_1[] = { project_1_1, project_1_2, project_1_3 };
static const project_function project_2[] = { project_2_1, project_2_2, project_2_3 };
static const project_function project_4[] = { project_4_1, project_4_2, project_4_3 };
#if MG_VW == 16
PROJECTS(8)
static const project_function project_8[] = { project_8_1, project_8_2, project_8_3 };
#else
static const project_function *const project_8 = project_4;
#endif

/* Some neighbouring vectors of one gate, so many steps. */
static void project_columns(project_place place, int64_t steps, int64_t vectors) {
  for (int64_t left = steps, some; left > 0; left -= some) {
    some = left >= STEPS ? STEPS : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    (some == STEPS ? project_8 : some == 4 ? project_4 : some == 2 ? project_2 : project_1)[vectors - 1](&place);
    place.x += some * place.x_step;
    place.out += some * place.width;
  }
}

/* A gate's vectors from v on, steps from s on. */
static project_place place_of(const rnn_row *r, int64_t gate, int64_t v, int64_t s) {
  const int64_t slot = r->slot_of_gate[gate] * r->P;
  return (project_place){ .x = r->x + s * r->x_step, .x_step = r->x_step, .F = r->F, .ld = r->G * r->P, .width = r->width,
                          .weights = r->kernel + gate * r->P + v * MG_VW, .bias = r->bias + slot + v * MG_VW,
                          .out = r->gates + s * r->width + slot + v * MG_VW };
}

static void project(const rnn_row *r) {
  for (int64_t g = 0; g < r->G; g++) {
    for (int64_t v = r->first, left = r->vectors, vectors; left > 0; v += vectors, left -= vectors) {
      vectors = rnn_panel_vectors(left);
      project_columns(place_of(r, g, v, 0), r->steps, vectors);
    }
  }
}

/* The input products of the next four steps, a part of them after each of these four: they keep the processor busy while a step
 * waits for its last activations. `before`: of the first four steps, all at once. */
MG_INLINE void project_ahead(const int vectors, const rnn_row *r, int64_t i, int before) {
  const int64_t s = before ? 0 : (i & ~3) + 4, left = r->steps - s, first = before ? 0 : (i & 3) * r->G / 4;
  const int64_t end = before ? r->G : ((i & 3) + 1) * r->G / 4;
  if (vectors > RNN_AHEAD_VECTORS || !r->ahead || left <= 0) return;
  for (int64_t g = first; g < end; g++) project_columns(place_of(r, g, 0, s), left < 4 ? left : 4, vectors);
}

/* So many features at once that sums, weights and a gate fit the registers. */
enum { GRADIENT_FEATURES = MG_VW == 16 ? 4 : 2 };

/* acc[4 t + i] += gates of step t . row i, for four steps and GRADIENT_FEATURES rows of the kernel. */
MG_INLINE void add_gradients(const rnn_row_input *p, const float *const *gates, const float *const *row, vf *acc) {
  for (int part = 0; part < RNN_SEGMENTS; part++) {
    const int64_t slot = p->segments[part].slot, column = p->segments[part].column;
    for (int64_t j = 0; j < p->segments[part].size; j += MG_VW) {
      vf weights[GRADIENT_FEATURES];
#pragma GCC unroll 4
      for (int i = 0; i < GRADIENT_FEATURES; i++) weights[i] = vload(row[i] + column + j);
#pragma GCC unroll 4
      for (int t = 0; t < 4; t++) {
        const vf value = vload(gates[t] + slot + j);
#pragma GCC unroll 4
        for (int i = 0; i < GRADIENT_FEATURES; i++) acc[4 * t + i] = vfma(value, weights[i], acc[4 * t + i]);
      }
    }
  }
}

/* dx of up to four steps and four features; steps and features that are not there repeat the last. */
static __attribute__((noinline)) void gradient_tile(const rnn_row_input *p, int64_t step, int64_t feature) {
  const int64_t steps = p->steps - step, left = p->first + p->features - feature, features = left < 4 ? left : 4;
  const float *gates[4], *row[4];
  float out[2 * DOTS];
  vf acc[2 * DOTS];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    gates[i] = p->gates + (step + (i < steps ? i : steps - 1)) * p->width;
    row[i] = p->kernel + (feature + (i < features ? i : features - 1)) * p->ld;
  }
#pragma GCC unroll 16
  for (int i = 0; i < 2 * DOTS; i++) acc[i] = vset(0.0f);
#pragma GCC unroll 2
  for (int first = 0; first < 4; first += GRADIENT_FEATURES) add_gradients(p, gates, row + first, acc + first);
  reduce_dots(acc, out);
  reduce_dots(acc + DOTS, out + DOTS);
  for (int64_t t = 0; t < 4 && t < steps; t++) {
    float *to = p->dx + (step + t) * p->dx_step + feature;
    if (features == 4) memcpy(to, out + 4 * t, 4 * sizeof *out);
    else for (int64_t i = 0; i < features; i++) to[i] = out[4 * t + i];
  }
}

/* Eight steps' gates stay in the first cache while the kernel passes by. */
static void input_gradient(const rnn_row_input *p) {
  for (int64_t block = 0; block < p->steps; block += 8)
    for (int64_t feature = p->first; feature < p->first + p->features; feature += 4)
      for (int64_t step = block; step < p->steps && step < block + 8; step += 4) gradient_tile(p, step, feature);
}
