/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_TRACE_H
#define TCP_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "tcp/tcp.h"

/*
 * Rings of events for a few connections, begun on demand. A stack has TCP_TRACE_CONNS of them; each
 * keeps the last TCP_TRACE_EVENTS events, also when its connection is over. Owner core, like all
 * of tcp.h; nothing here allocates.
 */
#define TCP_TRACE_CONNS  16
#define TCP_TRACE_EVENTS 256

enum tcp_trace_kind {
#define EVENT(id, name, help) TCP_TRACE_##id,
#include "tcp/trace.def"
#undef EVENT
	TCP_TRACE_KINDS,
};

struct tcp_trace_event {
	uint64_t at_us;
	uint32_t seq;
	uint32_t ack;
	uint32_t len;    /* payload */
	uint32_t window; /* bytes */
	uint32_t cwnd;
	uint32_t ssthresh; /* UINT32_MAX: none yet */
	uint32_t flight;
	uint8_t kind;   /* enum tcp_trace_kind */
	uint8_t flags;  /* of the segment, as on the wire */
	uint8_t detail; /* tcp_trace_detail() */
	uint8_t more;   /* TCP_TRACE_STATE: enum tcp_close_reason once CLOSED */
};

/* Which connection: the peer's end, and perhaps ours. */
struct tcp_trace_filter {
	struct ip_addr remote;
	struct ip_addr local;    /* where has_local */
	uint16_t remote_port_be; /* 0: any */
	uint16_t local_port_be;  /* 0: any */
	bool has_local;
};

enum tcp_trace_phase {
	TCP_TRACE_WAITING, /* for a connection that fits */
	TCP_TRACE_RUNNING,
	TCP_TRACE_OVER, /* the connection is; its events stay */
};

/* A ring as it stands. */
struct tcp_trace {
	enum tcp_trace_phase phase;
	struct packet_tuple tuple; /* src: peer, dst: ours; once it runs */
	uint64_t total;            /* events since the begin */
	unsigned count;            /* of these in events, oldest first */
	struct tcp_trace_event events[TCP_TRACE_EVENTS];
};

/*
 * Begins a trace, unless there is one with this filter: of the next connection that fits. A trace
 * that is over makes room, the oldest first, then one that waits. 0, or -ENOSPC: all run.
 */
int tcp_trace_start(struct tcp_stack *stack, const struct tcp_trace_filter *filter);

/*
 * Looks for a connection that is there already and fits, for a trace that waits: some hundred
 * microseconds' worth of the table from *cursor on, which moves on. True: call again.
 */
bool tcp_trace_seek(
	struct tcp_stack *stack, const struct tcp_trace_filter *filter, uint32_t *cursor);

/* Copies the trace with this filter. False: there is none. */
bool tcp_trace_copy(const struct tcp_stack *stack, const struct tcp_trace_filter *filter,
	struct tcp_trace *trace);

/* Ends it and forgets its events. False: there is none. */
bool tcp_trace_stop(struct tcp_stack *stack, const struct tcp_trace_filter *filter);

/* Words for an event: "in", and a detail, "" where it has none. Any thread. */
const char *tcp_trace_kind_name(uint8_t kind);
const char *tcp_trace_detail(const struct tcp_trace_event *event);
/* "done", "reset" ... of a STATE event that is the last, else "". */
const char *tcp_trace_reason(const struct tcp_trace_event *event);

#endif
