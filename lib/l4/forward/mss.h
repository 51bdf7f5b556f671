/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_FORWARD_MSS_H
#define L4_FORWARD_MSS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * Lowers the maximum segment size (RFC 9293 3.7.1) that a parsed TCP packet announces to limit, and
 * fixes the checksum. True when there was one and it was larger.
 */
bool mss_clamp(struct rte_mbuf *m, uint16_t limit);

#endif
