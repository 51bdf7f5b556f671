/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "crypto.h"
#include "key_log.h"
#include "policy.h"
#include "session.h"

/* KeyUpdates that a peer may send on end; data that it sends pays for more, one for each read. */
#define KEY_UPDATES_MOST 100
#define ERROR_BYTES      192
/* An alert under TLS 1.3: two bytes and the content type, padded as mbedTLS does, and a tag. */
#define PADDING_BYTES      MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY
#define SEALED_ALERT_BYTES ((3 + PADDING_BYTES - 1) / PADDING_BYTES * PADDING_BYTES + 16)

struct alert {
	int error;
	unsigned char description;
};

/* What RFC 8446 6.2 has for mbedTLS's errors; anything else is an internal error. */
static const struct alert alerts[] = {
	{ MBEDTLS_ERR_SSL_INVALID_MAC, MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC },
	{ MBEDTLS_ERR_SSL_INVALID_RECORD, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR },
	/* A record that is longer than any may be. */
	{ MBEDTLS_ERR_SSL_BAD_INPUT_DATA, MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW },
	{ MBEDTLS_ERR_SSL_DECODE_ERROR, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR },
	{ MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION },
	{ MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE },
	{ MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER },
	{ MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE },
	{ MBEDTLS_ERR_SSL_UNEXPECTED_RECORD, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE },
	{ MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME, MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME },
	{ MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_EXT },
	{ MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL },
	{ MBEDTLS_ERR_SSL_BAD_CERTIFICATE, MBEDTLS_SSL_ALERT_MSG_BAD_CERT },
	{ MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, MBEDTLS_SSL_ALERT_MSG_BAD_CERT },
};

/* Runs inside of mbedtls_ssl_read(): the answer waits until that is done. */
int session_on_key_update(mbedtls_ssl_context *ssl, bool is_answer_wanted)
{
	struct tls_session *session = mbedtls_ssl_get_user_data_p(ssl);

	if (session->key_updates_left == 0)
		return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
	session->key_updates_left--;
	session->is_key_update_owed |= is_answer_wanted;
	return 0;
}

static void watch_records(struct tls_session *session, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t step = MIN(len, session->record_left);

		if (step == 0) {
			uint8_t *head = session->record_head;
			size_t body;

			head[session->record_head_len++] = *data;
			step = 1;
			if (session->record_head_len == RECORD_HEAD_BYTES) {
				session->record_head_len = 0;
				body = (size_t)head[3] << 8 | head[4];
				session->record_left = body;
				session->is_alert_last = head[0] == MBEDTLS_SSL_MSG_ALERT ||
					(head[0] == MBEDTLS_SSL_MSG_APPLICATION_DATA &&
						body == SEALED_ALERT_BYTES);
			}
		} else {
			session->record_left -= step;
		}
		data += step;
		len -= step;
	}
}

/* mbedTLS hands over all that it holds at every call: what is not taken is all that is left. */
static int send_bytes(void *ctx, const unsigned char *data, size_t len)
{
	struct tls_session *session = ctx;
	size_t sent = session->io->send(session->io_ctx, data, len);

	session->unsent = len - sent;
	if (sent == 0)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	watch_records(session, data, sent);
	return (int)sent;
}

static int receive_bytes(void *ctx, unsigned char *data, size_t max)
{
	struct tls_session *session = ctx;
	size_t received = opening_take(session, data, max);

	if (received == 0)
		received = session->io->receive(session->io_ctx, data, max);
	if (received > 0)
		return (int)received;
	session->is_dry = true;
	return session->has_eof ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
}

struct tls_session *tls_session_create(
	struct tls_context *context, const struct tls_io *io, void *io_ctx)
{
	struct tls_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->context = context;
	session->io = io;
	session->io_ctx = io_ctx;
	session->key_updates_left = KEY_UPDATES_MOST;
	session->error = "";
	mbedtls_ssl_init(&session->ssl);
	__atomic_store_n(&context->sessions, context->sessions + 1, __ATOMIC_RELEASE);
	return session;
}

void session_attach(struct tls_session *session)
{
	mbedtls_ssl_set_user_data_p(&session->ssl, session);
	mbedtls_ssl_set_bio(&session->ssl, session, send_bytes, receive_bytes, NULL);
	if (session->context->key_log >= 0)
		key_log_attach(&session->ssl, &session->context->key_log);
}

void tls_session_destroy(struct tls_session *session)
{
	struct tls_context *context;

	if (session == NULL)
		return;
	context = session->context;
	mbedtls_ssl_free(&session->ssl);
	opening_free(session);
	facts_free(session);
	free(session->sni);
	free(session->error_text);
	free(session);
	__atomic_store_n(&context->sessions, context->sessions - 1, __ATOMIC_RELEASE);
}

