/* tile_emulation.h: what AMX's tile instructions do, in plain C, for the tests of rnn_tiles_body.h. TDPBF16PS as Intel documents
 * it: for each float of c a sum over the even and one over the odd k, each a chain of fused multiply-adds; both are added, then c.
 * Round to nearest even; numbers below 2^-126 count and come out as 0. */
#ifndef TILE_EMULATION_H
#define TILE_EMULATION_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct tile { uint8_t row[16][64]; } tile;
static _Thread_local tile tiles[8];
static _Thread_local int tiles_configured;
static _Atomic int tiles_misused; /* an instruction outside open and close would end the process */
static int tiles_lose_a_pair;     /* a processor that computes wrongly */

static inline float flushed(float x) { return fabsf(x) < 0x1p-126f ? x * 0.0f : x; }

static float tile_float(const tile *t, int row, int column) {
  float x;
  memcpy(&x, t->row[row] + 4 * column, sizeof x);
  return x;
}

static float tile_bf16(const tile *t, int row, int number) {
  uint16_t half;
  memcpy(&half, t->row[row] + 2 * number, sizeof half);
  const uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return flushed(x);
}

/* a * b + c rounded once: the product of two bf16 has 16 bits, exact in double. */
static inline float fused(float a, float b, float c) { return flushed((float)((double)a * b + c)); }

static void tiles_open(void) {
  tiles_misused |= tiles_configured;
  tiles_configured = 1;
}
static void tiles_close(void) {
  tiles_configured = 0;
  memset(tiles, 0xff, sizeof tiles);
}
static void tile_zero(int t) {
  tiles_misused |= !tiles_configured;
  memset(&tiles[t], 0, sizeof tiles[t]);
}
static void tile_load(int t, const void *from, int64_t bytes) {
  tiles_misused |= !tiles_configured;
  for (int i = 0; i < 16; i++) memcpy(tiles[t].row[i], (const char *)from + i * bytes, 64);
}
static void tile_store(int t, void *to, int64_t bytes) {
  tiles_misused |= !tiles_configured;
  for (int i = 0; i < 16; i++) memcpy((char *)to + i * bytes, tiles[t].row[i], 64);
}

static void tile_dot_row(tile *c, const tile *a, const float b[16][32], int m) {
  float sum[32] = { 0 };
  for (int k = 0; k < 16 - tiles_lose_a_pair; k++) {
    const float even = tile_bf16(a, m, 2 * k), odd = tile_bf16(a, m, 2 * k + 1);
    for (int n = 0; n < 32; n += 2) {
      sum[n] = fused(even, b[k][n], sum[n]);
      sum[n + 1] = fused(odd, b[k][n + 1], sum[n + 1]);
    }
  }
  for (int n = 0; n < 16; n++) {
    const float total = flushed(tile_float(c, m, n) + flushed(sum[2 * n] + sum[2 * n + 1]));
    memcpy(c->row[m] + 4 * n, &total, sizeof total);
  }
}

static void tile_dot(int c, int a, int b) {
  float factors[16][32];
  tiles_misused |= !tiles_configured;
  for (int k = 0; k < 16; k++)
    for (int n = 0; n < 32; n++) factors[k][n] = tile_bf16(&tiles[b], k, n);
  for (int m = 0; m < 16; m++) tile_dot_row(&tiles[c], &tiles[a], factors, m);
}

#endif
