/* SPDX-License-Identifier: Apache-2.0 */
/* RSA's private operation; the paddings and the public operation stay with mbedTLS. */
#include "override.h"
#include "provider.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BYTES  1024 /* 8192 bits; longer keys, and very short ones, stay with mbedTLS */
#define LEAST_BYTES 128

/* The numbers of a key as bytes, in one piece that is cleared at the end. */
struct bytes {
	uint8_t data[8][MOST_BYTES];
};

static int copy(const mbedtls_mpi *number, uint8_t *data, struct rsa_number *out)
{
	out->data = data;
	out->len = mbedtls_mpi_size(number);
	if (out->len == 0 || out->len > MOST_BYTES)
		return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
	return mbedtls_mpi_write_binary(number, data, out->len);
}

static struct rsa_key *make(const mbedtls_rsa_context *ctx)
{
	struct bytes *bytes = calloc(1, sizeof(*bytes));
	struct rsa_key *key = NULL;
	struct rsa_parts parts;

	if (bytes == NULL)
		return NULL;
	if (copy(&ctx->N, bytes->data[0], &parts.n) == 0 &&
		copy(&ctx->E, bytes->data[1], &parts.e) == 0 &&
		copy(&ctx->D, bytes->data[2], &parts.d) == 0 &&
		copy(&ctx->P, bytes->data[3], &parts.p) == 0 &&
		copy(&ctx->Q, bytes->data[4], &parts.q) == 0 &&
		copy(&ctx->DP, bytes->data[5], &parts.dp) == 0 &&
		copy(&ctx->DQ, bytes->data[6], &parts.dq) == 0 &&
		copy(&ctx->QP, bytes->data[7], &parts.qp) == 0)
		key = rsa_key_create(&parts);
	explicit_bzero(bytes, sizeof(*bytes));
	free(bytes);
	return key;
}

static void forget(mbedtls_rsa_context *ctx)
{
	rsa_key_destroy(ctx->provider);
	ctx->provider = NULL;
}

/* It may have got other numbers. */
int mbedtls_rsa_complete(mbedtls_rsa_context *ctx)
{
	forget(ctx);
	return mbedtls_rsa_complete_plain(ctx);
}

void mbedtls_rsa_free(mbedtls_rsa_context *ctx)
{
	if (ctx != NULL)
		forget(ctx);
	mbedtls_rsa_free_plain(ctx);
}

int mbedtls_rsa_private(mbedtls_rsa_context *ctx, override_random f_rng, void *p_rng,
	const unsigned char *input, unsigned char *output)
{
	if (f_rng == NULL)
		return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
	if (ctx->provider == NULL && ctx->len >= LEAST_BYTES && ctx->len <= MOST_BYTES)
		ctx->provider = make(ctx);
	/* What libcrypto refuses, mbedTLS refuses with its own words. */
	if (ctx->provider != NULL && rsa_key_private(ctx->provider, input, output, ctx->len) == 0)
		return 0;
	return mbedtls_rsa_private_plain(ctx, f_rng, p_rng, input, output);
}
