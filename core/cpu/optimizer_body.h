/* optimizer_body.h: the update formulas of keras/src/optimizers/{sgd,rmsprop,adam}.py (3.15). Included once per type and
 * instruction set with REAL, SQRT and TABLE, the table's name. w parameter, g gradient; (1 - beta) and the like are rounded once,
 * as there. w shrinks by learning_rate * weight_decay * w first (keras BaseOptimizer._apply_weight_decay). */
#include <math.h>
#include <stddef.h>

#include "optimizer_kernels.h"

static void sgd(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict m, int64_t n) {
  const REAL rate = (REAL)a->learning_rate, momentum = (REAL)a->momentum, decay = (REAL)(a->learning_rate * a->weight_decay);
  if (!m) {
    for (int64_t i = 0; i < n; i++) w[i] = w[i] - decay * w[i] - rate * g[i];
  } else if (a->flags & MG_OPTIMIZER_NESTEROV) {
    for (int64_t i = 0; i < n; i++) {
      m[i] = momentum * m[i] - rate * g[i];
      w[i] = w[i] - decay * w[i] + (momentum * m[i] - rate * g[i]);
    }
  } else {
    for (int64_t i = 0; i < n; i++) {
      m[i] = momentum * m[i] - rate * g[i];
      w[i] = w[i] - decay * w[i] + m[i];
    }
  }
}

/* increment[i] = rate * g / sqrt(v - mean^2 + epsilon); v and mean are the running averages of g^2 and, centered, g. */
static void rmsprop_increment(const mg_optimizer_args *a, REAL *restrict increment, const REAL *restrict g, REAL *restrict v,
                              REAL *restrict mean, int n) {
  const REAL rate = (REAL)a->learning_rate, rho = (REAL)a->rho, rest = (REAL)(1 - a->rho), epsilon = (REAL)a->epsilon;
  for (int i = 0; i < n; i++) v[i] = rho * v[i] + rest * (g[i] * g[i]);
  if (mean) {
    for (int i = 0; i < n; i++) {
      mean[i] = rho * mean[i] + rest * g[i];
      increment[i] = rate * g[i] / SQRT(v[i] - mean[i] * mean[i] + epsilon);
    }
  } else {
    for (int i = 0; i < n; i++) increment[i] = rate * g[i] / SQRT(v[i] + epsilon);
  }
}

static void rmsprop(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict v, REAL *restrict m,
                    REAL *restrict mean, int n) {
  enum { STEP = 256 };
  const REAL momentum = (REAL)a->momentum, decay = (REAL)(a->learning_rate * a->weight_decay);
  REAL increment[STEP];
  for (int at = 0; at < n; at += STEP) {
    const int count = n - at < STEP ? n - at : STEP;
    REAL *restrict wi = w + at;
    rmsprop_increment(a, increment, g + at, v + at, mean ? mean + at : NULL, count);
    if (m) {
      REAL *restrict mi = m + at;
      for (int i = 0; i < count; i++) {
        mi[i] = momentum * mi[i] + increment[i];
        wi[i] = wi[i] - decay * wi[i] - mi[i];
      }
    } else {
      for (int i = 0; i < count; i++) wi[i] = wi[i] - decay * wi[i] - increment[i];
    }
  }
}

static void adam(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict m, REAL *restrict v,
                 REAL *restrict highest, int64_t n) {
  const double step = (double)a->step;
  const REAL alpha = (REAL)(a->learning_rate * sqrt(1 - pow(a->beta_2, step)) / (1 - pow(a->beta_1, step)));
  const REAL rest_1 = (REAL)(1 - a->beta_1), rest_2 = (REAL)(1 - a->beta_2), epsilon = (REAL)a->epsilon;
  const REAL decay = (REAL)(a->learning_rate * a->weight_decay);
  if (highest) {
    for (int64_t i = 0; i < n; i++) {
      m[i] += (g[i] - m[i]) * rest_1;
      v[i] += (g[i] * g[i] - v[i]) * rest_2;
      highest[i] = highest[i] > v[i] ? highest[i] : v[i];
      w[i] = w[i] - decay * w[i] - m[i] * alpha / (SQRT(highest[i]) + epsilon);
    }
  } else {
    for (int64_t i = 0; i < n; i++) {
      m[i] += (g[i] - m[i]) * rest_1;
      v[i] += (g[i] * g[i] - v[i]) * rest_2;
      w[i] = w[i] - decay * w[i] - m[i] * alpha / (SQRT(v[i]) + epsilon);
    }
  }
}

static void update(const mg_optimizer_args *args, const mg_optimizer_memory *memory, int64_t at, int64_t n) {
  REAL *w = (REAL *)memory->parameter + at, *state[3];
  const REAL *g = (const REAL *)memory->gradient + at;
  for (int i = 0; i < 3; i++) state[i] = memory->state[i] ? (REAL *)memory->state[i] + at : NULL;
  if (args->kind == MG_OPTIMIZER_SGD) sgd(args, w, g, state[0], n);
  else if (args->kind == MG_OPTIMIZER_RMSPROP) rmsprop(args, w, g, state[0], state[1], state[2], (int)n);
  else adam(args, w, g, state[0], state[1], state[2], n);
}

const mg_optimizer_kernels TABLE = {update};
