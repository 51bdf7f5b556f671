/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Keyed hashes. The key is the fleet-wide seed of the configuration: appliances with the same seed
 * make the same choice, and who does not know it cannot aim collisions.
 */
struct hash_key {
	uint64_t k0;
	uint64_t k1;
};

/* SipHash-2-4 (Aumasson, Bernstein 2012) of len bytes. For names and strings. Any thread. */
uint64_t hash_bytes(struct hash_key key, const void *data, size_t len);

/* Derives a key from the words of a configured seed; the empty string is a valid seed. */
struct hash_key hash_key_from_seed(const char *seed);

/* Folds the 128-bit product of two words: non-linear in both, unlike a CRC. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed hash of two 64-bit words: a five-tuple of IPv4 fits. For the packet path. */
static inline uint64_t hash_words2(struct hash_key key, uint64_t a, uint64_t b)
{
	uint64_t h = hash_fold(a ^ key.k0, b ^ key.k1);

	return hash_fold(h ^ key.k1, key.k0 ^ 0x9e3779b97f4a7c15ull);
}

/* Keyed hash of five 64-bit words: a five-tuple of IPv6 fits. */
static inline uint64_t hash_words5(struct hash_key key, const uint64_t words[5])
{
	uint64_t h = hash_fold(words[0] ^ key.k0, words[1] ^ key.k1);

	h ^= hash_fold(words[2] ^ key.k1, words[3] ^ key.k0 ^ 0xa0761d6478bd642full);
	return hash_fold(h ^ words[4] ^ key.k1, key.k0 ^ 0x9e3779b97f4a7c15ull);
}

#endif
