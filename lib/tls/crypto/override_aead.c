/* SPDX-License-Identifier: Apache-2.0 */
/* AES-GCM in one piece, ChaCha20-Poly1305 in one piece, SHA-256 and SHA-512. */
#include "override.h"
#include "provider.h"

#include <string.h>

#define CHACHA20_KEY_WORD   4 /* RFC 8439 2.3: of the state's words, after the constants */
#define GCM_LEAST_TAG_BYTES 4

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
	const unsigned char *key, unsigned keybits)
{
	int error = mbedtls_gcm_setkey_plain(ctx, cipher, key, keybits);

	aes_gcm_key_destroy(ctx->provider);
	ctx->provider = NULL;
	/* Without memory it is slower, and right. */
	if (error == 0 && cipher == MBEDTLS_CIPHER_ID_AES)
		ctx->provider = aes_gcm_key_create(key, keybits);
	return error;
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
	if (ctx != NULL)
		aes_gcm_key_destroy(ctx->provider);
	mbedtls_gcm_free_plain(ctx);
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
	const unsigned char *iv, size_t iv_len, const unsigned char *add, size_t add_len,
	const unsigned char *input, unsigned char *output, size_t tag_len, unsigned char *tag)
{
	struct aead_op op = {
		.iv = iv,
		.iv_len = iv_len,
		.aad = add,
		.aad_len = add_len,
		.in = input,
		.out = output,
		.len = length,
		.tag = tag,
		.tag_len = tag_len,
	};

	if (ctx->provider == NULL || iv_len == 0 || tag_len < GCM_LEAST_TAG_BYTES || tag_len > 16)
		return mbedtls_gcm_crypt_and_tag_plain(
			ctx, mode, length, iv, iv_len, add, add_len, input, output, tag_len, tag);
	if (mode == MBEDTLS_GCM_ENCRYPT)
		aes_gcm_encrypt(ctx->provider, &op);
	else
		aes_gcm_decrypt(ctx->provider, &op);
	return 0;
}

int chachapoly_crypt_and_tag(mbedtls_chachapoly_context *ctx, mbedtls_chachapoly_mode_t mode,
	size_t length, const unsigned char nonce[12], const unsigned char *aad, size_t aad_len,
	const unsigned char *input, unsigned char *output, unsigned char tag[16])
{
	struct aead_op op = {
		.iv = nonce,
		.iv_len = 12,
		.aad = aad,
		.aad_len = aad_len,
		.in = input,
		.out = output,
		.len = length,
		.tag = tag,
		.tag_len = 16,
	};
	uint8_t key[32];

	/* This CPU is little-endian, as the words of the key are. */
	memcpy(key, &ctx->chacha20_ctx.state[CHACHA20_KEY_WORD], sizeof(key));
	if (mode == MBEDTLS_CHACHAPOLY_ENCRYPT)
		chacha20_poly1305_encrypt(key, &op);
	else
		chacha20_poly1305_decrypt(key, &op);
	explicit_bzero(key, sizeof(key));
	return 0;
}

int mbedtls_internal_sha256_process(mbedtls_sha256_context *ctx, const unsigned char data[64])
{
	if (sha256_block(ctx->state, data))
		return 0;
	return mbedtls_internal_sha256_process_plain(ctx, data);
}

int mbedtls_internal_sha512_process(mbedtls_sha512_context *ctx, const unsigned char data[128])
{
	sha512_block(ctx->state, data);
	return 0;
}
