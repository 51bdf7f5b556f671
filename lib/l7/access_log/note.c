/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: a request that has ended becomes a record. */
#include <string.h>
#include <sys/param.h>

#include <rte_byteorder.h>

#include "../connection.h"
#include "../core.h"
#include "../stream.h"
#include "base/clock.h"
#include "l7/access_log.h"

/* Longer ones are cut: all of them and the record itself are within ACCESS_RECORD_MAX. */
#define NAME_MAX_BYTES  64
#define FIELD_MAX_BYTES 384
#define RAW_MAX_BYTES   512
#define TARGET_MAX      1024
/* Of a malformed head, ahead of the offending byte. */
#define RAW_BEFORE 256

static_assert(sizeof(struct access_record) + 8 * NAME_MAX_BYTES + 4 * FIELD_MAX_BYTES +
			RAW_MAX_BYTES + TARGET_MAX + 8 <=
		ACCESS_RECORD_MAX,
	"a record has room for its texts");

struct maker {
	size_t used; /* of the texts */
	union {
		struct access_record record;
		char bytes[ACCESS_RECORD_MAX];
	};
};

/* In the order of enum access_text. */
static void put(struct maker *maker, enum access_text text, struct http_span span, size_t max)
{
	size_t len = MIN(span.len, max);

	if (len > 0)
		memcpy(maker->record.texts + maker->used, span.data, len);
	maker->record.lens[text] = (uint16_t)len;
	maker->used += len;
}

static struct http_span span_of(const char *text)
{
	return (struct http_span){ .data = text, .len = text == NULL ? 0 : strlen(text) };
}

static uint32_t between(uint64_t from_us, uint64_t to_us)
{
	if (from_us == 0 || to_us < from_us)
		return ACCESS_NEVER;
	return (uint32_t)MIN(to_us - from_us, (uint64_t)(ACCESS_NEVER - 1));
}

static void fill_times(struct access_record *record, const struct stream *stream)
{
	const struct connection *connection = stream->connection;
	const struct stream_times *times = &stream->times;

	record->begun_us = times->begun_us;
	record->handshake_us = ACCESS_NEVER;
	if (connection->requests <= 1 && connection->secured_us != 0)
		record->handshake_us = between(connection->opened_us, connection->secured_us);
	record->header_us = between(times->begun_us, times->head_us);
	record->queue_us = between(times->head_us, times->dispatched_us);
	record->connect_us = between(times->dispatched_us, times->connected_us);
	record->first_us = between(times->connected_us, times->answered_us);
	record->total_us = between(times->begun_us, stream->l7->now_us);
}

static void fill(struct access_record *record, const struct stream *stream)
{
	const struct packet_tuple *tuple = &stream->connection->tuple;

	record->client = tuple->src;
	record->vip = tuple->dst;
	record->client_port = rte_be_to_cpu_16(tuple->src_port_be);
	record->vip_port = rte_be_to_cpu_16(tuple->dst_port_be);
	record->status = stream->status;
	record->tries = stream->tries;
	record->hedge = (uint8_t)stream->hedge_result;
	record->ending = (uint8_t)stream->ending;
	record->bytes_in = stream->body_in;
	record->bytes_out = stream->body_out;
	record->version = 20;
	fill_times(record, stream);
}

static void put_route(struct maker *maker, const struct stream *stream)
{
	const struct config_l7_route *route = stream->route == NULL ? NULL : stream->route->config;
	char text[2 * NAME_MAX_BYTES];
	size_t len = 0;

	for (unsigned i = 0; route != NULL && i < 2; i++) {
		struct http_span part = span_of(i == 0 ? route->host : route->path);

		part.len = MIN(part.len, (size_t)NAME_MAX_BYTES);
		if (part.len > 0)
			memcpy(text + len, part.data, part.len);
		len += part.len;
	}
	put(maker, ACCESS_ROUTE, (struct http_span){ .data = text, .len = len }, sizeof(text));
}

static void put_field(
	struct maker *maker, enum access_text text, const struct http_head *head, const char *name)
{
	const struct http_field *field = head == NULL ? NULL : http_find(head, name);

	put(maker, text, field == NULL ? (struct http_span){ 0 } : field->value, FIELD_MAX_BYTES);
}

static void put_tls(struct maker *maker, const struct stream *stream)
{
	const struct tls_session *tls = stream->connection->transport.tls;

	if (stream->is_raw) {
		put(maker, ACCESS_SNI, inlet_head(&stream->request)->host, FIELD_MAX_BYTES);
		put(maker, ACCESS_TLS, (struct http_span){ 0 }, 0);
		return;
	}
	put(maker, ACCESS_SNI, span_of(tls == NULL ? NULL : tls_session_sni(tls)), FIELD_MAX_BYTES);
	put(maker, ACCESS_TLS, span_of(tls == NULL ? NULL : tls_session_version(tls)),
		NAME_MAX_BYTES);
}

