/* random_body.h: several Philox blocks side by side, one in each 64-bit lane. Included once per instruction set (isa.h) with
 * VECTOR_BYTES the width and MULTIPLY_LOW(a, b) the product of the lanes' lower halves. Upper halves of the words
 * hold rubbish between rounds: only the products and the final packing read a word, and both take its lower half. */
#include "../philox.h"
#include "random_kernels.h"

typedef uint64_t lanes __attribute__((vector_size(VECTOR_BYTES)));
enum { LANES = VECTOR_BYTES / 8 };

static inline lanes splat(uint64_t x) { return x - (lanes){0}; }

static void philox_blocks(uint32_t *words, const mg_random_key *key, uint64_t first, int64_t count) {
  const lanes m0 = splat(MG_PHILOX_M0), m1 = splat(MG_PHILOX_M1), low = splat(0xFFFFFFFFu);
  const lanes stream_low = splat((uint32_t)key->stream), stream_high = splat(key->stream >> 32);
  lanes number;
  for (int i = 0; i < LANES; i++) number[i] = (uint64_t)i;
  for (int64_t at = 0; at < count; at += LANES) {
    lanes block = number + splat(first + (uint64_t)at);
    lanes c0 = block, c1 = block >> 32, c2 = stream_low, c3 = stream_high;
    uint32_t k0 = (uint32_t)key->seed, k1 = (uint32_t)(key->seed >> 32);
    for (int round = 0; round < MG_PHILOX_ROUNDS; round++) {
      lanes p0 = MULTIPLY_LOW(c0, m0), p1 = MULTIPLY_LOW(c2, m1);
      c0 = (p1 >> 32) ^ c1 ^ splat(k0);
      c1 = p1;
      c2 = (p0 >> 32) ^ c3 ^ splat(k1);
      c3 = p0;
      k0 += MG_PHILOX_W0;
      k1 += MG_PHILOX_W1;
    }
    lanes first_half = (c0 & low) | (c1 << 32), second_half = (c2 & low) | (c3 << 32);
    uint64_t pairs[2 * LANES];
    for (int i = 0; i < LANES; i++) pairs[2 * i] = first_half[i], pairs[2 * i + 1] = second_half[i];
    __builtin_memcpy(words + 4 * at, pairs, sizeof pairs);
  }
}

const mg_random_kernels MG_NAME(mg_random) = {philox_blocks};
