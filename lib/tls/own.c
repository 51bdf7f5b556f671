/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certificate.h"
#include "session.h"
#include "staple.h"

static int parse(struct own_certificate *own)
{
	struct tls_certificate_source source;

	mbedtls_x509_crt_init(&own->chain);
	mbedtls_pk_init(&own->key);
	tls_certificate_source(own->shared, &source);
	/* It was parsed before: what fails now is memory. */
	if (certificate_parse_chain(&own->chain, source.chain, source.chain_len) == 0 &&
		certificate_parse_key(&own->key, source.key, source.key_len) == 0)
		return 0;
	mbedtls_x509_crt_free(&own->chain);
	mbedtls_pk_free(&own->key);
	return MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

/* All that the walk finds: an RSA and an ECDSA one of one name serve both kinds of clients. */
static int offer_one(mbedtls_ssl_context *ssl, struct own_certificate *own)
{
	struct tls_session *session = mbedtls_ssl_get_user_data_p(ssl);
	int error = own->state == OWN_READY ? 0 : parse(own);

	if (error != 0)
		return error;
	own->state = OWN_READY;
	session->has_certificate = true;
	return mbedtls_ssl_set_hs_own_cert(ssl, &own->chain, &own->key);
}

static int offer(mbedtls_ssl_context *ssl, struct name_walk walk)
{
	struct own_certificate *own;
	int error = 0;

	while (error == 0 && (own = name_walk_next(&walk)) != NULL)
		error = offer_one(ssl, own);
	return error;
}

/* What mbedTLS reads must be what the policy was chosen by. */
static bool is_same_name(const struct tls_session *session, const char *name, size_t len)
{
	if (session->sni == NULL)
		return len == 0;
	return strlen(session->sni) == len && memcmp(session->sni, name, len) == 0;
}

int own_choose_by_name(void *arg, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	const struct tls_context *context = arg;
	struct tls_session *session = mbedtls_ssl_get_user_data_p(ssl);
	char lower[NAME_MAX_BYTES], wildcard[NAME_MAX_BYTES + 1];
	size_t wildcard_len;
	int error;

	len = tls_name_lower(lower, name, len);
	if (!is_same_name(session, lower, len))
		return MBEDTLS_ERR_SSL_DECODE_ERROR;
	if (len == 0)
		return 0;
	error = offer(ssl, name_walk_begin(&context->names, lower, len));
	if (error != 0 || session->has_certificate)
		return error;
	wildcard_len = name_wildcard(wildcard, lower, len);
	return offer(ssl, name_walk_begin(&context->names, wildcard, wildcard_len));
}

int own_choose_default(mbedtls_ssl_context *ssl)
{
	struct tls_session *session = mbedtls_ssl_get_user_data_p(ssl);
	const struct tls_context *context = session->context;
	struct tls_certificate_info info;
	int error;

	if (session->has_certificate)
		return 0;
	if (context->refuse_unknown_names)
		return MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME;
	error = offer_one(ssl, &context->certificates[0]);
	/* Its sister of the other kind, for clients that cannot check this one. */
	tls_certificate_info(context->certificates[0].shared, &info);
	if (error != 0 || info.names[0] == '\0')
		return error;
	return offer(ssl, name_walk_begin(&context->names, info.names, strcspn(info.names, " ")));
}

/* The time is the vDSO's, as everywhere in mbedTLS's handshake. */
const unsigned char *own_staple(
	mbedtls_ssl_context *ssl, const mbedtls_x509_crt *crt, bool is_taken, size_t *len)
{
	const char *base = (const char *)crt - offsetof(struct own_certificate, chain);
	const struct own_certificate *own = (const void *)base;
	struct stapling *stapling = certificate_stapling(own->shared);
	const struct tls_staple *staple = atomic_load_explicit(
		&stapling->now, memory_order_acquire);

	(void)ssl;
	if (staple == NULL || staple->until_s <= time(NULL))
		return NULL;
	if (is_taken)
		atomic_fetch_add_explicit(&stapling->count, 1, memory_order_relaxed);
	*len = staple->len;
	return staple->data;
}

int own_create(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	struct tls_certificate_info info;
	size_t total = 0;

	if (params->certificate_count == 0)
		return err_set(err, EINVAL, "TLS: no certificate");
	for (size_t i = 0; i < params->certificate_count; i++) {
		tls_certificate_info(params->certificates[i], &info);
		total += name_count(info.names);
	}
	context->certificates = calloc(params->certificate_count, sizeof(*context->certificates));
	if (context->certificates == NULL || name_index_create(&context->names, total) < 0)
		return err_set(err, ENOMEM, "TLS: out of memory");
	context->certificate_count = params->certificate_count;
	for (size_t i = 0; i < params->certificate_count; i++) {
		struct own_certificate *own = &context->certificates[i];

		own->shared = tls_certificate_hold(params->certificates[i]);
		tls_certificate_info(own->shared, &info);
		name_index_add(&context->names, info.names, own);
	}
	return 0;
}

void own_destroy(struct tls_context *context)
{
	name_index_destroy(&context->names);
	for (size_t i = 0; i < context->certificate_count; i++) {
		struct own_certificate *own = &context->certificates[i];

		if (own->state == OWN_READY) {
			mbedtls_x509_crt_free(&own->chain);
			mbedtls_pk_free(&own->key);
		}
		tls_certificate_destroy(own->shared);
	}
	free(context->certificates);
}
