/* SPDX-License-Identifier: Apache-2.0 */
/* P-256, RSA and SHA-512 by OpenSSL's libcrypto. */

/* Its low-level interface: the one that takes neither locks nor look-ups for each operation. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "provider.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

/*
 * Per thread, since mbedTLS's functions have no place for a context: what would otherwise be made
 * for each operation.
 */
struct cache {
	EC_KEY *signer;
	EC_KEY *verifier;
	BN_CTX *numbers;
	BIGNUM *scalar;
	EC_POINT *point;
	EC_POINT *product;
};

static _Thread_local struct cache cache;

static void cache_free(void)
{
	EC_KEY_free(cache.signer);
	EC_KEY_free(cache.verifier);
	BN_CTX_free(cache.numbers);
	BN_clear_free(cache.scalar);
	EC_POINT_free(cache.point);
	EC_POINT_clear_free(cache.product);
	explicit_bzero(&cache, sizeof(cache));
}

void provider_thread_finish(void)
{
	cache_free();
	x25519_thread_finish();
}

static bool cache_fill(void)
{
	const EC_GROUP *group;

	if (cache.product != NULL)
		return true;
	cache_free();
	cache.signer = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	cache.verifier = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	cache.numbers = BN_CTX_new();
	cache.scalar = BN_secure_new();
	if (cache.signer == NULL || cache.verifier == NULL || cache.numbers == NULL ||
		cache.scalar == NULL)
		return false;
	BN_set_flags(cache.scalar, BN_FLG_CONSTTIME);
	group = EC_KEY_get0_group(cache.signer);
	cache.point = EC_POINT_new(group);
	cache.product = cache.point == NULL ? NULL : EC_POINT_new(group);
	return cache.product != NULL;
}

/* What went wrong is of no use to anybody, and must not pile up. */
static int fail(void)
{
	ERR_clear_error();
	return -1;
}

int p256_public(const uint8_t private[P256_BYTES], uint8_t point[P256_POINT_BYTES])
{
	const EC_GROUP *group;

	if (!cache_fill() || BN_bin2bn(private, P256_BYTES, cache.scalar) == NULL)
		return fail();
	group = EC_KEY_get0_group(cache.signer);
	if (EC_POINT_mul(group, cache.product, cache.scalar, NULL, NULL, cache.numbers) != 1 ||
		EC_POINT_point2oct(group, cache.product, POINT_CONVERSION_UNCOMPRESSED, point,
			P256_POINT_BYTES, cache.numbers) != P256_POINT_BYTES)
		return fail();
	return 0;
}

int p256_agree(const uint8_t private[P256_BYTES], const uint8_t peer[P256_POINT_BYTES],
	uint8_t secret[P256_BYTES])
{
	uint8_t point[P256_POINT_BYTES];
	const EC_GROUP *group;

	if (!cache_fill() || BN_bin2bn(private, P256_BYTES, cache.scalar) == NULL)
		return fail();
	group = EC_KEY_get0_group(cache.signer);
	/* The first checks that the point is on the curve, the last that the product is not zero.
	 */
	if (EC_POINT_oct2point(group, cache.point, peer, P256_POINT_BYTES, cache.numbers) != 1 ||
		EC_POINT_mul(group, cache.product, NULL, cache.point, cache.scalar,
			cache.numbers) != 1 ||
		EC_POINT_point2oct(group, cache.product, POINT_CONVERSION_UNCOMPRESSED, point,
			P256_POINT_BYTES, cache.numbers) != P256_POINT_BYTES)
		return fail();
	memcpy(secret, point + 1, P256_BYTES);
	explicit_bzero(point, sizeof(point));
	return 0;
}

int p256_sign(const uint8_t private[P256_BYTES], const uint8_t *hash, size_t hash_len,
	uint8_t signature[2 * P256_BYTES])
{
	ECDSA_SIG *made;
	int result = -1;

	if (!cache_fill() || BN_bin2bn(private, P256_BYTES, cache.scalar) == NULL ||
		EC_KEY_set_private_key(cache.signer, cache.scalar) != 1)
		return fail();
	made = ECDSA_do_sign(hash, (int)hash_len, cache.signer);
	if (made == NULL)
		return fail();
	if (BN_bn2binpad(ECDSA_SIG_get0_r(made), signature, P256_BYTES) == P256_BYTES &&
		BN_bn2binpad(ECDSA_SIG_get0_s(made), signature + P256_BYTES, P256_BYTES) ==
			P256_BYTES)
		result = 0;
	ECDSA_SIG_free(made);
	return result < 0 ? fail() : 0;
}

