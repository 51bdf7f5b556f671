/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <rte_common.h>

#include "base/clock.h"
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

/* Returns false when the check is over and gone. */
static bool read_answer(struct check *check, const struct tcp_span *span)
{
	struct http_span body;
	size_t consumed;

	switch (h1_next(check->parser, (const char *)span->data, span->len, &consumed, &body)) {
	case HTTP_EVENT_MORE:
		tcp_consume(check->conn, consumed);
		return true;
	case HTTP_EVENT_HEAD:
		tcp_consume(check->conn, consumed);
		if (h1_head(check->parser)->status < 200)
			return true;
		finish_status(check, h1_head(check->parser)->status);
		return false;
	default:
		finish(check, false, http_refusal_help(h1_refusal(check->parser)));
		return false;
	}
}

static void on_readable(struct tcp_conn *conn, void *ctx)
{
	struct check *check = ctx;
	struct tcp_span span;

	if (check->conn == NULL || check->parser == NULL)
		return;
	while (tcp_peek(conn, &span, 1) > 0)
		if (!read_answer(check, &span))
			return;
	if (tcp_is_eof(conn))
		finish(check, false, "closed without an answer");
}

static void on_connected(struct tcp_conn *conn, void *ctx)
{
	struct check *check = ctx;
	void *memory;

	if (check->conn == NULL)
		return;
	check->is_connected = true;
	if (!check->is_http) {
		finish(check, true, "connected");
		return;
	}
	memory = objpool_get(check->health->parsers);
	if (memory == NULL ||
		tcp_write(conn, check->buffer, check->request_len) < check->request_len) {
		if (memory != NULL)
			objpool_put(check->health->parsers, memory);
		finish(check, false, "no memory for the check");
		return;
	}
	check->parser = h1_parser_init(
		memory, H1_RESPONSE, &limits, check->buffer, sizeof(check->buffer));
	h1_expect_response(check->parser, false);
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

static void init(struct check *check, struct probe *probe, const struct config_health_check *config)
{
	check->health = probe->health;
	check->probe = probe;
	check->conn = NULL;
	check->parser = NULL;
	check->is_http = config->type == CONFIG_HEALTH_HTTP;
	check->is_connected = false;
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
	if (check->is_http && write_request(check, config) < 0) {
		finish(check, false, "path and host are too long");
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
