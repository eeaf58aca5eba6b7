/* rnn_row_lstm_body.h: an LSTM and a SimpleRNN with tanh and sigmoid for one row over many steps, for one instruction set. Included
 * by rnn_row_body.h. Gates hold bias + x K at first. Equations: moongate.h, lstm_cell_body.h. */

/* Nothing stays in most vector registers: a compiler would keep the constants of the activations before a sum there for those after
 * it, and the sum on the stack. */
#if MG_VW == 16
#define MG_FREE_REGISTERS()                                                                                           \
  __asm__ volatile("" ::: "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17",     \
                   "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", \
                   "xmm29", "xmm30", "xmm31")
#else
#define MG_FREE_REGISTERS() ((void)0)
#endif

/* The sums of i and g come first, so that those of f and o fill the time that their activations take. */
MG_INLINE void lstm_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  const int64_t P = r->P;
  const float *c = rnn_row_state(r, r->c, i) + u;
  float *at = t->gates + u, *c_new = rnn_row_state(r, r->c, i + 1) + u;
  static const int slots[] = { SLOT_I, SLOT_G, SLOT_F, SLOT_O };
  vf sum[4][4], first[8], second[8];
  if (few) {
    load_sums(vectors, first, at + SLOT_I * P);
    load_sums(vectors, first + vectors, at);
    add_pass(vectors, r, first, t->h, RNN_LSTM_I_AND_G, i);
  } else {
    for (int gate = 0; gate < 4; gate++) load_sums(vectors, sum[gate], at + slots[gate] * P);
    add_gates(vectors, r, sum, t->h, RNN_LSTM_ALL, i, u);
    pair_sums(vectors, first, sum);
    pair_sums(vectors, second, sum + 2);
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf in = vsigmoid_gate(first[v]), g = vtanh(first[vectors + v]);
    first[v] = in * g;
    if (!r->keep) continue;
    vstore(at + SLOT_I * P + v * MG_VW, in);
    vstore(at + v * MG_VW, g);
  }
  if (few) {
    MG_FREE_REGISTERS();
    load_sums(vectors, second, at + SLOT_F * P);
    load_sums(vectors, second + vectors, at + SLOT_O * P);
    add_pass(vectors, r, second, t->h, RNN_LSTM_F_AND_O, i);
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf f = vsigmoid_gate(second[v]), o = vsigmoid_gate(second[vectors + v]), carry = vfma(f, vload(c + v * MG_VW), first[v]);
    vstore(c_new + v * MG_VW, carry);
    write_state(r, t, u + v * MG_VW, o * vtanh(carry));
    if (!r->keep) continue;
    vstore(at + SLOT_F * P + v * MG_VW, f);
    vstore(at + SLOT_O * P + v * MG_VW, o);
  }
}
ALL_UNITS(lstm_units)
ALL_FEW(lstm_units)

static void lstm_forward(const rnn_row *r) { all_steps(r, lstm_units_steps, lstm_units_of); }

static void lstm_backward(const rnn_row *r) {
  const int64_t P = r->P;
  const rnn_segment segments[RNN_SEGMENTS] = { { SLOT_I * P, 0, 2 * P }, { SLOT_G * P, 2 * P, P }, { SLOT_O * P, 3 * P, P } };
  const vf one = vset(1.0f);
  for (int64_t s = r->steps - 1; s >= 0; s--) {
    const float *doutput = r->doutput == NULL ? NULL : r->doutput + s * r->output_step;
    const float *c = rnn_row_state(r, r->c, s), *c_new = rnn_row_state(r, r->c, s + 1);
    float *at = r->gates + s * r->width;
    for (int64_t v = r->first; v < r->first + r->vectors; v++) {
      const int64_t u = v * MG_VW;
      const vf g = vload(at + u), i = vload(at + SLOT_I * P + u), f = vload(at + SLOT_F * P + u), o = vload(at + SLOT_O * P + u);
      const vf y = vtanh(vload(c_new + u)), dh_o = arriving(r, doutput, u) * o;
      const vf all = vfma(dh_o, one - y * y, vload(r->dc + u)), all_i = all * i, all_f = all * f;
      vstore(at + u, all_i * (one - g * g));
      vstore(at + SLOT_I * P + u, all_i * g * (one - i));
      vstore(at + SLOT_F * P + u, all_f * vload(c + u) * (one - f));
      vstore(at + SLOT_O * P + u, dh_o * y * (one - o));
      vstore(r->dc + u, all_f);
      vstore(r->dh + u, vset(0.0f));
    }
    meet(r);
    add_dots(r, at, segments, r->dh, turned(r, s));
  }
}

MG_INLINE void simple_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  float *at = t->gates + u;
  vf sum[1][4];
  load_sums(vectors, sum[0], at);
  if (few) add_pass(vectors, r, sum[0], t->h, RNN_SIMPLE, i);
  else add_gates(vectors, r, sum, t->h, RNN_SIMPLE, i, u);
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf h_new = vtanh(sum[0][v]);
    if (r->keep) vstore(at + v * MG_VW, h_new);
    write_state(r, t, u + v * MG_VW, h_new);
  }
}
ALL_UNITS(simple_units)
ALL_FEW(simple_units)

static void simple_forward(const rnn_row *r) { all_steps(r, simple_units_steps, simple_units_of); }

static void simple_backward(const rnn_row *r) {
  const rnn_segment segments[RNN_SEGMENTS] = { { 0, 0, r->P } };
  for (int64_t i = r->steps - 1; i >= 0; i--) {
    const float *doutput = r->doutput == NULL ? NULL : r->doutput + i * r->output_step;
    float *g = r->gates + i * r->width;
    for (int64_t v = r->first; v < r->first + r->vectors; v++) {
      const int64_t u = v * MG_VW;
      const vf h_new = vload(g + u);
      vstore(g + u, arriving(r, doutput, u) * (vset(1.0f) - h_new * h_new));
      vstore(r->dh + u, vset(0.0f));
    }
    meet(r);
    add_dots(r, g, segments, r->dh, turned(r, i));
  }
}
