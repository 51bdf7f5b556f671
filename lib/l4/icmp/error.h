/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_ICMP_ERROR_H
#define L4_ICMP_ERROR_H

#include "../core.h"

/*
 * Sends an ICMP error on to the other end of the connection that it is about: what it quotes
 * becomes what that end has sent. It comes from our address on that side, since routers between us
 * and one end are nothing that the other knows. Neither state nor time-out change: nobody proves
 * by an error to be part of the flow (RFC 5927). packet->conn is known, and both its sides pass
 * here. DROP_NONE, or as packet_quote_rewrite(); between the IP versions, as
 * packet_quote_translate().
 */
enum drop_reason icmp_error_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m);

#endif
