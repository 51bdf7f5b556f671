/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/ip.h"
#include "packet/packet.h"
#include "runtime/core.h"
#include "runtime/steer.h"

/*
 * TCP (RFC 9293) for one core: no locks, no system calls, no clock of its own. Packets come in by
 * tcp_input(), leave by ops.output, and time is what the caller says. Everything here is called
 * on the stack's owner core.
 */
struct tcp_stack;
struct tcp_conn;

enum tcp_close_reason {
	TCP_CLOSED_DONE,        /* both sides closed in order */
	TCP_CLOSED_RESET,       /* the peer reset it, or refused our SYN */
	TCP_CLOSED_TIMEOUT,     /* the peer no longer answers, or never did */
	TCP_CLOSED_ABORTED,     /* tcp_abort() by our side */
	TCP_CLOSED_UNREACHABLE, /* ICMP says so, while connecting */
	TCP_CLOSED_NO_MEMORY,
};

/*
 * Who is told of a connection's events; called inline from tcp_input() and tcp_advance(). A
 * handler may call anything on any connection of its stack, tcp_abort() on this one included.
 */
struct tcp_handler {
	/* Client side: the handshake is done. (Server side: see tcp_stack_ops.accept.) */
	void (*on_connected)(struct tcp_conn *conn, void *ctx);
	/* There is more to read, or the peer's FIN was reached (tcp_is_eof()). */
	void (*on_readable)(struct tcp_conn *conn, void *ctx);
	/* There is space to write again after a tcp_write() that took less than it was given. */
	void (*on_writable)(struct tcp_conn *conn, void *ctx);
	/* The connection is over and conn invalid on return. Called exactly once, also after
	 * tcp_abort() and when TIME-WAIT is entered (that state lives on without a handler). */
	void (*on_closed)(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason);
};

struct tcp_stack_ops {
	/*
	 * An IP packet, starting at its IP header, with checksums left to the port as flags (see
	 * packet_checksum_complete()), and by large_output also what packet_cut() tells of. Takes
	 * ownership; of the mbufs only headroom and fields are for others to write.
	 */
	void (*output)(void *ctx, struct rte_mbuf *m);
	/* Is there a listener at this address (a SYN arrived)? */
	bool (*is_listening)(void *ctx, const struct ip_addr *address, uint16_t port_be);
	/*
	 * A server connection is established: set a handler by tcp_set_handler() and return 0, or
	 * anything else to have it reset. Data may be readable at once: on_readable follows.
	 */
	int (*accept)(void *ctx, struct tcp_conn *conn);
	/* MTU toward an address; 0: unknown, 1500 is taken. */
	uint16_t (*mtu)(void *ctx, const struct ip_addr *dst);
};

/* Explicit congestion notification (RFC 3168). */
enum tcp_ecn {
	TCP_ECN_ACCEPT, /* when the peer asks for it; the default */
	TCP_ECN_OFF,
	TCP_ECN_REQUEST, /* and ask for it ourselves */
};

struct tcp_params {
	struct core *core;         /* borrowed: drops are counted there */
	struct rte_mempool *mbufs; /* borrowed */
	const struct tcp_stack_ops *ops;
	void *ctx;
	struct steer_slice ports;    /* local ports for tcp_connect() */
	uint64_t secret[2];          /* keys ISNs (RFC 6528), cookies, table hash */
	uint32_t max_connections;    /* established and closing, default 65536 */
	uint32_t max_half_open;      /* SYN cache, default 16384; beyond: SYN cookies */
	uint32_t send_buffer;        /* bytes a connection may queue, default 262144 */
	uint32_t receive_window;     /* bytes, default 262144 */
	uint32_t receive_window_max; /* it may grow to that; default receive_window */
	uint32_t time_wait_ms;       /* default 60000; tests shorten it */
	const char *congestion;      /* "cubic" (default) or "newreno" */
	enum tcp_ecn ecn;
	uint32_t user_timeout_ms;       /* nothing acknowledged for so long: over; default 120000 */
	uint32_t keepalive_ms;          /* silence before the first probe; 0: no keep-alive */
	uint32_t keepalive_interval_ms; /* default 75000 */
	uint32_t keepalive_count;       /* probes without an answer, default 9 */
	bool nagle;                     /* what connections begin with: tcp_set_nagle() */
	bool pacing;
	bool large_output;  /* ops.output takes several segments as one: packet_cut() */
	bool no_merge;      /* each segment of a burst is taken in by itself */
	uint32_t mbufs_max; /* the queues' budget, default three quarters of the pool */
};

struct tcp_counters {
#define COUNTER(name, help) uint64_t name;
#include "tcp/tcp.def"
#undef COUNTER
};
extern const struct stats_set tcp_stats_set;

/* NULL when memory is short. Fields that are 0 take their default. */
struct tcp_stack *tcp_stack_create(const struct tcp_params *params, uint64_t now_us);

/* Drops all connections without a word to peers or handlers. NULL is fine. */
void tcp_stack_destroy(struct tcp_stack *stack);
const struct tcp_counters *tcp_counters(const struct tcp_stack *stack);

/*
 * A burst of parsed TCP packets (packet_parse(); with or without Ethernet header: the offsets
 * count) whose destination is ours. Takes ownership of all; the array is used up.
 */
void tcp_input(struct tcp_stack *stack, struct rte_mbuf **pkts, uint16_t count, uint64_t now_us);

/* ICMP error that quotes one of our segments; mtu only for too big, else 0. */
void tcp_icmp_error(struct tcp_stack *stack, const struct packet_tuple *quoted, uint32_t quoted_seq,
	bool is_too_big, uint16_t mtu, uint64_t now_us);

