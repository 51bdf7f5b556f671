/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "own.h"

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

static bool is_version(unsigned version)
{
	return version == 0x0303 || version == 0x0304;
}

static int check_params(const struct tls_policy_params *params, struct err *err)
{
	if (!is_version(params->min_version))
		return err_set(err, EINVAL, "TLS: the lowest version must be 1.2 or 1.3");
	if (params->max_version == 0)
		return 0;
	if (!is_version(params->max_version) || params->max_version < params->min_version)
		return err_set(err, EINVAL, "TLS: the highest version is below the lowest");
	return 0;
}

static int copy_alpn(struct tls_policy *policy, const char *const *alpn, struct err *err)
{
	size_t count = 0;
	int error;

	while (alpn != NULL && alpn[count] != NULL)
		count++;
	if (count == 0)
		return 0;
	policy->alpn = calloc(count + 1, sizeof(*policy->alpn));
	if (policy->alpn == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	for (size_t i = 0; i < count; i++) {
		policy->alpn[i] = strdup(alpn[i]);
		if (policy->alpn[i] == NULL)
			return err_set(err, ENOMEM, "TLS: out of memory");
	}
	error = mbedtls_ssl_conf_alpn_protocols(&policy->config, (const char **)policy->alpn);
	return error == 0 ? 0 : fail(err, error);
}

static void set_suites(struct tls_policy *policy, unsigned wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (wanted == 0 || (wanted & suites[i].suite) != 0)
			policy->suites[count++] = suites[i].id;
	mbedtls_ssl_conf_ciphersuites(&policy->config, policy->suites);
}

static mbedtls_ssl_protocol_version version_of(unsigned version)
{
	return version == 0x0303 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
}

/* Renegotiation is off by mbedTLS's default, where it is there at all. */
static void set_policy(struct tls_policy *policy, struct tls_context *context,
	const struct tls_policy_params *params)
{
	mbedtls_ssl_config *config = &policy->config;

	mbedtls_ssl_conf_min_tls_version(config, version_of(params->min_version));
	mbedtls_ssl_conf_max_tls_version(config, version_of(params->max_version));
	set_suites(policy, params->suites);
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
static int set_tickets(struct tls_policy *policy, struct tls_context *context,
	const struct tls_policy_params *params, const char *scope, struct err *err)
{
	int error;

	if (params->client.auth != TLS_CLIENT_AUTH_NONE) {
		mbedtls_ssl_conf_session_tickets(
			&policy->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
		mbedtls_ssl_conf_tls13_key_exchange_modes(
			&policy->config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
		return 0;
	}
	error = ticket_sealer_init(&policy->tickets, context->keys, scope, &context->random);
	if (error != 0)
		return fail(err, error);
	mbedtls_ssl_conf_session_tickets_cb(
		&policy->config, ticket_write, ticket_parse, &policy->tickets);
	return 0;
}

static struct tls_policy *begin(struct tls_context *context, const struct tls_policy_params *params,
	int endpoint, struct err *err)
{
	struct tls_policy *policy;
	int error;

	if (check_params(params, err) < 0)
		return NULL;
	policy = calloc(1, sizeof(*policy));
	if (policy == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	mbedtls_ssl_config_init(&policy->config);
	client_auth_init(&policy->client);
	error = mbedtls_ssl_config_defaults(&policy->config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT);
	if (error == 0) {
		set_policy(policy, context, params);
		if (copy_alpn(policy, params->alpn, err) == 0)
			return policy;
	} else {
		fail(err, error);
	}
	policy_destroy(policy);
	return NULL;
}

struct tls_policy *policy_create(struct tls_context *context,
	const struct tls_policy_params *params, const char *scope, struct err *err)
{
	struct tls_policy *policy = begin(context, params, MBEDTLS_SSL_IS_SERVER, err);

	if (policy == NULL)
		return NULL;
	mbedtls_ssl_conf_sni(&policy->config, own_choose_by_name, context);
	mbedtls_ssl_conf_cert_cb(&policy->config, own_choose_default);
	if (client_auth_load(&policy->client, &policy->config, &params->client, err) == 0 &&
		set_tickets(policy, context, params, scope, err) == 0)
		return policy;
	policy_destroy(policy);
	return NULL;
}

struct tls_policy *policy_create_client(
	struct tls_context *context, const struct tls_policy_params *params, struct err *err)
{
	return begin(context, params, MBEDTLS_SSL_IS_CLIENT, err);
}

void policy_destroy(struct tls_policy *policy)
{
	if (policy == NULL)
		return;
	mbedtls_ssl_config_free(&policy->config);
	ticket_sealer_finish(&policy->tickets);
	client_auth_finish(&policy->client);
	for (size_t i = 0; policy->alpn != NULL && policy->alpn[i] != NULL; i++)
		free(policy->alpn[i]);
	free(policy->alpn);
	free(policy);
}

struct tls_policy *policy_find(const struct tls_context *context, const char *name, size_t len)
{
	char wildcard[NAME_MAX_BYTES + 1];
	struct name_walk walk = name_walk_begin(&context->hosts, name, len);
	struct tls_policy *policy = name_walk_next(&walk);
	size_t wildcard_len;

	if (policy == NULL) {
		wildcard_len = name_wildcard(wildcard, name, len);
		walk = name_walk_begin(&context->hosts, wildcard, wildcard_len);
		policy = name_walk_next(&walk);
	}
	return policy != NULL ? policy : context->policies[0];
}
