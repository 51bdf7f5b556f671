/* SPDX-License-Identifier: Apache-2.0 */
#include "transport.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

/* From here on a piece becomes a record of its own, without being gathered first. */
#define GATHER_BELOW_BYTES 4096
/* What mbedTLS puts in one record of TLS 1.3: a byte more would be a record of its own. */
#define GATHER_MOST_BYTES (TRANSPORT_RECORD_BYTES - 1)

static size_t plain_peek(struct transport *transport, const char **data)
{
	struct tcp_span span;

	if (tcp_peek(transport->tcp, &span, 1) == 0)
		return 0;
	*data = (const char *)span.data;
	return span.len;
}

static void plain_consume(struct transport *transport, size_t len)
{
	tcp_consume(transport->tcp, len);
}

static size_t plain_write(struct transport *transport, const char *data, size_t len)
{
	return tcp_write(transport->tcp, data, len);
}

static bool plain_flush(struct transport *transport)
{
	(void)transport;
	return true;
}

static bool plain_is_eof(const struct transport *transport)
{
	return tcp_is_eof(transport->tcp);
}

/* A FIN says it all. */
static bool plain_is_cut(const struct transport *transport)
{
	(void)transport;
	return false;
}

static void plain_shutdown(struct transport *transport)
{
	tcp_shutdown(transport->tcp);
}

static const struct transport_ops plain_ops = {
	.peek = plain_peek,
	.consume = plain_consume,
	.write = plain_write,
	.flush = plain_flush,
	.is_eof = plain_is_eof,
	.is_cut = plain_is_cut,
	.shutdown = plain_shutdown,
};

static size_t io_receive(void *ctx, uint8_t *data, size_t max)
{
	struct transport *transport = ctx;
	size_t used = 0;

	while (used < max && transport->tcp != NULL) {
		struct tcp_span span;
		size_t len;

		if (tcp_peek(transport->tcp, &span, 1) == 0)
			break;
		len = MIN(span.len, max - used);
		memcpy(data + used, span.data, len);
		tcp_consume(transport->tcp, len);
		used += len;
	}
	return used;
}

static size_t io_send(void *ctx, const uint8_t *data, size_t len)
{
	struct transport *transport = ctx;

	return transport->tcp == NULL ? 0 : tcp_write(transport->tcp, data, len);
}

static const struct tls_io io = { .receive = io_receive, .send = io_send };

static void record_put(struct transport *transport, char **record)
{
	objpool_put(transport->records, *record);
	*record = NULL;
}

static bool record_get(struct transport *transport, char **record)
{
	*record = objpool_get(transport->records);
	if (*record == NULL)
		transport->is_failed = transport->is_short = true;
	return *record != NULL;
}

static size_t tls_peek(struct transport *transport, const char **data)
{
	int got;

	if (transport->in == NULL) {
		if (transport->is_peer_done || transport->is_failed ||
			!record_get(transport, &transport->in))
			return 0;
		got = tls_read(transport->tls, transport->in, TRANSPORT_RECORD_BYTES);
		if (got <= 0) {
			record_put(transport, &transport->in);
			transport->is_peer_done |= got == TLS_EOF;
			transport->is_failed |= got == TLS_FAILED;
			return 0;
		}
		transport->in_at = 0;
		transport->in_len = (uint16_t)got;
	}
	*data = transport->in + transport->in_at;
	return (size_t)(transport->in_len - transport->in_at);
}

static void tls_consume(struct transport *transport, size_t len)
{
	transport->in_at += (uint16_t)len;
	if (transport->in_at == transport->in_len)
		record_put(transport, &transport->in);
}

static size_t write_record(struct transport *transport, const char *data, size_t len)
{
	int taken = tls_write(transport->tls, data, len);

	transport->is_failed |= taken == TLS_FAILED;
	return taken > 0 ? (size_t)taken : 0;
}

static bool tls_transport_flush(struct transport *transport)
{
	enum tls_result result;

	while (transport->out != NULL) {
		size_t taken = write_record(transport, transport->out + transport->out_at,
			(size_t)(transport->out_len - transport->out_at));

		if (taken == 0)
			return false;
		transport->out_at += (uint16_t)taken;
		if (transport->out_at == transport->out_len)
			record_put(transport, &transport->out);
	}
	result = tls_flush(transport->tls);
	transport->is_failed |= result == TLS_FAILED;
	return result == TLS_OK;
}

