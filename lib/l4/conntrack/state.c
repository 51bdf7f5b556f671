/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <netinet/in.h>

/* Times wrap after 2^32 ms, and are told from each other up to half of that. */
#define TIMEOUT_MAX_MS (UINT32_MAX / 2 - 60000)

static void set_state(struct conn *conn, enum l4_state state, uint32_t timeout_ms)
{
	conn->state = state;
	conn->timeout_ms = RTE_MIN(timeout_ms, TIMEOUT_MAX_MS);
}

void conn_start(struct conn *conn, const struct service *service, uint32_t now_ms)
{
	conn->seen_ms = now_ms;
	set_state(conn, L4_STATE_NEW,
		conn->protocol == IPPROTO_UDP ? service->udp_idle_timeout_ms : L4_TIMEOUT_SYN_MS);
}

void conn_establish(struct conn *conn, uint32_t timeout_ms)
{
	conn->flags |= CONN_HAS_ANSWER;
	set_state(conn, L4_STATE_ESTABLISHED, timeout_ms);
}

static __rte_noinline void tcp_end(struct conn *conn, uint8_t tcp_flags, enum conn_side side)
{
	const uint8_t both = CONN_FIN_CLIENT | CONN_FIN_MEMBER;

	if (conn->state == L4_STATE_CLOSED)
		return;
	if ((tcp_flags & RTE_TCP_RST_FLAG) != 0) {
		set_state(conn, L4_STATE_CLOSED, L4_TIMEOUT_RESET_MS);
		return;
	}
	conn->flags |= side == CONN_CLIENT ? CONN_FIN_CLIENT : CONN_FIN_MEMBER;
	if ((conn->flags & both) == both)
		set_state(conn, L4_STATE_CLOSED, L4_TIMEOUT_CLOSED_MS);
	else
		set_state(conn, L4_STATE_FIN, L4_TIMEOUT_FIN_MS);
}

void conn_advance_tcp(
	struct conn *conn, uint8_t tcp_flags, enum conn_side side, const struct service *service)
{
	if ((tcp_flags & (RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG)) != 0) {
		tcp_end(conn, tcp_flags, side);
		return;
	}
	if (conn->state != L4_STATE_NEW)
		return;
	if (side == CONN_MEMBER)
		conn->flags |= CONN_HAS_ANSWER;
	else if ((conn->flags & CONN_HAS_ANSWER) != 0 && (tcp_flags & RTE_TCP_SYN_FLAG) == 0)
		set_state(conn, L4_STATE_ESTABLISHED, service->tcp_idle_timeout_ms);
}

void conn_advance_udp(struct conn *conn, enum conn_side side)
{
	/* Where the member is not heard, a second packet of the client has to do. */
	bool is_answered = side == CONN_MEMBER ||
		(conn_is_one_sided(conn) && conn->packets[CONN_CLIENT] > 0);

	if (is_answered && conn->state == L4_STATE_NEW)
		set_state(conn, L4_STATE_ESTABLISHED, conn->timeout_ms);
}

void conn_advance_sctp(
	struct conn *conn, uint8_t chunks, enum conn_side side, const struct service *service)
{
	const uint8_t ending = PACKET_SCTP_SHUTDOWN | PACKET_SCTP_SHUTDOWN_ACK;

	if (conn->state == L4_STATE_CLOSED)
		return;
	if ((chunks & PACKET_SCTP_ABORT) != 0) {
		set_state(conn, L4_STATE_CLOSED, L4_TIMEOUT_RESET_MS);
	} else if ((chunks & PACKET_SCTP_SHUTDOWN_COMPLETE) != 0) {
		set_state(conn, L4_STATE_CLOSED, L4_TIMEOUT_CLOSED_MS);
	} else if ((chunks & ending) != 0) {
		set_state(conn, L4_STATE_FIN, L4_TIMEOUT_FIN_MS);
	} else if (conn->state == L4_STATE_NEW && side == CONN_MEMBER) {
		if ((chunks & PACKET_SCTP_COOKIE_ACK) == 0)
			return;
		conn->flags |= CONN_HAS_ANSWER;
		set_state(conn, L4_STATE_NEW, L4_TIMEOUT_COOKIE_MS);
	} else if (conn->state == L4_STATE_NEW && (conn->flags & CONN_HAS_ANSWER) != 0 &&
		(chunks & PACKET_SCTP_INIT) == 0) {
		set_state(conn, L4_STATE_ESTABLISHED, service->sctp_idle_timeout_ms);
	}
}
