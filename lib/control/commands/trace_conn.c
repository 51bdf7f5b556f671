/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a connection of the TCP stack, event by event. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "commands.h"
#include "tcp/trace.h"

static const struct table_column trace_columns[] = {
	{ .name = "core", .is_number = true },
	{ .name = "trace" },
	{ .name = "client" },
	{ .name = "vip" },
	{ .name = "events", .is_number = true },
	{ .name = "kept", .is_number = true },
};

static const struct table_column event_columns[] = {
	{ .name = "core", .is_number = true },
	{ .name = "time_us", .is_number = true },
	{ .name = "event" },
	{ .name = "detail" },
	{ .name = "flags" },
	{ .name = "seq", .is_number = true },
	{ .name = "ack", .is_number = true },
	{ .name = "len", .is_number = true },
	{ .name = "window", .is_number = true },
	{ .name = "cwnd", .is_number = true },
	{ .name = "ssthresh", .is_number = true },
	{ .name = "flight", .is_number = true },
};

static const struct table_column silent_columns[] = {
	{ .name = "core", .is_number = true },
	{ .name = "error" },
};

#define COLUMNS(columns) columns, sizeof(columns) / sizeof((columns)[0])

/* How far the command has come over the workers, and what one of them said. */
struct tracing {
	struct tcp_trace_filter filter;
	bool is_off;
	bool was_any; /* a worker with a TCP stack; with off: one that had the trace */
	unsigned core;
	uint32_t cursor;
	struct table table;

	bool is_seeking;
	bool is_there;
	int error;
	struct tcp_trace trace;
};

static void tracing_destroy(void *state)
{
	struct tracing *tracing = state;

	table_destroy(&tracing->table);
	free(tracing);
}

/* On the worker. */
static void trace_take(struct control_worker *worker, void *arg)
{
	struct tracing *tracing = arg;
	struct tcp_stack *stack;

	tracing->is_seeking = tracing->is_there = false;
	tracing->error = 0;
	if (worker->l7 == NULL)
		return;
	stack = l7_tcp(worker->l7);
	if (tracing->is_off) {
		tracing->was_any |= tcp_trace_stop(stack, &tracing->filter);
		return;
	}
	tracing->was_any = true;
	tracing->error = tcp_trace_start(stack, &tracing->filter);
	if (tracing->error < 0)
		return;
	if (tracing->filter.remote_port_be != 0)
		tracing->is_seeking = tcp_trace_seek(stack, &tracing->filter, &tracing->cursor);
	if (!tracing->is_seeking)
		tracing->is_there = tcp_trace_copy(stack, &tracing->filter, &tracing->trace);
}

static void endpoint_add(struct table *table, const struct ip_addr *address, uint16_t port_be)
{
	char text[IP_ENDPOINT_MAX];

	table_cell(table, "%s", ip_endpoint_format(address, rte_be_to_cpu_16(port_be), text));
}

static void trace_add(struct table *table, const struct tracing *tracing)
{
	static const char *const phases[] = {
		[TCP_TRACE_WAITING] = "waiting",
		[TCP_TRACE_RUNNING] = "running",
		[TCP_TRACE_OVER] = "over",
	};
	const struct tcp_trace *trace = &tracing->trace;

	table_cell(table, "%u", tracing->core);
	table_cell(table, "%s", phases[trace->phase]);
	if (trace->phase == TCP_TRACE_WAITING) {
		table_cell(table, "%s", "");
		table_cell(table, "%s", "");
	} else {
		endpoint_add(table, &trace->tuple.src, trace->tuple.src_port_be);
		endpoint_add(table, &trace->tuple.dst, trace->tuple.dst_port_be);
	}
	table_cell(table, "%" PRIu64, trace->total);
	table_cell(table, "%u", trace->count);
}

static const char *flags_format(uint8_t flags, char text[9])
{
	static const char letters[] = "FSRPAUEC";
	unsigned len = 0;

	for (unsigned i = 0; i < 8; i++) {
		if (flags & 1u << i)
			text[len++] = letters[i];
	}
	text[len] = '\0';
	return text;
}

/* Empty where the event has no such number. */
static void number_add(struct table *table, bool has_number, uint32_t number)
{
	if (has_number)
		table_cell(table, "%" PRIu32, number);
	else
		table_cell(table, "%s", "");
}

