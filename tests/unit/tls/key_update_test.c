/* SPDX-License-Identifier: Apache-2.0 */
/* KeyUpdate (RFC 8446 4.6.3), by OpenSSL's client, since mbedTLS's sends none. */
#include "tls/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "loop.h"
#include "support/support.h"

struct pair {
	struct tls_context *context;
	struct tls_session *session;
	SSL_CTX *client_context;
	SSL *client;
	BIO *to_client, *to_server;
	size_t room; /* for the server */
};

static size_t receive(void *ctx, uint8_t *data, size_t max)
{
	struct pair *pair = ctx;
	int got = BIO_read(pair->to_server, data, (int)max);

	return got > 0 ? (size_t)got : 0;
}

static size_t send(void *ctx, const uint8_t *data, size_t len)
{
	struct pair *pair = ctx;

	len = MIN(len, pair->room);
	pair->room -= len;
	return len == 0 ? 0 : (size_t)BIO_write(pair->to_client, data, (int)len);
}

static const struct tls_io io = { .receive = receive, .send = send };

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	bool is_done = false;

	assert_non_null(pair);
	pair->room = SIZE_MAX;
	pair->context = loop_context(0x0304);
	pair->session = tls_session_create(pair->context, &io, pair);
	pair->client_context = SSL_CTX_new(TLS_client_method());
	pair->client = SSL_new(pair->client_context);
	pair->to_client = BIO_new(BIO_s_mem());
	pair->to_server = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(pair->to_client, -1);
	BIO_set_mem_eof_return(pair->to_server, -1);
	SSL_set_bio(pair->client, pair->to_client, pair->to_server);
	SSL_set_connect_state(pair->client);
	for (int i = 0; i < 4 && !is_done; i++) {
		SSL_do_handshake(pair->client);
		is_done = tls_handshake(pair->session) == TLS_OK;
	}
	assert_true(is_done);
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	SSL_free(pair->client);
	SSL_CTX_free(pair->client_context);
	tls_session_destroy(pair->session);
	tls_context_destroy(pair->context);
	free(pair);
	return 0;
}

static void exchange(struct pair *pair)
{
	char text[8];

	assert_int_equal(SSL_write(pair->client, "ping", 4), 4);
	assert_int_equal(tls_read(pair->session, text, sizeof(text)), 4);
	assert_memory_equal(text, "ping", 4);
	assert_int_equal(tls_write(pair->session, "pong", 4), 4);
	assert_int_equal(SSL_read(pair->client, text, sizeof(text)), 4);
	assert_memory_equal(text, "pong", 4);
}

static void update(struct pair *pair, int kind)
{
	assert_int_equal(SSL_key_update(pair->client, kind), 1);
	assert_int_equal(SSL_do_handshake(pair->client), 1);
}

static void updates_go_through(void **state)
{
	struct pair *pair = *state;
	char text[8];

	exchange(pair);
	update(pair, SSL_KEY_UPDATE_NOT_REQUESTED);
	exchange(pair);
	for (int i = 0; i < 3; i++) {
		update(pair, SSL_KEY_UPDATE_REQUESTED);
		exchange(pair);
	}
	/* Without data: the answer goes out by itself. */
	update(pair, SSL_KEY_UPDATE_REQUESTED);
	assert_int_equal(tls_read(pair->session, text, sizeof(text)), TLS_AGAIN);
	assert_true(BIO_pending(pair->to_client) > 0);
	exchange(pair);
}

static void answers_wait_for_room(void **state)
{
	struct pair *pair = *state;
	char text[8];

	exchange(pair);
	pair->room = 3;
	assert_int_equal(tls_write(pair->session, "pong", 4), 4);
	update(pair, SSL_KEY_UPDATE_REQUESTED);
	update(pair, SSL_KEY_UPDATE_REQUESTED);
	assert_int_equal(tls_read(pair->session, text, sizeof(text)), TLS_AGAIN);
	assert_int_equal(tls_flush(pair->session), TLS_AGAIN);
	/* The data, and a part of the answer. */
	pair->room = 30;
	assert_int_equal(tls_flush(pair->session), TLS_AGAIN);
	pair->room = SIZE_MAX;
	assert_int_equal(tls_flush(pair->session), TLS_OK);
	assert_int_equal(SSL_read(pair->client, text, sizeof(text)), 4);
	exchange(pair);
}

static void floods_are_cut_off(void **state)
{
	struct pair *pair = *state;
	char text[8];
	int got = TLS_AGAIN;
	unsigned count = 0;

	while (got == TLS_AGAIN && count < 1000) {
		update(pair, SSL_KEY_UPDATE_NOT_REQUESTED);
		got = tls_read(pair->session, text, sizeof(text));
		count++;
	}
	assert_int_equal(got, TLS_FAILED);
	assert_int_equal(count, 101);
	assert_true(SSL_read(pair->client, text, sizeof(text)) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE);
}

/* Who sends data as well may go on for ever. */
static void data_pays_for_updates(void **state)
{
	struct pair *pair = *state;

	for (unsigned i = 0; i < 300; i++) {
		update(pair, SSL_KEY_UPDATE_REQUESTED);
		exchange(pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(updates_go_through, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_wait_for_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(floods_are_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(data_pays_for_updates, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
