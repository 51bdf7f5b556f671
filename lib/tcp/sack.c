/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"

/* RFC 2883 4: a first block below the cumulative ACK or inside the second tells of a duplicate. */
static bool is_dsack(const struct segment *seg)
{
	const struct sack_block *blocks = seg->options.sacks;

	if (seq_le(blocks[0].end, seg->ack))
		return true;
	return seg->options.sack_count > 1 && seq_ge(blocks[0].start, blocks[1].start) &&
		seq_le(blocks[0].end, blocks[1].end);
}

static bool is_covered(const struct options *options, unsigned first, const struct tx_unit *unit)
{
	for (unsigned i = first; i < options->sack_count; i++) {
		const struct sack_block *block = &options->sacks[i];

		if (seq_le(block->start, unit->seq) && seq_ge(block->end, unit_end(unit)))
			return true;
	}
	return false;
}

/* Blocks that claim what was never sent, or nothing at all, void the option. */
static bool blocks_are_valid(
	const struct tcp_conn *conn, const struct options *options, unsigned first)
{
	for (unsigned i = first; i < options->sack_count; i++) {
		const struct sack_block *block = &options->sacks[i];

		if (!seq_lt(block->start, block->end) || seq_gt(block->end, conn->snd_nxt) ||
			seq_lt(block->start, conn->snd_una))
			return false;
	}
	return true;
}

void sack_apply(struct tcp_conn *conn, const struct segment *seg, struct ack_news *news)
{
	const struct options *options = &seg->options;
	unsigned first = 0;

	if (is_dsack(seg)) {
		news->is_dsack = true;
		news->dsack_end = options->sacks[0].end;
		conn->stack->counters.dsacks_in++;
		rack_on_dsack(conn);
		first = 1;
	}
	if (first == options->sack_count || !blocks_are_valid(conn, options, first))
		return;
	for (struct rte_mbuf *m = conn->tx_head; m != conn->tx_unsent; m = unit_of(m)->next) {
		struct tx_unit *unit = unit_of(m);

		if (unit->flags & UNIT_SACKED || !is_covered(options, first, unit))
			continue;
		news->has_original |= unit->flags & UNIT_LOST && unit->sends == 1;
		rack_update(conn, unit, seg);
		tx_unit_leave_flight(conn, unit);
		tx_unit_unlost(conn, unit);
		unit->flags |= UNIT_SACKED;
		conn->sacked_bytes += unit_span(unit);
		news->delivered += unit_span(unit);
		news->has_sacked = true;
	}
}
