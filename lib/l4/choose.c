/* SPDX-License-Identifier: Apache-2.0 */
/* Which member a flow gets: by connection ID, by affinity, by the pool's scheduler. */
#include <assert.h>
#include <netinet/in.h>

#include "conntrack/state.h"
#include "core.h"

/* Named by the connection ID: drained members go on with what they have, others are passed by. */
static struct member *choose_by_quic_id(
	const struct l4_burst *burst, const struct l4_packet *packet, const struct pool *pool)
{
	const struct packet *p = packet->p;
	uint8_t id[QUIC_SERVER_ID_MAX];
	struct member *member;
	uint32_t end;
	unsigned len;

	if (packet->m == NULL)
		return NULL;
	/* What of the payload stands in the first segment: connection IDs are at its start. */
	end = rte_pktmbuf_data_len(packet->m);
	if (p->payload_offset >= end)
		return NULL;
	len = RTE_MIN(end - p->payload_offset, (uint32_t)p->payload_len);
	len = quic_server_id(&packet->service->quic,
		rte_pktmbuf_mtod_offset(packet->m, const uint8_t *, p->payload_offset), len, id);
	member = pool_member_by_quic_id(pool, id, len);
	if (member == NULL || member_is_gone(member))
		return NULL;
	burst->l4->counters.quic_routed++;
	return member;
}

/* The table of the pool, before or after the last change of its members. */
static struct member *choose_by_pool(
	const struct l4_burst *burst, const struct l4_packet *packet, const struct pool *pool)
{
	const struct packet *p = packet->p;
	unsigned index = packet->service->pool;
	const struct balance_query query = {
		.hash = service_balance_hash(packet->service, p, burst->snapshot->key),
		.cursor = &burst->l4->cursors[index % L4_CURSORS],
		.rng = &burst->l4->rng,
	};
	struct member *member;

	if (pool->chance == NULL || p->protocol != IPPROTO_TCP || tcp_is_opening(p->tcp_flags))
		return pool_pick(pool, &query);
	member = pool_pick_established(pool, &query, burst->now_us);
	if (!pool_is_settled(pool, query.hash, burst->now_us))
		burst->l4->counters.second_chances++;
	return member;
}

/* Only what opens a flow is remembered, as one forged ACK must not push out a client. */
static void affinity_note(const struct l4_burst *burst, const struct l4_packet *packet,
	const struct affinity_key *key, const struct member *member)
{
	uint32_t timeout_ms = packet->service->affinity.timeout_ms;
	const struct packet *p = packet->p;
	struct l4_core *l4 = burst->l4;
	struct affinity_entry *entry;
	bool is_evicted = false;

	if (burst->is_trial || (p->protocol == IPPROTO_TCP && !tcp_is_opening(p->tcp_flags)))
		return;
	entry = affinity_claim(l4->affinity, key, timeout_ms, burst->now_ms, &is_evicted);
	l4->counters.affinity_evicted += is_evicted;
	entry->member = member->id;
	entry->index = 0;
	entry->seen_ms = burst->now_ms;
}

/* Where the client's last connection went, unless that member is gone. */
static struct member *choose_by_affinity(
	const struct l4_burst *burst, const struct l4_packet *packet, const struct pool *pool)
{
	const struct service *service = packet->service;
	struct l4_core *l4 = burst->l4;
	const struct affinity_key key = {
		.source = service_affinity_source(service, &packet->p->src),
		.service = service->identity->id,
	};
	uint32_t timeout_ms = service->affinity.timeout_ms;
	struct affinity_entry *entry = affinity_find(l4->affinity, &key, timeout_ms, burst->now_ms);
	struct member *member = NULL;

	if (entry != NULL)
		member = pool_member_by_id(pool, entry->member, &entry->index);
	if (member != NULL && !member_is_gone(member)) {
		if (!burst->is_trial)
			entry->seen_ms = burst->now_ms;
		l4->counters.affinity_hits++;
		return member;
	}
	member = choose_by_pool(burst, packet, pool);
	if (member != NULL)
		affinity_note(burst, packet, &key, member);
	return member;
}

struct member *member_choose(const struct l4_burst *burst, const struct l4_packet *packet)
{
	const struct service *service = packet->service;
	const struct pool *pool;
	struct member *member;

	assert(service->pool < burst->snapshot->backends->count);
	pool = burst->snapshot->backends->pools[service->pool];
	if (service->hash == CONFIG_HASH_QUIC_CID) {
		member = choose_by_quic_id(burst, packet, pool);
		if (member != NULL)
			return member;
	}
	if (service->affinity.timeout_ms > 0)
		return choose_by_affinity(burst, packet, pool);
	return choose_by_pool(burst, packet, pool);
}

uint32_t l4_owner_hash(const struct service *service, const struct packet *p, struct hash_key key)
{
	const struct ip_addr *client = service != NULL ? &p->src : &p->dst;
	uint16_t port_be = service != NULL ? p->src_port_be : p->dst_port_be;

	if (service == NULL || service->forward == CONFIG_FORWARD_NAT)
		return (uint32_t)hash_words2(key,
			client->halves[0] ^ (uint64_t)port_be << 8 ^ p->protocol,
			client->halves[1]);
	if (service->affinity.timeout_ms == 0)
		return p->flow_hash;
	return service_balance_hash(service, p, key);
}