static ECDSA_SIG *signature_read(const uint8_t bytes[2 * P256_BYTES])
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(bytes + P256_BYTES, P256_BYTES, NULL);

	if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1)
		return signature;
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(signature);
	return NULL;
}

int p256_verify(const uint8_t point[P256_POINT_BYTES], const uint8_t *hash, size_t hash_len,
	const uint8_t signature[2 * P256_BYTES])
{
	ECDSA_SIG *read;
	int verdict;

	if (!cache_fill() ||
		EC_POINT_oct2point(EC_KEY_get0_group(cache.verifier), cache.point, point,
			P256_POINT_BYTES, cache.numbers) != 1 ||
		EC_KEY_set_public_key(cache.verifier, cache.point) != 1)
		return fail();
	read = signature_read(signature);
	if (read == NULL)
		return fail();
	verdict = ECDSA_do_verify(hash, (int)hash_len, read, cache.verifier);
	ECDSA_SIG_free(read);
	ERR_clear_error();
	return verdict == 1 ? 0 : 1;
}

static BIGNUM *number(const struct rsa_number *source)
{
	BIGNUM *made = BN_bin2bn(source->data, (int)source->len, NULL);

	if (made != NULL)
		BN_set_flags(made, BN_FLG_CONSTTIME);
	return made;
}

/* RSA_set0_*() take over all of their numbers or none. */
static bool set_numbers(RSA *rsa, const struct rsa_parts *parts)
{
	BIGNUM *n = number(&parts->n), *e = number(&parts->e), *d = number(&parts->d);
	BIGNUM *p = number(&parts->p), *q = number(&parts->q);
	BIGNUM *dp = number(&parts->dp), *dq = number(&parts->dq), *qp = number(&parts->qp);

	if (d != NULL && RSA_set0_key(rsa, n, e, d) == 1)
		n = e = d = NULL;
	if (RSA_set0_factors(rsa, p, q) == 1)
		p = q = NULL;
	if (RSA_set0_crt_params(rsa, dp, dq, qp) == 1)
		dp = dq = qp = NULL;
	if (n == NULL && p == NULL && dp == NULL && RSA_get0_iqmp(rsa) != NULL &&
		RSA_get0_d(rsa) != NULL && RSA_get0_q(rsa) != NULL)
		return true;
	BN_free(n);
	BN_free(e);
	BN_clear_free(d);
	BN_clear_free(p);
	BN_clear_free(q);
	BN_clear_free(dp);
	BN_clear_free(dq);
	BN_clear_free(qp);
	return false;
}

/* The handle is libcrypto's own. */
static RSA *handle(struct rsa_key *key)
{
	return (RSA *)key;
}

struct rsa_key *rsa_key_create(const struct rsa_parts *parts)
{
	RSA *rsa = RSA_new();

	if (rsa != NULL && set_numbers(rsa, parts))
		return (struct rsa_key *)rsa;
	RSA_free(rsa);
	fail();
	return NULL;
}

void rsa_key_destroy(struct rsa_key *key)
{
	RSA_free(handle(key));
}

int rsa_key_private(struct rsa_key *key, const uint8_t *in, uint8_t *out, size_t len)
{
	if (RSA_private_encrypt((int)len, in, out, handle(key), RSA_NO_PADDING) == (int)len)
		return 0;
	return fail();
}

void sha512_block(uint64_t state[8], const uint8_t block[SHA512_CBLOCK])
{
	SHA512_CTX ctx;

	memcpy(ctx.h, state, sizeof(ctx.h));
	SHA512_Transform(&ctx, block);
	memcpy(state, ctx.h, sizeof(ctx.h));
	explicit_bzero(&ctx, sizeof(ctx.h));
}
