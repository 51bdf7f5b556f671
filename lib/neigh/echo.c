/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "worker.h"

#define V4_BYTES    20
#define V4_PLAIN    0x45 /* version 4, five words */
#define V6_BYTES    40
#define TTL_DEFAULT 64

/* Type and code, one 16-bit word of the checksum. */
#define ECHO4_REQUEST 0x0800
#define ECHO4_REPLY   0x0000
#define ECHO6_REQUEST 0x8000
#define ECHO6_REPLY   0x8100

/* Turns the request's first word into the reply's. */
static void message_turn(uint8_t *message, uint16_t request, uint16_t reply)
{
	uint16_t reply_be = rte_cpu_to_be_16(reply);
	uint16_t sum;

	memcpy(&sum, message + 2, sizeof(sum));
	sum = packet_checksum_fix16(sum, rte_cpu_to_be_16(request), reply_be);
	memcpy(message, &reply_be, sizeof(reply_be));
	memcpy(message + 2, &sum, sizeof(sum));
}

/*
 * Leaves the packet at its IP header, as neigh_output() takes it. Options of the request are no
 * part of the reply: the header moves behind them.
 */
static void v4_turn(struct rte_mbuf *m, const struct packet *p)
{
	uint16_t skip = (uint16_t)(p->l4_offset - V4_BYTES);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + skip);

	message_turn(frame + p->l4_offset, ECHO4_REQUEST, ECHO4_REPLY);
	memmove(ip, frame + p->l3_offset, V4_BYTES);
	rte_pktmbuf_adj(m, skip);
	ip->version_ihl = V4_PLAIN;
	ip->total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len);
	ip->src_addr = ip_v4_be(&p->dst);
	ip->dst_addr = ip_v4_be(&p->src);
	ip->time_to_live = TTL_DEFAULT;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* Extension headers of the request are no part of the reply: the IPv6 header moves behind them. */
static void v6_turn(struct rte_mbuf *m, const struct packet *p)
{
	uint16_t skip = (uint16_t)(p->l4_offset - V6_BYTES);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + skip);

	message_turn(frame + p->l4_offset, ECHO6_REQUEST, ECHO6_REPLY);
	memmove(ip, frame + p->l3_offset, V6_BYTES);
	rte_pktmbuf_adj(m, skip);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - V6_BYTES));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = TTL_DEFAULT;
	memcpy(&ip->src_addr, &p->dst, sizeof(p->dst));
	memcpy(&ip->dst_addr, &p->src, sizeof(p->src));
}

static bool is_request(const struct rte_mbuf *m, const struct packet *p)
{
	uint16_t word_be;

	memcpy(&word_be, rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset),
		sizeof(word_be));
	return word_be == rte_cpu_to_be_16(p->flags & PACKET_IS_V6 ? ECHO6_REQUEST : ECHO4_REQUEST);
}

void neigh_echo_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);

	if (!is_request(m, p)) {
		core_drop(neigh->params.core, m, DROP_icmp_ignored);
		return;
	}
	if (!neigh_bucket_take(&neigh->answers, now_us)) {
		core_drop(neigh->params.core, m, DROP_icmp_rate_limited);
		return;
	}
	if (p->flags & PACKET_IS_V6)
		v6_turn(m, p);
	else
		v4_turn(m, p);
	neigh->counters.echo_replies_out++;
	neigh_output(neigh, net, m, now_us);
}
