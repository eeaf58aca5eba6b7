/* random_kernels.h: Philox blocks in bulk, once per instruction set. Private to cpu/random*.c. */
#ifndef MG_CPU_RANDOM_KERNELS_H
#define MG_CPU_RANDOM_KERNELS_H

#include "isa.h"

enum { MG_PHILOX_LANES = 8 };

typedef struct mg_random_kernels {
  /* Words of blocks first .. first+count-1 of the key's stream (its offset is not looked at), block after block; words has room for
   * count rounded up to MG_PHILOX_LANES blocks. */
  void (*blocks)(uint32_t *words, const mg_random_key *key, uint64_t first, int64_t count);
} mg_random_kernels;
MG_ISA_DECLARE(mg_random_kernels, mg_random);

double mg_normal_quantile(double p /*0 < p < 1*/); /* x with P(standard normal < x) = p */

#endif
