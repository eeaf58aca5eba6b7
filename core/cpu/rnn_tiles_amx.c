/* rnn_tiles_amx.c: products of bf16 pieces with AMX. Tiles are configured for one product and released after it: between products
 * a thread holds no tile state, neither for other code nor for the kernel to save. */
#include <immintrin.h>

#include "isa.h"
#include "rnn_pieces.h"

/* Palette 1: bytes of a row as 16 bits from byte 16 on, rows from byte 48 on. */
typedef struct tile_config {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;
#define EIGHT(x) { x, x, x, x, x, x, x, x }
static const _Alignas(64) tile_config eight_tiles = { .palette = 1, .row_bytes = EIGHT(64), .rows = EIGHT(16) };

/* gcc's _tile_loadd does not tell the compiler that it reads memory: what was written before must be there. */
static inline void tiles_open(void) {
  __asm__ volatile("" ::: "memory");
  _tile_loadconfig(&eight_tiles);
}
#define tiles_close() _tile_release()
#define tile_zero(t) _tile_zero(t)
#define tile_load(t, from, bytes) _tile_loadd(t, from, bytes)
#define tile_store(t, to, bytes) _tile_stored(t, to, bytes)
#define tile_dot(c, a, b) _tile_dpbf16ps(c, a, b)
#include "rnn_tiles_body.h"

const rnn_engine rnn_tiles_amx = { .name = "TDPBF16PS", .most = 3, .tiles = 1, .panel = 2, .multiply = tiles_multiply };

int mg_amx_check(void) { return tiles_check(); }