void tls_transport_eof(struct tls_session *session)
{
	session->has_eof = true;
}

/* Nobody is left to hear an alert, or the peer has sent its own. */
static bool is_alert_useless(int error)
{
	return error == MBEDTLS_ERR_SSL_CONN_EOF || error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
		error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
}

static unsigned char alert_for(int error)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].error == error)
			return alerts[i].description;
	return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
}

static void describe(struct tls_session *session, int error)
{
	if (error == MBEDTLS_ERR_SSL_CONN_EOF) {
		session->error = "the connection ended without close_notify";
	} else if (error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
		session->error = "the peer closed in the handshake";
	} else {
		if (session->error_text == NULL)
			session->error_text = calloc(1, ERROR_BYTES);
		session->error = "out of memory";
		if (session->error_text == NULL)
			return;
		tls_error_text(session->error_text, ERROR_BYTES, error);
		session->error = session->error_text;
	}
}

/* Ends the session; mbedTLS sends an alert for some errors only. */
static enum tls_result fail(struct tls_session *session, int error)
{
	describe(session, error);
	if (!is_alert_useless(error) && !session->is_alert_last)
		mbedtls_ssl_send_alert_message(
			&session->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert_for(error));
	session->has_failed = true;
	return TLS_FAILED;
}

static bool is_again(int error)
{
	return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

void tls_session_move(struct tls_session *session, void *io_ctx)
{
	session->io_ctx = io_ctx;
}

static void keep(struct tls_session *session)
{
	session_store_put(session->context->client->store, session->client.peer, &session->ssl);
}

/* TLS 1.2 has all that is needed to resume with its handshake, 1.3 only when tickets come. */
static void keep_session_id(struct tls_session *session)
{
	if (session->client.is_client &&
		mbedtls_ssl_get_version_number(&session->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
		keep(session);
}

/*
 * Passes over a server's tickets, and keeps them. mbedTLS wants to be called again after such a
 * message, though bytes are there which nobody will tell of once more.
 */
static int read_record(struct tls_session *session, void *data, size_t max)
{
	int got;

	session->is_dry = false;
	do {
		got = mbedtls_ssl_read(&session->ssl, data, max);
		if (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
			keep(session);
	} while (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET ||
		(got == MBEDTLS_ERR_SSL_WANT_READ && !session->is_dry));
	return got;
}

enum tls_result tls_handshake(struct tls_session *session)
{
	struct ticket_sealer *tickets;
	enum tls_result opened;
	int error;

	if (session->has_failed)
		return TLS_FAILED;
	if (session->policy == NULL) {
		opened = opening_run(session);
		if (opened != TLS_OK)
			return opened;
	}
	tickets = &session->policy->tickets;
	tickets->sni = session->sni;
	tickets->is_opened = false;
	session->is_alert_last = false;
	error = mbedtls_ssl_handshake(&session->ssl);
	session->is_resumed |= tickets->is_opened;
	if (error == 0) {
		keep_session_id(session);
		return TLS_OK;
	}
	return is_again(error) ? TLS_AGAIN : fail(session, error);
}

/* One answer to all that came since the last (RFC 8446 4.6.3), once nothing waits inside. */
static enum tls_result answer_key_update(struct tls_session *session)
{
	int error;

	if (!session->is_key_update_owed || session->unsent > 0 || session->has_closed)
		return TLS_OK;
	session->is_key_update_owed = false;
	error = crypto_send_key_update(&session->ssl);
	return error == 0 || is_again(error) ? TLS_OK : fail(session, error);
}

static enum tls_result wake(struct tls_session *session)
{
	if (!session->is_parked)
		return TLS_OK;
	if (crypto_unpark(&session->ssl, &session->context->buffers, session->parked_record) != 0) {
		session->error = "out of memory";
		session->has_failed = true;
		return TLS_FAILED;
	}
	session->is_parked = false;
	return TLS_OK;
}

/* There is nothing to read: when there is nothing else either, its buffers serve others. */
static void park(struct tls_session *session)
{
	session->is_parked = !session->is_parked && session->context->client == NULL &&
		session->unsent == 0 && !session->is_key_update_owed &&
		crypto_park(&session->ssl, &session->context->buffers, session->parked_record);
}

static int read_done(struct tls_session *session, int got)
{
	if (got <= 0) {
		if (answer_key_update(session) != TLS_OK)
			return TLS_FAILED;
		park(session);
		return TLS_AGAIN;
	}
	session->key_updates_left = (uint8_t)MIN(KEY_UPDATES_MOST, session->key_updates_left + 1);
	return answer_key_update(session) == TLS_OK ? got : TLS_FAILED;
}

int tls_read(struct tls_session *session, void *data, size_t max)
{
	int got;

	if (session->has_failed)
		return TLS_FAILED;
	if (session->has_ended)
		return TLS_EOF;
	if (session->policy == NULL)
		return TLS_AGAIN;
	/* mbedTLS would answer 0 to it, which is its word for the transport's end. */
	if (max == 0)
		return TLS_AGAIN;
	session->is_alert_last = false;
	if (wake(session) != TLS_OK)
		return TLS_FAILED;
	got = read_record(session, data, max);
	if (got > 0 || is_again(got))
		return read_done(session, got);
	if (got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
		session->has_ended = true;
		return TLS_EOF;
	}
	/* mbedTLS says 0 for the transport's end. */
	return fail(session, got == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : got);
}

/* With bytes unsent, mbedtls_ssl_send_alert_message() only pushes them out: its public flush. */
enum tls_result tls_flush(struct tls_session *session)
{
	int error;

	if (session->unsent > 0) {
		error = mbedtls_ssl_send_alert_message(&session->ssl,
			MBEDTLS_SSL_ALERT_LEVEL_WARNING, MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
		if (error != 0)
			return is_again(error) ? TLS_AGAIN : fail(session, error);
	}
	if (session->has_failed || answer_key_update(session) != TLS_OK)
		return TLS_FAILED;
	return session->unsent > 0 ? TLS_AGAIN : TLS_OK;
}

int tls_write(struct tls_session *session, const void *data, size_t len)
{
	enum tls_result flushed = tls_flush(session);
	int most, error;

	if (flushed != TLS_OK)
		return flushed;
	if (session->policy == NULL || !mbedtls_ssl_is_handshake_over(&session->ssl))
		return TLS_AGAIN;
	if (wake(session) != TLS_OK)
		return TLS_FAILED;
	most = mbedtls_ssl_get_max_out_record_payload(&session->ssl);
	if (most <= 0)
		return fail(session, most);
	len = MIN(len, (size_t)most);
	error = mbedtls_ssl_write(&session->ssl, data, len);
	/* The record is made and waits inside: its bytes were taken, whatever io did. */
	if (error == MBEDTLS_ERR_SSL_WANT_WRITE && session->unsent > 0)
		return (int)len;
	if (error > 0)
		return error;
	return is_again(error) || len == 0 ? TLS_AGAIN : fail(session, error);
}

bool tls_has_pending(const struct tls_session *session)
{
	return mbedtls_ssl_get_bytes_avail(&session->ssl) > 0;
}

enum tls_result tls_close(struct tls_session *session)
{
	enum tls_result flushed = tls_flush(session);
	int error;

	if (flushed != TLS_OK || session->has_closed || session->policy == NULL)
		return flushed;
	if (wake(session) != TLS_OK)
		return TLS_FAILED;
	session->has_closed = true;
	error = mbedtls_ssl_close_notify(&session->ssl);
	if (error == 0)
		return TLS_OK;
	return is_again(error) ? TLS_AGAIN : fail(session, error);
}

const char *tls_session_version(const struct tls_session *session)
{
	return session->policy == NULL ? "unknown" : mbedtls_ssl_get_version(&session->ssl);
}

const char *tls_session_cipher(const struct tls_session *session)
{
	const char *name = mbedtls_ssl_get_ciphersuite(&session->ssl);

	return name != NULL ? name : "";
}

const char *tls_session_alpn(const struct tls_session *session)
{
	return session->policy == NULL ? NULL : mbedtls_ssl_get_alpn_protocol(&session->ssl);
}

const char *tls_session_sni(const struct tls_session *session)
{
	return session->sni;
}

const char *tls_session_error(const struct tls_session *session)
{
	return session->error;
}

bool tls_session_serves(const struct tls_session *session, const char *host, size_t len)
{
	char name[NAME_MAX_BYTES];

	if (session->context->policy_count == 1)
		return true;
	/* "example.com." is the same host. */
	if (len > 1 && host[len - 1] == '.')
		len--;
	len = tls_name_lower(name, (const uint8_t *)host, len);
	return policy_find(session->context, name, len) == session->policy;
}

bool tls_session_peer(const struct tls_session *session, char *subject, size_t size)
{
	const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&session->ssl);

	if (peer == NULL || mbedtls_ssl_get_verify_result(&session->ssl) != 0)
		return false;
	if (mbedtls_x509_dn_gets(subject, size, &peer->subject) < 0)
		snprintf(subject, size, "(too long)");
	return true;
}
