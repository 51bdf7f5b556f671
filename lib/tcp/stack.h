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

struct tcp_stack {
	struct tcp_params params; /* defaults filled in */
	uint64_t now_us;          /* of the last tcp_input() or tcp_advance() */
	struct hash_key key;
	const struct cc_ops *cc;
	struct tcp_conn **buckets;
	uint32_t bucket_mask;
	struct conn_list events;
	struct conn_list output;
	struct conn_list graves;
	TAILQ_HEAD(conn_queue, tcp_conn) with_ooo; /* the oldest first */
	struct conn_queue lingering;               /* CONN_FINISHED: bytes may still be read */
	struct objpool *conns;
	struct wheel *wheel;
	struct syncache *syncache;
	struct time_wait *time_wait;
	uint32_t mbufs_held;
	uint16_t unit_room;      /* payload that an mbuf of the pool holds */
	uint32_t mbufs_low;      /* below so many free ones memory is short */
	uint32_t mbufs_hold_max; /* what queues may hold: the rest carries headers */
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
	return !stack->is_short_of_memory && stack->mbufs_held < stack->mbufs_hold_max;
}

/* An mbuf of the pool; when there is none, segments ahead of holes are given up for it. */
struct rte_mbuf *stack_mbuf(struct tcp_stack *stack);
void stack_drop(struct tcp_stack *stack, struct rte_mbuf *m, enum drop_reason reason);
bool limiter_take(struct limiter *limiter, uint32_t per_second, uint64_t now_us);

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
