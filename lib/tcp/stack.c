/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "tracer.h"

#define CONNS_PER_CHUNK  64
#define MEMORY_CHECK_US  5000
#define STARVED_RETRY_US 1000
#define MBUFS_LOW_SHARE  16 /* of the pool */
#define IP4_TCP_BYTES    40
#define IP6_TCP_BYTES    60
#define TIME_WAIT_MIN    1024
#define MBUFS_MAX_FLOOR  16

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "tcp/tcp.def"
#undef COUNTER
};

const struct stats_set tcp_stats_set = STATS_SET("tcp", descs);

static void params_fill(struct tcp_params *params)
{
	if (params->max_connections == 0)
		params->max_connections = 65536;
	if (params->max_half_open == 0)
		params->max_half_open = 16384;
	if (params->send_buffer == 0)
		params->send_buffer = 262144;
	if (params->receive_window == 0)
		params->receive_window = 262144;
	params->receive_window_max = RTE_MAX(params->receive_window_max, params->receive_window);
	if (params->time_wait_ms == 0)
		params->time_wait_ms = 60000;
	if (params->keepalive_interval_ms == 0)
		params->keepalive_interval_ms = 75000;
	if (params->keepalive_count == 0)
		params->keepalive_count = 9;
	if (params->user_timeout_ms == 0)
		params->user_timeout_ms = 120000; /* RFC 9293 3.8.3: R2 is at least 100 s */
	/* The rest of the pool carries headers, and what other parts have under way. */
	if (params->mbufs_max == 0)
		params->mbufs_max = params->mbufs->size / 4 * 3;
	params->mbufs_max = RTE_MAX(params->mbufs_max, (uint32_t)MBUFS_MAX_FLOOR);
	if (params->congestion == NULL)
		params->congestion = "cubic";
}

static void budget_fill(struct tcp_stack *stack)
{
	uint32_t half = stack->params.mbufs_max / 2;

	stack->budget = (struct budget){
		.receive_max = half - half / 8,
		.reserve = half / 8,
		.ooo_max = half / 2,
		.tx_max = half,
	};
}

static bool stack_fill(struct tcp_stack *stack, uint64_t now_us)
{
	const struct tcp_params *params = &stack->params;

	while (params->receive_window_max >> stack->rcv_wscale > UINT16_MAX)
		stack->rcv_wscale++;
	stack->bucket_mask = rte_align32pow2(params->max_connections) * 2 - 1;
	stack->buckets = calloc(stack->bucket_mask + 1, sizeof(struct tcp_conn *));
	stack->conns = objpool_create(
		sizeof(struct tcp_conn), CONNS_PER_CHUNK, params->max_connections);
	stack->wheel = wheel_create(now_us);
	stack->syncache = syncache_create(params->max_half_open);
	stack->time_wait = time_wait_create(
		RTE_MAX(params->max_connections, (uint32_t)TIME_WAIT_MIN));
	stack->tracer = calloc(1, sizeof(*stack->tracer));
	stack->unit_room = (uint16_t)(rte_pktmbuf_data_room_size(params->mbufs) -
		RTE_PKTMBUF_HEADROOM);
	stack->mbufs_low = params->mbufs->size / MBUFS_LOW_SHARE;
	budget_fill(stack);
	return stack->buckets != NULL && stack->conns != NULL && stack->wheel != NULL &&
		stack->syncache != NULL && stack->time_wait != NULL && stack->tracer != NULL;
}

struct tcp_stack *tcp_stack_create(const struct tcp_params *params, uint64_t now_us)
{
	struct tcp_stack *stack = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*stack), 64));

	if (stack == NULL)
		return NULL;
	memset(stack, 0, sizeof(*stack));
	stack->params = *params;
	params_fill(&stack->params);
	stack->now_us = now_us;
	stack->key = (struct hash_key){ .k0 = params->secret[0], .k1 = params->secret[1] };
	STAILQ_INIT(&stack->events);
	STAILQ_INIT(&stack->output);
	TAILQ_INIT(&stack->with_ooo);
	TAILQ_INIT(&stack->lingering);
	stack->cc = cc_find(stack->params.congestion);
	if (stack->cc == NULL || !stack_fill(stack, now_us)) {
		tcp_stack_destroy(stack);
		return NULL;
	}
	return stack;
}

static void conns_forget(struct tcp_stack *stack)
{
	struct tcp_conn *conn;

	for (uint32_t i = 0; i <= stack->bucket_mask; i++) {
		while ((conn = stack->buckets[i]) != NULL) {
			conn->handler = NULL;
			conn_end(conn, TCP_CLOSED_ABORTED);
		}
	}
	while ((conn = TAILQ_FIRST(&stack->lingering)) != NULL)
		conn_bury(conn);
}

void tcp_stack_destroy(struct tcp_stack *stack)
{
	if (stack == NULL)
		return;
	if (stack->buckets != NULL && stack->conns != NULL && stack->tracer != NULL)
		conns_forget(stack);
	free(stack->buckets);
	objpool_destroy(stack->conns);
	wheel_destroy(stack->wheel);
	syncache_destroy(stack->syncache);
	time_wait_destroy(stack->time_wait);
	free(stack->tracer);
	free(stack);
}

const struct tcp_counters *tcp_counters(const struct tcp_stack *stack)
{
	return &stack->counters;
}

static void memory_check(struct tcp_stack *stack)
{
	if (stack->now_us - stack->memory_checked_us < MEMORY_CHECK_US)
		return;
	stack->memory_checked_us = stack->now_us;
	stack->is_short_of_memory = rte_mempool_avail_count(stack->params.mbufs) < stack->mbufs_low;
	/* What the peers still hold goes first: they will send it again. */
	while (stack->is_short_of_memory && !TAILQ_EMPTY(&stack->with_ooo))
		ooo_evict(stack);
}

