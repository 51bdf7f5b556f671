/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT of the destination alone: the member sees the client, and its replies, which are routed
 * through us, are found by the client's address and get the VIP as source again.
 */
#include "forward.h"

static enum drop_reason reply_tuple(const struct l4_burst *burst, const struct packet *p,
	const struct member *member, struct packet_tuple *tuple)
{
	RTE_SET_USED(burst);
	if (ip_is_v4(&member->address) != ip_is_v4(&p->src))
		return DROP_no_backend;
	*tuple = (struct packet_tuple){
		.src = member->address,
		.dst = p->src,
		.src_port_be = member->port_be,
		.dst_port_be = p->src_port_be,
		.protocol = p->protocol,
	};
	return DROP_NONE;
}

/*
 * A client may use one port toward two services at once, and both may have chosen this member:
 * the member could not tell the flows apart, and we not their replies. The second has to wait
 * until the first is over.
 */
static enum drop_reason reply_claim(const struct l4_burst *burst, struct packet_tuple *tuple)
{
	struct conntrack *table = burst->l4->table;
	struct conn *other = conntrack_find(
		table, conntrack_hash(table, tuple, CONN_MEMBER), tuple, CONN_MEMBER);

	if (other == NULL)
		return DROP_NONE;
	if (conn_is_expired(other, burst->now_ms)) {
		if (!burst->is_trial)
			conn_expire(burst->l4, other);
		return DROP_NONE;
	}
	if (other->state != L4_STATE_CLOSED)
		return DROP_nat_tuple_taken;
	if (!burst->is_trial)
		conn_close(burst->l4, other, &burst->l4->counters.conns_reused);
	return DROP_NONE;
}

const struct forward_ops forward_nat = {
	.reply_tuple = reply_tuple,
	.reply_claim = reply_claim,
	.rewrite = forward_rewrite_pair,
};
