/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

#define RTO_MIN_US 200000u /* RFC 6298 2.4 would have 1 s; 200 ms is what is deployed */
#define RTO_MAX_US 60000000u

void rtt_sample(struct tcp_conn *conn, uint32_t rtt_us)
{
	uint32_t rto;

	rtt_us = RTE_MIN(RTE_MAX(rtt_us, 1u), RTO_MAX_US);
	conn->min_rtt_us = RTE_MIN(conn->min_rtt_us, rtt_us);
	if (conn->srtt_us == 0) {
		conn->srtt_us = rtt_us;
		conn->rttvar_us = rtt_us / 2;
	} else {
		uint32_t delta = conn->srtt_us > rtt_us ? conn->srtt_us - rtt_us
							: rtt_us - conn->srtt_us;

		conn->rttvar_us = conn->rttvar_us - conn->rttvar_us / 4 + delta / 4;
		conn->srtt_us = RTE_MAX(conn->srtt_us - conn->srtt_us / 8 + rtt_us / 8, 1u);
	}
	rto = conn->srtt_us + RTE_MAX(4 * conn->rttvar_us, (uint32_t)CLOCK_US_PER_MS);
	conn->rto_us = RTE_MIN(RTE_MAX(rto, RTO_MIN_US), RTO_MAX_US);
}

uint64_t rto_backed_off_us(const struct tcp_conn *conn)
{
	uint64_t rto = (uint64_t)conn->rto_us << RTE_MIN(conn->backoff, 10u);

	return RTE_MIN(rto, (uint64_t)RTO_MAX_US);
}
