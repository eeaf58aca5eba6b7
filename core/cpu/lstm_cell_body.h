/* lstm_cell_body.h: the elementwise part of a step of an LSTM, forward and backward, for one instruction set: with tanh and
 * sigmoid, then for any pair of activations. Included by rnn_body.h. Equations: moongate.h; their gradients beside the lines. */

/* c_new = f c + i g,  h_new = o tanh(c_new) */
static void lstm_fused_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  const float *bias = c->bias;
  MG_EACH_ROW(c, row) {
    float *at = c->gates + row * LSTM_SLOTS * P;
    for (int64_t u = SLOT_I * P; u < LSTM_SLOTS * P; u += MG_VW) vstore(at + u, vsigmoid_gate(vload(at + u) + vload(bias + u)));
    MG_EACH_VECTOR(c, u) { /* in three loops: see gru_cell_body.h */
      const vf g = vtanh(vload(at + u) + vload(bias + u));
      vstore(at + u, g);
      vstore(c->c_new + row * P + u, vfma(vload(at + SLOT_F * P + u), vload(c->c + row * P + u), vload(at + SLOT_I * P + u) * g));
    }
    MG_EACH_VECTOR(c, u) vstore(c->h_new + row * P + u, vload(at + SLOT_O * P + u) * vtanh(vload(c->c_new + row * P + u)));
  }
}

/* all = dc + tanh'(c_new) o dh;  da_g = g' i all,  da_i = i' g all,  da_f = f' c all,  da_o = o' tanh(c_new) dh,  dc = f all */
static void lstm_fused_backward(const rnn_cell *c) {
  const int64_t P = c->P;
  const vf one = vset(1.0f);
  MG_EACH_ROW(c, row) {
    float *at = c->gates + row * LSTM_SLOTS * P;
    MG_EACH_VECTOR(c, u) {
      const vf g = vload(at + u), i = vload(at + SLOT_I * P + u), f = vload(at + SLOT_F * P + u), o = vload(at + SLOT_O * P + u);
      const vf y = vtanh(vload(c->c_new + row * P + u)), dh_o = vload(c->dh + row * P + u) * o;
      const vf all = vfma(dh_o, one - y * y, vload(c->dc + row * P + u)), all_i = all * i, all_f = all * f;
      vstore(at + u, all_i * (one - g * g));
      vstore(at + SLOT_I * P + u, all_i * g * (one - i));
      vstore(at + SLOT_F * P + u, all_f * vload(c->c + row * P + u) * (one - f));
      vstore(at + SLOT_O * P + u, dh_o * y * (one - o));
      vstore(c->dc + row * P + u, all_f);
      vstore(c->dh + row * P + u, vset(0.0f));
    }
  }
}

static void lstm_any_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, row) {
    float *at = c->gates + row * LSTM_SLOTS * P, *value = c->sums + row * LSTM_SLOTS * P;
    float *c_new = c->c_new + row * P, *h_new = c->h_new + row * P;
    for (int64_t u = 0; u < LSTM_SLOTS * P; u += MG_VW) vstore(value + u, vload(at + u) + vload(c->bias + u));
    activate(c->activation, P, at, value);
    activate(c->recurrent_activation, 3 * P, at + SLOT_I * P, value + SLOT_I * P);
    MG_EACH_VECTOR(c, u) {
      const vf kept = vload(value + SLOT_F * P + u) * vload(c->c + row * P + u);
      vstore(c_new + u, vfma(vload(value + SLOT_I * P + u), vload(value + u), kept));
    }
    LOOPS->activation(c->activation, P, h_new, c_new);
    MG_EACH_VECTOR(c, u) vstore(h_new + u, vload(h_new + u) * vload(value + SLOT_O * P + u));
  }
}

/* As lstm_fused_backward. scratch: a(c_new); all; gradients of g, i, f, o. */
static void lstm_any_backward(const rnn_cell *c) {
  const int64_t P = c->P;
  const mg_activation *act = c->activation, *rec = c->recurrent_activation;
  float *y = c->scratch, *all = y + P, *d = all + P;
  MG_EACH_ROW(c, row) {
    float *at = c->gates + row * LSTM_SLOTS * P, *scratch = c->sums + row * LSTM_SLOTS * P;
    float *dh = c->dh + row * P, *dc = c->dc + row * P, *c_new = c->c_new + row * P;
    const float *g = activated(act, P, at, scratch), *i = activated(rec, 3 * P, at + SLOT_I * P, scratch + SLOT_I * P);
    const float *f = i + P, *o = f + P;
    LOOPS->activation(act, P, y, c_new);
    MG_EACH_VECTOR(c, u) vstore(all + u, vload(dh + u) * vload(o + u));
    LOOPS->activation_slope(act, P, all, all, mg_slope_needs_x(act) ? c_new : y);
    MG_EACH_VECTOR(c, u) {
      const vf sum = vload(all + u) + vload(dc + u);
      vstore(d + u, sum * vload(i + u));
      vstore(d + SLOT_I * P + u, sum * vload(g + u));
      vstore(d + SLOT_F * P + u, sum * vload(c->c + row * P + u));
      vstore(d + SLOT_O * P + u, vload(dh + u) * vload(y + u));
      vstore(dc + u, sum * vload(f + u));
      vstore(dh + u, vset(0.0f));
    }
    LOOPS->activation_slope(act, P, at, d, at);
    LOOPS->activation_slope(rec, 3 * P, at + SLOT_I * P, d + SLOT_I * P, at + SLOT_I * P);
  }
}
