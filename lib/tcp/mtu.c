/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/*
 * Segments shrink when ICMP says so (RFC 1191, RFC 8201; the caller checked what it quotes), or
 * when time-outs in a row let suspect that large ones vanish without a word (RFC 4821). From then
 * on the search is on: now and then a segment larger than the others tells whether the path takes
 * more. First the ceiling is tried, for the trouble may have been another one, then halves.
 */
#define STEP_BYTES    32 /* nearer than that the search ends */
#define SOON_MS       1000
#define LATER_MS      600000 /* RFC 1191 6.3, RFC 8201 4 */
#define TIMEOUTS_HOLE 3      /* in a row, before segments shrink */

static const uint16_t steps_v4[] = { 1280, 1024, 576 };
static const uint16_t steps_v6[] = { 1280 };

static void search_start(struct tcp_conn *conn, uint32_t in_ms)
{
	conn->mss_high = conn_mss_limit(conn);
	conn->mtu_at_ms = stack_now_ms(conn->stack) + in_ms;
	conn->flags &= ~(uint32_t)CONN_MTU_SEARCH;
	if (conn->mss_high > conn->mss)
		conn->flags |= CONN_MTU_SEARCH;
}

/* Done for now? Then again from the top in ten minutes, if there is anything above. */
static void search_settle(struct tcp_conn *conn)
{
	if (conn->mss_high < conn->mss + STEP_BYTES)
		search_start(conn, LATER_MS);
}

void mtu_icmp_too_big(struct tcp_conn *conn, uint16_t mtu)
{
	uint16_t before = conn->mss;

	conn_set_path_mss(conn, mtu);
	if (conn->mss < before) {
		conn->stack->counters.mtu_icmp++;
		conn->flags &= ~(uint32_t)CONN_MTU_PROBING;
		search_start(conn, LATER_MS);
	} else {
		conn->mss_high = RTE_MIN(conn->mss_high, conn->mss);
		conn->mss = before;
		conn->cc.mss = before;
	}
	/* What was too big goes again, a probe too. */
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next) {
		if (unit_of(m)->len > conn->mss && unit_of(m)->flags & UNIT_IN_FLIGHT)
			tx_unit_mark_lost(conn, unit_of(m));
	}
	if (conn->lost_bytes > 0)
		conn_want_output(conn);
}

static void shrink(struct tcp_conn *conn)
{
	bool is_v4 = ip_is_v4(&conn->remote);
	const uint16_t *steps = is_v4 ? steps_v4 : steps_v6;
	unsigned count = is_v4 ? RTE_DIM(steps_v4) : RTE_DIM(steps_v6);
	uint16_t before = conn->mss;

	for (unsigned i = 0; i < count; i++) {
		conn_set_path_mss(conn, steps[i]);
		if (conn->mss < before) {
			conn->stack->counters.mtu_black_holes++;
			search_start(conn, SOON_MS);
			return;
		}
	}
	conn->mss = before;
	conn->cc.mss = before;
}

void mtu_on_timeout(struct tcp_conn *conn)
{
	if (conn->flags & CONN_MTU_PROBING)
		mtu_probe_fail(conn);
	/* Only full segments are suspects. */
	if (conn->backoff >= TIMEOUTS_HOLE && unit_of(conn->tx_head)->len >= conn->mss)
		shrink(conn);
}

static uint16_t size_choose(const struct tcp_conn *conn)
{
	uint16_t limit = conn_mss_limit(conn);

	if (conn->mss_high >= limit)
		return limit;
	return (uint16_t)((conn->mss + conn->mss_high + 1) / 2);
}

/* Enough has to follow that a loss of the probe alone shows (RFC 4821 7.1): the window holds it,
 * though not all of it now, for a busy sender's is nearly full at any time. */
static bool can_probe(const struct tcp_conn *conn, uint32_t size)
{
	uint32_t all = size + 3u * conn->mss;
	/* Negative when the peer took back what it gave. */
	int32_t usable = (int32_t)(conn->snd_una + conn->snd_wnd - conn->snd_nxt);

	return size > conn->mss && conn->unsent_bytes >= all + conn->mss &&
		usable >= (int32_t)all && all <= conn->cc.cwnd &&
		recovery_pipe(conn) + size <= conn->cc.cwnd;
}

bool mtu_probe_try(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->tx_unsent;
	uint16_t size = size_choose(conn);

	if (conn->flags & CONN_MTU_PROBING || conn->recovery != RECOVERY_NONE ||
		!(conn->flags & CONN_HAS_SACK) ||
		seq_lt(stack_now_ms(conn->stack), conn->mtu_at_ms) || !can_probe(conn, size) ||
		!tx_grow(conn, m, size))
		return true;
	if (!conn_transmit(conn, m))
		return false;
	conn->stack->counters.mtu_probes++;
	conn->flags |= CONN_MTU_PROBING;
	conn->mtu_probe_size = size;
	conn->mtu_probe_end = unit_end(unit_of(m));
	return true;
}

void mtu_on_ack(struct tcp_conn *conn)
{
	if (seq_lt(conn->snd_una, conn->mtu_probe_end))
		return;
	conn->stack->counters.mtu_probes_ok++;
	conn->flags &= ~(uint32_t)CONN_MTU_PROBING;
	conn->mss = conn->mtu_probe_size;
	conn->cc.mss = conn->mss;
	search_settle(conn);
}

void mtu_probe_fail(struct tcp_conn *conn)
{
	conn->flags &= ~(uint32_t)CONN_MTU_PROBING;
	conn->mss_high = RTE_MIN(conn->mss_high, (uint16_t)(conn->mtu_probe_size - 1));
	conn->mtu_at_ms = stack_now_ms(conn->stack) + SOON_MS;
	search_settle(conn);
}

bool mtu_probe_is_lost(struct tcp_conn *conn)
{
	struct rte_mbuf *m = conn->tx_head;

	while (m != conn->tx_unsent && unit_end(unit_of(m)) != conn->mtu_probe_end)
		m = unit_of(m)->next;
	return m != conn->tx_unsent && unit_of(m)->flags & UNIT_LOST &&
		unit_span(unit_of(m)) == conn->lost_bytes;
}
