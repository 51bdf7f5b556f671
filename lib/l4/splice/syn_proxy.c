/* SPDX-License-Identifier: Apache-2.0 */
/* SYN cookies in front of members: netfilter's SYNPROXY does it so, too. */
#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/clock.h"
#include "neigh/net.h"
#include "send.h"
#include "splice.h"
#include "translate.h"

bool syn_proxy_wants(const struct l4_burst *burst, const struct l4_packet *packet)
{
	const struct service *service = packet->service;
	struct syn_gauge *gauge = &burst->l4->splices.gauges[service->identity->id % SYN_GAUGES];
	uint32_t second = (uint32_t)(burst->now_us / CLOCK_US_PER_S);
	uint32_t workers = RTE_MAX(burst->snapshot->steer.l4_count, 1u);
	uint32_t limit = RTE_MAX(service->syns_per_s / workers, 1u);

	if (service->syn_proxy != CONFIG_SYN_PROXY_FLOOD)
		return service->syn_proxy == CONFIG_SYN_PROXY_ALWAYS;
	if (gauge->second != second) {
		gauge->last = second - gauge->second == 1 ? gauge->count : 0;
		gauge->count = 0;
		gauge->second = second;
	}
	gauge->count++;
	/* Until a whole second was quiet: who got a cookie finds that they still count. */
	return gauge->count > limit || gauge->last > limit;
}

/* Segments that fit all of our ports, and the other IP version's header. */
static uint16_t mss_fitting(const struct l4_burst *burst, bool is_v6)
{
	unsigned headers = sizeof(struct rte_tcp_hdr) +
		(is_v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));

	return (uint16_t)(neigh_net_mtu_min(burst->snapshot->net) - headers);
}

/*
 * A window of zero: the client holds its data back until the member is there to take it, when the
 * window is opened.
 */
static enum drop_reason cookie_answer(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, bool *is_taken)
{
	const struct packet *p = packet->p;
	struct cookies *cookies = &burst->l4->splices.cookies;
	uint32_t isn = rte_be_to_cpu_32(packet_tcp(m)->sent_seq);
	struct tcp_options options;
	struct segment segment = {
		.ends = {
			.src = p->dst,
			.dst = p->src,
			.src_port_be = p->dst_port_be,
			.dst_port_be = p->src_port_be,
			.protocol = p->protocol,
		},
		.ack = isn + 1,
		.flags = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
	};

	syn_options_parse(m, &options);
	segment.seq = syn_cookie_make(cookies, packet_tuple_of(p), isn, &options, burst->now_us);
	if ((options.present & TCP_HAS_TIMES) == 0)
		options.present = 0;
	options.present |= TCP_HAS_MSS;
	options.mss = mss_fitting(burst, (p->flags & PACKET_IS_V6) != 0);
	options.tsecr = options.tsval;
	options.tsval = syn_cookie_times_make(cookies, &options, burst->now_ms);
	options.scale = SPLICE_SCALE;
	segment.options_len = (uint8_t)syn_options_write(&options, segment.options);
	*is_taken = splice_segment_send(burst, m, &segment);
	if (!*is_taken)
		return DROP_mbuf_exhausted;
	burst->l4->counters.cookies_sent++;
	return DROP_NONE;
}

/* What the ACK proves: all that was agreed upon. */
struct proof {
	uint32_t isn;
	uint32_t cookie;
	struct tcp_options options;
};

/* A client whose ACK was lost asks with an old number whether the window is open. */
static bool proof_find(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, struct proof *proof)
{
	struct cookies *cookies = &burst->l4->splices.cookies;
	const struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq);
	uint16_t mss;

	proof->cookie = rte_be_to_cpu_32(tcp->recv_ack) - 1;
	for (uint32_t back = 0; back < 2; back++) {
		proof->isn = seq - 1 + back;
		if (!syn_cookie_check(cookies, packet_tuple_of(packet->p), proof->isn,
			    proof->cookie, burst->now_us, &mss))
			continue;
		syn_options_parse(m, &proof->options);
		proof->options.mss = mss;
		if ((proof->options.present & TCP_HAS_TIMES) != 0)
			syn_cookie_times_read(proof->options.tsecr, &proof->options);
		return true;
	}
	return false;
}

