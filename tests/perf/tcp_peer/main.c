/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "peer.h"

static uint64_t after_us(const struct peer *peer, double seconds)
{
	return peer->now_us + (uint64_t)(seconds * (double)CLOCK_US_PER_S);
}

static void totals_subtract(struct peer_totals *totals, const struct peer_totals *before)
{
	totals->operations -= before->operations;
	totals->bytes -= before->bytes;
	totals->connects -= before->connects;
}

/* A client measures a stretch of time, or does its errand; failures are counted from the start. */
static int client_run(struct peer *peer)
{
	struct peer_totals before;
	uint64_t begin_us;

	if (peer->options.bytes == 0)
		peer_run(peer, after_us(peer, peer->options.warmup_s));
	before = peer->totals;
	begin_us = peer->now_us;
	peer_run(peer, after_us(peer, peer->options.seconds));
	totals_subtract(&peer->totals, &before);
	peer_report(peer, (double)(peer->now_us - begin_us) / (double)CLOCK_US_PER_S);
	return peer->totals.failures == 0 && (peer->options.bytes == 0 || peer->is_done) ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct peer peer;
	int status = peer_open(&peer, argc, argv);

	if (status != 0)
		return status;
	if (peer.app->accept != NULL)
		peer_run(&peer, UINT64_MAX);
	else
		status = client_run(&peer);
	peer_close(&peer);
	return status;
}
