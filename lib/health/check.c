/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "base/clock.h"
#include "grpc.h"
#include "l7/l7.h"
#include "packet/proxy_header.h"
#include "prober.h"

static const struct http_limits limits = { .header_bytes = CHECK_BYTES, .header_fields = 128 };

/* RST, also after success: a FIN would leave a port of ours in TIME-WAIT at every check. */
void check_cancel(struct check *check)
{
	struct health_core *health = check->health;
	struct tcp_conn *conn = check->conn;

	check->conn = NULL;
	check->probe->check = NULL;
	wheel_cancel(&check->timer);
	if (conn != NULL)
		tcp_abort(conn);
	if (check->parser != NULL) {
		h1_parser_finish(check->parser);
		objpool_put(health->parsers, check->parser);
	}
	grpc_check_free(check);
	tls_session_destroy(check->tls);
	objpool_put(health->checks, check);
}

/* The check is gone afterwards. */
static void finish(struct check *check, bool is_ok, const char *detail)
{
	struct probe *probe = check->probe;

	check_cancel(check);
	probe_finish(probe, is_ok, detail);
}

static void on_timeout(struct wheel_timer *timer, uint64_t now_us)
{
	(void)now_us;
	finish(container_of(timer, struct check, timer), false, "time-out");
}

static bool is_expected(const struct check *check, unsigned status)
{
	if (check->expect != 0)
		return status == check->expect;
	return status >= 200 && status < 400;
}

static void finish_status(struct check *check, unsigned status)
{
	char detail[32];

	snprintf(detail, sizeof(detail), "status %u", status);
	finish(check, is_expected(check, status), detail);
}

static size_t tls_receive(void *ctx, uint8_t *data, size_t max)
{
	struct check *check = ctx;
	struct tcp_span span;

	if (check->conn == NULL || tcp_peek(check->conn, &span, 1) == 0)
		return 0;
	max = RTE_MIN(max, span.len);
	memcpy(data, span.data, max);
	tcp_consume(check->conn, max);
	return max;
}

static size_t tls_send(void *ctx, const uint8_t *data, size_t len)
{
	struct check *check = ctx;

	return check->conn == NULL ? 0 : tcp_write(check->conn, data, len);
}

static const struct tls_io tls_io = { .receive = tls_receive, .send = tls_send };

static bool write_whole(struct check *check, const char *data, size_t len)
{
	int taken;

	if (check->tls == NULL)
		return tcp_write(check->conn, data, len) == len;
	taken = tls_write(check->tls, data, len);
	return taken > 0 && (size_t)taken == len;
}

/* Returns false when the check is over and gone. */
static bool grpc_write(struct check *check)
{
	const char *data;
	size_t len;

	while ((len = grpc_check_output(check, &data)) > 0) {
		if (!write_whole(check, data, len)) {
			finish(check, false, "no memory for the check");
			return false;
		}
		h2_output_take(check->h2, len);
	}
	return true;
}

static bool grpc_read(struct check *check, const char *data, size_t len)
{
	enum grpc_check_result result;
	const char *detail;

	result = grpc_check_read(check, data, len, &detail);
	if (result == GRPC_CHECK_MORE)
		return grpc_write(check);
	finish(check, result == GRPC_CHECK_UP, detail);
	return false;
}

/* All of it is taken. Returns false when the check is over and gone. */
static bool read_answer(struct check *check, const char *data, size_t len)
{
	struct http_span body;
	size_t consumed;

	if (check->is_grpc)
		return grpc_read(check, data, len);
	for (; len > 0; data += consumed, len -= consumed) {
		switch (h1_next(check->parser, data, len, &consumed, &body)) {
		case HTTP_EVENT_MORE:
			return true;
		case HTTP_EVENT_HEAD:
			if (h1_head(check->parser)->status < 200)
				break;
			finish_status(check, h1_head(check->parser)->status);
			return false;
		default:
			finish(check, false, http_refusal_help(h1_refusal(check->parser)));
			return false;
		}
	}
	return true;
}

