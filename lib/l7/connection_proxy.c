/* SPDX-License-Identifier: Apache-2.0 */
#include "connection_proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/param.h>

#include "core.h"
#include "listener.h"
#include "packet/proxy_header.h"

/* Each byte of version 1 may come by itself; smaller pieces of longer headers are no sender's. */
#define SPANS_MAX 128

enum connection_proxy_rule connection_proxy_rule(
	const struct connection *connection, const struct l7_listener *listener)
{
	const struct config_accept_proxy *accept = listener->accept_proxy;

	if (accept->from_count == 0)
		return CONNECTION_PROXY_NONE;
	for (size_t i = 0; i < accept->from_count; i++)
		if (ip_prefix_contains(&accept->from[i], &connection->tuple.src))
			return CONNECTION_PROXY_EXPECTED;
	if (accept->others == CONFIG_PROXY_OTHERS_DIRECT)
		return CONNECTION_PROXY_NONE;
	connection->l7->counters.proxy_refused++;
	return CONNECTION_PROXY_REFUSED;
}

static size_t gather(const struct tcp_conn *tcp, uint8_t *out, size_t size)
{
	struct tcp_span spans[SPANS_MAX];
	unsigned count = tcp_peek(tcp, spans, SPANS_MAX);
	size_t used = 0;

	for (unsigned i = 0; i < count && used < size; i++) {
		size_t len = MIN(spans[i].len, size - used);

		memcpy(out + used, spans[i].data, len);
		used += len;
	}
	return used;
}

/* tuple.dst stays: services are found by it. */
static void adopt(struct connection *connection, const struct packet_tuple *conveyed)
{
	connection->tuple.src = conveyed->src;
	connection->tuple.src_port_be = conveyed->src_port_be;
	connection_hash(connection);
}

int connection_proxy_read(struct connection *connection)
{
	struct tcp_conn *tcp = connection->transport.tcp;
	struct l7_counters *counters = &connection->l7->counters;
	uint8_t bytes[PROXY_HEADER_MAX];
	size_t len = gather(tcp, bytes, sizeof(bytes));
	struct proxy_header header;
	int result = proxy_header_parse(bytes, len, &header);

	if (result > 0 && !header.is_local && header.tuple.protocol != IPPROTO_TCP)
		result = PROXY_HEADER_MALFORMED;
	/* Bytes in more pieces than are looked at: they would never become complete. */
	if (result == PROXY_HEADER_INCOMPLETE && len < MIN(tcp_readable(tcp), sizeof(bytes)))
		result = PROXY_HEADER_MALFORMED;
	if (result == PROXY_HEADER_INCOMPLETE && !tcp_is_eof(tcp))
		return 0;
	if (result == PROXY_HEADER_MALFORMED) {
		counters->proxy_malformed++;
		return -EPROTO;
	}
	if (result <= 0) {
		counters->proxy_missing++;
		return -EPROTO;
	}
	counters->proxy_accepted++;
	if (!header.is_local)
		adopt(connection, &header.tuple);
	tcp_consume(tcp, (size_t)result);
	return 1;
}
