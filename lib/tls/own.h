/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OWN_H
#define OWN_H

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "tls_internal.h"

/*
 * A context's own copy of a certificate, parsed when a client first needs it: of thousands most
 * are idle, and a key that threads share would be used behind a mutex. Only its worker changes it.
 */
enum own_state { OWN_UNREAD, OWN_READY };

struct own_certificate {
	struct tls_certificate *shared;
	mbedtls_x509_crt chain; /* leaf first */
	mbedtls_pk_context key;
	enum own_state state;
};

/* The context's certificates and the index of their names. 0 or -errno. */
int own_create(
	struct tls_context *context, const struct tls_context_params *params, struct err *err);
void own_destroy(struct tls_context *context);

/* mbedtls_ssl_conf_sni()'s: certificates with the very name, else those with a wildcard. */
int own_choose_by_name(
	void *context, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len);

/* mbedtls_ssl_conf_cert_cb()'s, after the whole ClientHello: the first one, or a refusal. */
int own_choose_default(mbedtls_ssl_context *ssl);

#endif