/* Timers, then output that waits for the end of the burst. Call once a loop, after tcp_input(). */
void tcp_advance(struct tcp_stack *stack, uint64_t now_us);

/* When tcp_advance() has work next; UINT64_MAX: not before input. */
uint64_t tcp_next_us(const struct tcp_stack *stack);

struct tcp_connect_args {
	const struct ip_addr *src; /* a local address */
	const struct ip_addr *dst;
	uint16_t dst_port;   /* host order */
	uint32_t timeout_ms; /* handshake; 0: the RFC's own limits */
	const struct tcp_handler *handler;
	void *ctx;
};

/*
 * Opens a connection from a free port of the stack's slice; the SYN leaves at once. NULL with
 * *error set to -EADDRNOTAVAIL (no free port), -ENOMEM or -EMFILE (limit). on_connected or
 * on_closed follows, never from inside this call.
 */
struct tcp_conn *tcp_connect(
	struct tcp_stack *stack, const struct tcp_connect_args *args, int *error, uint64_t now_us);

/* The handler table is borrowed and outlives the connection; ctx is the handler's own. */
void tcp_set_handler(struct tcp_conn *conn, const struct tcp_handler *handler, void *ctx);

/* A piece of received, in-order bytes. */
struct tcp_span {
	const uint8_t *data;
	size_t len;
};

/*
 * Looks at received bytes without taking them: fills up to max spans and returns how many. They
 * stay valid until tcp_consume() or return to tcp_input().
 */
unsigned tcp_peek(const struct tcp_conn *conn, struct tcp_span *spans, unsigned max);
size_t tcp_readable(const struct tcp_conn *conn);

/* Takes len of the readable bytes: buffers are freed and the window opens again. */
void tcp_consume(struct tcp_conn *conn, size_t len);

/* True when the peer's FIN came and all bytes before it were consumed. */
bool tcp_is_eof(const struct tcp_conn *conn);

/* True when the FIN came: nothing follows the bytes that are readable. */
bool tcp_has_fin(const struct tcp_conn *conn);

/*
 * Queues bytes (copied) up to the send buffer's space and returns how many were taken; after a
 * short count on_writable follows when at least half of the buffer is free. Segments leave at
 * tcp_advance() or when a full one is there. 0 after tcp_shutdown().
 */
size_t tcp_write(struct tcp_conn *conn, const void *data, size_t len);
size_t tcp_write_space(const struct tcp_conn *conn);

/*
 * Moves up to len of the readable bytes of one connection to the send queue of another one of the
 * same stack, as tcp_write() and tcp_consume() would, but without copying what came in buffers
 * that are about full. Returns how many went; after a short count on_writable of "to" follows.
 */
size_t tcp_splice(struct tcp_conn *to, struct tcp_conn *from, size_t len);

/* Bytes written and not yet acknowledged. */
size_t tcp_unacked(const struct tcp_conn *conn);

/* FIN after what is queued; reading goes on. Twice is fine. */
void tcp_shutdown(struct tcp_conn *conn);

/*
 * The handler is done with the connection: like tcp_shutdown(), and what still arrives is not
 * read: unread or new data ends it with RST (RFC 9293 3.6.1, RFC 2525 2.17). The handler hears
 * no more of it, on_closed neither; conn is invalid for the caller.
 */
void tcp_close(struct tcp_conn *conn);

/* Short segments wait while anything is unacknowledged (RFC 9293 3.7.4); off sends what waits. */
void tcp_set_nagle(struct tcp_conn *conn, bool is_on);

/* So long may nothing be acknowledged before the connection is given up (RFC 9293 3.9.1); 0: what
 * the stack has. Up to 65535 seconds. */
void tcp_set_user_timeout(struct tcp_conn *conn, uint32_t seconds);

/* RST at once. on_closed is called with TCP_CLOSED_ABORTED before the return. */
void tcp_abort(struct tcp_conn *conn);

struct tcp_info {
	struct packet_tuple tuple; /* src: peer, dst: ours */
	const char *state;         /* "ESTABLISHED" ... */
	uint32_t srtt_us, rttvar_us, rto_us;
	uint32_t cwnd, ssthresh; /* bytes */
	uint32_t mss;
	uint32_t retransmissions;             /* segments */
	uint32_t send_queued, receive_queued; /* bytes */
	uint32_t receive_window;              /* bytes that may come ahead of the reader */
	uint64_t bytes_in, bytes_out;         /* payload, acknowledged */
};
void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info);

#define TCP_DUMP_END UINT32_MAX

/*
 * Walks connections for "show conns": up to max rows from *cursor on, which starts at 0 and moves
 * on. Returns how many rows there are. A call looks at so much of the table and no more, so none
 * may come though more follow: the walk is over when *cursor is TCP_DUMP_END.
 */
unsigned tcp_dump(
	const struct tcp_stack *stack, uint32_t *cursor, struct tcp_info *rows, unsigned max);

struct tcp_usage {
	uint32_t established; /* all with a connection block */
	uint32_t half_open;
	uint32_t time_wait;
	uint32_t mbufs_held; /* in queues, both directions: the sum of the next three */
	uint32_t mbufs_receive;
	uint32_t mbufs_out_of_order;
	uint32_t mbufs_send;
	uint32_t mbufs_max;      /* the budget */
	uint32_t bytes_per_mbuf; /* that one pins, however little it carries */
	uint32_t bytes_per_conn, bytes_per_half_open, bytes_per_time_wait;
};
void tcp_usage(const struct tcp_stack *stack, struct tcp_usage *usage);

#endif
