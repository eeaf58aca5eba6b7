/* tiles_here.h: products in tiles through the emulation of tile_emulation.h, and through AMX where the processor has it. */
#ifndef TILES_HERE_H
#define TILES_HERE_H

#include "cpu/isa.h"
#include "tile_emulation.h"
#include "cpu/rnn_tiles_body.h"

static const rnn_engine emulated = { .name = "emulation", .most = 3, .tiles = 1, .panel = 2, .multiply = tiles_multiply };
static const rnn_engine no_tiles = { .name = "no tiles" };

static inline const rnn_engine *tiles_here(void) {
#ifdef MG_COMPILED_AMX
  if (mg_cpu_isa() == MG_ISA_AMX) return &rnn_tiles_amx;
#endif
  return &emulated;
}

#endif
