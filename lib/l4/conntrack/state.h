/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CONNTRACK_STATE_H
#define L4_CONNTRACK_STATE_H

#include <netinet/in.h>

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
 * SCTP (RFC 9260 4): SHUTDOWN and SHUTDOWN ACK are its FIN of one side, SHUTDOWN COMPLETE that of
 * both, ABORT its RST, INIT its SYN, COOKIE ACK what the member has to answer.
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
#define L4_TIMEOUT_COOKIE_MS 90000u /* RFC 9260 16: longer than a heartbeat takes to come */
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

/* INIT alone, as the parser made sure. */
static inline bool sctp_is_opening(uint8_t chunks)
{
	return chunks == PACKET_SCTP_INIT;
}

/*
 * Whether a client's packet may open a flow. A fragment without a header follows one that may; an
 * ICMP error, which has the tuple of a flow, is about one.
 */
static inline bool packet_is_opening(const struct packet *p)
{
	if (p->protocol == IPPROTO_TCP)
		return tcp_is_opening(p->tcp_flags);
	if (p->protocol == IPPROTO_SCTP)
		return sctp_is_opening(p->sctp_chunks);
	return (p->flags & (PACKET_IS_LATER | PACKET_IS_ICMP)) == 0;
}

/* Begins the life of an entered connection. */
void conn_start(struct conn *conn, const struct service *service, uint32_t now_ms);

/* A TCP connection whose both handshakes are done. */
void conn_establish(struct conn *conn, uint32_t timeout_ms);

/* Takes a TCP segment into account. service: the client's packets'; NULL from the member. */
void conn_advance_tcp(
	struct conn *conn, uint8_t tcp_flags, enum conn_side side, const struct service *service);
void conn_advance_udp(struct conn *conn, enum conn_side side);
void conn_advance_sctp(
	struct conn *conn, uint8_t chunks, enum conn_side side, const struct service *service);

/*
 * What of a packet of any protocol means a change of state: TCP flags or SCTP chunks. To be read
 * before the packet is sent on, which may be the end of it.
 */
static inline uint8_t packet_signs(const struct packet *p)
{
	return p->tcp_flags;
}

static inline void conn_advance(
	struct conn *conn, uint8_t signs, enum conn_side side, const struct service *service)
{
	if (conn->protocol == IPPROTO_TCP)
		conn_advance_tcp(conn, signs, side, service);
	else if (conn->protocol == IPPROTO_UDP)
		conn_advance_udp(conn, side);
	else
		conn_advance_sctp(conn, signs, side, service);
}

#endif
