/* rnn_case.h: random calls of recurrent layers for the tests. A case is described by a rnn_shape; equal seeds give equal numbers in
 * both dtypes (all are float32 numbers), so a float64 case is the truth for the float32 one. */
#ifndef RNN_CASE_H
#define RNN_CASE_H

#include "check.h"

enum { GRU, LSTM, SIMPLE, KINDS };
typedef struct rnn_ops {
  const char *name;
  int gates;
  mg_status (*saved_size)(int64_t *elements, const mg_rnn_args *args);
  mg_status (*forward)(mg_rnn_args *args);
  mg_status (*backward)(const mg_rnn_args *args);
  mg_status (*explain)(mg_plan *plan, const mg_rnn_args *args);
} rnn_ops;
static const rnn_ops case_ops[KINDS] = {
  { "gru", 3, mg_gru_saved_size, mg_gru_forward, mg_gru_backward, mg_gru_explain },
  { "lstm", 4, mg_lstm_saved_size, mg_lstm_forward, mg_lstm_backward, mg_lstm_explain },
  { "simple_rnn", 1, mg_simple_rnn_saved_size, mg_simple_rnn_forward, mg_simple_rnn_backward, mg_simple_rnn_explain },
};

typedef struct rnn_shape {
  int kind;
  int64_t B, T, F, U;
  uint32_t flags;
  int bias, initial, mask, nan_when_masked, dropout /*0, 1 mask, 3: one a gate*/;
  int recurrent_dropout /*0, 1: one a gate, 2: one for all where that is allowed*/, dstate, no_doutput;
  mg_activation activation, recurrent_activation;
  double gain; /* weights are uniform within gain / sqrt(max(F, U)); 0: 1.5 */
  uint64_t seed;
} rnn_shape;

enum { MASK_NONE, MASK_ANY, MASK_ROW /* row 0 masked throughout */, MASK_RIGHT };

typedef struct rnn_case {
  const rnn_ops *ops;
  rnn_shape shape;
  mg_dtype dtype;
  mg_rnn_args args;
  mg_tensor *own[48];
  int count;
} rnn_case;

static uint64_t case_random;
static double next_uniform(void) { /* -1..1 */
  case_random ^= case_random << 13;
  case_random ^= case_random >> 7;
  case_random ^= case_random << 17;
  return (double)(float)((double)(case_random >> 40) / 8388608.0 - 1.0);
}

static void set_element(mg_tensor *t, int64_t i, double value) {
  void *data = mg_tensor_data(t);
  if (mg_tensor_dtype(t) == MG_FLOAT32) ((float *)data)[i] = (float)value;
  else if (mg_tensor_dtype(t) == MG_FLOAT64) ((double *)data)[i] = value;
  else ((uint8_t *)data)[i] = (uint8_t)value;
}

static mg_tensor *keep(rnn_case *c, mg_tensor *t) { return c->own[c->count++] = t; }

static mg_tensor *case_tensor(rnn_case *c, mg_dtype dtype, int32_t ndim, const int64_t *shape) {
  return keep(c, new_tensor(dtype, ndim, shape));
}

static mg_tensor *random_tensor(rnn_case *c, double scale, int32_t ndim, const int64_t *shape) {
  mg_tensor *t = case_tensor(c, c->dtype, ndim, shape);
  for (int64_t i = 0; i < mg_tensor_size(t); i++) set_element(t, i, (double)(float)(scale * next_uniform()));
  return t;
}

/* 0 with probability a quarter, else 4/3. */
static mg_tensor *dropout_tensor(rnn_case *c, int64_t rows, int64_t columns) {
  mg_tensor *t = case_tensor(c, c->dtype, SHAPE(rows, columns));
  for (int64_t i = 0; i < mg_tensor_size(t); i++) set_element(t, i, next_uniform() < -0.5 ? 0 : (double)(4.0f / 3.0f));
  return t;
}

static int case_counts(int kind, int64_t b, int64_t t, int64_t T) {
  double u = next_uniform();
  if (kind == MASK_RIGHT) return t <= (b * 7 + 2) % (T + 1);
  return kind == MASK_ROW ? b != 0 && u > -0.3 : u > -0.3;
}

static mg_tensor *sequence_tensor(rnn_case *c, double scale, int64_t width) {
  const rnn_shape *s = &c->shape;
  int major = (s->flags & MG_RNN_TIME_MAJOR) != 0;
  return random_tensor(c, scale, SHAPE(major ? s->T : s->B, major ? s->B : s->T, width));
}

static void add_mask(rnn_case *c) {
  const rnn_shape *s = &c->shape;
  int major = (s->flags & MG_RNN_TIME_MAJOR) != 0;
  mg_tensor *mask = case_tensor(c, MG_UINT8, SHAPE(major ? s->T : s->B, major ? s->B : s->T));
  for (int64_t i = 0; i < s->B * s->T; i++) {
    int64_t b = major ? i % s->B : i / s->T, t = major ? i / s->B : i % s->T;
    int counts = case_counts(s->mask, b, t, s->T);
    set_element(mask, i, counts ? 1 + (double)(i % 3) : 0);
    for (int64_t f = 0; !counts && s->nan_when_masked && f < s->F; f++) set_element((mg_tensor *)c->args.x, i * s->F + f, NAN);
  }
  c->args.mask = mask;
}

