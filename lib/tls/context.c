/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "key_log.h"
#include "names.h"
#include "tls_internal.h"

/*
 * Mozilla's intermediate set without finite-field Diffie-Hellman: with it a client makes the server
 * compute for next to nothing, and whoever has GCM has elliptic curves.
 */
static const struct {
	enum tls_suite suite;
	int id;
} suites[] = {
	{ TLS_SUITE_AES_128_GCM, MBEDTLS_TLS1_3_AES_128_GCM_SHA256 },
	{ TLS_SUITE_AES_256_GCM, MBEDTLS_TLS1_3_AES_256_GCM_SHA384 },
	{ TLS_SUITE_CHACHA20, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256 },
	{ TLS_SUITE_ECDSA_AES_128_GCM, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 },
	{ TLS_SUITE_RSA_AES_128_GCM, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 },
	{ TLS_SUITE_ECDSA_AES_256_GCM, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 },
	{ TLS_SUITE_RSA_AES_256_GCM, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 },
	{ TLS_SUITE_ECDSA_CHACHA20, MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 },
	{ TLS_SUITE_RSA_CHACHA20, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 },
};

static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

static int fail(struct err *err, int error)
{
	char text[160];

	tls_error_text(text, sizeof(text), error);
	return err_set(err, EINVAL, "TLS: %s", text);
}

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

/* RFC 9525 6.3: a wildcard stands for one whole label, the first. Returns the length, or 0. */
static size_t wildcard_of(char *out, const char *name, size_t len)
{
	const char *dot = memchr(name, '.', len);
	size_t rest;

	if (dot == NULL || dot == name)
		return 0;
	rest = len - (size_t)(dot - name);
	out[0] = '*';
	memcpy(out + 1, dot, rest);
	return 1 + rest;
}

/* All that have the name: an RSA and an ECDSA one serve both kinds of clients. */
static int offer(mbedtls_ssl_context *ssl, struct name_walk walk, bool *is_found)
{
	struct tls_certificate *certificate;

	for (certificate = name_walk_next(&walk); certificate != NULL;
		certificate = name_walk_next(&walk)) {
		int error = mbedtls_ssl_set_hs_own_cert(
			ssl, &certificate->chain, &certificate->key);

		if (error != 0)
			return error;
		*is_found = true;
	}
	return 0;
}

/*
 * Certificates with the very name, else those with a wildcard. Nothing fits: the configuration's
 * own, the first one, unless such names are refused.
 */
static int choose_certificate(
	void *arg, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	const struct tls_context *context = arg;
	char lower[NAME_MAX_BYTES], wildcard[NAME_MAX_BYTES + 1];
	bool is_found = false;
	size_t wildcard_len;
	int error = 0;

	len = lower_name(lower, name, len);
	if (len > 0) {
		session_note_sni(ssl, lower, len);
		error = offer(ssl, name_walk_begin(&context->names, lower, len), &is_found);
		wildcard_len = wildcard_of(wildcard, lower, len);
		if (error == 0 && !is_found && wildcard_len > 0)
			error = offer(ssl, name_walk_begin(&context->names, wildcard, wildcard_len),
				&is_found);
	}
	if (error == 0 && !is_found && context->refuse_unknown_names)
		error = MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME;
	return error;
}

