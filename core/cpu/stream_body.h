/* stream_body.h: one step of a recurrent layer for one row, for one instruction set: stream_generic.c, stream_avx2.c,
 * stream_avx512.c.
 *
 * A block of 1 to 4 vectors of units stays in registers through the whole step. Its weights are read once, from front to back:
 * bias, the kernel's rows with all gates side by side, the recurrent kernel's rows of one gate after the other. Of the recurrent
 * products the one that the step waits for comes first; the others run while its activation does. */
#include "stream.h"
#include "vector_short.h"

enum { MOST = STREAM_BLOCK_VECTORS };

/* acc += h (K) times a panel of K rows of v vectors; `parts` sums at once, a divisor of K, hide the latency of the additions. */
MG_INLINE const float *add_state(const int v, const int parts, vf *acc, const float *panel, const float *h, int64_t K) {
  vf part[8][MOST];
#pragma GCC unroll 8
  for (int p = 0; p < parts; p++)
#pragma GCC unroll 4
    for (int i = 0; i < v; i++) part[p][i] = p == 0 ? acc[i] : vset(0.0f);
  for (; K > 0; K -= parts) {
#pragma GCC unroll 8
    for (int p = 0; p < parts; p++) {
      const vf value = vset(h[p]);
#pragma GCC unroll 4
      for (int i = 0; i < v; i++) part[p][i] = vfma(value, vload(panel + (p * v + i) * MG_VW), part[p][i]);
    }
    panel += parts * v * MG_VW;
    h += parts;
  }
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) {
    if (parts == 8) part[0][i] = (part[0][i] + part[4][i]) + (part[2][i] + part[6][i]) +
                                 ((part[1][i] + part[5][i]) + (part[3][i] + part[7][i]));
    if (parts == 4) part[0][i] = (part[0][i] + part[2][i]) + (part[1][i] + part[3][i]);
    if (parts == 2) part[0][i] = part[0][i] + part[1][i];
    acc[i] = part[0][i];
  }
  return panel;
}

/* acc += x (F) times a panel of F rows of v vectors for each gate. */
MG_INLINE const float *add_input(const int gates, const int v, vf acc[][MOST], const float *panel, const float *x, int64_t F) {
  for (; F > 0; F--, x++, panel += gates * v * MG_VW) {
    const vf value = vset(*x);
#pragma GCC unroll 4
    for (int g = 0; g < gates; g++)
#pragma GCC unroll 4
      for (int i = 0; i < v; i++) acc[g][i] = vfma(value, vload(panel + (g * v + i) * MG_VW), acc[g][i]);
  }
  return panel;
}

MG_INLINE const float *load_vectors(const int v, vf *to, const float *from) {
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) to[i] = vload(from + i * MG_VW);
  return from + v * MG_VW;
}

/* 1 for units, 0 for the padding behind them: MG_VW values from MG_VW - n on tell n units. */
static const float unit_lanes[2 * MG_VW] = { [0 ... MG_VW - 1] = 1.0f };

/* Parts for sums of v vectors. */
#define PARTS(v) ((v) == 1 ? 8 : (v) == 2 ? 4 : 2)

/* The new state of one vector: units u to u + MG_VW. The padding stays 0: an infinity times its weights of 0 is NaN, which the next
 * step would read. */
MG_INLINE void store_state(const stream_row *s, vf value, int64_t u) {
  const int64_t n = s->U - u;
  if (n >= MG_VW) {
    vstore(s->h_new + u, value);
    vstore(s->y + u, value);
    return;
  }
  vstore(s->h_new + u, vzero_unless(vlt(vset(0.0f), vload(unit_lanes + MG_VW - n)), value));
  vstore_part(s->y + u, value, (int)n);
}

/* GRU with reset_after, sigmoid and tanh. Weights of a block: bias r, n, z, q; kernel r, n, z; recurrent kernel r, q, z. */
MG_INLINE const float *gru_block(const int v, const stream_row *s, const float *panel, int64_t u) {
  enum { R, N, Z };
  vf a[3][MOST], q[MOST];
  for (int g = 0; g < 3; g++) panel = load_vectors(v, a[g], panel);
  panel = load_vectors(v, q, panel);
  panel = add_input(3, v, a, panel, s->x, s->F);
  panel = add_state(v, PARTS(v), a[R], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) a[R][i] = vsigmoid_short(a[R][i]);
  panel = add_state(v, PARTS(v), q, panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) a[N][i] = vtanh_short(vfma(a[R][i], q[i], a[N][i]));
  panel = add_state(v, PARTS(v), a[Z], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) {
    const int64_t at = u + i * MG_VW;
    const vf z = vsigmoid_short(a[Z][i]);
    store_state(s, vfma(vset(1.0f) - z, a[N][i], z * vload(s->h + at)), at); /* n comes last */
  }
  return panel;
}

