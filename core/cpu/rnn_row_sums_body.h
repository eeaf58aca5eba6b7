/* rnn_row_sums_body.h: one row times a matrix in Keras's layout, down its rows or along them, for one instruction set. Included by
 * rnn_row_body.h. */

/* How a product walks down the rows of a matrix: with few of them every second step from the last to the first, so that what the
 * first cache still holds of the step before comes first. */
typedef struct row_walk {
  const float *h, *weights[2]; /* the first value, and where its row begins for one gate or two */
  int64_t K, h_step, row_step;
} row_walk;

/* h times all columns of a pass, as they lie. */
MG_INLINE row_walk walk_rows(const rnn_row *r, const float *h, const rnn_row_pass pass, int backwards) {
  const int64_t K = r->U, ld = r->G * r->P;
  row_walk w = { .h = h, .K = K, .h_step = 1, .row_step = ld };
  w.weights[0] = r->recurrent + pass.gates[0] * r->P;
  w.weights[1] = r->recurrent + pass.gates[pass.count - 1] * r->P;
  if (!backwards) return w;
  w.h += K - 1;
  w.weights[0] += (K - 1) * ld;
  w.weights[1] += (K - 1) * ld;
  w.h_step = -1;
  w.row_step = -ld;
  return w;
}

/* Hides where a pointer comes from, so that a compiler keeps it in a register instead of computing it from others each time. */
#define MG_KEEP(pointer) __asm__("" : "+r"(pointer))

MG_INLINE void add_row(const int gates, const int vectors, vf *acc, float h, const float *const *weights) {
  const vf value = vset(h);
#pragma GCC unroll 2
  for (int g = 0; g < gates; g++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) acc[g * vectors + v] = vfma(value, vload(weights[g] + v * MG_VW), acc[g * vectors + v]);
}

/* A row and on to the next one. */
MG_INLINE void take_row(const int gates, const int vectors, vf *acc, row_walk *w) {
  add_row(gates, vectors, acc, *w->h, w->weights);
  w->h += w->h_step;
  MG_KEEP(w->h);
#pragma GCC unroll 2
  for (int g = 0; g < gates; g++) {
    w->weights[g] += w->row_step;
    MG_KEEP(w->weights[g]);
  }
}

MG_INLINE vf add_parts(const int parts, vf (*acc)[8], int i) {
  return parts == 8   ? ((acc[0][i] + acc[1][i]) + (acc[2][i] + acc[3][i])) + ((acc[4][i] + acc[5][i]) + (acc[6][i] + acc[7][i]))
         : parts == 4 ? (acc[0][i] + acc[1][i]) + (acc[2][i] + acc[3][i])
         : parts == 2 ? acc[0][i] + acc[1][i]
                      : acc[0][i];
}

/* sum[gate * vectors + v] += h W, one gate or two of some vectors. The sum of each column has `parts` parts, which hides the
 * latency of the additions. */
MG_INLINE void add_products(const int gates, const int vectors, const int parts, vf *sum, row_walk walk) {
  vf acc[8][8];
  const int n = gates * vectors;
  int64_t k = walk.K;
#pragma GCC unroll 8
  for (int part = 0; part < parts; part++)
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) acc[part][i] = part == 0 ? sum[i] : vset(0.0f);
  for (; k >= parts; k -= parts) {
#pragma GCC unroll 8
    for (int part = 0; part < parts; part++) take_row(gates, vectors, acc[part], &walk);
  }
  for (; parts > 1 && k > 0; k--) take_row(gates, vectors, acc[0], &walk);
#pragma GCC unroll 8
  for (int i = 0; i < n; i++) sum[i] = add_parts(parts, acc, i);
}

/* ---- dot products: eight of them end as eight neighbouring floats */

enum { DOTS = 8 };

#if MG_VW == 16
#define VX_DOUBLE __m512d
#else
#define VX_DOUBLE __m256d
#endif

#if MG_VW >= 8
/* Neighbours of a and b added in pairs: a, b, a, b in each 128 bits; then of two such results: a, b, c, d. */
MG_INLINE vf add_pairs(vf a, vf b) { return VX(unpacklo_ps)(a, b) + VX(unpackhi_ps)(a, b); }
MG_INLINE vf add_fours(vf ab, vf cd) {
  const VX_DOUBLE x = VX(castps_pd)(ab), y = VX(castps_pd)(cd);
  return VX(castpd_ps)(VX(unpacklo_pd)(x, y)) + VX(castpd_ps)(VX(unpackhi_pd)(x, y));
}
#endif

