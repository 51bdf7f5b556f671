/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_byteorder.h>

#include "connection.h"
#include "core.h"
#include "listener.h"
#include "stream.h"

#define PICK_TRIES       8    /* to get past a member that just failed */
#define CONNECT_GRACE_MS 1000 /* TCP's own limit comes first */

/* Fills in what is added to every request. address: room for the client's. */
static void add_forwarded(const struct stream *stream, struct http_extra_field extra[2],
	char address[IP_TEXT_MAX], struct http_write_options *options)
{
	const struct connection *connection = stream->connection;
	const char *scheme = connection->transport.tls != NULL ? "https" : "http";

	ip_format(&connection->tuple.src, address);
	extra[0] = (struct http_extra_field){ .name = "X-Forwarded-For",
		.value = { .data = address, .len = strlen(address) } };
	extra[1] = (struct http_extra_field){ .name = "X-Forwarded-Proto",
		.value = { .data = scheme, .len = strlen(scheme) } };
	*options = (struct http_write_options){ .minor = 1, .extra = extra, .extra_count = 2 };
	options->keep_forwarded = stream->trust_forwarded;
	/* A trusted proxy ahead of us knows how the client came; its word stands. */
	if (stream->trust_forwarded &&
		http_find(inlet_head(&stream->request), "x-forwarded-proto") != NULL)
		options->extra_count = 1;
}

/* Returns the head's length, or < 0 when it cannot be sent. */
static int write_request(struct stream *stream, const struct http_head *head)
{
	struct l7_core *l7 = stream->l7;
	struct http_extra_field extra[2];
	struct http_write_options options;
	char address[IP_TEXT_MAX];
	int len;

	add_forwarded(stream, extra, address, &options);
	if (stream->upstream->h2 != NULL)
		return upstream_h2_request(stream, head, &options);
	len = h1_write_request(l7->scratch, sizeof(l7->scratch), head, &options);
	if (len < 0)
		return len;
	outlet_close(&stream->to_member);
	outlet_open(&stream->to_member, &stream->upstream->transport, l7->outs);
	outlet_put(&stream->to_member, l7->scratch, (size_t)len);
	return len;
}

/*
 * HTTP/1.0 may do without Host, HTTP/1.1 to the member may not (RFC 9112 3.2): the address that
 * the client connected to stands in.
 */
static __rte_noinline int write_without_host(struct stream *stream)
{
	const struct packet_tuple *tuple = &stream->connection->tuple;
	struct http_head head = *inlet_head(&stream->request);
	char host[IP_ENDPOINT_MAX];

	ip_endpoint_format(&tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be), host);
	head.authority = (struct http_span){ .data = host, .len = strlen(host) };
	return write_request(stream, &head);
}

/* Sends the head to the member, on a new connection or a kept one. */
static void send_head(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	const struct http_head *head = inlet_head(&stream->request);
	int len = head->authority.len > 0 ? write_request(stream, head)
					  : write_without_host(stream);

	if (len < 0) {
		l7->refusals[HTTP_REFUSED_header_too_large]++;
		connection_counters(stream->connection)->denied_requests++;
		stream_answer(stream, 431);
		return;
	}
	stream->to_member.framing = head->body;
	if (stream->is_request_done)
		outlet_end(&stream->to_member, NULL, 0);
	stream->upstream->member->cores[l7->core->index].bytes_in += (uint64_t)len;
	stream->state = STREAM_EXPECT_RESPONSE;
	stream_wait(stream, STREAM_MEMBER, true);
	stream_pump_request(stream);
}

void stream_on_connected(struct stream *stream)
{
	send_head(stream);
	connection_settle(stream->connection);
}

/* Any usable member but the one that failed, from a random one on; NULL when there is none. */
static struct member *other_member(const struct pool *pool, uint32_t failed_id, uint32_t start)
{
	for (unsigned i = 0; i < pool->count; i++) {
		struct member *member = pool->members[(start + i) % pool->count];

		if (member->id != failed_id && member_is_usable(member))
			return member;
	}
	return NULL;
}

/*
 * The pool's choice, but not the member that just failed. A choice by load may well insist on that
 * one: nobody has fewer requests than a dead member.
 */
