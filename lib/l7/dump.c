/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "connection_h2.h"
#include "core.h"
#include "tunnel.h"

static void copy_text(char *out, size_t size, struct http_span span)
{
	size_t len = span.len < size - 1 ? span.len : size - 1;

	if (len > 0)
		memcpy(out, span.data, len);
	out[len] = '\0';
}

static void fill_request(struct l7_conn_row *row, const struct stream *stream)
{
	const struct http_head *head = inlet_head(&stream->request);
	size_t used;

	if (stream->is_raw) {
		snprintf(row->request, sizeof(row->request), "passthrough %.*s",
			(int)head->host.len, head->host.len > 0 ? head->host.data : "");
		return;
	}
	copy_text(row->request, sizeof(row->request), head->method);
	if (stream->tunnel != NULL)
		snprintf(row->request, sizeof(row->request), "%s", WEBSOCKET_TOKEN);
	used = strlen(row->request);
	if (used + 2 > sizeof(row->request))
		return;
	row->request[used++] = ' ';
	copy_text(row->request + used, sizeof(row->request) - used, head->path);
}

static void fill(struct l7_conn_row *row, const struct connection *connection, uint64_t now_us)
{
	const struct stream *stream = connection->stream;

	/* Of many it shows the last one. */
	if (connection->h2 != NULL)
		stream = LIST_FIRST(&connection->h2->streams);

	memset(row, 0, sizeof(*row));
	tcp_conn_info(connection->transport.tcp, &row->tcp);
	snprintf(row->service, sizeof(row->service), "%s", connection->identity->name);
	row->requests = connection->requests;
	row->age_ms = (uint32_t)((now_us - connection->opened_us) / CLOCK_US_PER_MS);
	if (stream == NULL || !stream->has_request)
		return;
	fill_request(row, stream);
	if (stream->upstream != NULL)
		ip_endpoint_format(&stream->upstream->member->address,
			stream->upstream->member->port, row->member);
}

unsigned l7_conn_dump(const struct l7_core *l7, uint32_t *cursor, struct l7_conn_row *rows,
	unsigned max, uint64_t now_us)
{
	unsigned count = 0;

	while (*cursor < l7->slot_high && count < max) {
		const struct connection *connection = l7->slots[(*cursor)++];

		if (connection != NULL)
			fill(&rows[count++], connection, now_us);
	}
	return count;
}
