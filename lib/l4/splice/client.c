/* SPDX-License-Identifier: Apache-2.0 */
/* What clients send on spliced connections. */
#include <rte_byteorder.h>

#include "neigh/net.h"
#include "options.h"
#include "send.h"
#include "splice.h"
#include "toa.h"
#include "translate.h"

/* The member has not answered: nothing can be passed on but the wish to end. */
static enum drop_reason opening_run(const struct l4_burst *burst, struct conn *conn,
	struct splice *splice, struct rte_mbuf *m, bool *is_taken)
{
	const struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint32_t first = splice->client_isn + 1;

	if ((tcp->tcp_flags & RTE_TCP_RST_FLAG) == 0 || rte_be_to_cpu_32(tcp->sent_seq) != first ||
		conn->state == L4_STATE_CLOSED)
		return DROP_splice_waiting;
	splice_unpend(burst->l4, splice);
	conn->seen_ms = burst->now_ms;
	conn_advance_tcp(conn, RTE_TCP_RST_FLAG, CONN_CLIENT, NULL);
	burst->l4->counters.syn_proxy_aborts++;
	*is_taken = splice_member_reset(burst, conn, m, first - splice->header_len);
	return *is_taken ? DROP_NONE : DROP_splice_waiting;
}

/* What the header's segments repeat of the client's own. */
static void client_note(struct splice *splice, struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *tcp = packet_tcp(m);
	struct tcp_options options;

	syn_options_parse(m, &options);
	splice->member_next = rte_be_to_cpu_32(tcp->recv_ack) - splice->shift;
	splice->client_window = splice_window_in(splice, rte_be_to_cpu_16(tcp->rx_win));
	if ((options.present & TCP_HAS_TIMES) == 0)
		return;
	splice->client_times = options.tsval;
	splice->member_times = options.tsecr - splice->times_shift;
	splice->flags |= SPLICE_HAS_TIMES;
}

/* The header goes ahead of the client's first packet behind the handshake. */
static enum drop_reason header_run(
	const struct l4_burst *burst, struct conn *conn, struct splice *splice, struct rte_mbuf *m)
{
	uint8_t flags = packet_of(m)->tcp_flags;

	if ((flags & RTE_TCP_RST_FLAG) != 0) {
		/* A member that asks back whether it is meant must hear that it is. */
		splice_unpend(burst->l4, splice);
		splice->flags &= (uint8_t)~SPLICE_HAS_HEADER;
		splice->header_len = 0;
		if ((splice->flags & SPLICE_IS_PROXIED) == 0)
			splice_release(burst->l4, conn);
		return DROP_NONE;
	}
	if ((flags & RTE_TCP_SYN_FLAG) != 0) {
		if (packet_of(m)->payload_len > 0)
			return DROP_syn_with_data;
		if ((conn->flags & CONN_HAS_ANSWER) == 0)
			splice->client_isn = rte_be_to_cpu_32(packet_tcp(m)->sent_seq);
		return DROP_NONE;
	}
	if ((flags & RTE_TCP_ACK_FLAG) == 0 || (conn->flags & CONN_HAS_ANSWER) == 0)
		return DROP_NONE;
	client_note(splice, m);
	if (splice_is_pending(splice))
		return DROP_NONE;
	if (!splice_ack_send(burst, conn, NULL))
		return DROP_mbuf_exhausted;
	splice_pend(burst->l4, splice, SPLICE_STAGE_HEADER, burst->now_ms);
	return DROP_NONE;
}

/* Into the packet itself, if that fits the way to the member then; or into an ACK before it. */
static void toa_run(
	const struct l4_burst *burst, struct conn *conn, struct splice *splice, struct rte_mbuf *m)
{
	struct l4_counters *counters = &burst->l4->counters;
	uint16_t mtu = neigh_net_mtu(burst->snapshot->net, &conn->member->address);
	const struct packet *p = packet_of(m);

	if ((p->tcp_flags & RTE_TCP_RST_FLAG) != 0)
		return;
	if ((p->flags & PACKET_IS_FRAGMENT) == 0 &&
		m->pkt_len - p->l3_offset + TOA_BYTES_6 <= mtu && toa_insert(m)) {
		counters->toa_sent++;
		return;
	}
	if ((p->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) != RTE_TCP_ACK_FLAG ||
		p->payload_len == 0) {
		counters->toa_no_room++;
		return;
	}
	client_note(splice, m);
	if (splice_ack_send(burst, conn, NULL))
		counters->toa_apart++;
	else
		counters->toa_no_room++;
}

enum drop_reason splice_from_client(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	struct conn *conn = packet->conn;
	struct splice *splice = conntrack_splice(burst->l4->table, conn);
	enum drop_reason reason = DROP_NONE;

	if ((splice->flags & SPLICE_IS_OPENING) != 0)
		return opening_run(burst, conn, splice, m, is_taken);
	if ((splice->flags & SPLICE_HAS_HEADER) != 0)
		reason = header_run(burst, conn, splice, m);
	if (reason == DROP_NONE && (splice->flags & SPLICE_HAS_TOA) != 0)
		toa_run(burst, conn, splice, m);
	return reason;
}
