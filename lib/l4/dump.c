/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_byteorder.h>

#include "base/clock.h"
#include "core.h"

struct l4_conn_row conn_row(const struct conntrack *table, const struct conn *conn, uint32_t now_ms)
{
	struct packet_tuple client;
	struct packet_tuple member;

	conntrack_tuple(table, conn, CONN_CLIENT, &client);
	conntrack_tuple(table, conn, CONN_MEMBER, &member);
	if (conn_is_one_sided(conn))
		member = (struct packet_tuple){
			.src = conn->member->address,
			.dst = client.src,
			.src_port_be = client.dst_port_be,
			.dst_port_be = client.src_port_be,
		};
	return (struct l4_conn_row){
		.client = client.src,
		.vip = client.dst,
		.local = member.dst,
		.member = member.src,
		.client_port = rte_be_to_cpu_16(client.src_port_be),
		.vip_port = rte_be_to_cpu_16(client.dst_port_be),
		.local_port = rte_be_to_cpu_16(member.dst_port_be),
		.member_port = rte_be_to_cpu_16(member.src_port_be),
		.protocol = conn->protocol,
		.state = conn->state,
		.idle_ms = conn_idle_ms(conn, now_ms),
		.timeout_ms = conn->timeout_ms,
		.packets_in = conn->packets[CONN_CLIENT],
		.packets_out = conn->packets[CONN_MEMBER],
		.member_id = conn->member->id,
	};
}

unsigned l4_conn_dump(const struct l4_core *l4, uint32_t *cursor, struct l4_conn_row *rows,
	unsigned max, uint64_t now_us)
{
	const struct conntrack *table = l4->table;
	uint32_t now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS);
	unsigned count = 0;

	while (count < max && *cursor < table->fresh) {
		const struct conn *conn = &table->conns[(*cursor)++];

		if (conn_is_used(conn) && !conn_is_expired(conn, now_ms))
			rows[count++] = conn_row(table, conn, now_ms);
	}
	return count;
}