/* Returns false when the check is over and gone. */
static bool read_plain(struct check *check)
{
	struct tcp_span span;

	while (tcp_peek(check->conn, &span, 1) > 0) {
		if (!read_answer(check, (const char *)span.data, span.len))
			return false;
		tcp_consume(check->conn, span.len);
	}
	return true;
}

static bool read_tls(struct check *check)
{
	char data[2048];
	int got;

	while ((got = tls_read(check->tls, data, sizeof(data))) > 0)
		if (!read_answer(check, data, (size_t)got))
			return false;
	if (got == TLS_AGAIN)
		return true;
	finish(check, false,
		got == TLS_EOF ? "closed without an answer" : tls_session_error(check->tls));
	return false;
}

/* The request goes out, and the answer is waited for. */
static void ask(struct check *check)
{
	size_t len = check->request_len;
	void *memory;

	if (check->is_grpc) {
		if (!grpc_check_ask(check))
			finish(check, false, "no memory for the check");
		else
			grpc_write(check);
		return;
	}
	memory = objpool_get(check->health->parsers);
	if (memory == NULL || !write_whole(check, check->buffer, len)) {
		if (memory != NULL)
			objpool_put(check->health->parsers, memory);
		finish(check, false, "no memory for the check");
		return;
	}
	check->parser = h1_parser_init(
		memory, H1_RESPONSE, &limits, check->buffer, sizeof(check->buffer));
	h1_expect_response(check->parser, false);
}

static void finish_unverified(struct check *check)
{
	static const char *const words[] = {
		[TLS_UNTRUSTED] = "certificate: unknown authority",
		[TLS_OUT_OF_DATE] = "certificate: expired or not yet valid",
		[TLS_WRONG_NAME] = "certificate: another name",
		[TLS_UNFIT] = "certificate: unfit",
	};
	enum tls_unverified why = tls_session_unverified(check->tls);

	finish(check, false, why == TLS_VERIFIED ? tls_session_error(check->tls) : words[why]);
}

/* Returns false when the check is over and gone. */
static bool shake(struct check *check)
{
	switch (tls_handshake(check->tls)) {
	case TLS_OK:
		if (check->is_http || check->is_grpc)
			ask(check);
		else
			finish(check, true, "TLS handshake");
		return false;
	case TLS_AGAIN:
		return true;
	default:
		finish_unverified(check);
		return false;
	}
}

static void on_readable(struct tcp_conn *conn, void *ctx)
{
	struct check *check = ctx;
	bool goes_on = true;

	if (check->conn == NULL || !check->is_connected)
		return;
	if (check->parser != NULL || check->h2 != NULL)
		goes_on = check->tls == NULL ? read_plain(check) : read_tls(check);
	else if (check->tls != NULL)
		goes_on = shake(check);
	if (goes_on && tcp_is_eof(conn))
		finish(check, false, "closed without an answer");
}

/* Members that expect a PROXY header get one of our own: LOCAL, or UNKNOWN. */
static bool introduce(struct check *check)
{
	unsigned version = check->client_address == CONFIG_CLIENT_ADDRESS_PROXY_V1 ? 1 : 2;
	const struct proxy_header header = { .is_local = true };
	uint8_t bytes[PROXY_HEADER_V1_MAX];
	size_t len;

	if (check->client_address == CONFIG_CLIENT_ADDRESS_NONE)
		return true;
	len = proxy_header_write(&header, version, bytes, sizeof(bytes));
	return len > 0 && tcp_write(check->conn, bytes, len) == len;
}

static void on_connected(struct tcp_conn *conn, void *ctx)
{
	struct check *check = ctx;

	(void)conn;
	if (check->conn == NULL)
		return;
	check->is_connected = true;
	if (!introduce(check)) {
		finish(check, false, "no memory for the check");
		return;
	}
	if (check->context != NULL) {
		check->tls = tls_session_create_client(
			check->context, &tls_io, check, check->probe->member_id);
		if (check->tls == NULL)
			finish(check, false, "no memory for the check");
		else
			shake(check);
	} else if (check->is_http || check->is_grpc) {
		ask(check);
	} else {
		finish(check, true, "connected");
	}
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct check *check = ctx;
	const char *detail = "closed without an answer";

	(void)conn;
	if (check->conn == NULL)
		return;
	check->conn = NULL;
	if (reason == TCP_CLOSED_TIMEOUT)
		detail = "time-out";
	else if (reason == TCP_CLOSED_UNREACHABLE)
		detail = "unreachable";
	else if (reason == TCP_CLOSED_RESET)
		detail = check->is_connected ? "connection reset" : "connection refused";
	finish(check, false, detail);
}

