/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp/check.h"

#include <errno.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "stack.h"

/* What the units of a send queue add up to. */
struct queue_sums {
	uint32_t units;
	uint32_t bytes;
	uint32_t unsent;
	uint32_t flight;
	uint32_t lost;
	uint32_t sacked;
};

static int complain(const struct tcp_conn *conn, struct err *err, const char *what, uint64_t is,
	uint64_t should_be)
{
	return err_set(err, EINVAL, "connection to port %u, state %u: %s is %lu, not %lu",
		rte_be_to_cpu_16(conn->remote_port_be), conn->state, what, (unsigned long)is,
		(unsigned long)should_be);
}

static int unit_check(const struct tcp_conn *conn, struct rte_mbuf *m, bool is_sent,
	struct queue_sums *sums, struct err *err)
{
	const struct tx_unit *unit = unit_of(m);
	uint32_t span = unit_span(unit);

	sums->units++;
	sums->bytes += unit->len;
	sums->unsent += is_sent ? 0 : unit->len;
	sums->flight += unit->flags & UNIT_IN_FLIGHT ? span : 0;
	sums->lost += unit->flags & UNIT_LOST ? span : 0;
	sums->sacked += unit->flags & UNIT_SACKED ? span : 0;
	if (is_sent != (unit->sends > 0))
		return complain(conn, err, "transmissions of a unit", unit->sends, is_sent);
	if (!is_sent && (unit->data_off != m->data_off || unit->len != m->data_len))
		return complain(conn, err, "bytes of an unsent unit", unit->len, m->data_len);
	if (!is_sent && unit->flags & (UNIT_IN_FLIGHT | UNIT_LOST | UNIT_SACKED))
		return complain(conn, err, "flags of an unsent unit", unit->flags, 0);
	if (unit->flags & UNIT_SACKED && unit->flags & (UNIT_IN_FLIGHT | UNIT_LOST))
		return complain(conn, err, "flags of a SACKed unit", unit->flags, UNIT_SACKED);
	return 0;
}

static int sums_check(const struct tcp_conn *conn, const struct queue_sums *sums, struct err *err)
{
	if (conn->tx_units != sums->units)
		return complain(conn, err, "number of units", conn->tx_units, sums->units);
	if (conn->tx_bytes != sums->bytes)
		return complain(conn, err, "bytes to send", conn->tx_bytes, sums->bytes);
	if (conn->unsent_bytes != sums->unsent)
		return complain(conn, err, "unsent bytes", conn->unsent_bytes, sums->unsent);
	if (conn->flight != sums->flight)
		return complain(conn, err, "flight", conn->flight, sums->flight);
	if (conn->lost_bytes != sums->lost)
		return complain(conn, err, "lost bytes", conn->lost_bytes, sums->lost);
	if (conn->sacked_bytes != sums->sacked)
		return complain(conn, err, "SACKed bytes", conn->sacked_bytes, sums->sacked);
	if (recovery_pipe(conn) > conn->snd_nxt - conn->snd_una)
		return complain(
			conn, err, "pipe", recovery_pipe(conn), conn->snd_nxt - conn->snd_una);
	return 0;
}

static int tx_check(const struct tcp_conn *conn, uint32_t *mbufs, struct err *err)
{
	struct queue_sums sums = { 0 };
	bool is_sent = true;
	uint32_t next = conn->snd_una;

	if (seq_gt(conn->snd_una, conn->snd_nxt))
		return complain(conn, err, "SND.UNA", conn->snd_una, conn->snd_nxt);
	/* Our SYN stands in front of the queue, and in no unit. */
	if (conn->state < CONN_ESTABLISHED)
		next = conn->iss + 1;
	for (struct rte_mbuf *m = conn->tx_head; m != NULL; m = unit_of(m)->next) {
		const struct tx_unit *unit = unit_of(m);
		int status;

		if (m == conn->tx_unsent) {
			is_sent = false;
			if (unit->seq != conn->snd_nxt)
				return complain(conn, err, "the first unsent byte", unit->seq,
					conn->snd_nxt);
		}
		if (unit->seq != next)
			return complain(conn, err, "start of a unit", unit->seq, next);
		next = unit_end(unit);
		status = unit_check(conn, m, is_sent, &sums, err);
		if (status != 0)
			return status;
		if (unit->next == NULL && m != conn->tx_tail)
			return complain(conn, err, "the tail of the queue", 0, 1);
	}
	if (is_sent && next != conn->snd_nxt)
		return complain(conn, err, "end of the queue", next, conn->snd_nxt);
	*mbufs += sums.units;
	return sums_check(conn, &sums, err);
}

