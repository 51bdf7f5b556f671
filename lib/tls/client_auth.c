/* SPDX-License-Identifier: Apache-2.0 */
#include "client_auth.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tls_internal.h"

void client_auth_init(struct client_auth *auth)
{
	mbedtls_x509_crt_init(&auth->authorities);
	mbedtls_x509_crl_init(&auth->revoked);
}

void client_auth_finish(struct client_auth *auth)
{
	mbedtls_x509_crt_free(&auth->authorities);
	mbedtls_x509_crl_free(&auth->revoked);
}

static int fail(struct err *err, const char *path, int error)
{
	char text[160];

	if (error > 0)
		return err_set(
			err, EINVAL, "%s: %d of its certificates cannot be read", path, error);
	if (access(path, R_OK) != 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	tls_error_text(text, sizeof(text), error);
	return err_set(err, EINVAL, "%s: %s", path, text);
}

/*
 * Called for each certificate of a chain, the client's own is number 0. A depth of 1 allows that
 * one under an authority of ours, 2 an intermediate in between.
 */
static int verify(void *ctx, mbedtls_x509_crt *certificate, int number, uint32_t *flags)
{
	const struct client_auth *auth = ctx;

	(void)certificate;
	if (auth->depth > 0 && (unsigned)number > auth->depth)
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
	return 0;
}

/* Without a list that is in force, nobody could tell who is revoked. */
static int check_revoked(const struct client_auth *auth, const char *path, struct err *err)
{
	for (const mbedtls_x509_crl *list = &auth->revoked; list != NULL; list = list->next)
		if (list->next_update.year != 0 && mbedtls_x509_time_is_past(&list->next_update))
			return err_set(err, EINVAL, "%s: the revocation list is out of date", path);
	return 0;
}

int client_auth_load(struct client_auth *auth, mbedtls_ssl_config *config,
	const struct tls_client_params *params, struct err *err)
{
	bool is_optional = params->auth == TLS_CLIENT_AUTH_OPTIONAL;
	int error;

	if (params->auth == TLS_CLIENT_AUTH_NONE) {
		mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
		return 0;
	}
	error = mbedtls_x509_crt_parse_file(&auth->authorities, params->ca_path);
	if (error != 0)
		return fail(err, params->ca_path, error);
	if (params->crl_path != NULL) {
		error = mbedtls_x509_crl_parse_file(&auth->revoked, params->crl_path);
		if (error != 0)
			return fail(err, params->crl_path, error);
		if (check_revoked(auth, params->crl_path, err) < 0)
			return -EINVAL;
	}
	auth->depth = params->depth;
	mbedtls_ssl_conf_authmode(
		config, is_optional ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(
		config, &auth->authorities, params->crl_path != NULL ? &auth->revoked : NULL);
	mbedtls_ssl_conf_verify(config, verify, auth);
	return 0;
}
