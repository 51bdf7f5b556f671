/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

#define TICKET_LIFETIME_S 86400

/*
 * AEAD with forward secrecy, and no finite-field Diffie-Hellman: with it a client makes the server
 * compute for next to nothing, and whoever has GCM has elliptic curves.
 */
static const int ciphersuites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};

static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

static size_t lower_name(char *out, const unsigned char *name, size_t len)
{
	if (len > NAME_MAX_BYTES)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '_')
			return 0;
		out[i] = (char)tolower(name[i]);
	}
	return len;
}

/*
 * Offers every certificate that fits the name best, so that an RSA and an ECDSA one of the same
 * name serve both kinds of clients. Nothing fits: the configuration's own, the first one.
 */
static int choose_certificate(
	void *arg, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	const struct tls_context *context = arg;
	char lower[NAME_MAX_BYTES];
	enum name_match best = NAME_NONE;

	len = lower_name(lower, name, len);
	if (len == 0)
		return 0;
	session_note_sni(ssl, lower, len);
	for (size_t i = 0; i < context->certificate_count; i++) {
		enum name_match match = certificate_match(context->certificates[i], lower, len);

		if (match > best)
			best = match;
	}
	for (size_t i = 0; best != NAME_NONE && i < context->certificate_count; i++) {
		struct tls_certificate *certificate = context->certificates[i];
		int error;

		if (certificate_match(certificate, lower, len) != best)
			continue;
		error = mbedtls_ssl_set_hs_own_cert(ssl, &certificate->chain, &certificate->key);
		if (error != 0)
			return error;
	}
	return 0;
}

static int load_certificates(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	if (params->certificate_count == 0)
		return err_set(err, EINVAL, "TLS: no certificate");
	context->certificates = calloc(params->certificate_count, sizeof(*context->certificates));
	if (context->certificates == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	for (size_t i = 0; i < params->certificate_count; i++) {
		context->certificates[i] = tls_certificate_load(
			params->chain_paths[i], params->key_paths[i], err);
		if (context->certificates[i] == NULL)
			return -EINVAL;
		context->certificate_count++;
	}
	return 0;
}

static int copy_alpn(struct tls_context *context, const char *const *alpn, struct err *err)
{
	size_t count = 0;

	while (alpn != NULL && alpn[count] != NULL)
		count++;
	if (count == 0)
		return 0;
	context->alpn = calloc(count + 1, sizeof(*context->alpn));
	if (context->alpn == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	for (size_t i = 0; i < count; i++) {
		context->alpn[i] = strdup(alpn[i]);
		if (context->alpn[i] == NULL)
			return err_set(err, ENOMEM, "TLS: out of memory");
	}
	return 0;
}

static void set_policy(struct tls_context *context, const struct tls_context_params *params)
{
	mbedtls_ssl_config *config = &context->config;

	mbedtls_ssl_conf_min_tls_version(config,
		params->min_version == 0x0304 ? MBEDTLS_SSL_VERSION_TLS1_3
					      : MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(config, ciphersuites);
	mbedtls_ssl_conf_groups(config, groups);
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
	/* A resumed session has fresh keys as well: forward secrecy. */
	mbedtls_ssl_conf_tls13_key_exchange_modes(config,
		MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL |
			MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
	mbedtls_ssl_conf_sni(config, choose_certificate, context);
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &context->random);
	mbedtls_ssl_conf_session_tickets_cb(
		config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &context->tickets);
}

static int set_up(struct tls_context *context, const struct tls_context_params *params)
{
	struct tls_certificate *first = context->certificates[0];
	int error;

	error = mbedtls_ctr_drbg_seed(
		&context->random, mbedtls_entropy_func, &context->entropy, NULL, 0);
	if (error != 0)
		return error;
	error = mbedtls_ssl_config_defaults(&context->config, MBEDTLS_SSL_IS_SERVER,
		MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (error != 0)
		return error;
	error = mbedtls_ssl_ticket_setup(&context->tickets, mbedtls_ctr_drbg_random,
		&context->random, MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFETIME_S);
	if (error != 0)
		return error;
	set_policy(context, params);
	if (context->alpn != NULL) {
		error = mbedtls_ssl_conf_alpn_protocols(
			&context->config, (const char **)context->alpn);
		if (error != 0)
			return error;
	}
	return mbedtls_ssl_conf_own_cert(&context->config, &first->chain, &first->key);
}

struct tls_context *tls_context_create(const struct tls_context_params *params, struct err *err)
{
	struct tls_context *context;
	int error = 0;

	if (params->min_version != 0x0303 && params->min_version != 0x0304) {
		err_set(err, EINVAL, "TLS: the lowest version must be 1.2 or 1.3");
		return NULL;
	}
	context = calloc(1, sizeof(*context));
	if (context == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	mbedtls_ssl_config_init(&context->config);
	mbedtls_ctr_drbg_init(&context->random);
	mbedtls_entropy_init(&context->entropy);
	mbedtls_ssl_ticket_init(&context->tickets);
	if (load_certificates(context, params, err) == 0 &&
		copy_alpn(context, params->alpn, err) == 0) {
		error = set_up(context, params);
		if (error == 0)
			return context;
	}
	if (error != 0) {
		char text[160];

		tls_error_text(text, sizeof(text), error);
		err_set(err, EINVAL, "TLS: %s", text);
	}
	tls_context_destroy(context);
	return NULL;
}

void tls_context_destroy(struct tls_context *context)
{
	if (context == NULL)
		return;
	mbedtls_ssl_config_free(&context->config);
	mbedtls_ssl_ticket_free(&context->tickets);
	mbedtls_ctr_drbg_free(&context->random);
	mbedtls_entropy_free(&context->entropy);
	for (size_t i = 0; i < context->certificate_count; i++)
		tls_certificate_destroy(context->certificates[i]);
	free(context->certificates);
	for (size_t i = 0; context->alpn != NULL && context->alpn[i] != NULL; i++)
		free(context->alpn[i]);
	free(context->alpn);
	free(context);
}

uint32_t tls_context_sessions(const struct tls_context *context)
{
	return __atomic_load_n(&context->sessions, __ATOMIC_ACQUIRE);
}
