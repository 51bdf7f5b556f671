/* SPDX-License-Identifier: Apache-2.0 */
#include "sticky_learn.h"

#include <string.h>

#include "attribute.h"
#include "connection.h"
#include "core.h"
#include "sticky.h"
#include "stream.h"

static uint32_t now_s(const struct stream *stream)
{
	return (uint32_t)(stream->l7->now_us / CLOCK_US_PER_S);
}

static struct pool_counters *counters_of(const struct stream *stream, const struct pool *pool)
{
	return &pool->identity->cores[stream->l7->core->index].counters;
}

/* False where the request has none, or an empty one. */
static bool request_value(
	const struct stream *stream, const struct config_learn *learn, struct http_span *value)
{
	const struct attribute_request request = {
		.head = inlet_head(&stream->request),
		.source = &stream->connection->tuple.src,
	};

	return attribute_find(&learn->key, &request, value) && value->len > 0;
}

struct member *sticky_learned(struct stream *stream, const struct pool *pool)
{
	const struct config_learn *learn = &pool->config->sticky.learn;
	struct http_span value;
	struct member *member;
	uint32_t index = 0;
	uint32_t id;

	stream->is_session_known = false;
	if (!request_value(stream, learn, &value))
		return NULL;
	id = learned_find(pool->learned, learned_key(pool->learned, value.data, value.len),
		learn->expire_s, now_s(stream));
	if (id == 0)
		return NULL;
	stream->is_session_known = true;
	member = pool_member_by_id(pool, id, &index);
	if (member == NULL || !sticky_may_stay(member))
		return NULL;
	counters_of(stream, pool)->sessions_found++;
	return member;
}

/* RFC 6265 4.1.1: the pair ahead of the first semicolon. */
static bool cookie_value(struct http_span field, const char *name, struct http_span *value)
{
	size_t name_len = strlen(name);
	const char *end = field.len == 0 ? NULL : memchr(field.data, ';', field.len);

	if (end != NULL)
		field.len = (size_t)(end - field.data);
	if (field.len <= name_len || memcmp(field.data, name, name_len) != 0 ||
		field.data[name_len] != '=')
		return false;
	value->data = field.data + name_len + 1;
	value->len = field.len - name_len - 1;
	while (value->len > 0 && value->data[value->len - 1] == ' ')
		value->len--;
	return value->len > 0;
}

/* The last of several counts, as browsers have it. */
static bool answer_value(
	const struct http_head *head, const struct config_learn *learn, struct http_span *value)
{
	const struct http_field *field;
	bool is_found = false;

	if (learn->key.kind == CONFIG_ATTRIBUTE_HEADER) {
		field = http_find(head, learn->key.name);
		if (field != NULL)
			*value = field->value;
		return field != NULL && value->len > 0;
	}
	for (unsigned i = 0; i < head->field_count; i++) {
		if (http_span_is_nocase(head->fields[i].name, "set-cookie"))
			is_found |= cookie_value(head->fields[i].value, learn->key.name, value);
	}
	return is_found;
}

/* The member's pool as it is now, whatever was loaded since the request came. */
static const struct pool *pool_now(const struct stream *stream)
{
	const struct backend_set *set = stream->l7->snapshot->backends;
	const struct pool_identity *identity = stream->upstream->member->identity;

	if (stream->pool_index < set->count && set->pools[stream->pool_index]->identity == identity)
		return set->pools[stream->pool_index];
	for (unsigned i = 0; i < set->count; i++) {
		if (set->pools[i]->identity == identity)
			return set->pools[i];
	}
	return NULL;
}

static void remember(struct stream *stream, const struct pool *pool, struct http_span value)
{
	const struct config_learn *learn = &pool->config->sticky.learn;
	struct pool_counters *counters = counters_of(stream, pool);

	counters->sessions_learned++;
	counters->sessions_evicted += learned_set(pool->learned,
		learned_key(pool->learned, value.data, value.len), stream->upstream->member->id,
		learn->expire_s, now_s(stream));
}

void sticky_learn(struct stream *stream, const struct http_head *head)
{
	const struct pool *pool;
	const struct config_learn *learn;
	struct http_span value;

	if (stream->pool == NULL || !stream->pool->sticky.learn.is_set)
		return;
	pool = pool_now(stream);
	if (pool == NULL || pool->learned == NULL || !pool->config->sticky.learn.is_set)
		return;
	learn = &pool->config->sticky.learn;
	if (learn->from == CONFIG_LEARN_ANSWER && answer_value(head, learn, &value)) {
		remember(stream, pool, value);
		return;
	}
	/*
	 * Not for what members gave out to nobody: clients could fill the table with it. A session
	 * whose member is away stays with the one that took it over.
	 */
	if (head->status >= 500 || stream->sticky == stream->upstream->member ||
		(learn->from == CONFIG_LEARN_ANSWER && !stream->is_session_known) ||
		!request_value(stream, learn, &value))
		return;
	counters_of(stream, pool)->sessions_moved += stream->is_session_known;
	remember(stream, pool, value);
}
