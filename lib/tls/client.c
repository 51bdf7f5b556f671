/* SPDX-License-Identifier: Apache-2.0 */
/* TLS toward servers: what a context and a session have that is not as toward clients. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/psa_util.h>

#include "policy.h"
#include "session.h"

#define SLOTS_LEAST 16

struct stored {
	uint64_t peer;
	bool is_used;
	mbedtls_ssl_session session;
};

/* By peer, in one place each: who comes to a taken one drives the other out. */
struct session_store {
	size_t mask;
	struct stored slots[];
};

struct session_store *session_store_create(size_t most)
{
	struct session_store *store;
	size_t count = SLOTS_LEAST;

	while (count < 2 * most)
		count *= 2;
	store = calloc(1, sizeof(*store) + count * sizeof(store->slots[0]));
	if (store == NULL)
		return NULL;
	store->mask = count - 1;
	for (size_t i = 0; i < count; i++)
		mbedtls_ssl_session_init(&store->slots[i].session);
	return store;
}

void session_store_destroy(struct session_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i <= store->mask; i++)
		mbedtls_ssl_session_free(&store->slots[i].session);
	free(store);
}

void session_store_put(struct session_store *store, uint64_t peer, mbedtls_ssl_context *ssl)
{
	struct stored *stored = &store->slots[peer & store->mask];

	mbedtls_ssl_session_free(&stored->session);
	mbedtls_ssl_session_init(&stored->session);
	stored->peer = peer;
	stored->is_used = mbedtls_ssl_get_session(ssl, &stored->session) == 0;
}

/* A session that mbedTLS refuses to offer is no loss: the handshake is a full one then. */
static void resume(struct session_store *store, uint64_t peer, mbedtls_ssl_context *ssl)
{
	const struct stored *stored = &store->slots[peer & store->mask];

	if (stored->is_used && stored->peer == peer)
		mbedtls_ssl_set_session(ssl, &stored->session);
}

/* Called for each certificate of a chain, in full handshakes only. */
static int verify(void *ctx, mbedtls_x509_crt *certificate, int number, uint32_t *flags)
{
	struct client_side *side = ctx;

	(void)certificate;
	(void)number;
	side->was_verified = true;
	if (side->is_lenient)
		*flags = 0;
	return 0;
}

static int attach(struct tls_session *session, uint64_t peer)
{
	struct tls_policy *policy = session->context->policies[0];
	struct client_context *client = session->context->client;

	session->client.is_client = true;
	session->client.is_lenient = client->is_lenient;
	session->client.peer = peer;
	if (mbedtls_ssl_setup(&session->ssl, &policy->config) != 0)
		return -ENOMEM;
	session->policy = policy;
	session_attach(session);
	mbedtls_ssl_set_verify(&session->ssl, verify, &session->client);
	/* NULL says that no name is to be verified: without the call mbedTLS would not go on. */
	if (mbedtls_ssl_set_hostname(&session->ssl, client->server_name) != 0)
		return -ENOMEM;
	resume(client->store, peer, &session->ssl);
	return 0;
}

struct tls_session *tls_session_create_client(
	struct tls_context *context, const struct tls_io *io, void *io_ctx, uint64_t peer)
{
	struct tls_session *session = tls_session_create(context, io, io_ctx);

	if (session == NULL || attach(session, peer) == 0)
		return session;
	tls_session_destroy(session);
	return NULL;
}

bool tls_session_is_resumed(struct tls_session *session)
{
	return !session->client.was_verified;
}

enum tls_unverified tls_session_unverified(struct tls_session *session)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);

	if (session->client.is_lenient || flags == UINT32_MAX || flags == 0)
		return TLS_VERIFIED;
	if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
		return TLS_UNTRUSTED;
	if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0)
		return TLS_OUT_OF_DATE;
	return (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0 ? TLS_WRONG_NAME : TLS_UNFIT;
}

static struct client_context *client_context_create(
	const struct tls_client_context_params *params, struct err *err)
{
	struct client_context *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	mbedtls_x509_crt_init(&client->chain);
	mbedtls_pk_init(&client->key);
	client->is_lenient = params->ca_path == NULL;
	client->store = session_store_create(params->peers);
	if (params->name != NULL)
		client->server_name = strdup(params->name);
	if (client->store != NULL && (params->name == NULL || client->server_name != NULL))
		return client;
	err_set(err, ENOMEM, "TLS: out of memory");
	client_context_destroy(client);
	return NULL;
}

void client_context_destroy(struct client_context *client)
{
	if (client == NULL)
		return;
	session_store_destroy(client->store);
	free(client->server_name);
	mbedtls_x509_crt_free(&client->chain);
	mbedtls_pk_free(&client->key);
	free(client);
}

/* Checked like those of listeners, and then read once more: a key is never shared by threads. */
static int load_own(struct client_context *client, mbedtls_ssl_config *config,
	const struct tls_client_context_params *params, struct err *err)
{
	struct tls_certificate *checked;

	if (params->chain_path == NULL)
		return 0;
	checked = tls_certificate_load(params->chain_path, params->key_path, err);
	if (checked == NULL)
		return -EINVAL;
	tls_certificate_destroy(checked);
	if (mbedtls_x509_crt_parse_file(&client->chain, params->chain_path) != 0 ||
		mbedtls_pk_parse_keyfile(&client->key, params->key_path, NULL,
			mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE) != 0 ||
		mbedtls_ssl_conf_own_cert(config, &client->chain, &client->key) != 0)
		return err_set(err, EINVAL, "%s: it changed while it was read", params->chain_path);
	return 0;
}

/*
 * Whom nobody verifies is looked at all the same: so a full handshake is told from a resumed one.
 */
static int load_authorities(
	struct tls_policy *policy, const struct tls_client_context_params *params, struct err *err)
{
	const struct tls_client_params authorities = { .auth = TLS_CLIENT_AUTH_REQUIRED,
		.ca_path = params->ca_path };

	if (params->ca_path != NULL)
		return client_auth_load(&policy->client, &policy->config, &authorities, err);
	mbedtls_ssl_conf_authmode(&policy->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
	return 0;
}

static int set_up(struct tls_context *context, const struct tls_client_context_params *params,
	struct err *err)
{
	const struct tls_policy_params common = {
		.min_version = params->min_version,
		.max_version = params->max_version,
		.alpn = params->alpn,
	};
	struct tls_policy *policy;

	context->policies = calloc(1, sizeof(context->policies[0]));
	if (context->policies == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	policy = context->policies[0] = policy_create_client(context, &common, err);
	if (policy == NULL)
		return -EINVAL;
	context->policy_count = 1;
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		&policy->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	mbedtls_ssl_conf_session_tickets(&policy->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
	context->client = client_context_create(params, err);
	if (context->client == NULL || load_authorities(policy, params, err) < 0)
		return -EINVAL;
	return load_own(context->client, &policy->config, params, err);
}

struct tls_context *tls_context_create_client(
	const struct tls_client_context_params *params, struct err *err)
{
	struct tls_context *context = context_begin(err);

	if (context != NULL && set_up(context, params, err) == 0)
		return context;
	tls_context_destroy(context);
	return NULL;
}
