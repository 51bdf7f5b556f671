/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors (RFC 792, RFC 4443) and the packets that they quote; through NAT as RFC 5508 4.2. */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "checksum.h"
#include "flow_hash.h"

#define ICMP_BYTES       8
#define ICMP_MTU_OFFSET  6
#define ICMP6_MTU_OFFSET 4
#define V4_BYTES_MIN     20
#define V4_SRC_OFFSET    12
#define V4_DST_OFFSET    16
#define V4_OFFSET_MASK   0x1fff
#define V6_BYTES         40u
#define V6_SRC_OFFSET    8
#define V6_DST_OFFSET    24
#define EXTENSION_BYTES  8
#define EXTENSIONS_MAX   4
#define FRAGMENT_MASK    0xfff8
#define TCP_SUM_OFFSET   16
#define UDP_SUM_OFFSET   6

/* Ports, and TCP's sequence number: what RFC 792 has a router quote. */
#define QUOTED_MIN 8

static uint16_t get16(const uint8_t *at)
{
	return rte_be_to_cpu_16(load16(at));
}

static bool is_v6(const struct packet *p)
{
	return (p->flags & PACKET_IS_V6) != 0;
}

bool packet_is_icmp_error(struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	uint8_t type;

	if (!(p->flags & PACKET_IS_ICMP))
		return false;
	type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	/* Redirects and source quench (RFC 6633) are nobody's business here. */
	if (!is_v6(p))
		return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
			type == ICMP_PARAMETERPROB;
	return type >= ICMP6_DST_UNREACH && type <= ICMP6_PARAM_PROB;
}

static void verdict_read(const uint8_t *icmp, bool is_icmp6, struct packet_quote *quote)
{
	uint32_t mtu = 0;

	if (is_icmp6) {
		quote->is_unreachable = icmp[0] == ICMP6_DST_UNREACH;
		quote->is_too_big = icmp[0] == ICMP6_PACKET_TOO_BIG;
		mtu = rte_be_to_cpu_32(load32(icmp + ICMP6_MTU_OFFSET));
	} else {
		quote->is_too_big = icmp[0] == ICMP_DEST_UNREACH && icmp[1] == ICMP_FRAG_NEEDED;
		quote->is_unreachable = icmp[0] == ICMP_DEST_UNREACH && !quote->is_too_big;
		mtu = get16(icmp + ICMP_MTU_OFFSET);
	}
	if (quote->is_too_big)
		quote->mtu = (uint16_t)RTE_MIN(mtu, (uint32_t)UINT16_MAX);
}

/* Where the quoted header of layer 4 is; false: the quoted header lies. */
static bool v4_read(const uint8_t *ip, uint32_t len, struct packet_quote *quote, uint32_t *header)
{
	if (len < V4_BYTES_MIN || ip[0] >> 4 != IPVERSION)
		return false;
	*header = (ip[0] & 0xfu) * 4;
	if (*header < V4_BYTES_MIN || get16(ip + 2) < *header + QUOTED_MIN)
		return false;
	if ((get16(ip + 6) & V4_OFFSET_MASK) != 0)
		return false;
	quote->tuple.src = ip_from_v4(load32(ip + V4_SRC_OFFSET));
	quote->tuple.dst = ip_from_v4(load32(ip + V4_DST_OFFSET));
	quote->tuple.protocol = ip[9];
	return true;
}

static bool v6_read(const uint8_t *ip, uint32_t len, struct packet_quote *quote, uint32_t *header)
{
	uint8_t next;

	if (len < V6_BYTES || ip[0] >> 4 != 6)
		return false;
	quote->tuple.src = ip_from_v6(ip + V6_SRC_OFFSET);
	quote->tuple.dst = ip_from_v6(ip + V6_DST_OFFSET);
	if (ip_is_v4(&quote->tuple.src) || ip_is_v4(&quote->tuple.dst))
		return false;
	*header = V6_BYTES;
	next = ip[6];
	for (unsigned i = 0; next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS ||
		next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT;
		i++) {
		const uint8_t *extension = ip + *header;

		if (i == EXTENSIONS_MAX || *header + EXTENSION_BYTES > len)
			return false;
		if (next == IPPROTO_FRAGMENT && (get16(extension + 2) & FRAGMENT_MASK) != 0)
			return false;
		*header += next == IPPROTO_FRAGMENT ? EXTENSION_BYTES : 8 + 8u * extension[1];
		next = extension[0];
	}
	quote->tuple.protocol = next;
	return get16(ip + 4) + V6_BYTES >= *header + QUOTED_MIN;
}

/* The error's own addressee, read from its header: the parsed tuple may be the flow's by now. */
static bool is_sender(struct rte_mbuf *m, const struct packet *p, const struct packet_quote *quote)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l3_offset);
	struct ip_addr dst = is_v6(p) ? ip_from_v6(ip + V6_DST_OFFSET)
				      : ip_from_v4(load32(ip + V4_DST_OFFSET));

	return ip_equal(&dst, &quote->tuple.src);
}

enum drop_reason packet_quote_parse(struct rte_mbuf *m, struct packet_quote *quote)
{
	const struct packet *p = packet_of(m);
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	uint32_t offset = p->l4_offset + ICMP_BYTES;
	uint32_t len = m->data_len - offset;
	const uint8_t *ip = icmp + ICMP_BYTES;
	uint32_t header = 0;

