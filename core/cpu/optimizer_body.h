/* optimizer_body.h: the update formulas of Keras (keras/src/optimizers, 3.15). Included once per type and instruction set with
 * REAL, SQRT and TABLE, the table's name. w parameter, g gradient; (1 - beta) and the like are rounded once, as there. w shrinks by
 * learning_rate * weight_decay * w first (keras BaseOptimizer._apply_weight_decay). */
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

static void adagrad(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict sum, int64_t n) {
  const REAL rate = (REAL)a->learning_rate, epsilon = (REAL)a->epsilon, decay = (REAL)(a->learning_rate * a->weight_decay);
  for (int64_t i = 0; i < n; i++) {
    sum[i] += g[i] * g[i];
    w[i] = w[i] - decay * w[i] - rate * g[i] / SQRT(sum[i] + epsilon);
  }
}

/* squares and updates are the running averages of g^2 and of the squared updates. */
static void adadelta(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict squares,
                     REAL *restrict updates, int64_t n) {
  const REAL rate = (REAL)a->learning_rate, rho = (REAL)a->rho, rest = (REAL)(1 - a->rho), epsilon = (REAL)a->epsilon;
  const REAL decay = (REAL)(a->learning_rate * a->weight_decay);
  for (int64_t i = 0; i < n; i++) {
    squares[i] = rho * squares[i] + rest * (g[i] * g[i]);
    const REAL delta = SQRT(updates[i] + epsilon) * g[i] / SQRT(squares[i] + epsilon);
    updates[i] = rho * updates[i] + rest * (delta * delta);
    w[i] = w[i] - decay * w[i] - rate * delta;
  }
}

static void adamax(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict m, REAL *restrict u,
                   int64_t n) {
  const REAL rate = (REAL)(a->learning_rate / (1 - pow(a->beta_1, (double)a->step))), rest = (REAL)(1 - a->beta_1);
  const REAL beta_2 = (REAL)a->beta_2, epsilon = (REAL)a->epsilon, decay = (REAL)(a->learning_rate * a->weight_decay);
  for (int64_t i = 0; i < n; i++) {
    const REAL size = g[i] < 0 ? -g[i] : g[i], before = beta_2 * u[i];
    m[i] += (g[i] - m[i]) * rest;
    u[i] = before > size ? before : size;
    w[i] = w[i] - decay * w[i] - m[i] * rate / (u[i] + epsilon);
  }
}

/* The momentum of step t is beta_1 (1 - 0.96^t / 2). */
static double nadam_momentum(const mg_optimizer_args *a, double step) { return a->beta_1 * (1 - 0.5 * pow(0.96, step)); }

static void nadam(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict m, REAL *restrict v,
                  int64_t n) {
  const double step = (double)a->step, now = nadam_momentum(a, step), next = nadam_momentum(a, step + 1);
  const REAL of_m = (REAL)(a->learning_rate * next / (1 - a->rho * next));
  const REAL of_g = (REAL)(a->learning_rate * (1 - now) / (1 - a->rho));
  const REAL rest_1 = (REAL)(1 - a->beta_1), rest_2 = (REAL)(1 - a->beta_2), epsilon = (REAL)a->epsilon;
  const REAL whole = (REAL)(1 / (1 - pow(a->beta_2, step))), decay = (REAL)(a->learning_rate * a->weight_decay);
  for (int64_t i = 0; i < n; i++) {
    m[i] += (g[i] - m[i]) * rest_1;
    v[i] += (g[i] * g[i] - v[i]) * rest_2;
    w[i] = w[i] - decay * w[i] - (m[i] * of_m + g[i] * of_g) / (SQRT(v[i] * whole) + epsilon);
  }
}

static void lion(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, REAL *restrict m, int64_t n) {
  const REAL rate = (REAL)a->learning_rate, beta_1 = (REAL)a->beta_1, rest_1 = (REAL)(1 - a->beta_1), beta_2 = (REAL)a->beta_2;
  const REAL rest_2 = (REAL)(1 - a->beta_2), decay = (REAL)(a->learning_rate * a->weight_decay);
  for (int64_t i = 0; i < n; i++) {
    const REAL c = beta_1 * m[i] + rest_1 * g[i];
    const REAL sign = c > 0 ? (REAL)1 : c < 0 ? (REAL)-1 : c; /* NaN stays */
    w[i] = w[i] - decay * w[i] - rate * sign;
    m[i] = beta_2 * m[i] + rest_2 * g[i];
  }
}

static void average(const mg_optimizer_args *a, REAL *restrict w, const REAL *restrict g, int64_t n) {
  const REAL momentum = (REAL)a->momentum, rest = (REAL)(1 - a->momentum);
  for (int64_t i = 0; i < n; i++) w[i] = momentum * w[i] + rest * g[i];
}

/* n elements from here on: w, g and the states. */
static void update_run(const mg_optimizer_args *args, REAL *w, const REAL *g, REAL *const *state, int64_t n) {
  switch (args->kind) {
    case MG_OPTIMIZER_SGD: sgd(args, w, g, state[0], n); break;
    case MG_OPTIMIZER_RMSPROP: rmsprop(args, w, g, state[0], state[1], state[2], (int)n); break;
    case MG_OPTIMIZER_ADAGRAD: adagrad(args, w, g, state[0], n); break;
    case MG_OPTIMIZER_ADADELTA: adadelta(args, w, g, state[0], state[1], n); break;
    case MG_OPTIMIZER_ADAMAX: adamax(args, w, g, state[0], state[1], n); break;
    case MG_OPTIMIZER_NADAM: nadam(args, w, g, state[0], state[1], n); break;
    case MG_OPTIMIZER_LION: lion(args, w, g, state[0], n); break;
    case MG_OPTIMIZER_AVERAGE: average(args, w, g, n); break;
    default: adam(args, w, g, state[0], state[1], state[2], n);
  }
}

/* The gradient scaled and clipped; NaN stays. */
static void prepare(const mg_optimizer_args *args, REAL *restrict out, const REAL *restrict g, int64_t n) {
  const REAL scale = args->flags & MG_OPTIMIZER_SCALED ? (REAL)args->gradient_scale : (REAL)1;
  const REAL limit = (REAL)args->gradient_limit;
  if (!(args->flags & MG_OPTIMIZER_CLIPPED)) {
    for (int64_t i = 0; i < n; i++) out[i] = g[i] * scale;
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const REAL v = g[i] * scale, low = v < -limit ? -limit : v;
    out[i] = low > limit ? limit : low;
  }
}

static void update(const mg_optimizer_args *args, const mg_optimizer_memory *memory, int64_t at, int64_t n) {
  enum { RUN = 2048 }; /* elements of the prepared gradient, on the stack */
  const int prepared = (args->flags & (MG_OPTIMIZER_SCALED | MG_OPTIMIZER_CLIPPED)) != 0;
  REAL own[RUN];
  for (int64_t done = 0, count; done < n; done += count) {
    const REAL *g = (const REAL *)memory->gradient + at + done;
    REAL *state[3];
    count = prepared && n - done > RUN ? RUN : n - done;
    for (int i = 0; i < 3; i++) state[i] = memory->state[i] ? (REAL *)memory->state[i] + at + done : NULL;
    if (prepared) prepare(args, own, g, count);
    update_run(args, (REAL *)memory->parameter + at + done, prepared ? own : g, state, count);
  }
}

const mg_optimizer_kernels TABLE = {update};
