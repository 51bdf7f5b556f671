/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>

#include <mbedtls/ssl.h>

/*
 * What the accelerated and the plain mbedTLS do differently, for the rest of lib/tls: the build
 * takes crypto_accelerated.c or crypto_plain.c. Errors are mbedTLS's.
 */

/* A peer's KeyUpdate came, and its keys are in use. Not 0: an error that ends the connection. */
typedef int (*crypto_key_update_fn)(mbedtls_ssl_context *ssl, bool is_answer_wanted);

/*
 * The OCSP answer for this certificate of ours, which ssl's handshake shows to a client that asked
 * for one: its bytes, borrowed for the call's worker turn, or NULL. is_taken: it goes out now.
 */
typedef const unsigned char *(*crypto_staple_fn)(
	mbedtls_ssl_context *ssl, const mbedtls_x509_crt *own, bool is_taken, size_t *len);

/*
 * Once, before any session. Plain: KeyUpdates are never told, mbedTLS ends the connection; and
 * nobody asks for staples.
 */
void crypto_start(crypto_key_update_fn on_key_update, crypto_staple_fn staple);
bool crypto_can_staple(void);

/* Sends our KeyUpdate and goes to new keys; nothing unsent may be left in ssl. */
int crypto_send_key_update(mbedtls_ssl_context *ssl);

/* Record buffers of a worker's sessions that are idle: the last one given is the next one taken. */
#define CRYPTO_BUFFERS_MAX 64 /* pairs; more are given back to the system */

struct crypto_buffers {
	unsigned count;
	unsigned char *in[CRYPTO_BUFFERS_MAX];
	unsigned char *out[CRYPTO_BUFFERS_MAX];
};

void crypto_buffers_free(struct crypto_buffers *buffers);

/*
 * Parks a session in which nothing waits either way: its buffers and all that was for the handshake
 * are given up; record keeps what must not be lost. False: it is not idle, or this mbedTLS cannot.
 */
bool crypto_park(mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, unsigned char record[8]);
/* Before anything else is done with a parked session. 0, or mbedTLS's error: memory is short. */
int crypto_unpark(
	mbedtls_ssl_context *ssl, struct crypto_buffers *buffers, const unsigned char record[8]);

/* Frees what the calling thread has: it uses TLS no more. */
void crypto_thread_finish(void);

/* "accelerated" or "plain" */
const char *crypto_name(void);

#endif
