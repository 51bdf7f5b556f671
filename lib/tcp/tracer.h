/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_TRACER_H
#define TCP_TRACER_H

#include <rte_branch_prediction.h>

#include "conn.h"
#include "tcp/trace.h"

struct segment_out;

/* Beside the connections, which have one flag for it: CONN_TRACED. */
struct tracer_slot {
	bool is_used;
	enum tcp_trace_phase phase;
	struct tcp_trace_filter filter;
	struct tcp_conn *conn; /* while it runs */
	struct packet_tuple tuple;
	uint64_t started; /* the tracer's count at the start: the lower the older */
	uint64_t total;
	/* As the last events told it. */
	uint32_t cwnd;
	uint32_t ssthresh;
	uint8_t recovery;
	struct tcp_trace_event events[TCP_TRACE_EVENTS];
};

struct tracer {
	unsigned waiting; /* slots */
	uint64_t starts;
	struct tracer_slot slots[TCP_TRACE_CONNS];
};

enum trace_cause { TRACE_RTO, TRACE_RACK, TRACE_DUPACK, TRACE_TLP, TRACE_SYN };

/* The first are enum loss_timer. */
enum trace_timer {
	TRACE_TIMER_ACK = LOSS_SYN + 1,
	TRACE_TIMER_KEEPALIVE,
	TRACE_TIMER_LIFE,
	TRACE_TIMER_PACE,
};

static inline bool conn_is_traced(const struct tcp_conn *conn)
{
	return unlikely(conn->flags & CONN_TRACED);
}

/* A new block: does a trace wait for it? Called only while one waits for something. */
void tracer_match(struct tcp_conn *conn);

/* Each only for a connection that is traced. */
void tracer_in(struct tcp_conn *conn, const struct segment *seg);
void tracer_out(struct tcp_conn *conn, const struct segment_out *out, uint32_t len);
void tracer_resent(
	struct tcp_conn *conn, const struct segment_out *out, uint32_t len, enum trace_cause cause);
void tracer_note(struct tcp_conn *conn, enum tcp_trace_kind kind, uint8_t detail);
/* The trace ends when the new state is CLOSED. */
void tracer_state(struct tcp_conn *conn);
/* Tells what has changed of recovery, cwnd and ssthresh since the last look. */
void tracer_look(struct tcp_conn *conn);

#endif
