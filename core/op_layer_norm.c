/* op_layer_norm.c: rows normalized to mean 0 and variance 1, and back. */
#include <math.h>

#include "backend.h"
#include "error.h"

enum { MOST = 8 };

/* Contiguous stand-ins for operands, outputs first; absent ones are empty handles. */
typedef struct operands {
  mg_tensor t[MOST];
  mg_tensor *out[MOST]; /* NULL: an input */
  int count;
} operands;

static const mg_tensor *take_input(operands *o, const mg_tensor *x, mg_status *status) {
  mg_tensor *t = &o->t[o->count];
  if (x == NULL || *status != MG_OK) return NULL;
  *status = mg_borrow_contiguous(t, x);
  if (*status == MG_OK) o->count++;
  return t;
}

static mg_tensor *take_output(operands *o, mg_tensor *out, mg_status *status) {
  mg_tensor *t = &o->t[o->count];
  if (out == NULL || *status != MG_OK) return NULL;
  *status = mg_borrow_output(t, out);
  if (*status == MG_OK) o->out[o->count++] = out;
  return t;
}

static mg_status finish(operands *o, mg_status status) {
  for (int i = 0; i < o->count; i++) {
    if (o->out[i] != NULL) status = mg_return_output(&o->t[i], o->out[i], status);
    else mg_release(&o->t[i]);
  }
  return status;
}

/* x (N, C) with C >= 1. */
static mg_status check_rows(const char *op, const mg_tensor *x) {
  MG_TRY(mg_check_float(op, "x", x));
  if (x->ndim != 2) return mg_fail(MG_ESHAPE, "%s: x %s: expected (N, C); reshape leading axes into one", op, mg_shape_text(x));
  if (x->shape[1] == 0 && x->shape[0] > 0) return mg_fail(MG_ESHAPE, "%s: x %s has rows of no element", op, mg_shape_text(x));
  return MG_OK;
}

/* t as x, or of the size of one of its axes. */
static mg_status check_like_x(const char *op, const char *name, const mg_tensor *t, const mg_tensor *x) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_like(op, name, t, "x", x));
  return mg_check_same_shape(op, name, t, "x", x);
}
static mg_status check_vector(const char *op, const char *name, const mg_tensor *t, const mg_tensor *x, int axis) {
  MG_TRY(mg_check_tensor(op, name, t));
  MG_TRY(mg_check_like(op, name, t, "x", x));
  return mg_check_shape(op, name, t, 1, x->shape + axis);
}

mg_status mg_layer_norm_forward(mg_tensor *y, mg_tensor *mean, mg_tensor *inverse, const mg_tensor *x, const mg_tensor *gamma,
                                const mg_tensor *beta, double epsilon) {
  const char *op = "layer_norm";
  MG_TRY(check_rows(op, x));
  if (!(epsilon >= 0 && isfinite(epsilon)))
    return mg_fail(MG_EINVAL, "%s: epsilon is %g; expected a finite number, 0 or more", op, epsilon);
  if (gamma != NULL) MG_TRY(check_vector(op, "gamma", gamma, x, 1));
  if (beta != NULL) MG_TRY(check_vector(op, "beta", beta, x, 1));
  MG_TRY(check_like_x(op, "y", y, x));
  MG_TRY(check_vector(op, "mean", mean, x, 0));
  MG_TRY(check_vector(op, "inverse", inverse, x, 0));
  const mg_tensor *others[] = { x, gamma, beta, y, mean };
  MG_TRY(mg_check_out(op, "y", y, others, 3));
  MG_TRY(mg_check_out(op, "mean", mean, others, 4));
  MG_TRY(mg_check_out(op, "inverse", inverse, others, 5));
  const mg_backend *backend = x->buffer->backend;
  MG_TRY(mg_check_offered(op, x, backend->layer_norm_forward != NULL));
  if (x->shape[0] == 0) return MG_OK;
  operands o = { .count = 0 };
  mg_status status = MG_OK;
  y = take_output(&o, y, &status);
  mean = take_output(&o, mean, &status);
  inverse = take_output(&o, inverse, &status);
  x = take_input(&o, x, &status);
  gamma = take_input(&o, gamma, &status);
  beta = take_input(&o, beta, &status);
  if (status == MG_OK) status = backend->layer_norm_forward(y, mean, inverse, x, gamma, beta, epsilon);
  return finish(&o, status);
}

mg_status mg_layer_norm_backward(mg_tensor *dx, mg_tensor *dgamma, mg_tensor *dbeta, const mg_tensor *dy, const mg_tensor *x,
                                 const mg_tensor *mean, const mg_tensor *inverse, const mg_tensor *gamma) {
  const char *op = "layer_norm backward";
  MG_TRY(check_rows(op, x));
  MG_TRY(check_like_x(op, "dy", dy, x));
  MG_TRY(check_vector(op, "mean", mean, x, 0));
  MG_TRY(check_vector(op, "inverse", inverse, x, 0));
  if (gamma != NULL) MG_TRY(check_vector(op, "gamma", gamma, x, 1));
  if (dx != NULL) MG_TRY(check_like_x(op, "dx", dx, x));
  if (dgamma != NULL) MG_TRY(check_vector(op, "dgamma", dgamma, x, 1));
  if (dbeta != NULL) MG_TRY(check_vector(op, "dbeta", dbeta, x, 1));
  const mg_tensor *others[] = { dy, x, mean, inverse, gamma, dx, dgamma };
  if (dx != NULL) MG_TRY(mg_check_out(op, "dx", dx, others, 5));
  if (dgamma != NULL) MG_TRY(mg_check_out(op, "dgamma", dgamma, others, 6));
  if (dbeta != NULL) MG_TRY(mg_check_out(op, "dbeta", dbeta, others, 7));
  const mg_backend *backend = x->buffer->backend;
  MG_TRY(mg_check_offered(op, x, backend->layer_norm_backward != NULL));
  mg_status status = MG_OK;
  if (x->shape[0] == 0) { /* sums of nothing */
    if (dgamma != NULL) status = mg_fill(dgamma, 0);
    if (dbeta != NULL && status == MG_OK) status = mg_fill(dbeta, 0);
    return status;
  }
  operands o = { .count = 0 };
  dx = take_output(&o, dx, &status);
  dgamma = take_output(&o, dgamma, &status);
  dbeta = take_output(&o, dbeta, &status);
  dy = take_input(&o, dy, &status);
  x = take_input(&o, x, &status);
  mean = take_input(&o, mean, &status);
  inverse = take_input(&o, inverse, &status);
  gamma = take_input(&o, gamma, &status);
  if (status == MG_OK) status = backend->layer_norm_backward(dx, dgamma, dbeta, dy, x, mean, inverse, gamma);
  return finish(&o, status);
}
