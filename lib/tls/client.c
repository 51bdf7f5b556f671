/* SPDX-License-Identifier: Apache-2.0 */
/* TLS toward servers: what a context and a session have that is not as toward clients. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

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

struct tls_session *tls_session_create_client(
	struct tls_context *context, const struct tls_io *io, void *io_ctx, uint64_t peer)
{
	struct tls_session *session = tls_session_create(context, io, io_ctx);
	struct client_side *side;

	if (session == NULL)
		return NULL;
	side = session_client_side(session);
	side->is_client = true;
	side->is_lenient = context->is_lenient;
	side->peer = peer;
	mbedtls_ssl_set_verify(session_ssl(session), verify, side);
	/* NULL says that no name is to be verified: without the call mbedTLS would not go on. */
	if (mbedtls_ssl_set_hostname(session_ssl(session), context->server_name) != 0) {
		tls_session_destroy(session);
		return NULL;
	}
	resume(context->store, peer, session_ssl(session));
	return session;
}

bool tls_session_is_resumed(struct tls_session *session)
{
	return !session_client_side(session)->was_verified;
}

enum tls_unverified tls_session_unverified(struct tls_session *session)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(session_ssl(session));

	if (session_client_side(session)->is_lenient || flags == UINT32_MAX || flags == 0)
		return TLS_VERIFIED;
	if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
		return TLS_UNTRUSTED;
	if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0)
		return TLS_OUT_OF_DATE;
	return (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0 ? TLS_WRONG_NAME : TLS_UNFIT;
}

static int load_own(struct tls_context *context, const struct tls_client_context_params *params,
	struct err *err)
{
	struct tls_certificate *own;

	if (params->chain_path == NULL)
		return 0;
	context->certificates = calloc(1, sizeof(*context->certificates));
	if (context->certificates == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	own = tls_certificate_load(params->chain_path, params->key_path, err);
	if (own == NULL)
		return -EINVAL;
	context->certificates[context->certificate_count++] = own;
	return context_result(
		mbedtls_ssl_conf_own_cert(&context->config, &own->chain, &own->key), err);
}

/*
 * Whom nobody verifies is looked at all the same: so a full handshake is told from a resumed one.
 */
static int load_authorities(struct tls_context *context,
	const struct tls_client_context_params *params, struct err *err)
{
	const struct tls_client_params authorities = { .auth = TLS_CLIENT_AUTH_REQUIRED,
		.ca_path = params->ca_path };

	context->is_lenient = params->ca_path == NULL;
	if (!context->is_lenient)
		return client_auth_load(&context->client, &context->config, &authorities, err);
	mbedtls_ssl_conf_authmode(&context->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
	return 0;
}

static int set_up(struct tls_context *context, const struct tls_client_context_params *params,
	struct err *err)
{
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		&context->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	mbedtls_ssl_conf_session_tickets(&context->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
	context->store = session_store_create(params->peers);
	if (params->name != NULL)
		context->server_name = strdup(params->name);
	if (context->store == NULL || (params->name != NULL && context->server_name == NULL))
		return err_set(err, ENOMEM, "TLS: out of memory");
	if (load_authorities(context, params, err) < 0 || load_own(context, params, err) < 0)
		return -EINVAL;
	return 0;
}

struct tls_context *tls_context_create_client(
	const struct tls_client_context_params *params, struct err *err)
{
	const struct tls_context_params common = {
		.min_version = params->min_version,
		.max_version = params->max_version,
		.alpn = params->alpn,
	};
	struct tls_context *context = context_begin(&common, MBEDTLS_SSL_IS_CLIENT, err);

	if (context != NULL && set_up(context, params, err) == 0)
		return context;
	tls_context_destroy(context);
	return NULL;
}