/* A head that broke a rule is shown around the place. HTTP/2 has no such bytes. */
static void put_raw(struct maker *maker, const struct stream *stream)
{
	const struct h1_parser *parser = stream->request.parser;
	struct http_span raw = { 0 };
	size_t at = 0, skipped;

	if (maker->record.refusal != HTTP_REFUSED_NOT && parser != NULL) {
		raw = h1_section(parser, &at);
		skipped = at > RAW_BEFORE ? at - RAW_BEFORE : 0;
		raw.data += skipped;
		raw.len -= skipped;
		maker->record.raw_at = (uint32_t)(at - skipped);
		maker->record.refused_at = h1_refusal_offset(parser);
	}
	put(maker, ACCESS_RAW, raw, RAW_MAX_BYTES);
}

static void make(struct maker *maker, const struct stream *stream)
{
	const struct http_head *head = stream->has_request ? inlet_head(&stream->request) : NULL;
	struct http_span none = { 0 };

	put(maker, ACCESS_SERVICE, span_of(stream->connection->identity->name), NAME_MAX_BYTES);
	put(maker, ACCESS_METHOD, head == NULL ? none : head->method, NAME_MAX_BYTES);
	put(maker, ACCESS_HOST, head == NULL || stream->is_raw ? none : head->host,
		FIELD_MAX_BYTES);
	put(maker, ACCESS_TARGET, head == NULL ? none : head->target, TARGET_MAX);
	put_route(maker, stream);
	put(maker, ACCESS_POOL, span_of(stream->pool_name), NAME_MAX_BYTES);
	put(maker, ACCESS_MEMBER, span_of(stream->member_name), NAME_MAX_BYTES);
	put_field(maker, ACCESS_USER_AGENT, head, "user-agent");
	put_field(maker, ACCESS_REFERER, head, "referer");
	put_tls(maker, stream);
	put(maker, ACCESS_REQUEST_ID, span_of(stream->marks.request_id), NAME_MAX_BYTES);
	put(maker, ACCESS_TRACE_ID, identify_trace_id(&stream->marks), NAME_MAX_BYTES);
	put_raw(maker, stream);
	if (stream->is_raw)
		maker->record.version = 0;
	else if (head != NULL && stream->h2 == NULL)
		maker->record.version = (uint8_t)(10 + head->minor);
}

/* Somebody wants to read of it: the log, or the books of slow and malformed requests. */
static bool is_wanted(const struct stream *stream)
{
	const struct config_access_log *config = &stream->l7->snapshot->config->access_log;
	uint64_t total_us = stream->l7->now_us - stream->times.begun_us;

	if (!stream->has_request && stream->ending == L7_ENDED_complete)
		return false;
	/* That a connection lives long does not make it a slow request. */
	if (stream->is_raw)
		return config->to != CONFIG_ACCESS_TO_NONE;
	return config->to != CONFIG_ACCESS_TO_NONE || stream->ending == L7_ENDED_refused ||
		total_us >= config->slow_ms * CLOCK_US_PER_MS;
}

void stream_log(struct stream *stream)
{
	struct l7_core *l7 = stream->l7;
	struct maker maker;

	if (l7->params.access == NULL || !is_wanted(stream))
		return;
	memset(&maker.record, 0, sizeof(maker.record));
	maker.used = 0;
	fill(&maker.record, stream);
	if (stream->ending == L7_ENDED_refused && inlet_is_open(&stream->request))
		maker.record.refusal = (uint8_t)inlet_refusal(&stream->request);
	make(&maker, stream);
	maker.record.bytes = (uint32_t)((sizeof(maker.record) + maker.used + 7) / 8 * 8);
	if (!access_ring_put(l7->params.access, &maker.record))
		l7->counters.access_lost++;
}

static void copy(char *out, size_t size, const char *text)
{
	size_t len = MIN(strlen(text), size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

void stream_name_member(struct stream *stream, const struct member *member)
{
	copy(stream->pool_name, sizeof(stream->pool_name), member->pool_name);
	copy(stream->member_name, sizeof(stream->member_name), member->name);
}

void stream_note_member(struct stream *stream, const struct member *member)
{
	stream_name_member(stream, member);
	stream->tries += stream->tries < UINT8_MAX;
}
