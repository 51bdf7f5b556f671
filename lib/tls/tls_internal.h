/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_INTERNAL_H
#define TLS_INTERNAL_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "client_auth.h"
#include "ticket.h"
#include "tls/tls.h"

/* RFC 1035 2.3.4 */
#define NAME_MAX_BYTES 255

struct tls_certificate {
	mbedtls_x509_crt chain; /* leaf first */
	mbedtls_pk_context key;
	char *names; /* lower case, separated by spaces */
	char subject[512];
	char not_after[24];
};

/* From a host name to certificates: see names.h. */
struct name_index {
	struct name_slot *slots;
	size_t mask; /* how many, less one: a power of two, at most half full */
};

struct tls_context {
	mbedtls_ssl_config config;
	mbedtls_ctr_drbg_context random;
	mbedtls_entropy_context entropy;
	struct tls_ticket_keys *own_keys; /* when the caller has none */
	struct ticket_sealer tickets;
	struct client_auth client;
	struct tls_certificate **certificates;
	size_t certificate_count;
	struct name_index names;
	bool refuse_unknown_names;
	int suites[10]; /* 0 ends it; the configuration points to it */
	char **alpn;    /* NULL-terminated, or NULL; the configuration points to it */
	/* Toward servers: */
	struct session_store *store;
	char *server_name; /* or NULL */
	bool is_lenient;   /* whatever certificate they have */
	int key_log;       /* a descriptor or -1 */
	uint32_t sessions; /* written by the worker, read by the control thread */
};

/*
 * A context without certificates: versions, suites, ALPN of params. endpoint: MBEDTLS_SSL_IS_x.
 * tls_context_destroy() ends it. NULL on error.
 */
struct tls_context *context_begin(
	const struct tls_context_params *params, int endpoint, struct err *err);

/* 0, or -EINVAL and mbedTLS's words. */
int context_result(int error, struct err *err);

/* mbedTLS's words for one of its errors, into text. */
void tls_error_text(char *text, size_t size, int error);

/* Keeps the client's SNI for tls_session_sni(); called in the handshake. name: lower case. */
void session_note_sni(mbedtls_ssl_context *ssl, const char *name, size_t len);

/* True after session_note_sni(). */
bool session_has_sni(mbedtls_ssl_context *ssl);

/* crypto_start()'s: counts and limits them, and owes the answer. */
int session_on_key_update(mbedtls_ssl_context *ssl, bool is_answer_wanted);

#endif
