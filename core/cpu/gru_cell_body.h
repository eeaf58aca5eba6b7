/* gru_cell_body.h: the elementwise part of a step of a GRU with tanh and sigmoid, forward and backward, for one instruction set.
 * Included by rnn_body.h. Equations: moongate.h; their gradients, with s' = s (1 - s) and tanh' = 1 - tanh^2, beside the lines. */

/* n + z (h - n) */
MG_INLINE vf blend(vf z, vf h, vf n) { return vfma(z, h - n, n); }

/* z and r. Alone in their loop: dozens of short independent chains keep the processor busy, one long chain would not. */
MG_INLINE void reset_gates(const rnn_cell *c, float *g, const float *sum) {
  const int64_t P = c->P;
  for (int64_t u = SLOT_Z * P; u < (SLOT_R + 1) * P; u += MG_VW)
    vstore(g + u, vsigmoid_gate(vload(g + u) + vload(sum + u) + vload(c->bias + u)));
}

static void gru_fused_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P;
    const float *sum = c->sums + i * GRU_SLOTS * P, *h = c->h + i * P, *bias = c->bias;
    reset_gates(c, g, sum);
    MG_EACH_VECTOR(c, u) {
      const vf q = vload(sum + SLOT_Q * P + u) + vload(bias + SLOT_Q * P + u);
      const vf n = vtanh(vfma(vload(g + SLOT_R * P + u), q, vload(g + u) + vload(bias + u)));
      vstore(g + u, n);
      vstore(g + SLOT_Q * P + u, q);
      vstore(c->h_new + i * P + u, blend(vload(g + SLOT_Z * P + u), vload(h + u), n));
    }
  }
}

static void gru_fused_forward_reset(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P;
    reset_gates(c, g, c->sums + i * GRU_SLOTS * P);
    MG_EACH_VECTOR(c, u) vstore(g + SLOT_Q * P + u, vload(g + SLOT_R * P + u) * vload(c->h_n + i * P + u));
  }
}

static void gru_fused_forward_state(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P;
    const float *sum = c->sums + i * GRU_SLOTS * P;
    MG_EACH_VECTOR(c, u) {
      const vf n = vtanh(vload(g + u) + vload(sum + u) + vload(c->bias + u));
      vstore(g + u, n);
      vstore(c->h_new + i * P + u, blend(vload(g + SLOT_Z * P + u), vload(c->h + i * P + u), n));
    }
  }
}

/* da_n = n' (1 - z) dh,  da_z = z' (h - n) dh,  dh = z dh; returns da_n. */
MG_INLINE vf state_gradients(const rnn_cell *c, float *g, int64_t i, int64_t u) {
  const vf one = vset(1.0f), n = vload(g + u), z = vload(g + SLOT_Z * c->P + u), dh = vload(c->dh + i * c->P + u);
  const vf dh_z = dh * z, da_n = (dh - dh_z) * (one - n * n);
  vstore(g + u, da_n);
  vstore(g + SLOT_Z * c->P + u, dh_z * (one - z) * (vload(c->h + i * c->P + u) - n));
  vstore(c->dh + i * c->P + u, dh_z);
  return da_n;
}

/* dq = r da_n,  da_r = r' q da_n. */
static void gru_fused_backward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P;
    MG_EACH_VECTOR(c, u) {
      const vf da_n = state_gradients(c, g, i, u), r = vload(g + SLOT_R * P + u), q = vload(g + SLOT_Q * P + u), dq = da_n * r;
      vstore(g + SLOT_R * P + u, dq * q * (vset(1.0f) - r));
      vstore(g + SLOT_Q * P + u, dq);
    }
  }
}

static void gru_fused_backward_state(const rnn_cell *c) {
  MG_EACH_ROW(c, i)
    MG_EACH_VECTOR(c, u) state_gradients(c, c->gates + i * GRU_SLOTS * c->P, i, u);
}

/* da_r = r' h_n du,  dh += mask r du. */
static void gru_fused_backward_reset(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *r_row = c->gates + i * GRU_SLOTS * P + SLOT_R * P;
    MG_EACH_VECTOR(c, u) {
      const vf r = vload(r_row + u), dh = vload(c->du + i * P + u) * r;
      const vf kept = c->h_n_mask == NULL ? dh : dh * vload(c->h_n_mask + i * P + u);
      vstore(r_row + u, dh * (vset(1.0f) - r) * vload(c->h_n + i * P + u));
      vstore(c->dh + i * P + u, vload(c->dh + i * P + u) + kept);
    }
  }
}
