/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_STACK_H
#define TCP_STACK_H

#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/objpool.h"
#include "conn.h"
#include "seq.h"
#include "syncache.h"
#include "tcp/tcp.h"
#include "time_wait.h"

STAILQ_HEAD(conn_list, tcp_conn);

/* So many at once, so many a second; for answers that an attacker can provoke. */
struct limiter {
	uint64_t refilled_us;
	uint32_t tokens;
};

/* What queues hold buffers. */
enum held {
	HELD_RECEIVE,
	HELD_OOO, /* ahead of a hole */
	HELD_TX,
	HELD_KINDS,
};

/*
 * The budget, in buffers: half of it is for what arrives and half for what leaves, so that neither
 * can starve the other when an application can read only as fast as it can write. As the receive
 * half fills, windows shrink in proportion; what is ahead of a hole may take half of that half,
 * and goes first, oldest holes first; then new connections are refused; at the end what comes in
 * order is dropped, too, but a connection that holds nothing has a last reserve.
 */
struct budget {
	uint32_t receive_max;
	uint32_t reserve; /* beyond receive_max, for connections that hold nothing */
	uint32_t ooo_max;
	uint32_t tx_max;
};

struct tcp_stack {
	struct tcp_params params; /* defaults filled in */
	uint64_t now_us;          /* of the last tcp_input() or tcp_advance() */
	struct hash_key key;
	const struct cc_ops *cc;
	struct tcp_conn **buckets;
	uint32_t bucket_mask;
	struct conn_list events;
	struct conn_list output;
	struct tcp_conn *graves;                   /* by hash_next */
	TAILQ_HEAD(conn_queue, tcp_conn) with_ooo; /* the oldest first */
	struct conn_queue lingering;               /* CONN_FINISHED: bytes may still be read */
	struct objpool *conns;
	struct wheel *wheel;
	struct syncache *syncache;
	struct time_wait *time_wait;
	struct tracer *tracer;     /* trace.c */
	uint32_t held[HELD_KINDS]; /* buffers */
	struct budget budget;
	uint16_t unit_room; /* payload that an mbuf of the pool holds */
	uint32_t mbufs_low; /* below so many free ones of the pool memory is short */
	bool is_short_of_memory;
	bool is_starved; /* output waits for an mbuf */
	uint64_t memory_checked_us;
	uint32_t connect_count;
	uint64_t cookies_sent_us; /* the last one, 0: never */
	uint8_t rcv_wscale;
	struct limiter resets;
	struct limiter challenges;
	struct tcp_counters counters;
};

#define DEFAULT_MTU          1500
#define STACK_CHALLENGES_PPS 1000
#define STACK_RESETS_PPS     1000

static inline uint32_t stack_now_ms(const struct tcp_stack *stack)
{
	return (uint32_t)(stack->now_us / CLOCK_US_PER_MS);
}

/* May applications queue more? */
static inline bool stack_has_memory(const struct tcp_stack *stack)
{
	return !stack->is_short_of_memory && stack->held[HELD_TX] < stack->budget.tx_max;
}

static inline uint32_t stack_held_received(const struct tcp_stack *stack)
{
	return stack->held[HELD_RECEIVE] + stack->held[HELD_OOO];
}

/* Does so much wait for readers that windows shrink? */
static inline bool stack_is_pressed(const struct tcp_stack *stack)
{
	return stack->is_short_of_memory ||
		stack_held_received(stack) > stack->budget.receive_max / 2;
}

/* Is the receive half of the budget spent? */
static inline bool stack_is_full(const struct tcp_stack *stack)
{
	return stack->is_short_of_memory || stack_held_received(stack) >= stack->budget.receive_max;
}

/* An mbuf of the pool; when there is none, segments ahead of holes are given up for it. */
struct rte_mbuf *stack_mbuf(struct tcp_stack *stack);
void stack_drop(struct tcp_stack *stack, struct rte_mbuf *m, enum drop_reason reason);
bool limiter_take(struct tcp_stack *stack, struct limiter *limiter, uint32_t per_second);

/* The largest payload without options toward an address. */
uint16_t stack_path_mss(const struct tcp_stack *stack, const struct ip_addr *remote);

/* RFC 6528: keyed and monotonic for a tuple. */
uint32_t stack_isn(const struct tcp_stack *stack, const struct conn_tuple *tuple);
/* RFC 7323 5.4: added to the clock in timestamps of this tuple. */
uint32_t stack_ts_offset(const struct tcp_stack *stack, const struct conn_tuple *tuple);
/* A PRF of the tuple and two words under the stack's secret. */
uint64_t stack_prf(
	const struct tcp_stack *stack, const struct conn_tuple *tuple, uint64_t a, uint64_t b);

/* dispatch.c: calls handlers; the only place that does, but for tcp_abort(). */
void stack_dispatch(struct tcp_stack *stack);

/* Does this SYN ask for ECN, and do we want it? */
bool is_ecn_setup(const struct tcp_stack *stack, const struct segment *seg);
/* listen.c: segments of no connection. Takes ownership of seg->m. */
void listen_receive(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple);
/* An ACK on behalf of an entry without a block; counts and limits challenge ACKs. */
struct bare_ack {
	const struct conn_tuple *tuple;
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	bool has_ts;
	uint32_t ts_recent;
};
void bare_ack_challenge(struct tcp_stack *stack, const struct bare_ack *ack);
/* RST to a segment of no connection (RFC 9293 3.10.7.1), rate limited. */
void reset_reply(struct tcp_stack *stack, const struct segment *seg);
/* A SYN that may start a connection; min_iss is 0 or what the ISN must exceed. Takes seg->m. */
void listen_syn(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple,
	uint32_t min_iss);
/* The final ACK came: makes the connection and gives it the segment, which is taken. */
void listen_establish(struct tcp_stack *stack, struct segment *seg, const struct conn_tuple *tuple,
	const struct conn_start *start);

#endif
