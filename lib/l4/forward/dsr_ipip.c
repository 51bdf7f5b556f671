/* SPDX-License-Identifier: Apache-2.0 */
/* Direct return by IP in IP (RFC 2003, RFC 2473, RFC 4213), either version in either. */
#include "outer.h"

static int wrap_growth(const struct l4_packet *packet)
{
	return outer_ip_bytes(packet->member);
}

static enum drop_reason wrap(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	const uint8_t *inner = rte_pktmbuf_mtod(m, const uint8_t *);

	return outer_write(burst, packet, m, outer_payload_protocol(inner), inner);
}

const struct forward_ops forward_dsr_ipip = {
	.is_dsr = true,
	.wrap_growth = wrap_growth,
	.rewrite = forward_rewrite_ttl,
	.wrap = wrap,
};
