/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_hash.h"

uint32_t packet_tuple_hash(const struct packet_tuple *tuple, struct hash_key key)
{
	uint64_t rest = flow_rest(tuple->src_port_be, tuple->dst_port_be, tuple->protocol);

	return flow_hash_any(&tuple->src, &tuple->dst, rest, key);
}

uint32_t packet_flow_hash(const struct packet *p, struct hash_key key)
{
	uint64_t rest = flow_rest(p->src_port_be, p->dst_port_be, p->protocol);

	return flow_hash_any(&p->src, &p->dst, rest, key);
}
