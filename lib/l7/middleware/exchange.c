/* SPDX-License-Identifier: Apache-2.0 */
/* Variables, and the texts that have some. */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

#include "../identify.h"
#include "../route/matcher.h"
#include "tls/facts.h"

void room_put(struct room *room, const char *data, size_t len)
{
	if (room->size - room->used < len) {
		room->is_short = true;
		return;
	}
	if (len > 0)
		memcpy(room->data + room->used, data, len);
	room->used += len;
}

void room_put_text(struct room *room, const char *text)
{
	room_put(room, text, strlen(text));
}

static bool is_plain(char c, enum room_use use)
{
	if (use == ROOM_HEADER)
		return (uint8_t)c >= ' ' && c != 0x7f;
	if (c <= ' ' || c > '~' || c == '#')
		return false;
	return use == ROOM_QUERY || (c != '?' && c != '\\');
}

void room_put_escaped(struct room *room, enum room_use use, struct http_span value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = (uint8_t)value.data[i];
		char escape[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_plain((char)c, use))
			room_put(room, &value.data[i], 1);
		else
			room_put(room, escape, sizeof(escape));
	}
}

struct http_span exchange_query(const struct http_head *head)
{
	struct http_span target = head->target;
	struct http_span query = { .data = "", .len = 0 };

	if (target.len > head->path.len) {
		query.data = target.data + head->path.len + 1;
		query.len = target.len - head->path.len - 1;
	}
	return query;
}

static struct http_span span_of(const char *text)
{
	return (struct http_span){ .data = text, .len = strlen(text) };
}

/* What numbers and addresses are written in. */
#define FORMAT_MAX IP_TEXT_MAX

typedef struct http_span variable_get(const struct exchange *exchange, char text[FORMAT_MAX]);

static struct http_span address(const struct ip_addr *addr, char text[FORMAT_MAX])
{
	ip_format(addr, text);
	return span_of(text);
}

static struct http_span port(uint16_t port_be, char text[FORMAT_MAX])
{
	snprintf(text, FORMAT_MAX, "%u", rte_be_to_cpu_16(port_be));
	return span_of(text);
}

static struct http_span get_client_address(const struct exchange *exchange, char text[FORMAT_MAX])
{
	return address(&exchange->tuple->src, text);
}

static struct http_span get_client_port(const struct exchange *exchange, char text[FORMAT_MAX])
{
	return port(exchange->tuple->src_port_be, text);
}

static struct http_span get_server_address(const struct exchange *exchange, char text[FORMAT_MAX])
{
	return address(&exchange->tuple->dst, text);
}

static struct http_span get_server_port(const struct exchange *exchange, char text[FORMAT_MAX])
{
	return port(exchange->tuple->dst_port_be, text);
}

static struct http_span get_scheme(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return span_of(exchange->is_tls ? "https" : "http");
}

static struct http_span get_method(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange->head->method;
}

static struct http_span get_host(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange->head->host;
}

static struct http_span get_authority(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange->head->authority;
}

static struct http_span get_path(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange->head->path;
}

static struct http_span get_query(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange_query(exchange->head);
}

static struct http_span get_service(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return span_of(exchange->service);
}

static struct http_span get_route(const struct exchange *exchange, char text[FORMAT_MAX])
{
	const struct config_l7_route *config = exchange->route->config;

	if (config != NULL && config->name != NULL)
		return span_of(config->name);
	snprintf(text, FORMAT_MAX, "routes[%u]", exchange->route->index);
	return span_of(text);
}

static struct http_span get_request_id(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return span_of(exchange->marks != NULL ? exchange->marks->request_id : "");
}

static struct http_span get_trace_id(const struct exchange *exchange, char text[FORMAT_MAX])
{
	(void)text;
	return exchange->marks != NULL ? identify_trace_id(exchange->marks) : span_of("");
}

#define FACT_GET(name, member)                                                                     \
	static struct http_span get_##name(const struct exchange *exchange, char text[FORMAT_MAX]) \
	{                                                                                          \
		(void)text;                                                                        \
		return span_of(exchange->facts != NULL ? exchange->facts->member : "");            \
	}
FACT_GET(tls_version, version)
FACT_GET(tls_cipher, cipher)
FACT_GET(tls_sni, sni)
FACT_GET(tls_client_subject, peer_subject)
FACT_GET(tls_client_issuer, peer_issuer)
FACT_GET(tls_client_san, peer_names)
FACT_GET(tls_client_serial, peer_serial)
FACT_GET(tls_client_fingerprint, peer_fingerprint)
#undef FACT_GET

static struct http_span get_tls_client_verify(
	const struct exchange *exchange, char text[FORMAT_MAX])
{
	const struct tls_facts *facts = exchange->facts;

	(void)text;
	if (facts == NULL)
		return span_of("");
	if (facts->peer == TLS_PEER_BAD)
		return span_of(facts->peer_error);
	return span_of(facts->peer == TLS_PEER_GOOD ? "SUCCESS" : "NONE");
}

static variable_get *const variables[] = {
#define VARIABLE(name, help) [CONFIG_VARIABLE_##name] = get_##name,
#include "conf/variable.def"
#undef VARIABLE
};

static struct http_span match_get(struct exchange *exchange, unsigned group)
{
	const struct route *route = exchange->route;

	if (!exchange->has_match) {
		for (unsigned i = 0; i < CONFIG_GROUPS_MAX; i++)
			exchange->match[i] = (struct http_span){ .data = "", .len = 0 };
		exchange->match[0] = exchange->head->path;
		if (route->pattern != NULL)
			path_pattern_groups(route->pattern, exchange->head->path, exchange->scratch,
				exchange->match);
		exchange->has_match = true;
	}
	return exchange->match[group];
}

static struct http_span value_get(struct exchange *exchange, const struct config_piece *piece,
	const struct http_span *groups, char text[FORMAT_MAX])
{
	const struct http_field *field;

	switch (piece->kind) {
	case CONFIG_PIECE_VARIABLE:
		return variables[piece->index](exchange, text);
	case CONFIG_PIECE_HEADER:
		field = http_find(exchange->head, piece->text);
		return field != NULL ? field->value : span_of("");
	case CONFIG_PIECE_MATCH:
		return match_get(exchange, piece->index);
	case CONFIG_PIECE_GROUP:
		return groups != NULL ? groups[piece->index] : span_of("");
	case CONFIG_PIECE_TEXT:
		break;
	}
	return (struct http_span){ .data = piece->text, .len = piece->len };
}

struct http_span exchange_expand(struct exchange *exchange, const struct config_template *template,
	enum room_use use, const struct http_span *groups, struct room *room)
{
	size_t start = room->used;

	for (size_t i = 0; i < template->count; i++) {
		const struct config_piece *piece = &template->pieces[i];
		char text[FORMAT_MAX];
		struct http_span value = value_get(exchange, piece, groups, text);

		if (piece->kind == CONFIG_PIECE_TEXT)
			room_put(room, value.data, value.len);
		else
			room_put_escaped(room, use, value);
	}
	return (struct http_span){ .data = room->data + start, .len = room->used - start };
}
