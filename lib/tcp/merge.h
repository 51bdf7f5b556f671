/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_MERGE_H
#define TCP_MERGE_H

#include "conn.h"

#define MERGE_BURST 32

/* What came at once. Packets that were taken are NULL. */
struct merge_burst {
	struct rte_mbuf **pkts;
	const uint32_t *hashes; /* conn_hash() of each */
	uint16_t count;         /* up to MERGE_BURST */
};

/* Plain data in order, with nothing behind a hole? */
bool merge_can_begin(const struct tcp_conn *conn, const struct segment *seg);

/* Takes what follows in order from behind the first packet of the burst, which seg is of, and
 * makes it part of seg. */
void merge_run(struct tcp_conn *conn, struct segment *seg, const struct merge_burst *burst,
	uint16_t first);

#endif
