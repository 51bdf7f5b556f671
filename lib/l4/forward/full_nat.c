/* SPDX-License-Identifier: Apache-2.0 */
/* Full NAT: the member sees one of our addresses; IPv6 clients can have IPv4 members. */
#include "../splice/translate.h"
#include "forward.h"

#define V4_BYTES          20
#define V6_BYTES          40
#define V6_FRAGMENT_BYTES 8

static enum drop_reason reply_tuple(const struct l4_burst *burst, const struct packet *p,
	const struct member *member, struct packet_tuple *tuple)
{
	const struct ip_addr *source;

	if (ip_is_v4(&p->src) && !ip_is_v4(&member->address))
		return DROP_no_backend;
	source = neigh_net_source(burst->snapshot->net, &member->address);
	if (source == NULL)
		return DROP_no_route;
	*tuple = (struct packet_tuple){
		.src = member->address,
		.dst = *source,
		.src_port_be = member_port_be(member, p),
		.protocol = p->protocol,
	};
	return DROP_NONE;
}

/* How the device spreads what comes in where this member is. */
static const struct rss *rss_find(const struct l4_burst *burst, const struct ip_addr *member)
{
	struct neigh_route route;

	if (burst->l4->rss == NULL || !neigh_net_route(burst->snapshot->net, member, &route))
		return NULL;
	return burst->l4->rss[route.port];
}

static enum drop_reason reply_claim(const struct l4_burst *burst, struct packet_tuple *tuple)
{
	struct l4_core *l4 = burst->l4;
	struct local_port_wish wish = {
		.services = burst->snapshot->services,
		.rss = rss_find(burst, &tuple->src),
		.queue = (uint16_t)l4->core->l4_index,
		.now_ms = burst->now_ms,
	};
	enum local_port_result result = local_port_choose(&l4->ports, l4->table, &wish, tuple);

	if (result == LOCAL_PORT_NONE)
		return DROP_no_local_port;
	if (wish.rss != NULL && !burst->is_trial) {
		l4->counters.local_ports_steered += result == LOCAL_PORT_STEERED;
		l4->counters.local_ports_unsteered += result == LOCAL_PORT_PLAIN;
	}
	return DROP_NONE;
}

/* Between the versions: one header in place of the other, extension headers included. */
static int rewrite_growth(const struct l4_packet *packet)
{
	const struct conn *conn = packet->conn;
	int headers = packet->p->l4_offset - packet->p->l3_offset;
	int v6_bytes = V6_BYTES;

	if (conn_is_v6(conn, CONN_CLIENT) == conn_is_v6(conn, CONN_MEMBER))
		return 0;
	if ((packet->p->flags & PACKET_IS_FRAGMENT) != 0)
		v6_bytes += V6_FRAGMENT_BYTES;
	return (packet->p->flags & PACKET_IS_V6) != 0 ? V4_BYTES - headers : v6_bytes - headers;
}

const struct forward_ops forward_full_nat = {
	.reply_tuple = reply_tuple,
	.reply_claim = reply_claim,
	.rewrite_growth = rewrite_growth,
	.rewrite = forward_rewrite_pair,
};

/* Full NAT between sides that count differently. */
static enum drop_reason spliced_rewrite(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	const struct splice *splice = conntrack_splice(burst->l4->table, packet->conn);

	splice_translate(splice, l4_packet_side(packet), m);
	return forward_rewrite_pair(burst, packet, m);
}

const struct forward_ops forward_spliced = {
	.reply_tuple = reply_tuple,
	.reply_claim = reply_claim,
	.rewrite_growth = rewrite_growth,
	.rewrite = spliced_rewrite,
};