/* LSTM with sigmoid and tanh; all weights in the order g, i, f, o. */
MG_INLINE const float *lstm_block(const int v, const stream_row *s, const float *panel, int64_t u) {
  enum { G, I, F, O };
  vf a[4][MOST], c[MOST];
  for (int g = 0; g < 4; g++) panel = load_vectors(v, a[g], panel);
  panel = add_input(4, v, a, panel, s->x, s->F);
  panel = add_state(v, PARTS(v), a[G], panel, s->h, s->K);
  panel = add_state(v, PARTS(v), a[I], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) a[G][i] = vtanh_short(a[G][i]) * vsigmoid_short(a[I][i]);
  panel = add_state(v, PARTS(v), a[F], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) {
    float *carry = s->c + u + i * MG_VW;
    c[i] = vfma(vsigmoid_short(a[F][i]), vload(carry), a[G][i]);
    vstore(carry, c[i]);
    c[i] = vtanh_short(c[i]);
  }
  panel = add_state(v, PARTS(v), a[O], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) store_state(s, vsigmoid_short(a[O][i]) * c[i], u + i * MG_VW);
  return panel;
}

/* SimpleRNN with tanh. */
MG_INLINE const float *simple_rnn_block(const int v, const stream_row *s, const float *panel, int64_t u) {
  vf a[1][MOST];
  panel = load_vectors(v, a[0], panel);
  panel = add_input(1, v, a, panel, s->x, s->F);
  panel = add_state(v, PARTS(v), a[0], panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) store_state(s, vtanh_short(a[0][i]), u + i * MG_VW);
  return panel;
}

/* Row i of a step. */
MG_INLINE stream_row row_of(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, int64_t i) {
  float *h = state + i * l->row;
  return (stream_row){ .x = x + i * l->inputs, .h = h, .c = h + mg_stream_state_floats(l, rows), .h_new = h,
                       .y = y + i * l->outputs, .F = l->inputs, .U = l->outputs, .K = stream_state_rows(l) };
}

typedef const float *(*block_function)(const stream_row *s, const float *panel, int64_t u);

/* Several blocks: the new state is kept apart until all have read the old one. */
static mg_status step_blocks(const block_function *blocks, const mg_stream_layer *l, float *state, float *y, const float *x,
                             int64_t rows, float *scratch) {
  for (int64_t i = 0; i < rows; i++) {
    stream_row row = row_of(l, state, y, x, rows, i);
    const float *panel = l->packed;
    row.h_new = scratch;
    for (int64_t u = 0, v; u < l->outputs; u += v * MG_VW) {
      v = stream_block_vectors((l->outputs - u + MG_VW - 1) / MG_VW);
      panel = blocks[v](&row, panel, u);
    }
    memcpy(state + i * l->row, scratch, (size_t)l->outputs * sizeof *state);
  }
  return MG_OK;
}

#define ARGUMENTS const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch
#define STEP(cell, v)                                                                                              \
  static __attribute__((noinline)) const float *cell##_block_##v(const stream_row *s, const float *panel, int64_t u) { \
    return cell##_block(v, s, panel, u);                                                                           \
  }                                                                                                                \
  static mg_status cell##_step_##v(ARGUMENTS) {                                                                    \
    (void)scratch;                                                                                                 \
    for (int64_t i = 0; i < rows; i++) {                                                                           \
      const stream_row row = row_of(l, state, y, x, rows, i);                                                      \
      cell##_block(v, &row, l->packed, 0);                                                                         \
    }                                                                                                              \
    return MG_OK;                                                                                                  \
  }
#define STEPS(cell)                                                                                                \
  STEP(cell, 1)                                                                                                    \
  STEP(cell, 2)                                                                                                    \
  STEP(cell, 3)                                                                                                    \
  STEP(cell, 4)                                                                                                    \
  static mg_status cell##_step_more(ARGUMENTS) {                                                                   \
    static const block_function blocks[] = { NULL, cell##_block_1, cell##_block_2, cell##_block_3, cell##_block_4 }; \
    return step_blocks(blocks, l, state, y, x, rows, scratch);                                                     \
  }
STEPS(gru)
STEPS(lstm)
STEPS(simple_rnn)
#define TABLE(cell) { cell##_step_more, cell##_step_1, cell##_step_2, cell##_step_3, cell##_step_4 }

static void sigmoid_loop(int64_t n, float *y, const float *x) {
  for (int64_t i = 0; i < n; i += MG_VW) vstore(y + i, vsigmoid_short(vload(x + i)));
}

static void tanh_loop(int64_t n, float *y, const float *x) {
  for (int64_t i = 0; i < n; i += MG_VW) vstore(y + i, vtanh_short(vload(x + i)));
}

const stream_table MG_NAME(stream) = {
  .width = MG_VW,
  .step = { [MG_CELL_GRU] = TABLE(gru), [MG_CELL_LSTM] = TABLE(lstm), [MG_CELL_SIMPLE] = TABLE(simple_rnn) },
  .sigmoid = sigmoid_loop,
  .tanh = tanh_loop,
};
