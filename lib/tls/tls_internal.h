/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_INTERNAL_H
#define TLS_INTERNAL_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>

#include "client_auth.h"
#include "crypto.h"
#include "names.h"
#include "ticket.h"
#include "tls/hello.h"
#include "tls/tls.h"

#define NAME_MAX_BYTES TLS_NAME_MAX

struct tls_context {
	mbedtls_ctr_drbg_context random;
	mbedtls_entropy_context entropy;
	struct tls_ticket_keys *own_keys; /* when the caller has none */
	const struct tls_ticket_keys *keys;
	struct own_certificate *certificates;
	size_t certificate_count;
	struct name_index names; /* of own_certificates */
	bool refuse_unknown_names;
	struct tls_policy **policies; /* the first: for names without one of their own */
	size_t policy_count;
	struct name_index hosts;       /* of policies */
	char *host_names;              /* what that points to */
	struct client_context *client; /* toward servers; else NULL */
	struct crypto_buffers buffers;
	int key_log;       /* a descriptor or -1 */
	uint32_t sessions; /* written by the worker, read by the control thread */
};

/* A context with a random source and no more. tls_context_destroy() ends it. NULL on error. */
struct tls_context *context_begin(struct err *err);

/* mbedTLS's words for one of its errors, into text. */
void tls_error_text(char *text, size_t size, int error);

/* crypto_start()'s: counts and limits them, and owes the answer. */
int session_on_key_update(mbedtls_ssl_context *ssl, bool is_answer_wanted);

/* crypto_start()'s: of a certificate of a context's own. */
const unsigned char *own_staple(
	mbedtls_ssl_context *ssl, const mbedtls_x509_crt *own, bool is_taken, size_t *len);

#endif
