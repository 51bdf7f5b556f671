/* SPDX-License-Identifier: Apache-2.0 */
#include "too_big.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "base/clock.h"

#define TTL          64
#define ICMP_BYTES   8
#define V4_PLAIN     0x45 /* version 4, five words */
#define V6_PLAIN     (6u << 28)
#define V4_MTU_MIN   68   /* RFC 791 */
#define V6_MTU_MIN   1280 /* RFC 8200 5 */
#define V4_ERROR_MAX 576  /* RFC 1812 4.3.2.3: as much as fits */
#define TOS_CONTROL  0xc0 /* RFC 1812 4.3.2.5: internetwork control */

#define ICMP4_UNREACHABLE     3
#define ICMP4_FRAGMENT_NEEDED 4
#define ICMP6_TOO_BIG         2

/* For both versions: IPv4 has the MTU in the second half of 'mtu_be' (RFC 1191 4). */
struct too_big {
	uint8_t type;
	uint8_t code;
	uint16_t sum;
	uint32_t mtu_be;
};

static bool is_allowed(struct l4_core *l4, uint64_t now_us)
{
	uint64_t second = now_us / CLOCK_US_PER_S;

	if (second != l4->icmp_second) {
		l4->icmp_second = second;
		l4->icmp_count = 0;
	}
	return l4->icmp_count++ < L4_ICMP_PER_SECOND;
}

/* Whom the sender knows: the address that it sent to, if that is ours. */
static const struct ip_addr *source_choose(const struct neigh_net *net, const struct packet *p)
{
	if (neigh_net_is_vip(net, &p->dst) || neigh_net_is_local(net, &p->dst))
		return &p->dst;
	return neigh_net_source(net, &p->src);
}

static void v4_write(struct l4_core *l4, uint8_t *out, const struct packet *p,
	const struct ip_addr *source, uint16_t total, uint16_t mtu)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)out;
	struct too_big *icmp = (struct too_big *)(ip + 1);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = V4_PLAIN,
		.type_of_service = TOS_CONTROL,
		.total_length = rte_cpu_to_be_16(total),
		.packet_id = rte_cpu_to_be_16(l4->ip_id++),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_ICMP,
		.src_addr = ip_v4_be(source),
		.dst_addr = ip_v4_be(&p->src),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*icmp = (struct too_big){
		.type = ICMP4_UNREACHABLE,
		.code = ICMP4_FRAGMENT_NEEDED,
		.mtu_be = rte_cpu_to_be_32(mtu),
	};
	icmp->sum = (uint16_t)~rte_raw_cksum(icmp, total - sizeof(*ip));
}

static void v6_write(uint8_t *out, const struct packet *p, const struct ip_addr *source,
	uint16_t total, uint16_t mtu)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)out;
	struct too_big *icmp = (struct too_big *)(ip + 1);

	ip->vtc_flow = rte_cpu_to_be_32(V6_PLAIN);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(total - sizeof(*ip)));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = TTL;
	memcpy(out + offsetof(struct rte_ipv6_hdr, src_addr), source, sizeof(*source));
	memcpy(out + offsetof(struct rte_ipv6_hdr, dst_addr), &p->src, sizeof(p->src));
	*icmp = (struct too_big){ .type = ICMP6_TOO_BIG, .mtu_be = rte_cpu_to_be_32(mtu) };
	icmp->sum = rte_ipv6_udptcp_cksum(ip, icmp);
}

/* The message with as much of the packet as it may hold, or NULL. */
static struct rte_mbuf *message_create(struct l4_core *l4, const struct packet *p,
	const struct ip_addr *source, struct rte_mbuf *m, int mtu)
{
	bool is_v6 = (p->flags & PACKET_IS_V6) != 0;
	uint16_t headers = (uint16_t)(ICMP_BYTES +
		(is_v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr)));
	uint32_t most = (is_v6 ? V6_MTU_MIN : V4_ERROR_MAX) - headers;
	uint32_t quoted = RTE_MIN(m->pkt_len - p->l3_offset, most);
	struct rte_mbuf *message = rte_pktmbuf_alloc(l4->mbufs);
	const void *quote;
	uint8_t *out;

	if (message == NULL)
		return NULL;
	memset(packet_of(message), 0, sizeof(struct packet));
	out = (uint8_t *)rte_pktmbuf_append(message, (uint16_t)(headers + quoted));
	if (out == NULL) {
		rte_pktmbuf_free(message);
		return NULL;
	}
	quote = rte_pktmbuf_read(m, p->l3_offset, quoted, out + headers);
	if (quote != out + headers)
		memcpy(out + headers, quote, quoted);
	if (is_v6)
		v6_write(out, p, source, message->data_len, (uint16_t)RTE_MAX(mtu, V6_MTU_MIN));
	else
		v4_write(l4, out, p, source, message->data_len, (uint16_t)RTE_MAX(mtu, V4_MTU_MIN));
	return message;
}

enum drop_reason too_big_answer(
	const struct l4_burst *burst, const struct packet *p, struct rte_mbuf *m, int mtu)
{
	const struct ip_addr *source = source_choose(burst->snapshot->net, p);
	struct l4_core *l4 = burst->l4;
	struct rte_mbuf *message;

	/* RFC 1122 3.2.2: neither about an ICMP error nor, in IPv4, about a later fragment. */
	if (source == NULL || (p->flags & PACKET_IS_ICMP) != 0 ||
		(p->flags & (PACKET_IS_V6 | PACKET_IS_LATER)) == PACKET_IS_LATER)
		return DROP_mtu_exceeded;
	if (!is_allowed(l4, burst->now_us))
		return DROP_icmp_rate_limited;
	message = message_create(l4, p, source, m, mtu);
	if (message == NULL)
		return DROP_mbuf_exhausted;
	l4->counters.too_big_out++;
	l4_output_put(burst->output, message);
	return DROP_mtu_exceeded;
}
