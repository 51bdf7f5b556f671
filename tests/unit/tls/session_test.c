/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <string.h>

#include <mbedtls/ssl.h>

#include "loop.h"
#include "support/support.h"

static void both_versions_work(void **state)
{
	struct loop *f = *state;

	assert_int_equal(tls_context_sessions(f->context), 1);
	loop_connect(f);
	assert_string_equal(tls_session_version(f->session), "TLSv1.3");
	assert_memory_equal(tls_session_cipher(f->session), "TLS1-3-", 7);
	assert_null(tls_session_sni(f->session));
	assert_null(tls_session_alpn(f->session));
	loop_exchange(f);
	loop_stop(f);
	loop_set_version(f, MBEDTLS_SSL_VERSION_TLS1_2);
	loop_start(f);
	loop_connect(f);
	assert_string_equal(tls_session_version(f->session), "TLSv1.2");
	assert_string_equal(
		tls_session_cipher(f->session), "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256");
	loop_exchange(f);
}

/* Three bytes at a time either way, seven under way at most. */
static void small_steps_work(void **state)
{
	struct loop *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		loop_stop(f);
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		loop_start(f);
		f->to_server.step = f->to_client.step = 3;
		f->to_client.room = 7;
		loop_connect(f);
	}
}

static void feed_garbage(struct loop *f, const char *bytes, size_t len, const char *alert)
{
	loop_stop(f);
	loop_start(f);
	assert_int_equal(loop_put(&f->to_server, (const uint8_t *)bytes, len), len);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(f->to_client.len, 7);
	assert_memory_equal(f->to_client.data, alert, 7);
	assert_true(strlen(tls_session_error(f->session)) > 0);
}

#define GARBAGE(f, bytes, alert) feed_garbage(f, bytes, sizeof(bytes) - 1, alert)

static void garbage_is_answered_with_an_alert(void **state)
{
	struct loop *f = *state;

	GARBAGE(f, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x32");
	GARBAGE(f, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", "\x15\x03\x03\x00\x02\x02\x32");
	GARBAGE(f, "\x16\x03\x01\xff\xff", "\x15\x03\x03\x00\x02\x02\x16");
	GARBAGE(f, "\x17\x03\x03\x00\x01\x00", "\x15\x03\x03\x00\x02\x02\x0a");
}

/* An alert that io cannot take yet is not lost. */
static void alerts_wait_for_room(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n";
	struct loop *f = *state;

	f->to_client.room = 3;
	loop_put(&f->to_server, (const uint8_t *)text, sizeof(text) - 1);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(tls_flush(f->session), TLS_AGAIN);
	f->to_client.room = 100;
	assert_int_equal(tls_flush(f->session), TLS_FAILED);
	assert_memory_equal(f->to_client.data, "\x15\x03\x03\x00\x02\x02\x32", 7);
}

static void damaged_records_are_refused(void **state)
{
	struct loop *f = *state;
	unsigned char text[8];

	for (int version = 0x0303; version <= 0x0304; version++) {
		loop_stop(f);
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		loop_start(f);
		loop_connect(f);
		assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"x", 1), 1);
		f->to_server.data[f->to_server.start + f->to_server.len - 1] ^= 1;
		assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_FAILED);
		assert_string_equal(tls_session_error(f->session),
			"SSL - Verification of the message MAC failed");
		assert_int_equal(loop_client_read(f, text, sizeof(text)),
			MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
		assert_int_equal(f->to_client.len, 0);
	}
}

static void closing_in_order(void **state)
{
	struct loop *f = *state;
	unsigned char text[8];

	loop_connect(f);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"bye", 3), 3);
	assert_int_equal(mbedtls_ssl_close_notify(&f->client), 0);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), 3);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_EOF);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_EOF);
	/* Half closed: we may still answer. */
	assert_int_equal(tls_write(f->session, "ok", 2), 2);
	f->to_client.room = f->to_client.len;
	assert_int_equal(tls_close(f->session), TLS_AGAIN);
	f->to_client.room = SIZE_MAX;
	assert_int_equal(tls_close(f->session), TLS_OK);
	assert_int_equal(tls_close(f->session), TLS_OK);
	assert_int_equal(loop_client_read(f, text, sizeof(text)), 2);
	assert_int_equal(
		loop_client_read(f, text, sizeof(text)), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
	assert_int_equal(f->to_client.len, 0);
}

static void cut_off_is_not_the_end(void **state)
{
	struct loop *f = *state;
	char text[8];

	loop_connect(f);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"x", 1), 1);
	tls_transport_eof(f->session);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), 1);
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_FAILED);
	assert_string_equal(
		tls_session_error(f->session), "the connection ended without close_notify");
	loop_stop(f);
	loop_start(f);
	tls_transport_eof(f->session);
	assert_int_equal(tls_handshake(f->session), TLS_FAILED);
	assert_int_equal(f->to_client.len, 0);
}

/* Nothing is lost, doubled or reordered when io takes little. */
static void writing_under_back_pressure(void **state)
{
	static uint8_t sent[60000], got[60000];
	struct loop *f = *state;
	size_t written = 0, received = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	loop_connect(f);
	f->to_client.room = 5000;
	f->to_client.step = 3333;
	assert_int_equal(tls_write(f->session, sent, sizeof(sent)), 16383);
	assert_int_equal(tls_write(f->session, sent, 1), TLS_AGAIN);
	written = 16383;
	while (received < sizeof(sent)) {
		int n = loop_client_read(f, got + received, sizeof(got) - received);

		if (n > 0)
			received += (size_t)n;
		else
			assert_int_equal(n, MBEDTLS_ERR_SSL_WANT_READ);
		if (written == sizeof(sent)) {
			tls_flush(f->session);
			continue;
		}
		n = tls_write(f->session, sent + written, sizeof(sent) - written);
		if (n > 0)
			written += (size_t)n;
		else
			assert_int_equal(n, TLS_AGAIN);
	}
	assert_memory_equal(sent, got, sizeof(sent));
	assert_int_equal(tls_flush(f->session), TLS_OK);
}

static void sessions_are_counted(void **state)
{
	struct loop *f = *state;
	struct tls_session *more = tls_session_create(f->context, &loop_io, f);

	assert_int_equal(tls_context_sessions(f->context), 2);
	tls_session_destroy(more);
	tls_session_destroy(NULL);
	assert_int_equal(tls_context_sessions(f->context), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(both_versions_work),
		LOOP_TEST(small_steps_work),
		LOOP_TEST(garbage_is_answered_with_an_alert),
		LOOP_TEST(alerts_wait_for_room),
		LOOP_TEST(damaged_records_are_refused),
		LOOP_TEST(closing_in_order),
		LOOP_TEST(cut_off_is_not_the_end),
		LOOP_TEST(writing_under_back_pressure),
		LOOP_TEST(sessions_are_counted),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