static struct member *pick(struct stream *stream, const struct pool *pool, unsigned pool_index)
{
	struct l7_core *l7 = stream->l7;
	bool is_source = pool->config->balance == CONFIG_BALANCE_SOURCE_HASH;
	struct balance_query query = {
		.hash = is_source ? stream->connection->source_hash : stream->connection->flow_hash,
		.cursor = &l7->cursors[pool_index % CURSORS_MAX],
		.rng = &l7->rng,
	};
	struct member *member = pool_pick(pool, &query);

	for (unsigned i = 0; i < PICK_TRIES && member != NULL; i++) {
		if (member->id != stream->failed_member_id)
			return member;
		query.hash = (uint32_t)rng_next(&l7->rng);
		member = pool_pick(pool, &query);
	}
	if (member == NULL)
		return NULL;
	return other_member(pool, stream->failed_member_id, (uint32_t)rng_next(&l7->rng));
}

static void attach(
	struct stream *stream, struct upstream *upstream, const struct config_pool *config)
{
	stream->upstream = upstream;
	stream->response_timeout_ms = config->response_timeout_ms;
	upstream->member->cores[stream->l7->core->index].requests++;
	if (upstream->state == UPSTREAM_BUSY) {
		send_head(stream);
		return;
	}
	stream->state = STREAM_EXPECT_CONNECT;
	stream_deadline(stream, (uint64_t)config->connect_timeout_ms + CONNECT_GRACE_MS);
}

/* Nobody to send it to: at first 503, after a failure what that was. */
static void no_member(struct stream *stream)
{
	struct l7_counters *counters = &stream->l7->counters;

	if (stream->failed_member_id == 0) {
		counters->no_member++;
		stream_answer(stream, 503);
	} else if (stream->is_last_timeout) {
		counters->upstream_timeout++;
		stream_answer(stream, 504);
	} else {
		counters->upstream_failed++;
		stream_answer(stream, 502);
	}
}

static void send_to(
	struct stream *stream, const struct pool *pool, unsigned pool_index, bool may_reuse)
{
	struct l7_core *l7 = stream->l7;
	struct member *member = pick(stream, pool, pool_index);
	struct upstream *upstream;

	if (member == NULL) {
		no_member(stream);
		return;
	}
	upstream = upstream_acquire(l7, stream, member, pool->config, may_reuse);
	if (upstream != NULL) {
		attach(stream, upstream, pool->config);
		return;
	}
	member->cores[l7->core->index].connect_failures++;
	stream->failed_member_id = member->id;
	if (stream->is_rerouted) {
		no_member(stream);
		return;
	}
	stream->is_rerouted = true;
	send_to(stream, pool, pool_index, may_reuse);
}

/* By the route's weights; of a split's pools, one with a usable member where there is any. */
static unsigned choose_pool(struct stream *stream, const struct route *route)
{
	struct pool **pools = stream->l7->snapshot->backends->pools;
	unsigned chosen = route_pool(route, (uint32_t)rng_next(&stream->l7->rng));

	if (pools[chosen]->usable > 0 || route->config == NULL)
		return chosen;
	for (size_t i = 0; i < route->config->split_count; i++) {
		const struct config_split *split = &route->config->splits[i];

		if (split->weight > 0 && pools[split->pool]->usable > 0)
			return split->pool;
	}
	return chosen;
}

void stream_dispatch(struct stream *stream, bool may_reuse)
{
	const struct http_head *head = inlet_head(&stream->request);
	const struct service *service = connection_service(stream->connection);
	struct route_request request = {
		.head = head,
		.source = &stream->connection->tuple.src,
		.scratch = stream->l7->route_scratch,
	};
	const struct l7_listener *listener;
	const struct route *route;
	unsigned pool_index;

	if (service == NULL) {
		stream->is_close = true;
		stream->l7->counters.no_member++;
		stream_answer(stream, 503);
		return;
	}
	listener = service->listener;
	stream->trust_forwarded = listener->trust_forwarded;
	route = route_find(listener->routes, &request);
	if (route == NULL) {
		stream->l7->counters.no_route++;
		stream_answer(stream, 404);
		return;
	}
	pool_index = choose_pool(stream, route);
	send_to(stream, stream->l7->snapshot->backends->pools[pool_index], pool_index, may_reuse);
}

