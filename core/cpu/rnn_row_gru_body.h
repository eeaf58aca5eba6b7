/* rnn_row_gru_body.h: a GRU with tanh and sigmoid for one row over many steps, for one instruction set. Included by rnn_row_body.h.
 * Gates hold bias + x K at first. Equations: moongate.h, gru_cell_body.h.
 *
 * Of few units the sum of r comes first: the chain r, n, h_new is the longest of a step, and the sums of q and z fill the time it
 * takes. Of many it is weights that a step waits for. */

/* n + z (h - n) */
MG_INLINE vf blend(vf z, vf h, vf n) { return vfma(z, h - n, n); }

/* Units [u, u + vectors) of step i; few: all there are. */
MG_INLINE void gru_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  const int64_t P = r->P;
  float *g = t->gates + u;
  vf sum[3][4], reset[4], both[8]; /* of r, q, z; q and z */
  load_sums(vectors, sum[0], g + SLOT_R * P);
  if (few) {
    add_pass(vectors, r, sum[0], t->h, RNN_GRU_R, i);
  } else {
    load_sums(vectors, sum[1], r->bias + SLOT_Q * P + u);
    load_sums(vectors, sum[2], g + SLOT_Z * P);
    add_gates(vectors, r, sum, t->h, RNN_GRU_ALL, i, u);
    pair_sums(vectors, both, sum + 1);
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    reset[v] = vsigmoid_gate(sum[0][v]);
    if (r->keep) vstore(g + SLOT_R * P + v * MG_VW, reset[v]);
  }
  if (few) {
    load_sums(vectors, both, r->bias + SLOT_Q * P + u);
    load_sums(vectors, both + vectors, g + SLOT_Z * P);
    add_pass(vectors, r, both, t->h, RNN_GRU_N_AND_Z, i);
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf n = vtanh(vfma(reset[v], both[v], vload(g + v * MG_VW))), z = vsigmoid_gate(both[vectors + v]);
    write_state(r, t, u + v * MG_VW, blend(z, vload(t->h + u + v * MG_VW), n));
    if (!r->keep) continue;
    vstore(g + v * MG_VW, n);
    vstore(g + SLOT_Q * P + v * MG_VW, both[v]);
    vstore(g + SLOT_Z * P + v * MG_VW, z);
  }
}

/* Without reset_after, first: r, and r * h in q's slot. */
MG_INLINE void reset_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  const int64_t P = r->P;
  float *g = t->gates + u;
  vf sum[1][4];
  load_sums(vectors, sum[0], g + SLOT_R * P);
  if (few) add_pass(vectors, r, sum[0], t->h, RNN_GRU_R, i);
  else add_gates(vectors, r, sum, t->h, RNN_GRU_R, i, u);
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf reset = vsigmoid_gate(sum[0][v]);
    if (r->keep) vstore(g + SLOT_R * P + v * MG_VW, reset);
    vstore(g + SLOT_Q * P + v * MG_VW, reset * vload(t->h + u + v * MG_VW));
  }
}

/* Then z, and n from the reset states of all units. */
MG_INLINE void state_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  const int64_t P = r->P;
  float *g = t->gates + u;
  vf n[1][4], z[1][4];
  load_sums(vectors, z[0], g + SLOT_Z * P);
  load_sums(vectors, n[0], g);
  if (few) {
    add_pass(vectors, r, z[0], t->h, RNN_GRU_Z, i);
    add_pass(vectors, r, n[0], t->gates + SLOT_Q * P, RNN_GRU_N, i);
  } else {
    add_gates(vectors, r, n, t->gates + SLOT_Q * P, RNN_GRU_N, i, u);
    add_gates(vectors, r, z, t->h, RNN_GRU_Z, i, u);
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    const vf update = vsigmoid_gate(z[0][v]), state = vtanh(n[0][v]);
    if (r->keep) {
      vstore(g + SLOT_Z * P + v * MG_VW, update);
      vstore(g + v * MG_VW, state);
    }
    write_state(r, t, u + v * MG_VW, blend(update, vload(t->h + u + v * MG_VW), state));
  }
}

