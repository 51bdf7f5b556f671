/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_SPLICE_H
#define L4_SPLICE_SPLICE_H

#include "../core.h"

/*
 * Connections whose two sides do not see the same sequence numbers: SYN proxy and PROXY protocol,
 * and those whose member is still to be told of the client by TCP option. All by full NAT; on the
 * worker that owns them. What is_taken says yes to has become packets in the output, or is gone.
 */

/* A connection that a client's SYN has opened, in a service with "client_address". */
void splice_start(const struct l4_burst *burst, const struct l4_packet *packet, struct conn *conn);

/* From here on the connection is one like any other, or ends. */
void splice_release(struct l4_core *l4, struct conn *conn);

/* Puts it into the queue of a stage, or takes it out of that which it is in. */
void splice_pend(struct l4_core *l4, struct splice *splice, unsigned stage, uint32_t now_ms);
void splice_unpend(struct l4_core *l4, struct splice *splice);

static inline bool splice_is_pending(const struct splice *splice)
{
	return splice->stage != SPLICE_STAGES;
}

/* The first stage of our SYN, and of a header: a quarter of a second, doubled by each. */
#define SPLICE_STAGE_SYN    2
#define SPLICE_STAGE_HEADER 0

/* A packet of a spliced connection before it is sent on. DROP_NONE, or why it must go. */
enum drop_reason splice_input(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken);

/* The two halves of it. */
enum drop_reason splice_from_client(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken);
enum drop_reason splice_from_member(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken);

/*
 * An ICMP error that is about to go to the other side: its quote gets that side's numbers; the
 * error's own checksum is left to who rewrites it. DROP_NONE, or DROP_icmp_quote: a quote of what
 * the other side cannot have sent.
 */
enum drop_reason splice_quote(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m);

/* Sends again what members have not answered, and gives up on those that never do. */
void splices_advance(const struct l4_burst *burst);
void splices_init(struct splices *splices, struct hash_key secret, uint64_t now_us);

/*
 * A client's packet without a connection, in a service with "syn_proxy": a SYN may be answered by a
 * cookie, and the ACK of one opens the connection.
 */
enum drop_reason syn_proxy_input(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken);

/* Whether a SYN would be answered now. Counts it. */
bool syn_proxy_wants(const struct l4_burst *burst, const struct l4_packet *packet);

#endif
