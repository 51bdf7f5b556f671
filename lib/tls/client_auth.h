/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_AUTH_H
#define CLIENT_AUTH_H

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crl.h>

#include "tls/tls.h"

/* Whom a context takes for whom: the authorities, what they revoked, and how long a chain may be.
 */
struct client_auth {
	mbedtls_x509_crt authorities;
	mbedtls_x509_crl revoked;
	unsigned depth;
};

void client_auth_init(struct client_auth *auth);
/* Sets config up; auth must outlive it. 0 or -errno with words that name the file. */
int client_auth_load(struct client_auth *auth, mbedtls_ssl_config *config,
	const struct tls_client_params *params, struct err *err);
void client_auth_finish(struct client_auth *auth);

#endif
