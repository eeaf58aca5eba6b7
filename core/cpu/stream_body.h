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

/* a, b, c += x (F) times a panel of F rows of 3 v vectors, v for each. */
MG_INLINE const float *add_input(const int v, vf *a, vf *b, vf *c, const float *panel, const float *x, int64_t F) {
  for (; F > 0; F--, x++, panel += 3 * v * MG_VW) {
    const vf value = vset(*x);
#pragma GCC unroll 4
    for (int i = 0; i < v; i++) {
      a[i] = vfma(value, vload(panel + i * MG_VW), a[i]);
      b[i] = vfma(value, vload(panel + (v + i) * MG_VW), b[i]);
      c[i] = vfma(value, vload(panel + (2 * v + i) * MG_VW), c[i]);
    }
  }
  return panel;
}

MG_INLINE const float *load_vectors(const int v, vf *to, const float *from) {
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) to[i] = vload(from + i * MG_VW);
  return from + v * MG_VW;
}

/* Units u to u + MG_VW of a row of U without padding. */
MG_INLINE void store_units(float *y, vf value, int64_t u, int64_t U) {
  if (U - u >= MG_VW) vstore(y + u, value);
  else vstore_part(y + u, value, (int)(U - u));
}

/* Parts for sums of v vectors. */
#define PARTS(v) ((v) == 1 ? 8 : (v) == 2 ? 4 : 2)

/* reset_after, sigmoid and tanh. Weights of a block: bias r, q, z, n; kernel r, n, z; recurrent kernel
 * r, q, z. */
MG_INLINE const float *gru_block(const int v, const stream_row *s, const float *panel, int64_t u) {
  vf r[MOST], q[MOST], z[MOST], n[MOST], h[MOST];
  panel = load_vectors(v, r, panel);
  panel = load_vectors(v, q, panel);
  panel = load_vectors(v, z, panel);
  panel = load_vectors(v, n, panel);
  panel = add_input(v, r, n, z, panel, s->x, s->F);
  panel = add_state(v, PARTS(v), r, panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) r[i] = vsigmoid_short(r[i]);
  panel = add_state(v, PARTS(v), q, panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) n[i] = vtanh_short(vfma(r[i], q[i], n[i]));
  panel = add_state(v, PARTS(v), z, panel, s->h, s->K);
#pragma GCC unroll 4
  for (int i = 0; i < v; i++) {
    z[i] = vsigmoid_short(z[i]);
    h[i] = vload(s->h + u + i * MG_VW);
    n[i] = vfma(z[i], h[i], n[i] - z[i] * n[i]);
    vstore(s->h_new + u + i * MG_VW, n[i]);
    store_units(s->y, n[i], u + i * MG_VW, s->U);
  }
  return panel;
}

/* A layer of one block of units, and of several: the new state is kept apart until all have read the old one. */
#define GRU_STEPS(v)                                                                                                       \
  static mg_status gru_step_##v(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows,            \
                                float *scratch) {                                                                          \
    (void)scratch;                                                                                                         \
    for (int64_t i = 0; i < rows; i++) {                                                                                   \
      const stream_row row = { .x = x + i * l->inputs, .h = state + i * l->row, .h_new = state + i * l->row,               \
                               .y = y + i * l->outputs, .F = l->inputs, .U = l->outputs, .K = stream_state_rows(l) };    \
      gru_block(v, &row, l->packed, 0);                                                                                    \
    }                                                                                                                      \
    return MG_OK;                                                                                                          \
  }                                                                                                                        \
  static __attribute__((noinline)) const float *gru_block_##v(const stream_row *s, const float *panel, int64_t u) {        \
    return gru_block(v, s, panel, u);                                                                                      \
  }
GRU_STEPS(1)
GRU_STEPS(2)
GRU_STEPS(3)
GRU_STEPS(4)

static mg_status gru_step_blocks(const mg_stream_layer *l, float *state, float *y, const float *x, int64_t rows, float *scratch) {
  typedef const float *(*block)(const stream_row *s, const float *panel, int64_t u);
  static const block blocks[] = { NULL, gru_block_1, gru_block_2, gru_block_3, gru_block_4 };
  for (int64_t i = 0; i < rows; i++) {
    float *h = state + i * l->row;
    const stream_row row = { .x = x + i * l->inputs, .h = h, .h_new = scratch, .y = y + i * l->outputs, .F = l->inputs,
                             .U = l->outputs, .K = stream_state_rows(l) };
    const float *panel = l->packed;
    for (int64_t u = 0, v; u < l->outputs; u += v * MG_VW) {
      v = stream_block_vectors((l->outputs - u + MG_VW - 1) / MG_VW);
      panel = blocks[v](&row, panel, u);
    }
    memcpy(h, scratch, (size_t)l->row * sizeof *h);
  }
  return MG_OK;
}

static void sigmoid_loop(int64_t n, float *y, const float *x) {
  for (int64_t i = 0; i < n; i += MG_VW) vstore(y + i, vsigmoid_short(vload(x + i)));
}

static void tanh_loop(int64_t n, float *y, const float *x) {
  for (int64_t i = 0; i < n; i += MG_VW) vstore(y + i, vtanh_short(vload(x + i)));
}

const stream_table MG_NAME(stream) = {
  .width = MG_VW,
  .gru = { gru_step_blocks, gru_step_1, gru_step_2, gru_step_3, gru_step_4 },
  .sigmoid = sigmoid_loop,
  .tanh = tanh_loop,
};
