/* simple_rnn_cell_body.h: the elementwise part of a step of a SimpleRNN, forward and backward, for one instruction set: with tanh,
 * then for any activation. Included by rnn_body.h. h_new = a(sum);  da = a' dh. */

static void simple_rnn_fused_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    MG_EACH_VECTOR(c, u) {
      const vf h = vtanh(vload(c->gates + i * P + u) + vload(c->bias + u));
      vstore(c->gates + i * P + u, h);
      vstore(c->h_new + i * P + u, h);
    }
  }
}

static void simple_rnn_fused_backward(const rnn_cell *c) {
  for (int64_t u = 0; u < c->rows * c->P; u += MG_VW) {
    const vf h = vload(c->gates + u);
    vstore(c->gates + u, vload(c->dh + u) * (vset(1.0f) - h * h));
    vstore(c->dh + u, vset(0.0f));
  }
}

static void simple_rnn_any_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *value = c->sums + i * P;
    MG_EACH_VECTOR(c, u) vstore(value + u, vload(c->gates + i * P + u) + vload(c->bias + u));
    activate(c->activation, P, c->gates + i * P, value);
    memcpy(c->h_new + i * P, value, (size_t)P * sizeof *value);
  }
}

static void simple_rnn_any_backward(const rnn_cell *c) {
  const int64_t n = c->rows * c->P;
  LOOPS->activation_slope(c->activation, n, c->gates, c->dh, c->gates);
  memset(c->dh, 0, (size_t)n * sizeof *c->dh);
}
