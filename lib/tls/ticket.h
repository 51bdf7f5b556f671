/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_H
#define TICKET_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/gcm.h>
#include <mbedtls/ssl.h>

#include "tls/tls.h"

#define TICKET_KEYS_MOST 8

#define TICKET_SCOPE_BYTES 32

/*
 * One policy's ciphers for the keys of its listener; moved never, since callbacks point to it. A
 * ticket is good for its scope and server name alone: who shares the keys with a listener that asks
 * its clients for less must not take its tickets, and RFC 6066 3 binds them to the name.
 */
struct ticket_sealer {
	const struct tls_ticket_keys *keys;
	mbedtls_ctr_drbg_context *random;
	uint8_t scope[TICKET_SCOPE_BYTES]; /* SHA-256 */
	/* Of the session that mbedTLS works on now: its callbacks do not say. */
	const char *sni; /* NULL: none */
	bool is_opened;  /* out: a ticket was good */
	mbedtls_gcm_context ciphers[TICKET_KEYS_MOST];
};

/* 0 or mbedTLS's error. keys are borrowed. */
int ticket_sealer_init(struct ticket_sealer *sealer, const struct tls_ticket_keys *keys,
	const char *scope, mbedtls_ctr_drbg_context *random);
/* A zeroed one is fine. */
void ticket_sealer_finish(struct ticket_sealer *sealer);

/* mbedtls_ssl_conf_session_tickets_cb()'s */
int ticket_write(void *ctx, const mbedtls_ssl_session *session, unsigned char *start,
	const unsigned char *end, size_t *len, uint32_t *lifetime_s);
int ticket_parse(void *ctx, mbedtls_ssl_session *session, unsigned char *ticket, size_t len);

#endif