static const struct tcp_handler handler = {
	.on_connected = on_connected,
	.on_readable = on_readable,
	.on_closed = on_closed,
};

static int write_request(struct check *check, const struct config_health_check *config)
{
	char endpoint[IP_ENDPOINT_MAX];
	const char *host = config->host;
	int len;

	if (host == NULL)
		host = ip_endpoint_format(&check->probe->address, check->probe->port, endpoint);
	if (check->is_grpc) {
		len = snprintf(check->buffer, sizeof(check->buffer), "%s%c%s", host, '\0',
			config->service);
		return len < 0 || (size_t)len >= sizeof(check->buffer) ? -ENOSPC : 0;
	}
	len = snprintf(check->buffer, sizeof(check->buffer),
		"GET %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"User-Agent: penstock-health\r\n"
		"Accept: */*\r\n"
		"Connection: close\r\n\r\n",
		config->path, host);
	if (len < 0 || (size_t)len >= sizeof(check->buffer))
		return -ENOSPC;
	check->request_len = (size_t)len;
	return 0;
}

static struct tcp_conn *connect_to(
	struct check *check, const struct ip_addr *source, unsigned timeout_ms)
{
	struct health_core *health = check->health;
	int error;

	return tcp_connect(health->params.tcp,
		&(struct tcp_connect_args){
			.src = source,
			.dst = &check->probe->address,
			.dst_port = check->probe->port,
			.timeout_ms = timeout_ms,
			.handler = &handler,
			.ctx = check,
		},
		&error, health->now_us);
}

/* Checks of type tcp look no further than TCP. */
static struct tls_context *context_of(
	const struct probe *probe, const struct config_health_check *config)
{
	const struct health_core *health = probe->health;
	struct l7_pool_tls *const *pool_tls = health->snapshot->pool_tls;

	if (config->type == CONFIG_HEALTH_TCP || pool_tls == NULL ||
		pool_tls[probe->pool_index] == NULL)
		return NULL;
	return l7_pool_tls_checks(pool_tls[probe->pool_index], health->params.worker);
}

static void init(struct check *check, struct probe *probe, const struct config_health_check *config)
{
	check->health = probe->health;
	check->probe = probe;
	check->conn = NULL;
	check->parser = NULL;
	check->is_http = config->type == CONFIG_HEALTH_HTTP;
	check->is_grpc = config->type == CONFIG_HEALTH_GRPC;
	check->h2 = NULL;
	check->call = NULL;
	check->memory_bytes = check->answer_len = 0;
	check->client_address = probe->health->snapshot->backends->pools[probe->pool_index]
					->config->client_address;
	check->is_connected = false;
	check->context = context_of(probe, config);
	check->tls = NULL;
	check->expect = config->expect;
	wheel_timer_init(&check->timer, on_timeout);
	probe->check = check;
}

int check_start(struct probe *probe, const struct config_health_check *config)
{
	struct health_core *health = probe->health;
	struct check *check = objpool_get(health->checks);
	const struct ip_addr *source = neigh_net_source(health->snapshot->net, &probe->address);

	if (check == NULL)
		return -EAGAIN;
	init(check, probe, config);
	if (source == NULL) {
		finish(check, false, "no local address of its family");
		return 0;
	}
	if ((check->is_http || check->is_grpc) && write_request(check, config) < 0) {
		finish(check, false, "path, host or service are too long");
		return 0;
	}
	check->conn = connect_to(check, source, config->timeout_ms);
	if (check->conn == NULL) {
		check_cancel(check);
		return -EAGAIN;
	}
	wheel_arm(health->wheel, &check->timer,
		health->now_us + config->timeout_ms * CLOCK_US_PER_MS);
	return 0;
}
