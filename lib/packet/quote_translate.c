/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors of one IP version to the other, with what they quote (RFC 7915 4.2 to 5.3). */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ip.h>

#include "icmp_translate.h"
#include "ip_head.h"
#include "l4_rewrite.h"

#define ICMP_BYTES             8
#define V6_ERROR_MAX           1280 /* RFC 4443 2.4 c */
#define V6_TRAFFIC_CLASS_SHIFT 20
#define PACKET_BYTES_MAX       65535
#define QUOTED_MIN             8 /* RFC 792: ports, and TCP's sequence number */
#define TCP_SUM_END            18
#define UDP_SUM_END            8

/* An error while it is translated: what was read, then what is to be written. */
struct translation {
	struct packet_quote quote;
	struct icmp_head icmp;
	struct ip_head outer;
	struct ip_head inner;
	uint32_t l4_bytes; /* quoted, that go along */
};

static bool is_v6(const struct packet *p)
{
	return (p->flags & PACKET_IS_V6) != 0;
}

static void v4_head_read(const uint8_t *at, struct ip_head *head)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)at;
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);

	head->tos = ip->type_of_service;
	head->ttl = ip->time_to_live;
	head->payload_len = rte_be_to_cpu_16(ip->total_length) - rte_ipv4_hdr_len(ip);
	head->has_more = (field & RTE_IPV4_HDR_MF_FLAG) != 0;
	head->is_fragment = head->has_more;
	head->id = rte_be_to_cpu_16(ip->packet_id);
}

/*
 * A header with extension headers up to 'bytes', as packet_quote_parse() has walked them. False:
 * some follow a fragment header, so that they were cut up with the rest.
 */
static bool v6_head_read(const uint8_t *at, uint32_t bytes, struct ip_head *head)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)at;
	uint32_t offset = IP_V6_BYTES;
	uint8_t next = ip->proto;

	head->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> V6_TRAFFIC_CLASS_SHIFT);
	head->ttl = ip->hop_limits;
	head->payload_len = rte_be_to_cpu_16(ip->payload_len) + IP_V6_BYTES - bytes;
	while (offset < bytes && next != IPPROTO_FRAGMENT) {
		next = at[offset];
		offset += IP_FRAGMENT_BYTES + 8u * at[offset + 1];
	}
	if (offset >= bytes)
		return true;
	head->has_more = (at[offset + 3] & 1) != 0;
	head->is_fragment = head->has_more;
	head->id = rte_be_to_cpu_32(load32(at + offset + 4));
	return !head->is_fragment || offset + IP_FRAGMENT_BYTES == bytes;
}

/* RFC 4884 4.1 to 4.5: how long the quote is if something else follows it; 0: nothing does. */
static uint32_t quote_end_read(const uint8_t *icmp, bool is_icmp6)
{
	if (!is_icmp6)
		return icmp[5] * 4u;
	return icmp[0] == ICMP6_DST_UNREACH || icmp[0] == ICMP6_TIME_EXCEEDED ? icmp[4] * 8u : 0;
}

static void outer_read(const struct rte_mbuf *m, const struct packet *p, struct ip_head *head)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l3_offset);

	if (is_v6(p)) {
		head->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
		head->ttl = ip[7];
		head->protocol = IPPROTO_ICMP;
	} else {
		head->tos = ip[1];
		head->ttl = ip[8];
		head->protocol = IPPROTO_ICMPV6;
	}
}

/* All that the old message says and does not fit, or has no like. */
static enum drop_reason message_read(struct rte_mbuf *m, const struct packet *p,
	const struct packet_quote_change *change, struct translation *t)
{
	struct icmp_mtus mtus = { .v4 = change->mtu_v4, .v6 = change->mtu_v6 };
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	const uint8_t *ip = icmp + ICMP_BYTES;
	uint32_t header = t->quote.l4_offset - t->quote.l3_offset;
	uint32_t end = quote_end_read(icmp, is_v6(p));
	bool is_known;

	t->icmp = (struct icmp_head){ icmp[0], icmp[1], rte_be_to_cpu_32(load32(icmp + 4)) };
	if (is_v6(p)) {
		is_known = v6_head_read(ip, header, &t->inner);
		mtus.is_fragment = t->inner.is_fragment;
		is_known = is_known && icmp_head_to_v4(&t->icmp, &mtus);
	} else {
		v4_head_read(ip, &t->inner);
		mtus.is_fragment = t->inner.is_fragment;
		is_known = icmp_head_to_v6(&t->icmp, &mtus, header + t->inner.payload_len);
	}
	if (!is_known || m->nb_segs > 1)
		return DROP_untranslatable;
	if ((end != 0 && end < header + QUOTED_MIN) ||
		t->inner.payload_len + ip_head_v6_bytes(&t->inner) > PACKET_BYTES_MAX)
		return DROP_icmp_quote;
	t->l4_bytes = RTE_MIN((uint32_t)t->quote.l4_len, t->inner.payload_len);
	if (end != 0)
		t->l4_bytes = RTE_MIN(t->l4_bytes, end - header);
	return DROP_NONE;
}

