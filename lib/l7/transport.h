/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/objpool.h"
#include "tcp/tcp.h"
#include "tls/tls.h"

#define TRANSPORT_RECORD_BYTES 16384 /* a TLS record's plain bytes, RFC 8446 5.1 */

/*
 * A byte stream over one TCP connection, plain or TLS. Owned by a client or upstream connection;
 * tcp is NULL once that is over, and everything then does nothing.
 */
struct transport {
	const struct transport_ops *ops;
	struct tcp_conn *tcp;
	bool is_failed; /* TLS broke, or buffers are short: end the connection */
	bool is_short;  /* it was buffers */
	/* TLS only: one record's plain bytes each way, and only while there are some. */
	bool is_peer_done; /* close_notify came */
	struct tls_session *tls;
	struct objpool *records;
	char *in;
	char *out;
	uint16_t in_at, in_len;
	uint16_t out_at, out_len;
};

struct transport_ops {
	/* Readable bytes in one piece, without taking them; 0: none now. */
	size_t (*peek)(struct transport *transport, const char **data);
	void (*consume)(struct transport *transport, size_t len);
	/* Returns how many bytes were taken; after fewer than given, TCP tells when to go on. */
	size_t (*write)(struct transport *transport, const char *data, size_t len);
	/* Hands gathered bytes on. True when none are left here. */
	bool (*flush)(struct transport *transport);
	bool (*is_eof)(const struct transport *transport);
	/* At an end that the peer did not declare: TLS without close_notify (RFC 8446 6.1). */
	bool (*is_cut)(const struct transport *transport);
	/* Our side's end, after a flush that left nothing. */
	void (*shutdown)(struct transport *transport);
};

void transport_init_plain(struct transport *transport, struct tcp_conn *tcp);

/* context is borrowed; records: objects of TRANSPORT_RECORD_BYTES. 0 or -ENOMEM. */
int transport_init_tls(struct transport *transport, struct tcp_conn *tcp,
	struct tls_context *context, struct objpool *records);

/* The same toward a server: see tls_session_create_client(). */
int transport_init_tls_client(struct transport *transport, struct tcp_conn *tcp,
	struct tls_context *context, struct objpool *records, uint64_t peer);

/* Makes *to what *from was, which is empty then. Never from inside a call on it. */
void transport_move(struct transport *to, struct transport *from);

/* Frees what TLS holds; TCP is the owner's affair. Never from inside a call on transport. */
void transport_finish(struct transport *transport);

/* TLS_OK when done (a plain one always is), TLS_AGAIN or TLS_FAILED. */
enum tls_result transport_handshake(struct transport *transport);

static inline size_t transport_peek(struct transport *transport, const char **data)
{
	return transport->tcp == NULL ? 0 : transport->ops->peek(transport, data);
}

static inline void transport_consume(struct transport *transport, size_t len)
{
	if (transport->tcp != NULL && len > 0)
		transport->ops->consume(transport, len);
}

static inline size_t transport_write(struct transport *transport, const char *data, size_t len)
{
	return transport->tcp == NULL ? 0 : transport->ops->write(transport, data, len);
}

/* Moves up to len readable bytes from one to the other; between plain ones without copying. */
size_t transport_pass(struct transport *to, struct transport *from, size_t len);

static inline bool transport_flush(struct transport *transport)
{
	return transport->tcp == NULL || transport->ops->flush(transport);
}

static inline bool transport_is_eof(const struct transport *transport)
{
	return transport->tcp == NULL || transport->ops->is_eof(transport);
}

static inline bool transport_is_cut(const struct transport *transport)
{
	return transport->tcp != NULL && transport->ops->is_cut(transport);
}

static inline void transport_shutdown(struct transport *transport)
{
	if (transport->tcp != NULL)
		transport->ops->shutdown(transport);
}

#endif
