/* SPDX-License-Identifier: Apache-2.0 */
#include "local_port.h"

#include <rte_byteorder.h>

#include "base/rng.h"

#define PROBES_MAX 64

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

bool local_port_choose(struct local_ports *ports, struct conntrack *table,
	const struct service_table *services, struct packet_tuple *tuple, uint32_t now_ms)
{
	uint32_t range = ports->slice.port_max - ports->slice.port_min + 1u;
	uint64_t words[5] = {
		tuple->src.halves[0],
		tuple->src.halves[1],
		tuple->dst.halves[0],
		tuple->dst.halves[1],
		(uint64_t)tuple->src_port_be << 8 | tuple->protocol,
	};
	uint64_t hash = hash_words5(ports->key, words);
	unsigned at = hash % LOCAL_PORT_COUNTERS;
	uint32_t probes = RTE_MIN(range, (uint32_t)PROBES_MAX);

	if (ports->counters[at].failed_ms == now_ms)
		return false;
	while (probes-- > 0) {
		uint32_t offset = (uint32_t)(((hash >> 32) + ports->counters[at].next++) % range);

		tuple->dst_port_be = rte_cpu_to_be_16((uint16_t)(ports->slice.port_min + offset));
		if (is_free(table, services, tuple))
			return true;
	}
	ports->counters[at].failed_ms = now_ms;
	return false;
}
