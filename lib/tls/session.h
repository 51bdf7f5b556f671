/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SESSION_H
#define SESSION_H

#include "client.h"
#include "tls/facts.h"
#include "tls/hello.h"
#include "tls_internal.h"

#define RECORD_HEAD_BYTES 5

struct peer_facts;

struct tls_session {
	mbedtls_ssl_context ssl;
	struct tls_context *context;
	struct tls_policy *policy; /* NULL until the ClientHello was looked at */
	const struct tls_io *io;
	void *io_ctx;
	size_t unsent; /* bytes that mbedTLS holds because io did not take them */
	bool is_dry;   /* receive() had nothing more */
	bool has_eof;  /* the transport ended */
	bool has_failed;
	bool has_ended;       /* the peer sent close_notify */
	bool has_closed;      /* close_notify was written */
	bool has_certificate; /* one for its server name was found */
	bool is_resumed;
	bool is_parked; /* see crypto_park() */
	unsigned char parked_record[8];
	bool is_key_update_owed;
	uint8_t key_updates_left;
	/* Records on their way out, by their heads: tells whether mbedTLS has sent an alert. */
	size_t record_left;
	size_t record_head_len;
	uint8_t record_head[RECORD_HEAD_BYTES];
	bool is_alert_last; /* the last record that began in this call */
	/* What came before the policy was chosen: see opening.c. NULL: nothing is left of it. */
	uint8_t *early;
	size_t early_size, early_len, early_at;
	struct client_side client;
	char *sni;         /* NULL: none */
	const char *error; /* words that live on, or session's error_text */
	char *error_text;
	bool has_facts;
	struct tls_facts facts;
	struct peer_facts *peer; /* where the facts' strings are */
};

/*
 * Reads the ClientHello, however it is cut, and sets mbedTLS up by the policy of its server name:
 * TLS_OK, TLS_AGAIN, or TLS_FAILED when memory is short. What was read waits for opening_take().
 */
enum tls_result opening_run(struct tls_session *session);

/* Bytes that were read before mbedTLS was there: as io's receive. */
size_t opening_take(struct tls_session *session, uint8_t *data, size_t max);

void opening_free(struct tls_session *session);

void facts_free(struct tls_session *session);

/* session.c: ties mbedTLS, set up, to the session. */
void session_attach(struct tls_session *session);

#endif
