/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

uint8_t ecn_codepoint(const struct segment *seg)
{
	const struct packet *p = packet_of(seg->m);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(seg->m, const uint8_t *, p->l3_offset);

	return p->flags & PACKET_IS_V6 ? ip[1] >> 4 & 3 : ip[1] & 3;
}

/* RFC 3168 6.1.3: CE is echoed on every segment until the sender says that its window fell. A mark
 * on a segment without data comes from no sender of ours to heed. */
void ecn_receive(struct tcp_conn *conn, const struct segment *seg)
{
	if (seg->payload_len == 0)
		return;
	if (seg->flags & RTE_TCP_CWR_FLAG)
		conn->flags &= ~(uint32_t)CONN_ECN_ECHO;
	if (ecn_codepoint(seg) != ECN_CE)
		return;
	conn->stack->counters.ecn_marks_in++;
	if (!(conn->flags & CONN_ECN_ECHO))
		conn->flags |= CONN_ECN_ECHO | CONN_ACK_NOW;
}
