/* SPDX-License-Identifier: Apache-2.0 */
#include "local_port.h"

#include <rte_byteorder.h>

#include "base/rng.h"

#define PROBES_MAX 64

/* Ports that are looked at for one of our own queue: each costs two additions and no memory. */
#define STEPS_MAX 1024

void local_ports_init(struct local_ports *ports, struct steer_slice slice, uint64_t seed)
{
	struct rng rng = { .state = seed };

	ports->slice = slice;
	ports->key.k0 = rng_next(&rng);
	ports->key.k1 = rng_next(&rng);
	for (unsigned i = 0; i < LOCAL_PORT_COUNTERS; i++)
		ports->counters[i].next = (uint32_t)rng_next(&rng);
}

static bool is_free(struct conntrack *table, const struct service_table *services,
	const struct packet_tuple *tuple)
{
	uint64_t hash = conntrack_hash(table, tuple, CONN_MEMBER);

	/* A reply to a port that is served would be taken for a client's packet. */
	return conntrack_find(table, hash, tuple, CONN_MEMBER) == NULL &&
		service_find(services, &tuple->dst, tuple->dst_port_be, tuple->protocol) == NULL;
}

/* One search, from the counter on: by our own queue alone, or by any. */
static bool port_find(struct local_ports *ports, struct conntrack *table,
	const struct local_port_wish *wish, const struct rss_search *rss, uint64_t hash,
	struct packet_tuple *tuple)
{
	uint32_t range = ports->slice.port_max - ports->slice.port_min + 1u;
	uint32_t *next = &ports->counters[hash % LOCAL_PORT_COUNTERS].next;
	uint32_t probes = RTE_MIN(range, (uint32_t)PROBES_MAX);
	uint32_t steps = RTE_MIN(range, (uint32_t)STEPS_MAX);

	while (probes > 0 && steps-- > 0) {
		uint32_t offset = (uint32_t)(((hash >> 32) + (*next)++) % range);
		uint16_t port = (uint16_t)(ports->slice.port_min + offset);

		if (rss->rss != NULL && rss_queue(rss, port) != wish->queue)
			continue;
		tuple->dst_port_be = rte_cpu_to_be_16(port);
		if (is_free(table, wish->services, tuple))
			return true;
		probes--;
	}
	return false;
}

enum local_port_result local_port_choose(struct local_ports *ports, struct conntrack *table,
	const struct local_port_wish *wish, struct packet_tuple *tuple)
{
	const struct rss_search anywhere = { .rss = NULL };
	uint64_t words[5] = {
		tuple->src.halves[0],
		tuple->src.halves[1],
		tuple->dst.halves[0],
		tuple->dst.halves[1],
		(uint64_t)tuple->src_port_be << 8 | tuple->protocol,
	};
	uint64_t hash = hash_words5(ports->key, words);
	uint32_t *failed_ms = &ports->counters[hash % LOCAL_PORT_COUNTERS].failed_ms;
	struct rss_search rss = rss_begin(wish->rss,
		&(struct rss_flow){
			.src = tuple->src,
			.dst = tuple->dst,
			.src_port_be = tuple->src_port_be,
			.protocol = tuple->protocol,
		});

	if (*failed_ms == wish->now_ms)
		return LOCAL_PORT_NONE;
	if (rss.rss != NULL && port_find(ports, table, wish, &rss, hash, tuple))
		return LOCAL_PORT_STEERED;
	if (port_find(ports, table, wish, &anywhere, hash, tuple))
		return LOCAL_PORT_PLAIN;
	*failed_ms = wish->now_ms;
	return LOCAL_PORT_NONE;
}
