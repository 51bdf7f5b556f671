/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "checksum.h"
#include "flow_hash.h"

#define V6_HEADER_BYTES 40u
#define V6_SRC_OFFSET   8
#define V6_VERSION      6

/* More than anyone needs; a longer chain is an attempt to waste cycles. */
#define EXTENSIONS_MAX 4

/* Type, length, and for a routing header type and segments left (RFC 8200 4.4). */
#define EXTENSION_BYTES_MIN 8

/* RFC 3810 5.2; the system's header has version 1 only. */
#define MLD2_LISTENER_REPORT 143

/* RFC 8200 4.5 */
#define FRAGMENT_OFFSET_MASK 0xfff8
#define FRAGMENT_MORE        0x0001

/* Where the chain stands: one extension header at offset, of kind 'next'. */
struct chain {
	uint32_t offset;
	uint32_t end;
	uint32_t fragment_at; /* where the part begins that was cut up; 0: no fragment header */
	struct fragment_place fragment;
	uint8_t next;
	bool has_options; /* a header other than a fragment header */
};

/* RFC 8200 4.4: used up, it is skipped; type 0 never is (RFC 5095). */
static enum drop_reason routing_check(const uint8_t *header)
{
	return header[2] != 0 && header[3] == 0 ? DROP_NONE : DROP_parse_source_route;
}

/* RFC 8200 4.5. */
static enum drop_reason fragment_read(const uint8_t *frame, struct chain *chain)
{
	const uint8_t *header = frame + chain->offset;
	uint16_t field = rte_be_to_cpu_16(load16(header + 2));

	if (chain->fragment_at != 0)
		return DROP_parse_ip_extension;
	chain->fragment.id = rte_be_to_cpu_32(load32(header + 4));
	chain->fragment.offset = field & FRAGMENT_OFFSET_MASK;
	chain->fragment.has_more = (field & FRAGMENT_MORE) != 0;
	chain->next = header[0];
	chain->offset += EXTENSION_BYTES_MIN;
	chain->fragment_at = chain->offset;
	return DROP_NONE;
}

static enum drop_reason extension_skip(const uint8_t *frame, struct chain *chain)
{
	const uint8_t *header = frame + chain->offset;
	enum drop_reason reason;
	uint32_t len;

	if (chain->offset + EXTENSION_BYTES_MIN > chain->end)
		return DROP_parse_short;
	if (chain->next == IPPROTO_FRAGMENT)
		return fragment_read(frame, chain);
	len = EXTENSION_BYTES_MIN + 8u * header[1];
	if (chain->offset + len > chain->end)
		return DROP_parse_ip_header;
	reason = chain->next == IPPROTO_ROUTING ? routing_check(header)
						: packet_v6_options_check(header + 2, len - 2);
	if (reason != DROP_NONE)
		return reason;
	chain->has_options = true;
	chain->next = header[0];
	chain->offset += len;
	return DROP_NONE;
}

static enum drop_reason extensions_skip(const uint8_t *frame, struct chain *chain)
{
	for (unsigned i = 0;; i++) {
		enum drop_reason reason;

		/* What follows in a later fragment is no header. */
		if (chain->fragment.offset != 0)
			return DROP_NONE;
		switch (chain->next) {
		case IPPROTO_HOPOPTS:
			/* RFC 8200 4.1: directly behind the IPv6 header or not at all. */
			if (i > 0)
				return DROP_parse_ip_extension;
			break;
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_FRAGMENT:
			break;
		default:
			return DROP_NONE;
		}
		if (i == EXTENSIONS_MAX)
			return DROP_parse_ip_extension;
		reason = extension_skip(frame, chain);
		if (reason != DROP_NONE)
			return reason;
	}
}

static inline bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
		next == IPPROTO_FRAGMENT;
}

/* Before it has an address, a node sends these (RFC 4861 4.1, 4.3, RFC 3590 4, RFC 3810 5.2.13). */
static bool may_be_unspecified(const struct rte_mbuf *m, const struct packet *p)
{
	const uint8_t *type = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);

	if (!(p->flags & PACKET_IS_ICMP))
		return false;
	return *type == ND_NEIGHBOR_SOLICIT || *type == ND_ROUTER_SOLICIT ||
		*type == MLD_LISTENER_REPORT || *type == MLD2_LISTENER_REPORT;
}

static inline bool is_zero(const struct ip_addr *addr)
{
	return (addr->halves[0] | addr->halves[1]) == 0;
}