static int rx_check(const struct tcp_conn *conn, uint32_t *mbufs, struct err *err)
{
	uint32_t bytes = 0;
	uint32_t given = conn->rcv_adv - conn->rcv_nxt;

	for (const struct rte_mbuf *m = conn->rx_head; m != NULL; m = m->next) {
		bytes += m->data_len;
		(*mbufs)++;
		if (m->next == NULL && m != conn->rx_tail)
			return complain(conn, err, "the tail of what was received", 0, 1);
	}
	if (bytes != conn->rx_bytes)
		return complain(conn, err, "bytes to read", conn->rx_bytes, bytes);
	if (conn->state < CONN_ESTABLISHED || conn->flags & CONN_FIN_RECEIVED)
		return 0;
	if ((int32_t)given < 0)
		return complain(conn, err, "RCV.NXT", conn->rcv_nxt, conn->rcv_adv);
	/* A window that was larger once may still be promised. */
	if (given + bytes > conn->stack->params.receive_window_max)
		return complain(conn, err, "window and bytes to read", given + bytes,
			conn->stack->params.receive_window_max);
	return 0;
}

/* What waits for the peer, or for a better time, has somebody to wake it. */
static int timer_check(const struct tcp_conn *conn, struct err *err)
{
	if (conn->flags & (CONN_IN_OUTPUT | CONN_IN_EVENTS) || conn->state < CONN_ESTABLISHED ||
		(conn->snd_una == conn->snd_nxt && conn->tx_unsent == NULL))
		return 0;
	if (conn->waits_for_pace && wheel_is_armed(&conn->timer))
		return 0;
	if (conn->loss_at_us == UINT64_MAX)
		return complain(conn, err, "the loss timer of a waiting sender", 0, 1);
	if (!wheel_is_armed(&conn->timer) || conn->timer.deadline_us > conn->loss_at_us)
		return complain(conn, err, "the wheel's deadline", conn->timer.deadline_us,
			conn->loss_at_us);
	return 0;
}

static int conn_check(const struct tcp_conn *conn, uint32_t *mbufs, struct err *err)
{
	int status = tx_check(conn, mbufs, err);

	if (status == 0)
		status = rx_check(conn, mbufs, err);
	if (status == 0)
		status = ooo_check(conn, mbufs, err);
	return status == 0 ? timer_check(conn, err) : status;
}

int tcp_check(const struct tcp_stack *stack, struct err *err)
{
	const struct tcp_conn *conn;
	uint32_t mbufs = 0;

	for (uint32_t i = 0; i <= stack->bucket_mask; i++) {
		for (conn = stack->buckets[i]; conn != NULL; conn = conn->hash_next) {
			int status = conn_check(conn, &mbufs, err);

			if (status != 0)
				return status;
		}
	}
	TAILQ_FOREACH (conn, &stack->lingering, queue_link) {
		int status = rx_check(conn, &mbufs, err);

		if (status != 0)
			return status;
	}
	if (mbufs != stack_held_received(stack) + stack->held[HELD_TX])
		return err_set(err, EINVAL, "queues hold %u buffers, but %u are counted", mbufs,
			stack_held_received(stack) + stack->held[HELD_TX]);
	return 0;
}
