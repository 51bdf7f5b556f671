/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_SEND_H
#define L4_SPLICE_SEND_H

#include "segment.h"
#include "splice.h"

/*
 * Segments of our own on a spliced connection, into the burst's output. m: an mbuf to make it of,
 * which is then taken; NULL: a new one. False: there was none, and m is still the caller's.
 */
bool splice_segment_send(
	const struct l4_burst *burst, struct rte_mbuf *m, const struct segment *segment);

/* The SYN by which a proxied connection reaches its member. */
bool splice_syn_send(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m);

/* An ACK to the member: with the PROXY header as long as that is owed, or with the address. */
bool splice_ack_send(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m);

/* Tells the client of a proxied connection that the member takes so much. */
bool splice_update_send(
	const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m, uint16_t window);

/* Ends it on one side. The member's expects the number that it has acknowledged. */
bool splice_client_reset(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m);
bool splice_member_reset(
	const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m, uint32_t seq);

#endif