/* After the whole ClientHello: where names are refused, having none is as well. */
static int check_name_is_there(mbedtls_ssl_context *ssl)
{
	return session_has_sni(ssl) ? 0 : MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME;
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

static void set_suites(struct tls_context *context, unsigned wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (wanted == 0 || (wanted & suites[i].suite) != 0)
			context->suites[count++] = suites[i].id;
	mbedtls_ssl_conf_ciphersuites(&context->config, context->suites);
}

static mbedtls_ssl_protocol_version version_of(unsigned version)
{
	return version == 0x0303 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
}

/* Renegotiation is off by mbedTLS's default, where it is there at all. */
static void set_policy(struct tls_context *context, const struct tls_context_params *params)
{
	mbedtls_ssl_config *config = &context->config;

	mbedtls_ssl_conf_min_tls_version(config, version_of(params->min_version));
	mbedtls_ssl_conf_max_tls_version(config, version_of(params->max_version));
	set_suites(context, params->suites);
	mbedtls_ssl_conf_groups(config, groups);
	/* A resumed session has fresh keys as well: forward secrecy. */
	mbedtls_ssl_conf_tls13_key_exchange_modes(config,
		MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL |
			MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &context->random);
}

/*
 * Not with client certificates: a resumed session is not verified again, and would outlive the
 * certificate's end or revocation.
 */
static int set_tickets(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	const struct tls_ticket_keys *keys = params->ticket_keys;
	int error;

	if (params->client.auth != TLS_CLIENT_AUTH_NONE) {
		mbedtls_ssl_conf_session_tickets(
			&context->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
		mbedtls_ssl_conf_tls13_key_exchange_modes(
			&context->config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
		return 0;
	}
	if (keys == NULL)
		keys = context->own_keys = tls_ticket_keys_random(err);
	if (keys == NULL)
		return -EIO;
	error = ticket_sealer_init(
		&context->tickets, keys, mbedtls_ctr_drbg_random, &context->random);
	if (error != 0)
		return fail(err, error);
	mbedtls_ssl_conf_session_tickets_cb(
		&context->config, ticket_write, ticket_parse, &context->tickets);
	return 0;
}

static int set_certificates(struct tls_context *context, struct err *err)
{
	struct tls_certificate *first = context->certificates[0];
	int error;

	if (name_index_create(&context->names, context->certificates, context->certificate_count) <
		0)
		return err_set(err, ENOMEM, "TLS: out of memory");
	error = mbedtls_ssl_conf_own_cert(&context->config, &first->chain, &first->key);
	return error == 0 ? 0 : fail(err, error);
}

static int set_alpn(struct tls_context *context, struct err *err)
{
	int error;

	if (context->alpn == NULL)
		return 0;
	error = mbedtls_ssl_conf_alpn_protocols(&context->config, (const char **)context->alpn);
	return error == 0 ? 0 : fail(err, error);
}

static int open_key_log(struct tls_context *context, const char *path, struct err *err)
{
	if (path == NULL)
		return 0;
	context->key_log = key_log_open(path, err);
	return context->key_log < 0 ? context->key_log : 0;
}

static int set_up(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	mbedtls_ssl_config *config = &context->config;

	context->refuse_unknown_names = params->refuse_unknown_names;
	mbedtls_ssl_conf_sni(config, choose_certificate, context);
	if (params->refuse_unknown_names)
		mbedtls_ssl_conf_cert_cb(config, check_name_is_there);
	if (load_certificates(context, params, err) < 0 || set_certificates(context, err) < 0 ||
		client_auth_load(&context->client, config, &params->client, err) < 0 ||
		set_tickets(context, params, err) < 0 ||
		open_key_log(context, params->key_log_path, err) < 0)
		return -EINVAL;
	return 0;
}

static bool is_version(unsigned version)
{
	return version == 0x0303 || version == 0x0304;
}

static int check_params(const struct tls_context_params *params, struct err *err)
{
	if (!is_version(params->min_version))
		return err_set(err, EINVAL, "TLS: the lowest version must be 1.2 or 1.3");
	if (params->max_version == 0)
		return 0;
	if (!is_version(params->max_version) || params->max_version < params->min_version)
		return err_set(err, EINVAL, "TLS: the highest version is below the lowest");
	return 0;
}

int context_result(int error, struct err *err)
{
	return error == 0 ? 0 : fail(err, error);
}

static int set_up_common(struct tls_context *context, const struct tls_context_params *params,
	int endpoint, struct err *err)
{
	int error = mbedtls_ctr_drbg_seed(
		&context->random, mbedtls_entropy_func, &context->entropy, NULL, 0);

	if (error == 0)
		error = mbedtls_ssl_config_defaults(&context->config, endpoint,
			MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (error != 0)
		return fail(err, error);
	set_policy(context, params);
	return copy_alpn(context, params->alpn, err) < 0 ? -EINVAL : set_alpn(context, err);
}

struct tls_context *context_begin(
	const struct tls_context_params *params, int endpoint, struct err *err)
{
	struct tls_context *context;

	if (check_params(params, err) < 0)
		return NULL;
	context = calloc(1, sizeof(*context));
	if (context == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	context->key_log = -1;
	mbedtls_ssl_config_init(&context->config);
	mbedtls_ctr_drbg_init(&context->random);
	mbedtls_entropy_init(&context->entropy);
	client_auth_init(&context->client);
	if (set_up_common(context, params, endpoint, err) == 0)
		return context;
	tls_context_destroy(context);
	return NULL;
}

struct tls_context *tls_context_create(const struct tls_context_params *params, struct err *err)
{
	struct tls_context *context = context_begin(params, MBEDTLS_SSL_IS_SERVER, err);

	if (context != NULL && set_up(context, params, err) == 0)
		return context;
	tls_context_destroy(context);
	return NULL;
}

void tls_context_destroy(struct tls_context *context)
{
	if (context == NULL)
		return;
	mbedtls_ssl_config_free(&context->config);
	ticket_sealer_finish(&context->tickets);
	tls_ticket_keys_destroy(context->own_keys);
	client_auth_finish(&context->client);
	mbedtls_ctr_drbg_free(&context->random);
	mbedtls_entropy_free(&context->entropy);
	name_index_destroy(&context->names);
	for (size_t i = 0; i < context->certificate_count; i++)
		tls_certificate_destroy(context->certificates[i]);
	free(context->certificates);
	for (size_t i = 0; context->alpn != NULL && context->alpn[i] != NULL; i++)
		free(context->alpn[i]);
	free(context->alpn);
	session_store_destroy(context->store);
	free(context->server_name);
	if (context->key_log >= 0)
		close(context->key_log);
	free(context);
}

uint32_t tls_context_sessions(const struct tls_context *context)
{
	return __atomic_load_n(&context->sessions, __ATOMIC_ACQUIRE);
}