/* out[i] = the sum of the lanes of acc[i]. */
MG_INLINE void reduce_dots(const vf *acc, float *out) {
#if MG_VW >= 8
  const vf low = add_fours(add_pairs(acc[0], acc[1]), add_pairs(acc[2], acc[3]));
  const vf high = add_fours(add_pairs(acc[4], acc[5]), add_pairs(acc[6], acc[7]));
#if MG_VW == 16
  const vf half = _mm512_shuffle_f32x4(low, high, 0x88) + _mm512_shuffle_f32x4(low, high, 0xdd);
  const vf sum = _mm512_shuffle_f32x4(half, half, 0x08) + _mm512_shuffle_f32x4(half, half, 0x0d);
  _mm256_storeu_ps(out, _mm512_castps512_ps256(sum));
#else
  vstore(out, (vf)_mm256_permute2f128_ps(low, high, 0x20) + (vf)_mm256_permute2f128_ps(low, high, 0x31));
#endif
#else
#pragma GCC unroll 8
  for (int i = 0; i < DOTS; i++) out[i] = (acc[i][0] + acc[i][2]) + (acc[i][1] + acc[i][3]);
#endif
}

/* Rows that stay in the first cache: acc[i] = gates . row i of `weights`, lane by lane, for four rows, which share the gates. */
MG_INLINE void dot_4_rows(const float *gates, const float *weights, int64_t ld, int64_t rows, const rnn_segment *segments,
                          vf *acc) {
  const float *row[4];
  vf other[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    row[i] = weights + (i < rows ? i : rows - 1) * ld;
    acc[i] = other[i] = vset(0.0f);
  }
  for (int part = 0; part < RNN_SEGMENTS; part++) {
    const float *from = gates + segments[part].slot;
    const int64_t column = segments[part].column, size = segments[part].size;
    int64_t j = 0;
    for (; j + 2 * MG_VW <= size; j += 2 * MG_VW) {
      const vf first = vload(from + j), second = vload(from + j + MG_VW);
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        acc[i] = vfma(first, vload(row[i] + column + j), acc[i]);
        other[i] = vfma(second, vload(row[i] + column + j + MG_VW), other[i]);
      }
    }
    if (j == size) continue;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) acc[i] = vfma(vload(from + j), vload(row[i] + column + j), acc[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) acc[i] += other[i];
}

/* All others: one row after the other, a single stream of memory (see sum_1 and its like). */
MG_INLINE vf dot_row(const float *gates, const float *row, const rnn_segment *segments) {
  vf acc[8][8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) acc[i][0] = vset(0.0f);
  for (int part = 0; part < RNN_SEGMENTS; part++) {
    const float *from = gates + segments[part].slot, *weights = row + segments[part].column;
    int64_t left = segments[part].size;
    for (; left >= 8 * MG_VW; left -= 8 * MG_VW, from += 8 * MG_VW, weights += 8 * MG_VW) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; i++) acc[i][0] = vfma(vload(from + i * MG_VW), vload(weights + i * MG_VW), acc[i][0]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 7; i++)
      if (i * MG_VW < left) acc[i][0] = vfma(vload(from + i * MG_VW), vload(weights + i * MG_VW), acc[i][0]);
  }
  return add_parts(8, acc, 0);
}

/* out[i] = gates . row i of `weights`, for DOTS rows from `weights` on, or `rows` of them: for others anything. */
MG_INLINE void dots_of_rows(const float *gates, const float *weights, int64_t ld, int64_t rows, const rnn_segment *segments,
                            int cached, float *out) {
  vf acc[DOTS];
  const int64_t second = rows > 4 ? 4 : 0;
  if (cached) {
    dot_4_rows(gates, weights, ld, rows, segments, acc);
    dot_4_rows(gates, weights + second * ld, ld, rows - second, segments, acc + 4);
  } else {
    for (int64_t i = 0; i < DOTS; i++) acc[i] = i < rows ? dot_row(gates, weights + i * ld, segments) : vset(0.0f);
  }
  reduce_dots(acc, out);
}
