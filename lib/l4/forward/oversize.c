/* SPDX-License-Identifier: Apache-2.0 */
#include "oversize.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_ip_frag.h>

#include "base/rng.h"
#include "too_big.h"

#define V6_MTU_MIN        1280 /* RFC 8200 5 */
#define V6_FRAGMENT_BYTES 8

bool oversize_find(
	const struct l4_burst *burst, const struct l4_packet *packet, struct oversize *oversize)
{
	bool is_from_client = l4_packet_side(packet) == CONN_CLIENT;
	struct packet_tuple client;

	if (is_from_client) {
		oversize->mtu = neigh_net_mtu(burst->snapshot->net, &packet->member->address);
	} else {
		conntrack_tuple(burst->l4->table, packet->conn, CONN_CLIENT, &client);
		oversize->mtu = neigh_net_mtu(burst->snapshot->net, &client.src);
	}
	return oversize->mtu != 0 && oversize->size > oversize->mtu;
}

/*
 * IPv4 by its don't-fragment bit. IPv6 only by who sent it, unless it becomes IPv4 and is so small
 * that its sender may not be asked for less (RFC 7915 5.1).
 */
static bool is_fragmentable(
	const struct packet *p, struct rte_mbuf *m, const struct oversize *oversize)
{
	const struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv4_hdr *, p->l3_offset);

	if ((p->flags & PACKET_IS_V6) != 0)
		return oversize->rewrite_growth < 0 && m->pkt_len - p->l3_offset <= V6_MTU_MIN;
	return (v4->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)) == 0;
}

static bool is_v6_fragment(struct rte_mbuf *m)
{
	return *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 6 &&
		(packet_of(m)->flags & PACKET_IS_FRAGMENT) != 0;
}

/* One that was IPv4's, and is to be cut again: whole for now, since its pieces get headers. */
static void fragment_header_remove(struct rte_mbuf *m)
{
	uint8_t *old = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t protocol = old[sizeof(struct rte_ipv6_hdr)];
	struct rte_ipv6_hdr *ip;

	memmove(old + V6_FRAGMENT_BYTES, old, sizeof(*ip));
	ip = (struct rte_ipv6_hdr *)rte_pktmbuf_adj(m, V6_FRAGMENT_BYTES);
	ip->proto = protocol;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof(*ip)));
}

/*
 * What rte_ip_frag leaves to its caller: IPv4's checksum, IPv6's identification, and the place of
 * what was a fragment before.
 */
static void piece_finish(struct rte_mbuf *piece, uint32_t v6_id)
{
	const struct packet *p = packet_of(piece);
	struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod(piece, struct rte_ipv4_hdr *);

	if (v4->version_ihl >> 4 == 4) {
		v4->hdr_checksum = 0;
		v4->hdr_checksum = rte_ipv4_cksum(v4);
	} else {
		struct rte_ipv6_fragment_ext *extension = rte_pktmbuf_mtod_offset(
			piece, struct rte_ipv6_fragment_ext *, sizeof(struct rte_ipv6_hdr));

		extension->id = v6_id;
		if ((p->flags & PACKET_IS_FRAGMENT) != 0) {
			uint16_t field = rte_be_to_cpu_16(extension->frag_data);

			field = (uint16_t)((field + p->fragment_offset) |
				((p->flags & PACKET_HAS_MORE) != 0 ? 1 : 0));
			extension->frag_data = rte_cpu_to_be_16(field);
			extension->id = rte_cpu_to_be_32(p->fragment_id);
		}
	}
}

static enum drop_reason pieces_finish(const struct l4_burst *burst, const struct l4_packet *packet,
	const struct forward_ops *ops, struct rte_mbuf **pieces, int count)
{
	uint32_t v6_id = (uint32_t)rng_next(&burst->l4->rng);

	for (int i = 0; i < count; i++) {
		enum drop_reason reason;

		piece_finish(pieces[i], v6_id);
		reason = ops->wrap == NULL ? DROP_NONE : ops->wrap(burst, packet, pieces[i]);
		if (reason != DROP_NONE)
			return reason;
	}
	return DROP_NONE;
}

/* The rewritten packet, in pieces of at most room bytes. The facts of the packet go along. */
static int pieces_make(
	const struct l4_burst *burst, struct rte_mbuf *m, uint16_t room, struct rte_mbuf **pieces)
{
	struct rte_mempool *pool = burst->l4->mbufs;
	int count;

	if (is_v6_fragment(m))
		fragment_header_remove(m);
	if (*rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 4)
		count = rte_ipv4_fragment_packet(m, pieces, L4_FRAGMENTS_MAX, room, pool, pool);
	else
		count = rte_ipv6_fragment_packet(m, pieces, L4_FRAGMENTS_MAX, room, pool, pool);
	for (int i = 0; i < count; i++)
		memcpy(packet_of(pieces[i]), packet_of(m), sizeof(struct packet));
	return count;
}

static enum drop_reason fragment(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, const struct oversize *oversize)
{
	struct l4_counters *counters = &burst->l4->counters;
	struct rte_mbuf *pieces[L4_FRAGMENTS_MAX];
	enum drop_reason reason = oversize->ops->rewrite(burst, packet, m);
	int count;

	if (reason != DROP_NONE)
		return reason;
	count = pieces_make(burst, m, (uint16_t)(oversize->mtu - oversize->wrap_growth), pieces);
	if (count < 0)
		return count == -ENOMEM ? DROP_mbuf_exhausted : DROP_mtu_exceeded;
	reason = pieces_finish(burst, packet, oversize->ops, pieces, count);
	if (reason != DROP_NONE) {
		rte_pktmbuf_free_bulk(pieces, (unsigned)count);
		return reason;
	}
	for (int i = 0; i < count; i++)
		l4_output_put(burst->output, pieces[i]);
	counters->packets_fragmented++;
	counters->fragments_out += (unsigned)count;
	/* What the pieces refer to lives on until they are sent. */
	rte_pktmbuf_free(m);
	return DROP_NONE;
}

enum drop_reason oversize_forward(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, const struct oversize *oversize)
{
	int fitting = oversize->mtu - oversize->wrap_growth - oversize->rewrite_growth;

	if (!is_fragmentable(packet->p, m, oversize))
		return too_big_answer(burst, packet->p, m, fitting);
	if (oversize->policy == CONFIG_OVERSIZE_DROP)
		return DROP_mtu_exceeded;
	return fragment(burst, packet, m, oversize);
}