	*quote = (struct packet_quote){ .l3_offset = (uint16_t)offset };
	verdict_read(icmp, is_v6(p), quote);
	if (!(is_v6(p) ? v6_read(ip, len, quote, &header) : v4_read(ip, len, quote, &header)))
		return DROP_icmp_quote;
	if (header + QUOTED_MIN > len || !is_sender(m, p, quote))
		return DROP_icmp_quote;
	if (quote->tuple.protocol != IPPROTO_TCP && quote->tuple.protocol != IPPROTO_UDP &&
		quote->tuple.protocol != IPPROTO_SCTP)
		return DROP_icmp_quote;
	quote->l4_offset = (uint16_t)(offset + header);
	quote->l4_len = (uint16_t)(len - header);
	quote->tuple.src_port_be = load16(ip + header);
	quote->tuple.dst_port_be = load16(ip + header + 2);
	quote->seq = rte_be_to_cpu_32(load32(ip + header + 4));
	return DROP_NONE;
}

enum drop_reason packet_quote_adopt(struct rte_mbuf *m, struct hash_key key)
{
	struct packet *p = packet_of(m);
	struct packet_quote quote;
	enum drop_reason reason = packet_quote_parse(m, &quote);

	if (reason != DROP_NONE)
		return reason;
	p->src = quote.tuple.dst;
	p->dst = quote.tuple.src;
	p->src_port_be = quote.tuple.dst_port_be;
	p->dst_port_be = quote.tuple.src_port_be;
	p->protocol = quote.tuple.protocol;
	p->flow_hash = packet_flow_hash(p, key);
	return DROP_NONE;
}

static void put16(uint8_t *at, uint16_t value_be)
{
	memcpy(at, &value_be, sizeof(value_be));
}

/* Writes both addresses and returns by how much the sum over them changed. */
static uint64_t addresses_write(
	uint8_t *ip, bool has_v6, const struct ip_addr *src, const struct ip_addr *dst)
{
	size_t len = has_v6 ? sizeof(src->bytes) : sizeof(uint32_t);
	size_t skip = sizeof(src->bytes) - len;
	uint8_t *at = ip + (has_v6 ? V6_SRC_OFFSET : V4_SRC_OFFSET);
	uint16_t before = sum_fold(sum_bytes(at, 2 * len));

	memcpy(at, src->bytes + skip, len);
	memcpy(at + len, dst->bytes + skip, len);
	return (uint64_t)(uint16_t)~before + sum_bytes(at, 2 * len);
}

static void sum_write(uint8_t *at, uint64_t change, bool is_udp)
{
	uint16_t sum = load16(at);

	/* RFC 768: zero means none, and a sum of zero is sent as all ones. */
	if (is_udp && sum == 0)
		return;
	sum = (uint16_t)~sum_fold((uint16_t)~sum + change);
	put16(at, is_udp && sum == 0 ? 0xffff : sum);
}

static void quote_write(struct rte_mbuf *m, const struct packet_quote *quote, bool has_v6,
	const struct packet_tuple *to)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, quote->l3_offset);
	uint8_t *l4 = rte_pktmbuf_mtod_offset(m, uint8_t *, quote->l4_offset);
	bool is_udp = quote->tuple.protocol == IPPROTO_UDP;
	uint32_t field = is_udp ? UDP_SUM_OFFSET : TCP_SUM_OFFSET;
	uint64_t change = addresses_write(ip, has_v6, &to->src, &to->dst);

	if (!has_v6)
		sum_write(ip + 10, change, false);
	change += (uint32_t)~load32(l4);
	put16(l4, to->src_port_be);
	put16(l4 + 2, to->dst_port_be);
	change += load32(l4);
	if (quote->tuple.protocol != IPPROTO_SCTP && field + 2 <= quote->l4_len)
		sum_write(l4 + field, change, is_udp);
}

/* Over all of the message, which has changed in many places. */
static void icmp_sum_make(struct rte_mbuf *m, const struct packet *p)
{
	uint8_t *icmp = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l4_offset);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l3_offset);
	uint32_t len = m->pkt_len - p->l4_offset;
	uint64_t sum = 0;

	if (is_v6(p))
		sum = sum_bytes(ip + V6_SRC_OFFSET, 2 * sizeof(p->src)) +
			rte_cpu_to_be_16(IPPROTO_ICMPV6) + rte_cpu_to_be_32(len);
	put16(icmp + 2, 0);
	put16(icmp + 2, (uint16_t)~sum_fold(sum + sum_packet(m, p->l4_offset, len)));
}

enum drop_reason packet_quote_rewrite(
	struct rte_mbuf *m, const struct packet_tuple *quoted, const struct ip_addr *from)
{
	const struct packet *p = packet_of(m);
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l3_offset);
	uint8_t *ttl = ip + (is_v6(p) ? 7 : 8);
	struct packet_quote quote;
	enum drop_reason reason = packet_quote_parse(m, &quote);
	uint64_t change;

	if (reason != DROP_NONE)
		return reason;
	if (*ttl <= 1)
		return DROP_ttl_expired;
	quote_write(m, &quote, is_v6(p), quoted);
	change = addresses_write(ip, is_v6(p), from, &quoted->src);
	if (!is_v6(p)) {
		change += (uint16_t)~load16(ttl);
		--*ttl;
		sum_write(ip + 10, change + load16(ttl), false);
	} else {
		--*ttl;
	}
	icmp_sum_make(m, p);
	return DROP_NONE;
}