static void output_run(struct tcp_stack *stack)
{
	struct conn_list list = STAILQ_HEAD_INITIALIZER(list);
	struct tcp_conn *conn;

	/* Who finds no mbuf queues itself again, for the next turn. */
	STAILQ_CONCAT(&list, &stack->output);
	while ((conn = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, output_link);
		conn->flags &= ~(uint32_t)CONN_IN_OUTPUT;
		if (!conn_is_dead(conn))
			conn_output(conn);
	}
}

static void graves_clear(struct tcp_stack *stack)
{
	struct tcp_conn **link = &stack->graves;
	struct tcp_conn *conn;

	while ((conn = *link) != NULL) {
		if (conn->flags & (CONN_IN_OUTPUT | CONN_IN_EVENTS)) {
			link = &conn->hash_next;
		} else {
			*link = conn->hash_next;
			objpool_put(stack->conns, conn);
		}
	}
}

void tcp_advance(struct tcp_stack *stack, uint64_t now_us)
{
	stack->now_us = now_us;
	memory_check(stack);
	wheel_advance(stack->wheel, now_us);
	syncache_advance(stack);
	time_wait_advance(stack);
	stack_dispatch(stack);
	output_run(stack);
	stack_dispatch(stack);
	graves_clear(stack);
	stack->is_starved = !STAILQ_EMPTY(&stack->output);
}

uint64_t tcp_next_us(const struct tcp_stack *stack)
{
	uint64_t next = wheel_next_us(stack->wheel);

	if (!STAILQ_EMPTY(&stack->events) || stack->graves != NULL)
		return stack->now_us;
	if (!STAILQ_EMPTY(&stack->output))
		return stack->now_us + (stack->is_starved ? STARVED_RETRY_US : 0);
	next = RTE_MIN(next, syncache_next_us(stack));
	return RTE_MIN(next, time_wait_next_us(stack));
}

struct rte_mbuf *stack_mbuf(struct tcp_stack *stack)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(stack->params.mbufs);

	while (m == NULL && !TAILQ_EMPTY(&stack->with_ooo)) {
		ooo_evict(stack);
		m = rte_pktmbuf_alloc(stack->params.mbufs);
	}
	return m;
}

void stack_drop(struct tcp_stack *stack, struct rte_mbuf *m, enum drop_reason reason)
{
	if (stack->params.core != NULL)
		core_drop(stack->params.core, m, reason);
	else
		rte_pktmbuf_free(m);
}

bool limiter_take(struct tcp_stack *stack, struct limiter *limiter, uint32_t per_second)
{
	uint64_t spell_us = stack->now_us - limiter->refilled_us;

	/* A new second's worth at once; fine steps would buy nothing here. How much it is nobody
	 * can know: who counts the answers must not learn of those that others provoked. */
	if (limiter->refilled_us == 0 || spell_us >= CLOCK_US_PER_S) {
		uint64_t random = hash_bytes(stack->key, &stack->now_us, sizeof(stack->now_us));

		limiter->tokens = per_second / 2 + (uint32_t)(random % per_second);
		limiter->refilled_us = stack->now_us;
	}
	if (limiter->tokens == 0)
		return false;
	limiter->tokens--;
	return true;
}

uint16_t stack_path_mss(const struct tcp_stack *stack, const struct ip_addr *remote)
{
	uint16_t mtu = 0;

	if (stack->params.ops->mtu != NULL)
		mtu = stack->params.ops->mtu(stack->params.ctx, remote);
	if (mtu == 0)
		mtu = DEFAULT_MTU;
	mtu = RTE_MAX(mtu, (uint16_t)576);
	return (uint16_t)(mtu - (ip_is_v4(remote) ? IP4_TCP_BYTES : IP6_TCP_BYTES));
}

uint64_t stack_prf(
	const struct tcp_stack *stack, const struct conn_tuple *tuple, uint64_t a, uint64_t b)
{
	uint64_t words[7] = {
		tuple->remote->halves[0],
		tuple->remote->halves[1],
		tuple->local->halves[0],
		tuple->local->halves[1],
		(uint64_t)tuple->remote_port_be << 16 | tuple->local_port_be,
		a,
		b,
	};

	return hash_bytes(stack->key, words, sizeof(words));
}

enum prf_use { PRF_ISN, PRF_TS };

uint32_t stack_isn(const struct tcp_stack *stack, const struct conn_tuple *tuple)
{
	/* A clock of 4 us, and a secret per tuple (RFC 6528 3). */
	return (uint32_t)(stack->now_us / 4) + (uint32_t)stack_prf(stack, tuple, PRF_ISN, 0);
}

uint32_t stack_ts_offset(const struct tcp_stack *stack, const struct conn_tuple *tuple)
{
	return (uint32_t)stack_prf(stack, tuple, PRF_TS, 0);
}

void tcp_usage(const struct tcp_stack *stack, struct tcp_usage *usage)
{
	*usage = (struct tcp_usage){
		.established = objpool_used(stack->conns),
		.half_open = syncache_count(stack->syncache),
		.time_wait = time_wait_count(stack->time_wait),
		.mbufs_held = stack_held_received(stack) + stack->held[HELD_TX],
		.mbufs_receive = stack->held[HELD_RECEIVE],
		.mbufs_out_of_order = stack->held[HELD_OOO],
		.mbufs_send = stack->held[HELD_TX],
		.mbufs_max = stack->params.mbufs_max,
		.bytes_per_mbuf = stack->params.mbufs->elt_size,
		.bytes_per_conn = sizeof(struct tcp_conn),
		.bytes_per_half_open = sizeof(struct syn_entry),
		.bytes_per_time_wait = sizeof(struct tw_entry),
	};
}
