/* loss_kernels.h: rows of losses, once per type and instruction set. Private to cpu/loss*.c. */
#ifndef MG_CPU_LOSS_KERNELS_H
#define MG_CPU_LOSS_KERNELS_H

#include "isa.h"

/* All of one float type; N rows of C elements. */
typedef struct mg_loss_rows {
  int32_t kind; /* pointwise losses */
  double delta;
  int64_t classes;       /* C */
  void *loss;            /* (N) */
  const void *dloss;     /* (N) */
  const void *input;     /* (N,C): logits, prediction, or probabilities in cross-entropy's backward */
  const void *target;    /* (N,C), NULL: labels */
  const int32_t *labels; /* (N), checked */
  const void *weights;   /* (N), NULL: ones */
  void *result;          /* (N,C): probabilities (NULL: not wanted) or the gradient; may be the input */
} mg_loss_rows;

typedef void (*mg_loss_kernel)(const mg_loss_rows *rows, int64_t first, int64_t last /*exclusive*/);
typedef struct mg_loss_kernels {
  mg_loss_kernel cross_entropy_forward, cross_entropy_backward, pointwise_forward, pointwise_backward;
} mg_loss_kernels;

MG_ISA_DECLARE(mg_loss_kernels, mg_loss_float);
extern const mg_loss_kernels mg_loss_double;

#endif
