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

/* Once, before any session. Plain: KeyUpdates are never told; mbedTLS ends the connection. */
void crypto_start(crypto_key_update_fn on_key_update);

/* Sends our KeyUpdate and goes to new keys; nothing unsent may be left in ssl. */
int crypto_send_key_update(mbedtls_ssl_context *ssl);

/* Frees what the calling thread has: it uses TLS no more. */
void crypto_thread_finish(void);

/* "accelerated" or "plain" */
const char *crypto_name(void);

#endif
