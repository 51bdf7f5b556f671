/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKET_H
#define TICKET_H

#include <mbedtls/gcm.h>
#include <mbedtls/ssl.h>

#include "tls/tls.h"

#define TICKET_KEYS_MOST 8

/* One context's ciphers for the keys of its listener; moved never, since callbacks point to it. */
struct ticket_sealer {
	const struct tls_ticket_keys *keys;
	int (*random)(void *, unsigned char *, size_t);
	void *random_ctx;
	mbedtls_gcm_context ciphers[TICKET_KEYS_MOST];
};

/* 0 or mbedTLS's error. keys are borrowed. */
int ticket_sealer_init(struct ticket_sealer *sealer, const struct tls_ticket_keys *keys,
	int (*random)(void *, unsigned char *, size_t), void *random_ctx);
/* A zeroed one is fine. */
void ticket_sealer_finish(struct ticket_sealer *sealer);

/* mbedtls_ssl_conf_session_tickets_cb()'s */
int ticket_write(void *ctx, const mbedtls_ssl_session *session, unsigned char *start,
	const unsigned char *end, size_t *len, uint32_t *lifetime_s);
int ticket_parse(void *ctx, mbedtls_ssl_session *session, unsigned char *ticket, size_t len);

#endif
