/* gru_any_body.h: the elementwise part of a step of a GRU for any pair of activations, for one instruction set. Included by
 * rnn_body.h. Activated z, r and n are left in `sums`. */

/* Slots z and r, neighbours, from their sums. */
static void any_reset_gates(const rnn_cell *c, float *g, float *sum) {
  const int64_t P = c->P;
  for (int64_t u = P; u < 3 * P; u += MG_VW) vstore(sum + u, vload(g + u) + vload(sum + u) + vload(c->bias + u));
  activate(c->recurrent_activation, 2 * P, g + SLOT_Z * P, sum + SLOT_Z * P);
}

/* z h + (1 - z) n in the order of Keras: z may lie far from 0..1 here, and blend's h - n would round coarsely. */
MG_INLINE vf mix(vf z, vf h, vf n) { return vfma(z, h, (vset(1.0f) - z) * n); }

/* sum slot n holds the input of a(): n and the new state. */
static void any_new_state(const rnn_cell *c, int64_t i, float *g, float *sum) {
  const int64_t P = c->P;
  activate(c->activation, P, g, sum);
  MG_EACH_VECTOR(c, u) vstore(c->h_new + i * P + u, mix(vload(sum + SLOT_Z * P + u), vload(c->h + i * P + u), vload(sum + u)));
}

static void gru_any_forward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P, *sum = c->sums + i * GRU_SLOTS * P;
    any_reset_gates(c, g, sum);
    MG_EACH_VECTOR(c, u) {
      const vf q = vload(sum + SLOT_Q * P + u) + vload(c->bias + SLOT_Q * P + u);
      vstore(g + SLOT_Q * P + u, q);
      vstore(sum + u, vfma(vload(sum + SLOT_R * P + u), q, vload(g + u) + vload(c->bias + u)));
    }
    any_new_state(c, i, g, sum);
  }
}

static void gru_any_forward_reset(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P, *sum = c->sums + i * GRU_SLOTS * P;
    any_reset_gates(c, g, sum);
    MG_EACH_VECTOR(c, u) vstore(g + SLOT_Q * P + u, vload(sum + SLOT_R * P + u) * vload(c->h_n + i * P + u));
  }
}

static void gru_any_forward_state(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P, *sum = c->sums + i * GRU_SLOTS * P;
    MG_EACH_VECTOR(c, u) vstore(sum + u, vload(g + u) + vload(sum + u) + vload(c->bias + u));
    any_new_state(c, i, g, sum);
  }
}

/* da_z, da_n and dh = z dh. scratch: 4P, of which the first two slots hold z and n where they had to be computed again. */
static void any_state_gradients(const rnn_cell *c, int64_t i, float *g, float *scratch) {
  const int64_t P = c->P;
  float *dn = scratch + 2 * P, *dz = scratch + 3 * P, *dh = c->dh + i * P;
  const float *z = activated(c->recurrent_activation, P, g + SLOT_Z * P, scratch), *n = activated(c->activation, P, g, scratch + P);
  MG_EACH_VECTOR(c, u) {
    const vf dh_z = vload(dh + u) * vload(z + u);
    vstore(dn + u, vload(dh + u) - dh_z);
    vstore(dz + u, (vload(c->h + i * P + u) - vload(n + u)) * vload(dh + u));
    vstore(dh + u, dh_z);
  }
  LOOPS->activation_slope(c->recurrent_activation, P, g + SLOT_Z * P, dz, g + SLOT_Z * P);
  LOOPS->activation_slope(c->activation, P, g, dn, g);
}

static void gru_any_backward(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P, *scratch = c->sums + i * GRU_SLOTS * P, *dr = scratch + P;
    any_state_gradients(c, i, g, scratch);
    const float *r = activated(c->recurrent_activation, P, g + SLOT_R * P, scratch);
    MG_EACH_VECTOR(c, u) {
      const vf da_n = vload(g + u);
      vstore(dr + u, da_n * vload(g + SLOT_Q * P + u));
      vstore(g + SLOT_Q * P + u, da_n * vload(r + u));
    }
    LOOPS->activation_slope(c->recurrent_activation, P, g + SLOT_R * P, dr, g + SLOT_R * P);
  }
}

static void gru_any_backward_state(const rnn_cell *c) {
  MG_EACH_ROW(c, i) any_state_gradients(c, i, c->gates + i * GRU_SLOTS * c->P, c->sums + i * GRU_SLOTS * c->P);
}

static void gru_any_backward_reset(const rnn_cell *c) {
  const int64_t P = c->P;
  MG_EACH_ROW(c, i) {
    float *g = c->gates + i * GRU_SLOTS * P, *scratch = c->sums + i * GRU_SLOTS * P, *dr = scratch + P, *dh = c->dh + i * P;
    const float *r = activated(c->recurrent_activation, P, g + SLOT_R * P, scratch);
    MG_EACH_VECTOR(c, u) {
      const vf du = vload(c->du + i * P + u), share = du * vload(r + u);
      vstore(dr + u, du * vload(c->h_n + i * P + u));
      vstore(dh + u, vload(dh + u) + (c->h_n_mask == NULL ? share : share * vload(c->h_n_mask + i * P + u)));
    }
    LOOPS->activation_slope(c->recurrent_activation, P, g + SLOT_R * P, dr, g + SLOT_R * P);
  }
}