ALL_UNITS(gru_units)
ALL_UNITS(reset_units)
ALL_UNITS(state_units)

ALL_FEW(gru_units)

static void gru_forward(const rnn_row *r) { all_steps(r, gru_units_steps, gru_units_of); }

MG_INLINE void reset_and_state_units(const int vectors, const int few, const rnn_row *r, const row_step *t, int64_t i, int64_t u) {
  reset_units(vectors, few, r, t, i, u);
  state_units(vectors, few, r, t, i, u);
}
ALL_FEW(reset_and_state_units)

static void gru_reset_forward(const rnn_row *r) {
  if (rnn_row_few(r)) {
    reset_and_state_units_steps[r->vectors - 1](r);
    return;
  }
  for (int64_t i = 0; i < r->steps; i++) {
    const row_step t = row_step_at(r, i);
    all_units(r, &t, i, reset_units_of);
    meet(r);
    all_units(r, &t, i, state_units_of);
    meet(r);
  }
}

/* ---- backward: gates become the gradients of their sums */

/* da_n, da_z, and z's share in dh. Returns da_n. */
MG_INLINE vf row_state_gradients(const rnn_row *r, const float *h, const float *doutput, float *g, int64_t u) {
  const vf one = vset(1.0f), n = vload(g + u), z = vload(g + SLOT_Z * r->P + u), dh = arriving(r, doutput, u);
  const vf dh_z = dh * z, da_n = (dh - dh_z) * (one - n * n);
  vstore(g + u, da_n);
  vstore(g + SLOT_Z * r->P + u, dh_z * (one - z) * (vload(h + u) - n));
  vstore(r->dh + u, dh_z);
  return da_n;
}

static void gru_backward(const rnn_row *r) {
  const int64_t P = r->P;
  const rnn_segment segments[RNN_SEGMENTS] = { { SLOT_Z * P, 0, 3 * P } };
  for (int64_t i = r->steps - 1; i >= 0; i--) {
    const float *h = rnn_row_state(r, r->h, i), *doutput = r->doutput == NULL ? NULL : r->doutput + i * r->output_step;
    float *g = r->gates + i * r->width;
    for (int64_t v = r->first; v < r->first + r->vectors; v++) {
      const int64_t u = v * MG_VW;
      const vf da_n = row_state_gradients(r, h, doutput, g, u);
      const vf reset = vload(g + SLOT_R * P + u), q = vload(g + SLOT_Q * P + u), dq = da_n * reset;
      vstore(g + SLOT_R * P + u, dq * q * (vset(1.0f) - reset));
      vstore(g + SLOT_Q * P + u, dq);
    }
    meet(r);
    add_dots(r, g, segments, r->dh, turned(r, i));
  }
}

/* du = da_n Rn^T;  da_r = r' h du,  dh += r du. */
static void gru_reset_backward(const rnn_row *r) {
  const int64_t P = r->P;
  const rnn_segment of_n[RNN_SEGMENTS] = { { 0, 2 * P, P } }, of_z_and_r[RNN_SEGMENTS] = { { SLOT_Z * P, 0, 2 * P } };
  for (int64_t i = r->steps - 1; i >= 0; i--) {
    const float *h = rnn_row_state(r, r->h, i), *doutput = r->doutput == NULL ? NULL : r->doutput + i * r->output_step;
    float *g = r->gates + i * r->width;
    for (int64_t v = r->first; v < r->first + r->vectors; v++) {
      row_state_gradients(r, h, doutput, g, v * MG_VW);
      vstore(r->du + v * MG_VW, vset(0.0f));
    }
    meet(r);
    add_dots(r, g, of_n, r->du, turned(r, i));
    for (int64_t v = r->first; v < r->first + r->vectors; v++) {
      const int64_t u = v * MG_VW;
      const vf reset = vload(g + SLOT_R * P + u), dh = vload(r->du + u) * reset;
      vstore(g + SLOT_R * P + u, dh * (vset(1.0f) - reset) * vload(h + u));
      vstore(r->dh + u, vload(r->dh + u) + dh);
    }
    meet(r);
    add_dots(r, g, of_z_and_r, r->dh, turned(r, i));
  }
}
