/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4 6.2.2) by the CPU's SHA extensions. */
#include "provider.h"

#include <cpuid.h>
#include <immintrin.h>

#define CPUID_7_EBX_SHA   (1u << 29)
#define CPUID_1_ECX_SSE41 (1u << 19)
#define ROUNDS_PER_STEP   4
#define STEPS             16

static const uint32_t constants[STEPS * ROUNDS_PER_STEP] __attribute__((aligned(16))) = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

enum cpu { CPU_UNKNOWN, CPU_CANNOT, CPU_CAN };

/* Written by whoever asks first, always the same answer. */
static int cpu;

static enum cpu cpu_ask(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & CPUID_1_ECX_SSE41) == 0)
		return CPU_CANNOT;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & CPUID_7_EBX_SHA) == 0)
		return CPU_CANNOT;
	return CPU_CAN;
}

static bool cpu_can(void)
{
	int known = __atomic_load_n(&cpu, __ATOMIC_RELAXED);

	if (known == CPU_UNKNOWN) {
		known = cpu_ask();
		__atomic_store_n(&cpu, known, __ATOMIC_RELAXED);
	}
	return known == CPU_CAN;
}

/* The next four words of the message schedule, from the last sixteen. */
__attribute__((target("sha,sse4.1"))) static inline __m128i schedule(const __m128i w[4])
{
	__m128i next = _mm_sha256msg1_epu32(w[0], w[1]);

	next = _mm_add_epi32(next, _mm_alignr_epi8(w[3], w[2], 4));
	return _mm_sha256msg2_epu32(next, w[3]);
}

__attribute__((target("sha,sse4.1"))) static void compress(uint32_t state[8], const uint8_t *block)
{
	const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	__m128i low = _mm_loadu_si128((const __m128i *)&state[0]);  /* d c b a */
	__m128i high = _mm_loadu_si128((const __m128i *)&state[4]); /* h g f e */
	__m128i abef, cdgh, abef_start, cdgh_start, w[4];

	low = _mm_shuffle_epi32(low, 0xb1);   /* c d a b */
	high = _mm_shuffle_epi32(high, 0x1b); /* e f g h */
	abef = abef_start = _mm_alignr_epi8(low, high, 8);
	cdgh = cdgh_start = _mm_blend_epi16(high, low, 0xf0);
	for (unsigned i = 0; i < 4; i++)
		w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), swap);
#pragma GCC unroll 16
	for (unsigned step = 0; step < STEPS; step++) {
		const __m128i *k = (const __m128i *)&constants[step * ROUNDS_PER_STEP];
		__m128i sum = _mm_add_epi32(w[0], _mm_load_si128(k));
		__m128i next = schedule(w);

		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
		w[0] = w[1], w[1] = w[2], w[2] = w[3], w[3] = next;
	}
	abef = _mm_add_epi32(abef, abef_start);
	cdgh = _mm_add_epi32(cdgh, cdgh_start);
	low = _mm_shuffle_epi32(abef, 0x1b); /* a b e f, from the low end on: see the stores */
	high = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)&state[0], _mm_blend_epi16(low, high, 0xf0));
	_mm_storeu_si128((__m128i *)&state[4], _mm_alignr_epi8(high, low, 8));
}

bool sha256_block(uint32_t state[8], const uint8_t block[64])
{
	if (!cpu_can())
		return false;
	compress(state, block);
	return true;
}