static void add_inputs(rnn_case *c) {
  const rnn_shape shape = c->shape;
  const int64_t B = shape.B, U = shape.U, G = c->ops->gates, columns = G * U;
  c->args.x = sequence_tensor(c, 1.0, shape.F);
  const double gain = shape.gain > 0 ? shape.gain : 1.5, scale = 1.0 / sqrt((double)(shape.F > U ? shape.F : U));
  c->args.kernel = random_tensor(c, gain * scale, SHAPE(shape.F, columns));
  c->args.recurrent_kernel = random_tensor(c, gain * scale, SHAPE(U, columns));
  if (shape.bias)
    c->args.bias =
        shape.flags & MG_GRU_RESET_AFTER ? random_tensor(c, 0.5, SHAPE(2, columns)) : random_tensor(c, 0.5, SHAPE(columns));
  if (shape.initial) c->args.initial_state = random_tensor(c, 0.8, SHAPE(B, U));
  if (shape.initial && shape.kind == LSTM) c->args.initial_carry = random_tensor(c, 1.2, SHAPE(B, U));
  if (shape.mask) add_mask(c);
  for (int g = 0; g < (shape.dropout < 3 ? shape.dropout : G); g++) c->args.dropout_masks[g] = dropout_tensor(c, B, shape.F);
  const int shared = shape.recurrent_dropout == 2 && shape.kind != GRU;
  for (int g = 0; shape.recurrent_dropout && g < (shared ? 1 : G); g++)
    c->args.recurrent_dropout_masks[g] = dropout_tensor(c, B, U);
}

static void add_outputs(rnn_case *c) {
  const rnn_shape shape = c->shape;
  const int64_t B = shape.B, U = shape.U, columns = c->ops->gates * U;
  const int sequences = (shape.flags & MG_RNN_RETURN_SEQUENCES) != 0;
  c->args.output = sequences ? sequence_tensor(c, 0, U) : random_tensor(c, 0, SHAPE(B, U));
  c->args.state = random_tensor(c, 0, SHAPE(B, U));
  if (shape.kind == LSTM) c->args.carry = random_tensor(c, 0, SHAPE(B, U));
  c->args.gates = sequence_tensor(c, 9, columns);
}

static void add_gradients(rnn_case *c) {
  const rnn_shape shape = c->shape;
  const int64_t B = shape.B, U = shape.U, columns = c->ops->gates * U;
  const int sequences = (shape.flags & MG_RNN_RETURN_SEQUENCES) != 0;
  if (!shape.no_doutput) c->args.doutput = sequences ? sequence_tensor(c, 1, U) : random_tensor(c, 1, SHAPE(B, U));
  if (shape.dstate) c->args.dstate = random_tensor(c, 1, SHAPE(B, U));
  if (shape.dstate && shape.kind == LSTM) c->args.dcarry = random_tensor(c, 1, SHAPE(B, U));
  c->args.dx = sequence_tensor(c, 9, shape.F);
  c->args.dkernel = random_tensor(c, 9, SHAPE(shape.F, columns));
  c->args.drecurrent_kernel = random_tensor(c, 9, SHAPE(U, columns));
  if (shape.bias) c->args.dbias = random_tensor(c, 9, mg_tensor_ndim(c->args.bias), mg_tensor_shape(c->args.bias));
  c->args.dinitial_state = random_tensor(c, 9, SHAPE(B, U));
  if (shape.kind == LSTM) c->args.dinitial_carry = random_tensor(c, 9, SHAPE(B, U));
}

static inline rnn_case new_case(rnn_shape shape, mg_dtype dtype) {
  rnn_case made = { .shape = shape, .dtype = dtype, .ops = &case_ops[shape.kind] }, *c = &made;
  if (shape.kind != GRU) c->shape.flags &= ~(uint32_t)MG_GRU_RESET_AFTER;
  case_random = shape.seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
  c->args.flags = c->shape.flags;
  c->args.activation = shape.activation;
  c->args.recurrent_activation = shape.recurrent_activation;
  add_inputs(c);
  add_outputs(c);
  add_gradients(c);
  int64_t elements;
  check_must(c->ops->saved_size(&elements, &c->args));
  c->args.saved = random_tensor(c, 9, SHAPE(elements));
  return made;
}

static inline void free_case(rnn_case *c) {
  for (int i = 0; i < c->count; i++) mg_tensor_destroy(c->own[i]);
}

static const mg_activation act_tanh = { .kind = MG_ACT_TANH }, act_sigmoid = { .kind = MG_ACT_SIGMOID };

/* Argument sets that cover every option, from the bits of `number`. */
static inline rnn_shape shape_number(unsigned number) {
  static const uint32_t flags[] = { MG_RNN_GO_BACKWARDS, MG_RNN_RETURN_SEQUENCES, MG_RNN_ZERO_OUTPUT_FOR_MASK, MG_RNN_TIME_MAJOR,
                                    MG_RNN_RECOMPUTE, MG_GRU_RESET_AFTER };
  uint64_t bits = (number + 1) * 0x9e3779b97f4a7c15u;
  bits ^= bits >> 29;
  rnn_shape s = { .B = 1 + (int64_t)(bits >> 8 & 3),
                  .T = 1 + (int64_t)(bits >> 10 & 3),
                  .F = 1 + (int64_t)(bits >> 12 & 3),
                  .U = 1 + (int64_t)(bits >> 14) % 5,
                  .seed = number + 1,
                  .activation = act_tanh,
                  .recurrent_activation = act_sigmoid };
  for (int i = 0; i < 6; i++) s.flags |= bits >> (20 + i) & 1 ? flags[i] : 0;
  s.bias = bits >> 26 & 1;
  s.initial = bits >> 27 & 1;
  s.mask = (int)(bits >> 28 & 3);
  s.nan_when_masked = bits >> 30 & 1;
  s.dropout = (int[]){ 0, 1, 3, 0 }[bits >> 31 & 3];
  s.recurrent_dropout = (int[]){ 1, 0, 2, 0 }[bits >> 33 & 3];
  s.dstate = bits >> 35 & 1;
  s.no_doutput = (bits >> 36 & 7) == 0 && s.dstate;
  return s;
}

#endif