static void event_add(struct table *table, const struct tcp_trace_event *event, unsigned core)
{
	bool is_segment = event->kind == TCP_TRACE_IN || event->kind == TCP_TRACE_OUT ||
		event->kind == TCP_TRACE_RETRANSMIT;
	const char *reason = tcp_trace_reason(event);
	char text[9];

	table_cell(table, "%u", core);
	table_cell(table, "%" PRIu64, event->at_us);
	table_cell(table, "%s", tcp_trace_kind_name(event->kind));
	table_cell(table, "%s%s%s", tcp_trace_detail(event), reason[0] != '\0' ? ":" : "", reason);
	table_cell(table, "%s", flags_format(event->flags, text));
	number_add(table, is_segment, event->seq);
	number_add(table, is_segment, event->ack);
	number_add(table, is_segment, event->len);
	number_add(table, is_segment || event->kind == TCP_TRACE_WINDOW, event->window);
	number_add(table, true, event->cwnd);
	number_add(table, event->ssthresh != UINT32_MAX, event->ssthresh);
	number_add(table, true, event->flight);
}

static int answer_add(struct tracing *tracing, FILE *out)
{
	struct table *table = &tracing->table;
	int ret;

	table_columns(table, COLUMNS(trace_columns));
	trace_add(table, tracing);
	ret = table_flush(table, out);
	table_columns(table, COLUMNS(event_columns));
	for (unsigned i = 0; i < tracing->trace.count; i++)
		event_add(table, &tracing->trace.events[i], tracing->core);
	return ret < 0 ? ret : table_flush(table, out);
}

static int silent_add(struct tracing *tracing, FILE *out)
{
	table_columns(&tracing->table, COLUMNS(silent_columns));
	table_cell(&tracing->table, "%u", tracing->core);
	table_cell(&tracing->table, "the worker did not answer");
	return table_flush(&tracing->table, out);
}

static int finish(struct request *request, struct tracing *tracing)
{
	if (!tracing->was_any && tracing->is_off)
		return request_fail(request, ENOENT, "nobody traces that");
	if (!tracing->was_any && !tracing->table.has_rows)
		return request_fail(request, ENOENT, "no worker runs layer 7");
	return tracing->is_off ? 0 : table_end(&tracing->table, request->out);
}

/* One call on one worker. */
static int trace_step(struct request *request, struct tracing *tracing)
{
	int ret = 0;

	if (request_core(request, tracing->core) == NULL)
		return finish(request, tracing);
	if (request_call(request, tracing->core, trace_take, tracing) < 0) {
		tracing->is_seeking = false;
		ret = silent_add(tracing, request->out);
	} else if (tracing->error < 0) {
		return request_fail(request, -tracing->error,
			"worker %u traces %d connections already; end one with off", tracing->core,
			TCP_TRACE_CONNS);
	} else if (tracing->is_there) {
		ret = answer_add(tracing, request->out);
	}
	if (!tracing->is_seeking) {
		tracing->core++;
		tracing->cursor = 0;
	}
	return ret < 0 ? ret : COMMAND_AGAIN;
}

/* ADDRESS:PORT, [ADDRESS]:PORT or ADDRESS alone. */
static int end_take(
	struct request *request, const char *word, struct ip_addr *address, uint16_t *port_be)
{
	uint16_t port = 0;

	if (ip_endpoint_parse(word, address, &port) < 0 && ip_parse(word, address) < 0)
		return request_fail(request, EINVAL,
			"an end is ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, not \"%.60s\"", word);
	*port_be = rte_cpu_to_be_16(port);
	return 0;
}

static int words_take(struct request *request, struct tracing *tracing)
{
	struct tcp_trace_filter *filter = &tracing->filter;
	unsigned count = request->count;
	int ret;

	tracing->is_off = count > 1 && strcmp(request->words[count - 1], "off") == 0;
	count -= tracing->is_off;
	if (count == 0 || count > 2)
		return request_fail(request, EINVAL, "a client is needed, and perhaps a vip");
	ret = end_take(request, request->words[0], &filter->remote, &filter->remote_port_be);
	if (ret < 0 || count == 1)
		return ret;
	filter->has_local = true;
	ret = end_take(request, request->words[1], &filter->local, &filter->local_port_be);
	if (ret == 0 && ip_is_v4(&filter->remote) != ip_is_v4(&filter->local))
		return request_fail(request, EINVAL, "the ends are of two address families");
	return ret;
}

int command_trace_conn(struct request *request)
{
	struct tracing *tracing = request->state;
	int ret;

	if (tracing != NULL)
		return trace_step(request, tracing);
	tracing = calloc(1, sizeof(*tracing));
	if (tracing == NULL)
		return -ENOMEM;
	request->state = tracing;
	request->state_destroy = tracing_destroy;
	ret = words_take(request, tracing);
	if (ret == 0)
		ret = table_init(&tracing->table, request->is_json);
	return ret < 0 ? ret : trace_step(request, tracing);
}
