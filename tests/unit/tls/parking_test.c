/* SPDX-License-Identifier: Apache-2.0 */
/* Parked sessions wake and carry data, in both directions and in either order. */
#include "tls/tls.h"

#include <string.h>

#include "loop.h"
#include "support/support.h"

static void exchange_big(struct loop *f)
{
	static unsigned char data[16000], got[16000];
	size_t have = 0;

	memset(data, 'b', sizeof(data));
	assert_int_equal(mbedtls_ssl_write(&f->client, data, sizeof(data)), sizeof(data));
	while (have < sizeof(got)) {
		int some = tls_read(f->session, got + have, 1000);

		assert_true(some > 0);
		have += (size_t)some;
	}
	assert_memory_equal(data, got, sizeof(data));
	assert_int_equal(tls_read(f->session, got, sizeof(got)), TLS_AGAIN);
	assert_int_equal(tls_write(f->session, data, sizeof(data)), sizeof(data));
	for (have = 0; have < sizeof(got);) {
		int some = loop_client_read(f, got + have, sizeof(got) - have);

		assert_true(some > 0);
		have += (size_t)some;
	}
}

static void parked_sessions_wake(void **state)
{
	struct loop *f = *state;
	char text[8];

	for (int version = 0x0303; version <= 0x0304; version++) {
		loop_stop(f);
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		loop_start(f);
		loop_connect(f);
		for (unsigned i = 0; i < 200; i++) {
			assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
			if (i % 3 == 0) {
				assert_int_equal(tls_write(f->session, "hi", 2), 2);
				assert_int_equal(loop_client_read(f, text, sizeof(text)), 2);
			}
			loop_exchange(f);
			if (i % 10 == 0)
				exchange_big(f);
		}
		assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
		assert_int_equal(tls_close(f->session), TLS_OK);
		assert_int_equal(
			loop_client_read(f, text, sizeof(text)), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
	}
}

/* A record in two pieces: what is half there is kept. */
static void parts_of_records_are_kept(void **state)
{
	struct loop *f = *state;
	char text[16];

	for (int version = 0x0303; version <= 0x0304; version++) {
		loop_stop(f);
		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		loop_start(f);
		loop_connect(f);
		assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
		for (size_t cut = 1; cut < 24; cut++) {
			uint8_t rest[64];
			size_t len;

			assert_int_equal(
				mbedtls_ssl_write(&f->client, (const unsigned char *)"halves", 6),
				6);
			len = f->to_server.len - cut;
			memcpy(rest, f->to_server.data + f->to_server.start + cut, len);
			f->to_server.len = cut;
			assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
			loop_put(&f->to_server, rest, len);
			assert_int_equal(tls_read(f->session, text, sizeof(text)), 6);
			assert_memory_equal(text, "halves", 6);
			assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
		}
	}
}

/* More than the stack of free buffers has room for, and each of them wakes. */
static void many_sessions_share_buffers(void **state)
{
	enum { COUNT = 100 };
	static struct loop others[COUNT];
	struct loop *f = *state;
	char text[8];

	for (unsigned i = 0; i < COUNT; i++) {
		others[i].context = f->context;
		others[i].config = f->config;
		mbedtls_ssl_session_init(&others[i].saved);
		loop_start(&others[i]);
		loop_connect(&others[i]);
		assert_int_equal(tls_read(others[i].session, text, sizeof(text)), TLS_AGAIN);
	}
	assert_int_equal(tls_context_sessions(f->context), COUNT + 1);
	for (unsigned i = 0; i < COUNT; i++)
		loop_exchange(&others[i]);
	for (unsigned i = 0; i < COUNT; i++) {
		loop_stop(&others[i]);
		mbedtls_ssl_session_free(&others[i].saved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(parked_sessions_wake),
		LOOP_TEST(parts_of_records_are_kept),
		LOOP_TEST(many_sessions_share_buffers),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
