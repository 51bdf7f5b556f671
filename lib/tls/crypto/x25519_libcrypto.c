/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 by OpenSSL's libcrypto, where lib25519 is not there. */
#include "provider.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/*
 * The thread's last key: its public half would be computed again when a handshake goes from its key
 * share to the agreement.
 */
struct cached {
	EVP_PKEY *key;
	uint8_t private[X25519_BYTES];
};

static _Thread_local struct cached cached;

void x25519_thread_finish(void)
{
	EVP_PKEY_free(cached.key);
	explicit_bzero(&cached, sizeof(cached));
}

static int fail(void)
{
	ERR_clear_error();
	return -1;
}

static EVP_PKEY *x25519_key(const uint8_t private[X25519_BYTES])
{
	if (cached.key != NULL && CRYPTO_memcmp(cached.private, private, X25519_BYTES) == 0)
		return cached.key;
	EVP_PKEY_free(cached.key);
	cached.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, X25519_BYTES);
	if (cached.key != NULL)
		memcpy(cached.private, private, X25519_BYTES);
	return cached.key;
}

int x25519_public(const uint8_t private[X25519_BYTES], uint8_t public[X25519_BYTES])
{
	EVP_PKEY *key = x25519_key(private);
	size_t len = X25519_BYTES;

	if (key == NULL || EVP_PKEY_get_raw_public_key(key, public, &len) != 1)
		return fail();
	return 0;
}

int x25519_agree(const uint8_t private[X25519_BYTES], const uint8_t peer[X25519_BYTES],
	uint8_t secret[X25519_BYTES])
{
	EVP_PKEY *key = x25519_key(private);
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_BYTES);
	EVP_PKEY_CTX *context = key == NULL ? NULL : EVP_PKEY_CTX_new(key, NULL);
	size_t len = X25519_BYTES;
	int result = -1;

	/* The derivation refuses an all-zero secret (RFC 7748 6.1). */
	if (context != NULL && other != NULL && EVP_PKEY_derive_init(context) == 1 &&
		EVP_PKEY_derive_set_peer_ex(context, other, 0) == 1 &&
		EVP_PKEY_derive(context, secret, &len) == 1 && len == X25519_BYTES)
		result = 0;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(other);
	return result < 0 ? fail() : 0;
}
