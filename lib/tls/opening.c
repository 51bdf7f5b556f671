/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of a session: mbedTLS cannot change its configuration once it runs, so the
 * ClientHello is looked at first. Until it is whole a client costs as many bytes as it has sent.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "policy.h"
#include "session.h"

#define FIRST_BYTES 2048 /* most have their ClientHello in it */

void opening_free(struct tls_session *session)
{
	free(session->early);
	session->early = NULL;
}

size_t opening_take(struct tls_session *session, uint8_t *data, size_t max)
{
	size_t len;

	if (session->early == NULL)
		return 0;
	len = MIN(max, session->early_len - session->early_at);
	memcpy(data, session->early + session->early_at, len);
	session->early_at += len;
	if (session->early_at == session->early_len)
		opening_free(session);
	return len;
}

static bool make_room(struct tls_session *session)
{
	size_t size = session->early == NULL ? FIRST_BYTES : 2 * session->early_size;
	uint8_t *grown;

	if (session->early != NULL && session->early_len < session->early_size)
		return true;
	size = MIN(size, TLS_HELLO_MOST_BYTES);
	grown = realloc(session->early, size);
	if (grown == NULL)
		return false;
	session->early = grown;
	session->early_size = size;
	return true;
}

static enum tls_result fail(struct tls_session *session)
{
	session->error = "out of memory";
	session->has_failed = true;
	return TLS_FAILED;
}

/* What is no ClientHello has no name: mbedTLS finds the words and the alert for it. */
static enum tls_result set_up(struct tls_session *session, const struct tls_hello *hello)
{
	struct tls_policy *policy = policy_find(session->context, hello->sni, hello->sni_len);

	if (hello->sni_len > 0) {
		session->sni = strndup(hello->sni, hello->sni_len);
		if (session->sni == NULL)
			return fail(session);
	}
	if (mbedtls_ssl_setup(&session->ssl, &policy->config) != 0)
		return fail(session);
	session->policy = policy;
	session_attach(session);
	return TLS_OK;
}

enum tls_result opening_run(struct tls_session *session)
{
	enum tls_hello_result result = TLS_HELLO_MORE;
	struct tls_hello hello = { 0 };
	size_t got;

	while (result == TLS_HELLO_MORE) {
		if (!make_room(session))
			return fail(session);
		got = session->io->receive(session->io_ctx, session->early + session->early_len,
			session->early_size - session->early_len);
		if (got == 0 && !session->has_eof)
			return TLS_AGAIN;
		if (got == 0)
			break;
		session->early_len += got;
		result = tls_hello_parse(session->early, session->early_len, &hello);
	}
	return set_up(session, &hello);
}
