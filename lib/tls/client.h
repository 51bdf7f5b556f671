/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <mbedtls/ssl.h>

#include "tls/tls.h"

/* What a session toward a server has besides: part of the session. */
struct client_side {
	bool is_client;
	bool was_verified; /* the server showed a certificate: nothing was resumed */
	bool is_lenient;   /* whatever it is */
	uint64_t peer;
};

/* Sessions of servers, kept by a client context to be resumed. */
struct session_store;

struct session_store *session_store_create(size_t most);
void session_store_destroy(struct session_store *store);

/* Keeps what the session has for the next one with that peer; what cannot be kept is not. */
void session_store_put(struct session_store *store, uint64_t peer, mbedtls_ssl_context *ssl);

/* What a context toward servers has. */
struct client_context {
	struct session_store *store;
	char *server_name;      /* or NULL */
	bool is_lenient;        /* whatever certificate they have */
	mbedtls_x509_crt chain; /* our own, or empty */
	mbedtls_pk_context key;
};

/* NULL is fine. */
void client_context_destroy(struct client_context *client);

#endif
