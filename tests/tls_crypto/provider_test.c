/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto provider by itself, against published values. */
#include "crypto/provider.h"

#include <string.h>

#include "support/support.h"

/* RFC 7748 6.1 */
static const uint8_t alice_private[X25519_BYTES] = { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
	0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99,
	0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a };
static const uint8_t alice_public[X25519_BYTES] = { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
	0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a,
	0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a };
static const uint8_t bob_public[X25519_BYTES] = { 0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4,
	0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67,
	0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f };
static const uint8_t shared[X25519_BYTES] = { 0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72,
	0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33,
	0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42 };

static void x25519_agrees_with_rfc_7748(void **state)
{
	uint8_t out[X25519_BYTES], masked[X25519_BYTES];

	(void)state;
	assert_int_equal(x25519_public(alice_private, out), 0);
	assert_memory_equal(out, alice_public, sizeof(out));
	assert_int_equal(x25519_agree(alice_private, bob_public, out), 0);
	assert_memory_equal(out, shared, sizeof(out));
	/* The highest bit of a point does not count (RFC 7748 5). */
	memcpy(masked, bob_public, sizeof(masked));
	masked[31] |= 128;
	assert_int_equal(x25519_agree(alice_private, masked, out), 0);
	assert_memory_equal(out, shared, sizeof(out));
}

static void x25519_refuses_points_of_small_order(void **state)
{
	uint8_t point[X25519_BYTES] = { 0 }, out[X25519_BYTES];

	(void)state;
	assert_int_equal(x25519_agree(alice_private, point, out), -1);
	point[0] = 1;
	assert_int_equal(x25519_agree(alice_private, point, out), -1);
}

static void p256_agrees_both_ways(void **state)
{
	uint8_t one[P256_BYTES] = { 1, 2, 3 }, other[P256_BYTES] = { 4, 5, 6 };
	uint8_t one_point[P256_POINT_BYTES], other_point[P256_POINT_BYTES];
	uint8_t there[P256_BYTES], back[P256_BYTES];

	(void)state;
	assert_int_equal(p256_public(one, one_point), 0);
	assert_int_equal(p256_public(other, other_point), 0);
	assert_int_equal(p256_agree(one, other_point, there), 0);
	assert_int_equal(p256_agree(other, one_point, back), 0);
	assert_memory_equal(there, back, sizeof(there));
}

static void p256_refuses_points_off_the_curve(void **state)
{
	uint8_t private[P256_BYTES] = { 1 }, point[P256_POINT_BYTES], out[P256_BYTES];

	(void)state;
	assert_int_equal(p256_public(private, point), 0);
	point[P256_POINT_BYTES - 1] ^= 1;
	assert_int_equal(p256_agree(private, point, out), -1);
	memset(private, 0, sizeof(private));
	point[P256_POINT_BYTES - 1] ^= 1;
	assert_int_equal(p256_agree(private, point, out), -1);
}

static void p256_signatures_are_verified(void **state)
{
	uint8_t private[P256_BYTES] = { 7 }, point[P256_POINT_BYTES], hash[48] = "hash";
	uint8_t signature[2 * P256_BYTES];

	(void)state;
	assert_int_equal(p256_public(private, point), 0);
	for (size_t len = 20; len <= sizeof(hash); len += 14) {
		assert_int_equal(p256_sign(private, hash, len, signature), 0);
		assert_int_equal(p256_verify(point, hash, len, signature), 0);
		hash[0] ^= 1;
		assert_int_equal(p256_verify(point, hash, len, signature), 1);
		hash[0] ^= 1;
		signature[40] ^= 1;
		assert_int_equal(p256_verify(point, hash, len, signature), 1);
	}
	point[1] ^= 1;
	assert_int_equal(p256_verify(point, hash, 32, signature), -1);
}

/* FIPS 180-4: "abc", padded to its one block. */
static void sha256_is_right(void **state)
{
	static const uint32_t expected[8] = { 0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
		0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad };
	uint32_t hash[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 };
	const uint32_t start = hash[0];
	uint8_t block[64] = { 'a', 'b', 'c', 0x80, [63] = 24 };

	(void)state;
	if (sha256_block(hash, block))
		assert_memory_equal(hash, expected, sizeof(hash));
	else
		assert_int_equal(hash[0], start);
}

static void sha512_is_right(void **state)
{
	static const uint64_t expected[8] = { 0xddaf35a193617aba, 0xcc417349ae204131,
		0x12e6fa4e89a97ea2, 0x0a9eeee64b55d39a, 0x2192992a274fc1a8, 0x36ba3c23a3feebbd,
		0x454d4423643ce80e, 0x2a9ac94fa54ca49f };
	uint64_t hash[8] = { 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
		0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b,
		0x5be0cd19137e2179 };
	uint8_t block[128] = { 'a', 'b', 'c', 0x80, [127] = 24 };

	(void)state;
	sha512_block(hash, block);
	assert_memory_equal(hash, expected, sizeof(hash));
}

static void aes_gcm_goes_both_ways_with_any_iv(void **state)
{
	static const uint8_t key_bytes[32] = { 9, 8, 7 }, iv[20] = { 1 }, aad[5] = { 2 };
	uint8_t plain[100] = "plain", sealed[100], opened[100], tag[16], check[16];

	(void)state;
	for (unsigned bits = 128; bits <= 256; bits += 64) {
		struct aes_gcm_key *key = aes_gcm_key_create(key_bytes, bits);

		assert_non_null(key);
		for (size_t iv_len = 8; iv_len <= sizeof(iv); iv_len += 4) {
			struct aead_op op = { .iv = iv,
				.iv_len = iv_len,
				.aad = aad,
				.aad_len = 5,
				.in = plain,
				.out = sealed,
				.len = 100,
				.tag = tag,
				.tag_len = 16 };

			aes_gcm_encrypt(key, &op);
			op.in = sealed, op.out = opened, op.tag = check;
			aes_gcm_decrypt(key, &op);
			assert_memory_equal(opened, plain, sizeof(plain));
			assert_memory_equal(check, tag, sizeof(tag));
			sealed[99] ^= 1;
			aes_gcm_decrypt(key, &op);
			assert_memory_not_equal(check, tag, sizeof(tag));
		}
		aes_gcm_key_destroy(key);
	}
}

/* What the thread has cached is made anew. */
static void finish_leaves_a_usable_thread(void **state)
{
	provider_thread_finish();
	p256_signatures_are_verified(state);
	x25519_agrees_with_rfc_7748(state);
	provider_thread_finish();
	provider_thread_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x25519_agrees_with_rfc_7748),
		cmocka_unit_test(x25519_refuses_points_of_small_order),
		cmocka_unit_test(p256_agrees_both_ways),
		cmocka_unit_test(p256_refuses_points_off_the_curve),
		cmocka_unit_test(p256_signatures_are_verified),
		cmocka_unit_test(sha256_is_right),
		cmocka_unit_test(sha512_is_right),
		cmocka_unit_test(aes_gcm_goes_both_ways_with_any_iv),
		cmocka_unit_test(finish_leaves_a_usable_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
