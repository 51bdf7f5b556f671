/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

static void flow_run(struct harness *h, struct rte_mbuf *m, struct path_outcome *outcome)
{
	const struct packet *p = packet_of(m);
	const struct service *service = service_find(
		h->table, &p->dst, p->dst_port_be, p->protocol);

	bool is_nobodys = neigh_net_is_vip(h->net, &p->dst) || !service_table_has_nat(h->table);

	if (service == NULL && !neigh_net_is_local(h->net, &p->dst) && is_nobodys)
		core_drop(&h->core, m, DROP_no_service);
	else
		outcome->count += l4_run(h->l4, &h->snapshot, &m, &service, 1,
			&outcome->pkts[outcome->count], h->now_us);
}

static void fragment_run(struct harness *h, struct rte_mbuf *m, struct path_outcome *outcome)
{
	struct rte_mbuf *out[L4_FRAGMENTS_OUT];
	uint16_t count = l4_fragment(h->l4, &h->snapshot, m, out, h->now_us);

	for (uint16_t i = 0; i < count; i++)
		flow_run(h, out[i], outcome);
}

/* As the dispatcher of the daemon does. */
static void packet_run(struct harness *h, struct rte_mbuf *m, struct path_outcome *outcome)
{
	enum drop_reason reason = DROP_NONE;

	if (packet_is_icmp_error(m))
		reason = packet_quote_adopt(m, h->snapshot.key);
	if (reason != DROP_NONE)
		core_drop(&h->core, m, reason);
	else if ((packet_of(m)->flags & PACKET_IS_FRAGMENT) != 0)
		fragment_run(h, m, outcome);
	else
		flow_run(h, m, outcome);
}

struct path_outcome path_run(struct harness *h, struct rte_mbuf *m)
{
	struct core before = h->core;
	struct path_outcome outcome = { .reason = packet_parse(m, 0, h->snapshot.key) };

	guard_run(&h->core, &h->snapshot, &m, &outcome.reason, 1, h->now_us);
	if (outcome.reason != DROP_NONE) {
		rte_pktmbuf_free(m);
		return outcome;
	}
	packet_run(h, m, &outcome);
	for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++) {
		if (h->core.drops.counts[reason] > before.drops.counts[reason])
			outcome.reason = reason;
	}
	return outcome;
}

void path_free(struct path_outcome *outcome)
{
	for (uint16_t i = 0; i < outcome->count; i++)
		rte_pktmbuf_free(outcome->pkts[i]);
}
