/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "stack.h"

#define PRF_PORT 2

/* Is the tuple free? One in TIME-WAIT may be taken over when that is safe; *min_iss follows. */
static bool is_free(struct tcp_stack *stack, const struct conn_tuple *tuple, uint32_t *min_iss)
{
	uint32_t hash = conn_hash(stack, tuple);
	struct tw_entry *waiting;

	*min_iss = 0;
	if (conn_find(stack, tuple, hash) != NULL ||
		syncache_find(stack->syncache, tuple, hash) != NULL)
		return false;
	waiting = time_wait_find(stack->time_wait, tuple, hash);
	if (waiting == NULL)
		return true;
	if (!time_wait_is_reusable(stack, waiting))
		return false;
	*min_iss = waiting->snd_nxt + UINT16_MAX;
	time_wait_remove(stack, waiting);
	return true;
}

/* RFC 6056 3.3.4: a keyed start per destination, then one after the other. */
static bool port_choose(struct tcp_stack *stack, struct conn_tuple *tuple, uint32_t *min_iss)
{
	const struct steer_slice *slice = &stack->params.ports;
	uint32_t count = (uint32_t)slice->port_max - slice->port_min + 1;
	uint32_t first;

	if (slice->port_max < slice->port_min || slice->port_max == 0)
		return false;
	tuple->local_port_be = 0;
	first = (uint32_t)stack_prf(stack, tuple, PRF_PORT, 0) + stack->connect_count++;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t port = slice->port_min + (first + i) % count;

		tuple->local_port_be = rte_cpu_to_be_16((uint16_t)port);
		if (is_free(stack, tuple, min_iss))
			return true;
	}
	return false;
}

static void syn_start(struct tcp_conn *conn, const struct tcp_connect_args *args,
	const struct conn_tuple *tuple, uint32_t min_iss)
{
	struct tcp_stack *stack = conn->stack;
	uint16_t path_mss = stack_path_mss(stack, args->dst);
	uint32_t iss = stack_isn(stack, tuple);

	if (min_iss != 0 && seq_lt(iss, min_iss))
		iss = min_iss;
	conn->iss = iss;
	conn->recover = iss;
	conn->snd_una = iss;
	conn->snd_nxt = iss + 1;
	/* Until the peer says otherwise; bytes may be queued already. */
	conn->peer_mss = path_mss;
	conn->mss = (uint16_t)RTE_MIN(path_mss - TS_OPTION_BYTES, stack->unit_room);
	conn->handler = args->handler;
	conn->handler_ctx = args->ctx;
	conn->rto_base_us = stack->now_us; /* the round trip of the SYN counts from here */
	conn_set_state(conn, CONN_SYN_SENT);
	if (args->timeout_ms != 0)
		conn->life_at_us = stack->now_us + args->timeout_ms * CLOCK_US_PER_MS;
	conn_send_syn(conn);
	conn_loss_timer_set(conn, LOSS_SYN, stack->now_us + rto_backed_off_us(conn));
}

struct tcp_conn *tcp_connect(
	struct tcp_stack *stack, const struct tcp_connect_args *args, int *error, uint64_t now_us)
{
	struct conn_tuple tuple = {
		.remote = args->dst,
		.local = args->src,
		.remote_port_be = rte_cpu_to_be_16(args->dst_port),
	};
	struct tcp_conn *conn;
	uint32_t min_iss;

	stack->now_us = now_us;
	if (objpool_used(stack->conns) >= stack->params.max_connections) {
		stack->counters.refused_limit++;
		*error = -EMFILE;
		return NULL;
	}
	if (!port_choose(stack, &tuple, &min_iss)) {
		*error = -EADDRNOTAVAIL;
		return NULL;
	}
	conn = conn_create(stack, &tuple);
	if (conn == NULL) {
		*error = -ENOMEM;
		return NULL;
	}
	syn_start(conn, args, &tuple, min_iss);
	return conn;
}