static bool is_full(const struct transport *transport)
{
	return transport->out != NULL && transport->out_len == GATHER_MOST_BYTES;
}

/* Small pieces are gathered: a record each would cost more than its bytes. */
static size_t gather(struct transport *transport, const char *data, size_t len)
{
	if (is_full(transport))
		tls_transport_flush(transport);
	if (is_full(transport))
		return 0;
	if (transport->out == NULL) {
		if (!record_get(transport, &transport->out))
			return 0;
		transport->out_at = transport->out_len = 0;
	}
	len = MIN(len, (size_t)(GATHER_MOST_BYTES - transport->out_len));
	memcpy(transport->out + transport->out_len, data, len);
	transport->out_len += (uint16_t)len;
	if (is_full(transport))
		tls_transport_flush(transport);
	return len;
}

static size_t tls_transport_write(struct transport *transport, const char *data, size_t len)
{
	size_t used = 0;

	while (used < len && !transport->is_failed) {
		bool is_large = transport->out == NULL && len - used >= GATHER_BELOW_BYTES;
		size_t taken = is_large ? write_record(transport, data + used, len - used)
					: gather(transport, data + used, len - used);

		if (taken == 0)
			break;
		used += taken;
	}
	return used;
}

static bool tls_is_eof(const struct transport *transport)
{
	return transport->in == NULL &&
		(transport->is_peer_done ||
			(tcp_is_eof(transport->tcp) && !tls_has_pending(transport->tls)));
}

static bool tls_is_cut(const struct transport *transport)
{
	return tls_is_eof(transport) && !transport->is_peer_done;
}

static void tls_shutdown(struct transport *transport)
{
	tls_close(transport->tls);
	tcp_shutdown(transport->tcp);
}

static const struct transport_ops tls_ops = {
	.peek = tls_peek,
	.consume = tls_consume,
	.write = tls_transport_write,
	.flush = tls_transport_flush,
	.is_eof = tls_is_eof,
	.is_cut = tls_is_cut,
	.shutdown = tls_shutdown,
};

/* Only the first piece, as transport_peek() gives it; the caller comes again. */
static size_t piece_copy(struct transport *to, struct transport *from, size_t len)
{
	const char *data;
	size_t readable = transport_peek(from, &data);

	if (readable == 0)
		return 0;
	len = transport_write(to, data, MIN(len, readable));
	transport_consume(from, len);
	return len;
}

size_t transport_pass(struct transport *to, struct transport *from, size_t len)
{
	if (to->ops != &plain_ops || from->ops != &plain_ops)
		return piece_copy(to, from, len);
	return to->tcp == NULL || from->tcp == NULL ? 0 : tcp_splice(to->tcp, from->tcp, len);
}

void transport_init_plain(struct transport *transport, struct tcp_conn *tcp)
{
	*transport = (struct transport){ .ops = &plain_ops, .tcp = tcp };
}

int transport_init_tls(struct transport *transport, struct tcp_conn *tcp,
	struct tls_context *context, struct objpool *records)
{
	*transport = (struct transport){ .ops = &tls_ops, .tcp = tcp, .records = records };
	transport->tls = tls_session_create(context, &io, transport);
	return transport->tls == NULL ? -ENOMEM : 0;
}

int transport_init_tls_client(struct transport *transport, struct tcp_conn *tcp,
	struct tls_context *context, struct objpool *records, uint64_t peer)
{
	*transport = (struct transport){ .ops = &tls_ops, .tcp = tcp, .records = records };
	transport->tls = tls_session_create_client(context, &io, transport, peer);
	return transport->tls == NULL ? -ENOMEM : 0;
}

void transport_move(struct transport *to, struct transport *from)
{
	*to = *from;
	*from = (struct transport){ .ops = &plain_ops };
	if (to->tls != NULL)
		tls_session_move(to->tls, to);
}

void transport_finish(struct transport *transport)
{
	if (transport->in != NULL)
		record_put(transport, &transport->in);
	if (transport->out != NULL)
		record_put(transport, &transport->out);
	if (transport->tls != NULL)
		tls_session_destroy(transport->tls);
	transport->tls = NULL;
}

enum tls_result transport_handshake(struct transport *transport)
{
	return transport->tls == NULL ? TLS_OK : tls_handshake(transport->tls);
}