static bool is_bodyless(const struct http_head *head)
{
	return head->body == HTTP_BODY_NONE ||
		(head->body == HTTP_BODY_LENGTH && head->content_length == 0);
}

static void on_head(struct stream *stream)
{
	struct http_span body;

	stream->has_request = true;
	stream->connection->requests++;
	stream->l7->counters.requests++;
	connection_counters(stream->connection)->requests++;
	/* Its end takes no byte, and is known before anything is answered. */
	if (is_bodyless(inlet_head(&stream->request)))
		stream->is_request_done = inlet_next(&stream->request, &body) == HTTP_EVENT_END;
	stream_dispatch(stream, true);
}

static void expect_head(struct stream *stream)
{
	struct http_span body;

	switch (inlet_next(&stream->request, &body)) {
	case HTTP_EVENT_HEAD:
		on_head(stream);
		break;
	case HTTP_EVENT_MORE:
		if (inlet_is_eof(&stream->request))
			stream_cut(stream, H2_CANCEL);
		break;
	default:
		stream_refuse(stream);
	}
}

/*
 * RFC 9110 10.1.1: the client waits for a word before it sends the body. It gets it from us, once
 * there is a member that takes the request; Expect is not passed on.
 */
static void invite_body(struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->request);
	const struct http_write_options options = { .minor = 1 };
	struct l7_core *l7 = stream->l7;
	struct http_head answer;

	if (!head->expects_continue || head->minor == 0 || stream->is_continue_sent ||
		stream->is_body_begun || stream->state != STREAM_EXPECT_RESPONSE)
		return;
	stream->is_continue_sent = true;
	memset(&answer, 0, offsetof(struct http_head, fields));
	answer.status = 100;
	answer.reason = (struct http_span){ .data = "Continue", .len = strlen("Continue") };
	outlet_response(&stream->to_client, &answer, &options, l7->scratch, sizeof(l7->scratch));
}

static void on_refused(struct stream *stream)
{
	if (inlet_refusal(&stream->request) != HTTP_REFUSED_truncated) {
		stream_refuse(stream);
		return;
	}
	/* It closed in the middle of its body: nobody is left to answer. */
	stream->l7->counters.client_aborted++;
	stream_cut(stream, H2_CANCEL);
}

/* One event of the body. Returns false when it cannot go on now. */
static bool body_step(struct stream *stream, bool *moved)
{
	struct l7_core *l7 = stream->l7;
	const struct http_field *trailers;
	unsigned trailer_count;
	struct http_span body;
	size_t len;

	switch (inlet_next(&stream->request, &body)) {
	case HTTP_EVENT_BODY:
		len = outlet_body(&stream->to_member, body.data, body.len);
		inlet_take(&stream->request, len);
		*moved |= len > 0;
		stream->is_body_begun |= len > 0;
		l7->counters.bytes_in += len;
		connection_counters(stream->connection)->bytes_in += len;
		stream->upstream->member->cores[l7->core->index].bytes_in += len;
		if (len == body.len)
			return true;
		stream_wait(stream, STREAM_MEMBER, *moved);
		return false;
	case HTTP_EVENT_END:
		stream->is_request_done = true;
		trailers = inlet_trailers(&stream->request, &trailer_count);
		outlet_end(&stream->to_member, trailers, trailer_count);
		stream_wait(stream, STREAM_MEMBER, true);
		return false;
	case HTTP_EVENT_MORE:
		/* HTTP/1 calls that truncated; a cut stream is abandoned by its connection. */
		invite_body(stream);
		stream_wait(stream, STREAM_CLIENT, *moved);
		return false;
	default:
		on_refused(stream);
		return false;
	}
}

static void pump_body(struct stream *stream)
{
	bool moved = false;

	if (!outlet_flush(&stream->to_member)) {
		stream_wait(stream, STREAM_MEMBER, false);
		return;
	}
	if (stream->to_member.is_failed) {
		stream_starved(stream);
		return;
	}
	while (!stream->is_request_done && !stream->is_body_given_up)
		if (!body_step(stream, &moved))
			return;
}

void stream_pump_request(struct stream *stream)
{
	if (stream->state == STREAM_EXPECT_HEAD)
		expect_head(stream);
	else if (stream->state == STREAM_EXPECT_RESPONSE || stream->state == STREAM_EXPECT_END)
		pump_body(stream);
}
