/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

struct sip_state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static void sip_absorb(struct sip_state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* The last word: what is left of the input, and its length modulo 256 on top. */
static uint64_t last_word(const unsigned char *tail, size_t tail_len, size_t len)
{
	uint64_t word = (uint64_t)len << 56;

	for (size_t i = 0; i < tail_len; i++)
		word |= (uint64_t)tail[i] << (8 * i);
	return word;
}

uint64_t hash_bytes(struct hash_key key, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	struct sip_state s = {
		.v0 = key.k0 ^ 0x736f6d6570736575ull,
		.v1 = key.k1 ^ 0x646f72616e646f6dull,
		.v2 = key.k0 ^ 0x6c7967656e657261ull,
		.v3 = key.k1 ^ 0x7465646279746573ull,
	};
	size_t whole = len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		sip_absorb(&s, word);
	}
	sip_absorb(&s, last_word(bytes + whole, len - whole, len));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct hash_key hash_key_from_seed(const char *seed)
{
	size_t len = strlen(seed);
	struct hash_key first = { .k0 = 1, .k1 = 2 };
	struct hash_key second = { .k0 = 3, .k1 = 4 };

	return (struct hash_key){
		.k0 = hash_bytes(first, seed, len),
		.k1 = hash_bytes(second, seed, len) | 1,
	};
}
