/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "stack.h"

void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.tuple = {
			.src = conn->remote,
			.dst = conn->local,
			.src_port_be = conn->remote_port_be,
			.dst_port_be = conn->local_port_be,
			.protocol = IPPROTO_TCP,
		},
		.state = conn_state_name(conn->state),
		.srtt_us = conn->srtt_us,
		.rttvar_us = conn->rttvar_us,
		.rto_us = (uint32_t)rto_backed_off_us(conn),
		.cwnd = conn->cc.cwnd,
		.ssthresh = conn->cc.ssthresh,
		.mss = conn->mss,
		.retransmissions = conn->retransmissions,
		.send_queued = conn->tx_bytes,
		.receive_queued = conn->rx_bytes,
		.receive_window = rx_window_limit(conn),
		.bytes_in = conn->bytes_in,
		.bytes_out = conn->bytes_acked,
	};
}

#define DUMP_BUCKETS 4096 /* a call, however few connections stand in them */

/* The cursor is a bucket. One that no longer fits is left for the next call, but for one that is
 * longer than a whole call: its end is cut off. */
unsigned tcp_dump(
	const struct tcp_stack *stack, uint32_t *cursor, struct tcp_info *rows, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < DUMP_BUCKETS; i++) {
		unsigned before = count;
		const struct tcp_conn *conn;

		if (*cursor > stack->bucket_mask) {
			*cursor = TCP_DUMP_END;
			break;
		}
		conn = stack->buckets[*cursor];
		for (; conn != NULL && count < max; conn = conn->hash_next)
			tcp_conn_info(conn, &rows[count++]);
		if (conn != NULL && before > 0)
			return before;
		(*cursor)++;
	}
	return count;
}
