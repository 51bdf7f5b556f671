/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_H
#define POLICY_H

#include "tls_internal.h"

/*
 * How a context speaks to clients that ask for some host names, or for any other: one mbedTLS
 * configuration. Moved never, since mbedTLS points to its parts.
 */
struct tls_policy {
	mbedtls_ssl_config config;
	struct ticket_sealer tickets;
	struct client_auth client;
	int suites[10]; /* 0 ends it; the configuration points to it */
	char **alpn;    /* NULL-terminated, or NULL; the configuration points to it */
};

/*
 * scope: whose tickets these are, see ticket.h. NULL on error. The context's random source and keys
 * must be there.
 */
struct tls_policy *policy_create(struct tls_context *context,
	const struct tls_policy_params *params, const char *scope, struct err *err);
/* The same toward servers: versions, suites and ALPN of params. */
struct tls_policy *policy_create_client(
	struct tls_context *context, const struct tls_policy_params *params, struct err *err);
void policy_destroy(struct tls_policy *policy);

/* By exact name, else by a wildcard for the first label, else the context's own. name: lower case.
 */
struct tls_policy *policy_find(const struct tls_context *context, const char *name, size_t len);

#endif