static void splice_fill(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, const struct proof *proof, struct splice *splice)
{
	uint16_t fitting = mss_fitting(burst, (packet->p->flags & PACKET_IS_V6) != 0);

	splice->flags |= SPLICE_IS_PROXIED | SPLICE_IS_OPENING;
	if ((proof->options.present & TCP_HAS_TIMES) != 0)
		splice->flags |= SPLICE_HAS_TIMES;
	if ((proof->options.present & TCP_HAS_SACK_OK) != 0)
		splice->flags |= SPLICE_HAS_SACK;
	if ((proof->options.present & TCP_HAS_SCALE) != 0) {
		splice->flags |= SPLICE_SCALES_CLIENT;
		splice->client_scale = proof->options.scale;
	}
	splice->client_isn = proof->isn;
	splice->cookie = proof->cookie;
	/* Until the member has a number of its own, we are at our own first. */
	splice->member_next = proof->cookie + 1;
	splice->client_times = proof->options.tsval;
	splice->client_window = rte_be_to_cpu_16(packet_tcp(m)->rx_win);
	splice->mss = RTE_MIN(proof->options.mss, fitting);
}

/* The client believes that it is connected: it hears that it is not. */
static void refuse(const struct l4_burst *burst, const struct packet *p, const struct proof *proof)
{
	const struct segment segment = {
		.ends = {
			.src = p->dst,
			.dst = p->src,
			.src_port_be = p->dst_port_be,
			.dst_port_be = p->src_port_be,
			.protocol = p->protocol,
		},
		.seq = proof->cookie + 1,
		.ack = proof->isn + 1,
		.flags = RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
	};

	splice_segment_send(burst, NULL, &segment);
}

/* Opens the connection as a SYN does elsewhere, and sends the member ours. */
static enum drop_reason cookie_accept(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	struct l4_core *l4 = burst->l4;
	struct packet opening = *packet->p;
	struct l4_packet as_syn = *packet;
	struct proof proof;
	struct splice *splice;
	enum drop_reason reason;

	if (!proof_find(burst, packet, m, &proof))
		return l4->splices.cookies.sent_us == 0 ? DROP_NONE : DROP_cookie_invalid;
	opening.tcp_flags = RTE_TCP_SYN_FLAG;
	as_syn.p = &opening;
	reason = conn_open(burst, &as_syn);
	if (reason != DROP_NONE) {
		refuse(burst, packet->p, &proof);
		return reason;
	}
	l4->counters.cookies_accepted++;
	packet->conn = as_syn.conn;
	splice = conntrack_splice(l4->table, packet->conn);
	if (packet->conn->forward != FORWARD_SPLICED)
		splice_start(burst, packet, packet->conn);
	splice_fill(burst, packet, m, &proof, splice);
	splice_pend(l4, splice, SPLICE_STAGE_SYN, burst->now_ms);
	*is_taken = splice_syn_send(burst, packet->conn, m);
	return *is_taken ? DROP_NONE : DROP_mbuf_exhausted;
}

enum drop_reason syn_proxy_input(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	const uint8_t all = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG |
		RTE_TCP_FIN_FLAG;
	const struct packet *p = packet->p;

	*is_taken = false;
	if ((p->flags & PACKET_IS_FRAGMENT) != 0)
		return DROP_NONE;
	if ((p->tcp_flags & all) == RTE_TCP_ACK_FLAG)
		return cookie_accept(burst, packet, m, is_taken);
	if (!tcp_is_opening(p->tcp_flags) || !syn_proxy_wants(burst, packet))
		return DROP_NONE;
	/* What a SYN would have ended; the ACK would go to it. */
	if (packet->conn != NULL)
		conn_close(burst->l4, packet->conn, &burst->l4->counters.conns_reused);
	packet->conn = NULL;
	return cookie_answer(burst, packet, m, is_taken);
}
