/* layer_norm.h: rows normalized, for layer_norm.c and its float32 loops. Private to core/cpu.
 *
 * n = (x - mean) inverse, inverse = 1 / sqrt(variance + epsilon), y = n gamma + beta; with g = dy gamma
 * dx = (g - mean(g) - n mean(g n)) inverse, dgamma = sum of dy n, dbeta = sum of dy. Ba, Kiros and Hinton 2016. */
#ifndef MG_LAYER_NORM_H
#define MG_LAYER_NORM_H

#include <stdint.h>

/* All rows (N, n), float32 or float64. */
typedef struct mg_norm_rows {
  int64_t n;
  double epsilon;
  void *y, *mean, *inverse; /* backward reads mean and inverse */
  const void *x, *gamma, *beta; /* gamma NULL: ones; beta NULL: zeros */
  void *dx;                 /* NULL: not wanted */
  const void *dy;
} mg_norm_rows;

/* Rows [first, end). sums: dgamma and dbeta of these rows, (2, n) [io]; NULL: not wanted. */
typedef struct mg_norm_piece {
  const mg_norm_rows *rows;
  int64_t first, end;
  double *sums;
} mg_norm_piece;

#endif