/* RFC 4291 2.5.2, 2.5.3, 2.7; an IPv4-mapped one would pass for an IPv4 host. */
static inline bool is_v6_source(const struct ip_addr *src)
{
	if (src->bytes[0] == 0xff || ip_is_v4(src))
		return false;
	return src->halves[0] != 0 || src->halves[1] != rte_cpu_to_be_64(1);
}

static inline enum drop_reason v6_checks(
	const struct rte_mbuf *m, const struct rte_ipv6_hdr *ip, struct packet *p)
{
	if (*(const uint8_t *)ip >> 4 != V6_VERSION)
		return DROP_parse_ip_version;
	if (rte_be_to_cpu_16(ip->payload_len) + V6_HEADER_BYTES > m->pkt_len - ETHER_BYTES)
		return DROP_parse_ip_header;
	memcpy(&p->src, (const uint8_t *)ip + V6_SRC_OFFSET, sizeof(p->src));
	memcpy(&p->dst, (const uint8_t *)ip + V6_SRC_OFFSET + sizeof(p->src), sizeof(p->dst));
	if (!is_v6_source(&p->src))
		return DROP_parse_ip_source;
	if (ip_is_v4(&p->dst))
		return DROP_parse_ip_version;
	return DROP_NONE;
}

/* An atomic one (RFC 6946) is a whole datagram. */
static inline bool is_fragment(const struct chain *chain)
{
	return chain->fragment_at != 0 && (chain->fragment.offset != 0 || chain->fragment.has_more);
}

static __rte_noinline enum drop_reason v6_fragment_parse(
	struct rte_mbuf *m, struct packet *p, struct chain *chain, struct hash_key key)
{
	if (is_zero(&p->src))
		return DROP_parse_ip_source;
	/* Extension headers behind the fragment header may have used up what is there. */
	if (chain->offset > m->data_len)
		return DROP_parse_short;
	chain->fragment.len = m->pkt_len - chain->fragment_at;
	return packet_fragment_parse(m, p, &chain->fragment, key);
}

/* What the chain leads to. */
static inline enum drop_reason upper_parse(
	struct rte_mbuf *m, struct packet *p, struct chain *chain, struct hash_key key)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER_BYTES);
	enum drop_reason reason;
	uint64_t addresses;

	p->flags |= PACKET_IS_V6;
	p->protocol = chain->next;
	p->l4_offset = (uint16_t)chain->offset;
	if (is_fragment(chain))
		return v6_fragment_parse(m, p, chain, key);
	addresses = sum_bytes(ip + V6_SRC_OFFSET, sizeof(p->src) + sizeof(p->dst));
	reason = packet_l4_parse(m, p, m->pkt_len - chain->offset, addresses);
	if (reason != DROP_NONE)
		return reason;
	if (is_zero(&p->src) && !may_be_unspecified(m, p))
		return DROP_parse_ip_source;
	p->flow_hash = flow_hash_v6(
		&p->src, &p->dst, flow_rest(p->src_port_be, p->dst_port_be, p->protocol), key);
	return DROP_NONE;
}

static __rte_noinline enum drop_reason extended_parse(
	struct rte_mbuf *m, struct packet *p, struct chain *chain, struct hash_key key)
{
	enum drop_reason reason = extensions_skip(rte_pktmbuf_mtod(m, const uint8_t *), chain);

	if (reason == DROP_NONE)
		reason = upper_parse(m, p, chain, key);
	return reason == DROP_NONE && chain->has_options ? DROP_parse_ip_options : reason;
}

enum drop_reason packet_v6_parse(struct rte_mbuf *m, struct packet *p, struct hash_key key)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv6_hdr *, ETHER_BYTES);
	struct chain chain = { .offset = ETHER_BYTES + V6_HEADER_BYTES };
	enum drop_reason reason;

	if (m->data_len < ETHER_BYTES + V6_HEADER_BYTES)
		return DROP_parse_short;
	reason = v6_checks(m, ip, p);
	if (reason != DROP_NONE)
		return reason;
	packet_keep(m, ETHER_BYTES + V6_HEADER_BYTES + rte_be_to_cpu_16(ip->payload_len));
	chain.end = m->data_len;
	chain.next = ip->proto;
	return is_extension(ip->proto) ? extended_parse(m, p, &chain, key)
				       : upper_parse(m, p, &chain, key);
}
