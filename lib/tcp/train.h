/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_TRAIN_H
#define TCP_TRAIN_H

#include "conn.h"

/*
 * Units that leave one after the other as one packet, which the port cuts (or its device does):
 * RTE_MBUF_F_TX_TCP_SEG. What the queue knows of them is the same as had they left one by one.
 */
struct train {
	struct rte_mbuf *first; /* NULL: none waits */
	struct rte_mbuf *last;
	uint32_t bytes; /* payload */
	uint16_t count;
};

/* Takes a unit to the train's end, or sends it. False: no mbuf. */
bool train_take(struct tcp_conn *conn, struct train *train, struct rte_mbuf *m);

/* Sends what waits. The units were taken, so nothing can fail. */
void train_leave(struct tcp_conn *conn, struct train *train);

#endif
