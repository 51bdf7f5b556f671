/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <assert.h>
#include <netinet/in.h>

#include <rte_tcp.h>

#include "mss.h"
#include "oversize.h"

static const struct forward_ops *const modes[FORWARD_WAYS] = {
	[CONFIG_FORWARD_FULL_NAT] = &forward_full_nat,
	[CONFIG_FORWARD_NAT] = &forward_nat,
	[CONFIG_FORWARD_DSR_L2] = &forward_dsr_l2,
	[CONFIG_FORWARD_DSR_IPIP] = &forward_dsr_ipip,
	[CONFIG_FORWARD_DSR_GUE] = &forward_dsr_gue,
	[FORWARD_SPLICED] = &forward_spliced,
};

const struct forward_ops *forward_ops_of(unsigned forward)
{
	assert(forward < FORWARD_WAYS);
	return modes[forward];
}

enum drop_reason forward_rewrite_pair(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	enum conn_side other = l4_packet_side(packet) == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	const struct conntrack *table = burst->l4->table;
	struct packet_tuple received;
	struct packet_tuple to;
	enum drop_reason reason;

	conntrack_tuple(table, packet->conn, other, &received);
	to = (struct packet_tuple){
		.src = received.dst,
		.dst = received.src,
		.src_port_be = received.dst_port_be,
		.dst_port_be = received.src_port_be,
		.protocol = received.protocol,
	};
	if (ip_is_v4(&to.src) != ip_is_v4(&packet->p->src))
		return packet_translate(m, &to, &burst->l4->ip_id);
	reason = packet_rewrite(m, &to);
	if (reason == DROP_NONE)
		packet_ethernet_remove(m);
	return reason;
}

enum drop_reason forward_rewrite_ttl(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	enum drop_reason reason = packet_ttl_lower(m);

	RTE_SET_USED(burst);
	RTE_SET_USED(packet);
	if (reason == DROP_NONE)
		packet_ethernet_remove(m);
	return reason;
}

static inline enum config_oversize oversize_policy(const struct l4_packet *packet)
{
	return packet->conn != NULL ? packet->conn->oversize : packet->service->oversize;
}

/* The segments that answer a SYN leave toward its sender, in its address family. */
static __rte_noinline void syn_clamp(
	const struct l4_burst *burst, const struct packet *p, struct rte_mbuf *m)
{
	uint32_t headers = ((p->flags & PACKET_IS_V6) != 0 ? 40 : 20) + sizeof(struct rte_tcp_hdr);
	uint16_t mtu = neigh_net_mtu(burst->snapshot->net, &p->src);

	if (mtu > headers && mss_clamp(m, (uint16_t)(mtu - headers)))
		burst->l4->counters.mss_clamped++;
}

/* The pieces of a packet are not shown, but the whole; a drop has the last word. */
static __rte_noinline void packet_show(
	const struct l4_burst *burst, const struct l4_packet *packet, const struct rte_mbuf *m)
{
	tap_settle(burst->l4->core->tap, m, packet->service != NULL ? TAP_FORWARDED : TAP_REPLIED,
		packet->member->name);
}

void forward_rewritten(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	if (burst->l4->core->tap != NULL)
		packet_show(burst, packet, m);
	packet_ethernet_remove(m);
	l4_output_put(burst->output, m);
}

/*
 * Most packets: IPv4 on both sides of a connection by NAT, smaller than any way's MTU. What needs
 * more than other addresses and ports goes the long way.
 */
static inline bool is_plain_nat(
	const struct l4_burst *burst, const struct l4_packet *packet, uint32_t size)
{
	const struct conn *conn = packet->conn;

	return conn != NULL && conn->forward <= CONFIG_FORWARD_NAT &&
		(conn->flags & (CONN_IS_V6_CLIENT | CONN_IS_V6_MEMBER)) == 0 &&
		conn->oversize != CONFIG_OVERSIZE_CLAMP_MSS &&
		size <= neigh_net_mtu_min(burst->snapshot->net) && burst->l4->core->tap == NULL;
}

static inline enum drop_reason plain_nat_forward(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	const struct conn *conn = packet->conn;
	enum conn_side other = l4_packet_side(packet) == CONN_CLIENT ? CONN_MEMBER : CONN_CLIENT;
	const struct packet_ends_v4 to = {
		.src_be = conn->addresses[other].ours_be,
		.dst_be = conn->addresses[other].remote_be,
		.src_port_be = conn->ports[other].ours_be,
		.dst_port_be = conn->ports[other].remote_be,
	};
	enum drop_reason reason = packet_rewrite_v4(m, &to);

	if (reason == DROP_NONE)
		l4_output_put(burst->output, m);
	return reason;
}

static enum drop_reason steps_run(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, uint32_t *bytes)
{
	enum config_oversize policy = oversize_policy(packet);
	const struct forward_ops *ops =
		modes[packet->conn != NULL ? packet->conn->forward : packet->service->forward];
	const struct packet *p = packet->p;
	int rewrite_growth = ops->rewrite_growth == NULL ? 0 : ops->rewrite_growth(packet);
	int wrap_growth = ops->wrap_growth == NULL ? 0 : ops->wrap_growth(packet);
	int size = (int)(rte_pktmbuf_pkt_len(m) - p->l3_offset) + rewrite_growth + wrap_growth;
	enum drop_reason reason;

	*bytes = (uint32_t)size;
	if (burst->l4->core->tap != NULL)
		packet_show(burst, packet, m);
	if (policy == CONFIG_OVERSIZE_CLAMP_MSS && p->protocol == IPPROTO_TCP &&
		(p->tcp_flags & RTE_TCP_SYN_FLAG) != 0)
		syn_clamp(burst, p, m);
	if (size > neigh_net_mtu_min(burst->snapshot->net)) {
		struct oversize oversize = {
			.ops = ops,
			.policy = policy,
			.rewrite_growth = rewrite_growth,
			.wrap_growth = wrap_growth,
			.size = size,
		};

		if (oversize_find(burst, packet, &oversize))
			return oversize_forward(burst, packet, m, &oversize);
	}
	reason = ops->rewrite(burst, packet, m);
	if (reason == DROP_NONE && ops->wrap != NULL)
		reason = ops->wrap(burst, packet, m);
	if (reason == DROP_NONE)
		l4_output_put(burst->output, m);
	return reason;
}

static_assert(
	CONFIG_FORWARD_FULL_NAT < CONFIG_FORWARD_NAT && CONFIG_FORWARD_NAT < CONFIG_FORWARD_DSR_L2,
	"both kinds of NAT come first");

enum drop_reason forward_packet(const struct l4_burst *burst, const struct l4_packet *packet,
	struct rte_mbuf *m, uint32_t *bytes)
{
	uint32_t size = rte_pktmbuf_pkt_len(m) - packet->p->l3_offset;

	if (likely(is_plain_nat(burst, packet, size))) {
		*bytes = size;
		return plain_nat_forward(burst, packet, m);
	}
	return steps_run(burst, packet, m, bytes);
}
