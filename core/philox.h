/* philox.h: the counter-based generator Philox 4x32-10, one block. Private; the same on every device.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef MG_PHILOX_H
#define MG_PHILOX_H

#include <stdint.h>

enum { MG_PHILOX_ROUNDS = 10 };
#define MG_PHILOX_M0 0xD2511F53u
#define MG_PHILOX_M1 0xCD9E8D57u
#define MG_PHILOX_W0 0x9E3779B9u /* what the key grows by each round: golden ratio and sqrt(3) - 1 */
#define MG_PHILOX_W1 0xBB67AE85u

static inline void mg_philox(uint32_t *out /*[4]*/, const uint32_t *counter /*[4]*/, const uint32_t *key /*[2]*/) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < MG_PHILOX_ROUNDS; round++) {
    uint64_t p0 = (uint64_t)MG_PHILOX_M0 * c0, p1 = (uint64_t)MG_PHILOX_M1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += MG_PHILOX_W0;
    k1 += MG_PHILOX_W1;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#endif
