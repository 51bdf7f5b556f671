/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_TRANSLATE_H
#define L4_SPLICE_TRANSLATE_H

#include <rte_mbuf.h>

#include "../conntrack/conn.h"
#include "../conntrack/splice.h"

/*
 * Numbers, windows, SACK blocks and timestamps of a parsed TCP packet from one side become those
 * that the other side counts by; the checksum follows.
 */
void splice_translate(const struct splice *splice, enum conn_side side, struct rte_mbuf *m);

/* A window that the client has announced as the member counts it, and the other way round. */
uint16_t splice_window_in(const struct splice *splice, uint16_t window);
uint16_t splice_window_out(const struct splice *splice, uint16_t window);

/* The scale that we announce to clients whose SYN we answer. */
#define SPLICE_SCALE 7

#endif