/* The quoted ports, and the checksum if it is quoted. */
static void ports_write(uint8_t *l4, const struct translation *t, const struct packet_tuple *to)
{
	const uint16_t ports_be[2] = { to->src_port_be, to->dst_port_be };
	const struct packet_tuple *old = &t->quote.tuple;
	bool is_udp = old->protocol == IPPROTO_UDP;
	uint64_t before = ip_addresses_sum(&old->src, &old->dst);
	uint64_t after = ip_addresses_sum(&to->src, &to->dst);

	if (old->protocol == IPPROTO_SCTP || t->l4_bytes < (is_udp ? UDP_SUM_END : TCP_SUM_END))
		memcpy(l4, ports_be, sizeof(ports_be));
	else
		l4_rewrite(l4, is_udp, ports_be,
			(uint64_t)(uint16_t)~sum_fold(before) + sum_fold(after));
}

/* The ICMP header and its checksum over all that follows, which is there. */
static void icmp_write(uint8_t *at, const struct translation *t, uint32_t len, bool is_icmp6)
{
	uint32_t rest_be = rte_cpu_to_be_32(t->icmp.rest);
	uint64_t sum = 0;
	uint16_t folded;

	at[0] = t->icmp.type;
	at[1] = t->icmp.code;
	memset(at + 2, 0, sizeof(folded));
	memcpy(at + 4, &rest_be, sizeof(rest_be));
	if (is_icmp6)
		sum = ip_addresses_sum(t->outer.src, t->outer.dst) +
			rte_cpu_to_be_16(IPPROTO_ICMPV6) + rte_cpu_to_be_32(len);
	folded = (uint16_t)~sum_fold(sum + sum_bytes(at, len));
	memcpy(at + 2, &folded, sizeof(folded));
}

/* In place of all before the quoted header of layer 4; the room for it is known to be there. */
static void message_write(struct rte_mbuf *m, struct translation *t, bool to_v6, uint16_t *next_id)
{
	uint32_t outer = to_v6 ? IP_V6_BYTES : IP_V4_BYTES;
	uint32_t inner = to_v6 ? ip_head_v6_bytes(&t->inner) : IP_V4_BYTES;
	uint8_t *at;

	if (to_v6)
		t->l4_bytes = RTE_MIN(t->l4_bytes, V6_ERROR_MAX - outer - ICMP_BYTES - inner);
	rte_pktmbuf_adj(m, t->quote.l4_offset);
	rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - t->l4_bytes));
	at = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(outer + ICMP_BYTES + inner));
	t->outer.payload_len = ICMP_BYTES + inner + t->l4_bytes;
	if (to_v6) {
		ip_head_v6_write(at, &t->outer);
		ip_head_v6_write(at + outer + ICMP_BYTES, &t->inner);
	} else {
		ip_head_v4_write(at, &t->outer, next_id);
		ip_head_v4_write(at + outer + ICMP_BYTES, &t->inner, NULL);
	}
	icmp_write(at + outer, t, t->outer.payload_len, to_v6);
}

enum drop_reason packet_quote_translate(
	struct rte_mbuf *m, const struct packet_quote_change *change, uint16_t *next_id)
{
	const struct packet_tuple *quoted = &change->quoted;
	struct packet *p = packet_of(m);
	bool to_v6 = !is_v6(p);
	struct translation t = {
		.outer = { .src = &change->from, .dst = &quoted->src },
		.inner = { .src = &quoted->src, .dst = &quoted->dst, .protocol = quoted->protocol },
	};
	enum drop_reason reason = packet_quote_parse(m, &t.quote);
	uint32_t bytes;

	if (reason == DROP_NONE)
		reason = message_read(m, p, change, &t);
	if (reason != DROP_NONE)
		return reason;
	outer_read(m, p, &t.outer);
	if (t.outer.ttl-- <= 1)
		return DROP_ttl_expired;
	bytes = ICMP_BYTES + (to_v6 ? IP_V6_BYTES + ip_head_v6_bytes(&t.inner) : 2 * IP_V4_BYTES);
	if (t.quote.l4_offset + rte_pktmbuf_headroom(m) < bytes)
		return DROP_mbuf_exhausted;
	ports_write(rte_pktmbuf_mtod_offset(m, uint8_t *, t.quote.l4_offset), &t, quoted);
	message_write(m, &t, to_v6, next_id);
	p->flags ^= PACKET_IS_V6;
	p->l3_offset = 0;
	p->l4_offset = to_v6 ? IP_V6_BYTES : IP_V4_BYTES;
	p->payload_offset = (uint16_t)(p->l4_offset + ICMP_BYTES);
	p->payload_len = (uint16_t)(m->pkt_len - p->payload_offset);
	return DROP_NONE;
}
