/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <mbedtls/psa_util.h>

#include "support/support.h"

size_t loop_put(struct pipe *pipe, const uint8_t *data, size_t len)
{
	len = MIN(MIN(len, pipe->step), pipe->room - MIN(pipe->room, pipe->len));
	assert_true(pipe->start + pipe->len + len <= PIPE_BYTES);
	memcpy(pipe->data + pipe->start + pipe->len, data, len);
	pipe->len += len;
	return len;
}

static size_t pipe_take(struct pipe *pipe, uint8_t *data, size_t max)
{
	max = MIN(MIN(max, pipe->step), pipe->len);
	memcpy(data, pipe->data + pipe->start, max);
	pipe->start += max;
	pipe->len -= max;
	if (pipe->len == 0)
		pipe->start = 0;
	return max;
}

static char folder[64];
struct issue loop_first = { .common_name = "first.example" };
struct issue loop_second = { .common_name = "x",
	.dns_names = { "a.second.example", "*.second.example" } };
static struct tls_certificate *certificates[3];
struct issue loop_third = {
	.key = ISSUE_RSA, .common_name = "x", .dns_names = { "b.second.example", "third.example" }
};

static size_t server_receive(void *ctx, uint8_t *data, size_t max)
{
	struct loop *f = ctx;

	return pipe_take(&f->to_server, data, max);
}

static size_t server_send(void *ctx, const uint8_t *data, size_t len)
{
	struct loop *f = ctx;

	len = loop_put(&f->to_client, data, len);
	f->sent += len;
	return len;
}

static int client_receive(void *ctx, unsigned char *data, size_t max)
{
	struct loop *f = ctx;
	size_t got = pipe_take(&f->to_client, data, max);

	return got > 0 ? (int)got : MBEDTLS_ERR_SSL_WANT_READ;
}

static int client_send(void *ctx, const unsigned char *data, size_t len)
{
	struct loop *f = ctx;
	size_t sent = loop_put(&f->to_server, data, len);

	return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

const struct tls_io loop_io = { .receive = server_receive, .send = server_send };

struct tls_certificate *loop_certificate(const struct issue *issue)
{
	struct err err = { "" };
	struct tls_certificate *certificate = tls_certificate_load(
		issue->chain_path, issue->key_path, &err);

	assert_string_equal(err.text, "");
	return certificate;
}

int loop_group_set_up(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(tls_global_init(&err), 0);
	issue_folder_create(folder);
	issue_certificate(&loop_first, folder, "first");
	issue_certificate(&loop_second, folder, "second");
	issue_certificate(&loop_third, folder, "third");
	certificates[0] = loop_certificate(&loop_first);
	certificates[1] = loop_certificate(&loop_second);
	certificates[2] = loop_certificate(&loop_third);
	return 0;
}

int loop_group_tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		tls_certificate_destroy(certificates[i]);
	issue_folder_remove(folder);
	return 0;
}

struct tls_context_params loop_params(void)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };

	return (struct tls_context_params){
		.certificates = certificates,
		.certificate_count = 3,
		.policy = { .min_version = 0x0303, .alpn = alpn },
	};
}

static struct tls_context *context_of(const struct tls_context_params *params)
{
	struct tls_context *context;
	struct err err = { "" };

	context = tls_context_create(params, &err);
	assert_string_equal(err.text, "");
	assert_non_null(context);
	return context;
}

struct tls_context *loop_context(unsigned min_version)
{
	struct tls_context_params params = loop_params();

	params.policy.min_version = min_version;
	return context_of(&params);
}

void loop_use(struct loop *f, const struct tls_context_params *params)
{
	tls_context_destroy(f->context);
	f->context = context_of(params);
}

void loop_start(struct loop *f)
{
	mbedtls_ssl_init(&f->client);
	assert_int_equal(mbedtls_ssl_setup(&f->client, &f->config), 0);
	mbedtls_ssl_set_bio(&f->client, f, client_send, client_receive, NULL);
	f->to_client = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	f->to_server = (struct pipe){ .room = SIZE_MAX, .step = SIZE_MAX };
	f->tickets = 0;
	f->sent = 0;
	f->session = tls_session_create(f->context, &loop_io, f);
	assert_non_null(f->session);
}

