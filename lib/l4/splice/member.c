/* SPDX-License-Identifier: Apache-2.0 */
/* What members send on spliced connections. */
#include <rte_byteorder.h>

#include "options.h"
#include "send.h"
#include "splice.h"
#include "translate.h"

/* What the SYN|ACK of the member settles for both sides. */
static void answer_note(const struct l4_burst *burst, struct splice *splice, struct rte_mbuf *m)
{
	uint32_t member_isn = rte_be_to_cpu_32(packet_tcp(m)->sent_seq);
	struct tcp_options options;

	syn_options_parse(m, &options);
	splice->flags &= (uint8_t)~SPLICE_IS_OPENING;
	splice->shift = splice->cookie - member_isn;
	splice->member_next = member_isn + 1;
	if ((options.present & TCP_HAS_SCALE) != 0 && (splice->flags & SPLICE_SCALES_CLIENT) != 0) {
		splice->flags |= SPLICE_SCALES_MEMBER;
		splice->member_scale = options.scale;
	}
	if ((options.present & TCP_HAS_TIMES) != 0) {
		splice->member_times = options.tsval;
		splice->times_shift = syn_cookies_times(
					      &burst->l4->splices.cookies, burst->now_ms) -
			options.tsval;
	} else {
		/* The client's own go on; the member passes them over. */
		splice->flags &= (uint8_t)~SPLICE_HAS_TIMES;
	}
	splice->client_window = splice_window_in(splice, splice->client_window);
}

/* The window of a SYN|ACK is never scaled (RFC 7323 2.2). */
static uint16_t answer_window(const struct splice *splice, struct rte_mbuf *m)
{
	uint16_t window = rte_be_to_cpu_16(packet_tcp(m)->rx_win);

	return (splice->flags & SPLICE_SCALES_CLIENT) != 0 ? window >> SPLICE_SCALE : window;
}

/* Both handshakes are done: the member gets its ACK, and the client a window. */
static enum drop_reason opened_run(const struct l4_burst *burst, struct conn *conn,
	struct splice *splice, struct rte_mbuf *m, bool *is_taken)
{
	struct l4_core *l4 = burst->l4;
	uint16_t window = answer_window(splice, m);

	splice_unpend(l4, splice);
	answer_note(burst, splice, m);
	l4->counters.syn_proxy_opened++;
	conn->seen_ms = burst->now_ms;
	conn_establish(conn, splice->idle_timeout_ms);
	if ((splice->flags & SPLICE_HAS_HEADER) != 0)
		splice_pend(l4, splice, SPLICE_STAGE_HEADER, burst->now_ms);
	/* Without it, the client probes the window that it believes to be shut. */
	splice_update_send(burst, conn, NULL, window);
	*is_taken = splice_ack_send(burst, conn, m);
	return *is_taken ? DROP_NONE : DROP_mbuf_exhausted;
}

static enum drop_reason refused_run(const struct l4_burst *burst, struct conn *conn,
	struct splice *splice, struct rte_mbuf *m, bool *is_taken)
{
	splice_unpend(burst->l4, splice);
	burst->l4->counters.syn_proxy_refused++;
	conn->seen_ms = burst->now_ms;
	conn_advance_tcp(conn, RTE_TCP_RST_FLAG, CONN_MEMBER, NULL);
	*is_taken = splice_client_reset(burst, conn, m);
	return *is_taken ? DROP_NONE : DROP_mbuf_exhausted;
}

static enum drop_reason opening_run(const struct l4_burst *burst, struct conn *conn,
	struct splice *splice, struct rte_mbuf *m, bool *is_taken)
{
	const uint8_t synack = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;
	const struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint32_t ack = rte_be_to_cpu_32(tcp->recv_ack);

	if ((tcp->tcp_flags & RTE_TCP_ACK_FLAG) == 0 ||
		ack != splice->client_isn + 1 - splice->header_len)
		return DROP_splice_invalid;
	if ((tcp->tcp_flags & RTE_TCP_RST_FLAG) != 0 && conn->state != L4_STATE_CLOSED)
		return refused_run(burst, conn, splice, m, is_taken);
	if ((tcp->tcp_flags & (synack | RTE_TCP_RST_FLAG)) != synack)
		return DROP_splice_invalid;
	if (conn->state != L4_STATE_CLOSED)
		return opened_run(burst, conn, splice, m, is_taken);
	/* Too late: nobody waits for it. */
	*is_taken = splice_member_reset(burst, conn, m, ack);
	return *is_taken ? DROP_NONE : DROP_splice_invalid;
}

/* The member has got what was there to tell, and goes on like any other. */
static void told(const struct l4_burst *burst, struct conn *conn, struct splice *splice)
{
	splice_unpend(burst->l4, splice);
	splice->flags &= (uint8_t) ~(SPLICE_HAS_HEADER | SPLICE_HAS_TOA);
	if ((splice->flags & SPLICE_IS_PROXIED) == 0)
		splice_release(burst->l4, conn);
}

enum drop_reason splice_from_member(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	struct conn *conn = packet->conn;
	struct splice *splice = conntrack_splice(burst->l4->table, conn);
	const struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint32_t ahead = rte_be_to_cpu_32(tcp->recv_ack) - (splice->client_isn + 1);
	const uint8_t setting = RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG;

	if ((splice->flags & SPLICE_IS_OPENING) != 0)
		return opening_run(burst, conn, splice, m, is_taken);
	if ((tcp->tcp_flags & RTE_TCP_SYN_FLAG) != 0 && (splice->flags & SPLICE_IS_PROXIED) != 0) {
		/* Our ACK was lost, and the client knows nothing of it. */
		*is_taken = splice_ack_send(burst, conn, m);
		return *is_taken ? DROP_NONE : DROP_mbuf_exhausted;
	}
	if ((tcp->tcp_flags & (setting | RTE_TCP_ACK_FLAG)) != RTE_TCP_ACK_FLAG)
		return DROP_NONE;
	if ((splice->flags & SPLICE_HAS_TOA) != 0 ||
		((splice->flags & SPLICE_HAS_HEADER) != 0 && ahead < UINT32_MAX / 2))
		told(burst, conn, splice);
	return DROP_NONE;
}
