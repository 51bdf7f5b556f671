/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SSL_UPDATE_H
#define SSL_UPDATE_H

struct tls_certificate;

/* A certificate between "set ssl cert" and "commit ssl cert": one at a time, for all clients. */
struct ssl_update {
	char *name; /* NULL: none */
	struct tls_certificate *certificate;
};

/* Forgets it. */
void ssl_update_clear(struct ssl_update *update);

#endif