void loop_stop(struct loop *f)
{
	tls_session_destroy(f->session);
	f->session = NULL;
	mbedtls_ssl_free(&f->client);
}

int loop_set_up(void **state)
{
	struct loop *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->context = loop_context(0x0303);
	mbedtls_ssl_session_init(&f->saved);
	mbedtls_ssl_config_init(&f->config);
	assert_int_equal(mbedtls_ssl_config_defaults(&f->config, MBEDTLS_SSL_IS_CLIENT,
				 MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
		0);
	mbedtls_ssl_conf_authmode(&f->config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		&f->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	mbedtls_ssl_conf_rng(&f->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	loop_start(f);
	*state = f;
	return 0;
}

int loop_tear_down(void **state)
{
	struct loop *f = *state;

	loop_stop(f);
	assert_int_equal(tls_context_sessions(f->context), 0);
	tls_context_destroy(f->context);
	mbedtls_ssl_session_free(&f->saved);
	mbedtls_ssl_config_free(&f->config);
	free(f);
	return 0;
}

void loop_set_version(struct loop *f, mbedtls_ssl_protocol_version version)
{
	mbedtls_ssl_conf_min_tls_version(&f->config, version);
	mbedtls_ssl_conf_max_tls_version(&f->config, version);
}

/*
 * The client passes over the tickets that TLS 1.3 sends behind the handshake, each of which stops
 * it twice, and keeps the last one.
 */
int loop_client_read(struct loop *f, void *data, size_t max)
{
	int got;

	for (int i = 0; i < 8; i++) {
		got = mbedtls_ssl_read(&f->client, data, max);
		if (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			f->tickets++;
			mbedtls_ssl_session_free(&f->saved);
			assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
		} else if (got != MBEDTLS_ERR_SSL_WANT_READ) {
			break;
		}
	}
	return got;
}

/* Both ends in turn; returns the server's last word, and the client's in *client. */
enum tls_result loop_shake(struct loop *f, int *client)
{
	enum tls_result server = TLS_AGAIN;

	*client = MBEDTLS_ERR_SSL_WANT_READ;
	for (int i = 0; i < 100000; i++) {
		bool client_goes_on = *client == MBEDTLS_ERR_SSL_WANT_READ ||
			*client == MBEDTLS_ERR_SSL_WANT_WRITE;

		if (client_goes_on)
			*client = mbedtls_ssl_handshake(&f->client);
		else if (*client == 0 && f->to_client.room < PIPE_BYTES)
			loop_client_read(f, NULL, 0);
		if (server == TLS_AGAIN)
			server = tls_handshake(f->session);
		if (!client_goes_on && server != TLS_AGAIN)
			break;
		if (server == TLS_FAILED && !client_goes_on)
			break;
	}
	return server;
}

void loop_connect(struct loop *f)
{
	int client;

	assert_int_equal(loop_shake(f, &client), TLS_OK);
	assert_int_equal(client, 0);
	assert_int_equal(loop_client_read(f, NULL, 0), MBEDTLS_ERR_SSL_WANT_READ);
}

void loop_exchange(struct loop *f)
{
	char text[64];

	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	assert_int_equal(mbedtls_ssl_write(&f->client, (const unsigned char *)"ping!", 5), 5);
	assert_false(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text, 0), TLS_AGAIN);
	assert_int_equal(tls_read(f->session, text, 2), 2);
	assert_true(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text + 2, sizeof(text) - 2), 3);
	assert_memory_equal(text, "ping!", 5);
	assert_false(tls_has_pending(f->session));
	assert_int_equal(tls_read(f->session, text, sizeof(text)), TLS_AGAIN);
	assert_int_equal(tls_write(f->session, "pong", 4), 4);
	assert_int_equal(loop_client_read(f, text, sizeof(text)), 4);
	assert_memory_equal(text, "pong", 4);
}
