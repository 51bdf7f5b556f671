/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CONNTRACK_STATE_H
#define L4_CONNTRACK_STATE_H

#include <rte_tcp.h>

#include "conn.h"
#include "l4/l4.h"

/*
 * from \ packet | client's       | member's  | FIN, one side | FIN, both | RST
 * NEW (TCP)     | ESTABLISHED *  | NEW       | FIN           | CLOSED    | CLOSED
 * NEW (UDP)     | NEW            | ESTABLISHED
 * ESTABLISHED   | ESTABLISHED    | ESTABLISHED | FIN         | CLOSED    | CLOSED
 * FIN           | FIN            | FIN       | FIN           | CLOSED    | CLOSED
 * CLOSED        | CLOSED         | CLOSED    | CLOSED        | CLOSED    | CLOSED
 *
 * (*) without SYN, and after the member has answered: a forged SYN, which gets its SYN|ACK and no
 * more, stays NEW and short-lived. Leaving FIN or CLOSED for NEW takes a new connection: a SYN
 * from the client. A packet in CLOSED counts as activity, so that a forged RST, whose sequence
 * number is not looked at, does not end a connection on which both sides go on.
 *
 * Of a one-sided connection (DSR) only the client is seen. It begins as answered: its first packet
 * without SYN, or its second datagram, makes it ESTABLISHED. The client's FIN makes it FIN, which
 * lasts as long as packets come and L4_TIMEOUT_FIN_MS more.
 */
#define L4_TIMEOUT_SYN_MS    30000u
#define L4_TIMEOUT_FIN_MS    60000u
#define L4_TIMEOUT_CLOSED_MS 10000u
#define L4_TIMEOUT_RESET_MS  5000u

/* SYN alone: asks for a connection. */
static inline bool tcp_is_opening(uint8_t tcp_flags)
{
	return (tcp_flags &
		       (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG |
			       RTE_TCP_FIN_FLAG)) == RTE_TCP_SYN_FLAG;
}

/* Begins the life of an entered connection. */
void conn_start(struct conn *conn, const struct service *service, uint32_t now_ms);

/* Takes a TCP segment into account. service: the client's packets'; NULL from the member. */
void conn_advance_tcp(
	struct conn *conn, uint8_t tcp_flags, enum conn_side side, const struct service *service);
void conn_advance_udp(struct conn *conn, enum conn_side side);

#endif
