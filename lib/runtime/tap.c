/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include <rte_common.h>
#include <rte_mbuf_dyn.h>

#include "stats/stats.h"

struct tap {
	/* Worker */
	const struct bpf_insn *program;
	uint64_t flag; /* of mbufs that are shown: another use of the same mbuf lacks it */
	uint64_t lost;
	unsigned pending; /* records behind head, without a final verdict */
	const struct rte_mbuf *mbufs[TAP_BURST_MAX];
	_Alignas(64) atomic_uint head; /* written by the worker; counts on, wraps */
	/* Control */
	_Alignas(64) atomic_uint tail;
	struct tap_record records[TAP_RECORDS];
};

static int flag_register(uint64_t *flag)
{
	static const struct rte_mbuf_dynflag wanted = { .name = "penstock_dynflag_tap" };
	int bit = rte_mbuf_dynflag_register(&wanted);

	if (bit < 0)
		return -1;
	*flag = UINT64_C(1) << bit;
	return 0;
}

struct tap *tap_create(const struct bpf_insn *program)
{
	size_t bytes = RTE_ALIGN_CEIL(sizeof(struct tap), (size_t)RTE_CACHE_LINE_SIZE);
	struct tap *tap = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);

	if (tap == NULL)
		return NULL;
	/* The records' memory is touched when they are used. */
	memset(tap, 0, offsetof(struct tap, records));
	tap->program = program;
	if (flag_register(&tap->flag) == 0)
		return tap;
	free(tap);
	return NULL;
}

void tap_destroy(struct tap *tap)
{
	free(tap);
}

static struct tap_record *record_at(struct tap *tap, unsigned at)
{
	return &tap->records[at % TAP_RECORDS];
}

void tap_take(struct tap *tap, struct rte_mbuf *m, unsigned port, uint64_t now_us)
{
	unsigned at = atomic_load_explicit(&tap->head, memory_order_relaxed) + tap->pending;
	uint32_t len = RTE_MIN(rte_pktmbuf_pkt_len(m), (uint32_t)TAP_BYTES_MAX);
	uint8_t chained[TAP_BYTES_MAX];
	const uint8_t *bytes = rte_pktmbuf_read(m, 0, len, chained);
	struct tap_record *record;

	m->ol_flags &= ~tap->flag;
	if (bpf_filter(tap->program, bytes, rte_pktmbuf_pkt_len(m), len) == 0)
		return;
	if (tap->pending == TAP_BURST_MAX ||
		at - atomic_load_explicit(&tap->tail, memory_order_acquire) >= TAP_RECORDS) {
		tap->lost++;
		return;
	}
	record = record_at(tap, at);
	record->time_us = now_us;
	record->wire_len = rte_pktmbuf_pkt_len(m);
	record->len = len;
	record->verdict = TAP_TAKEN;
	record->reason = DROP_NONE;
	record->port = (uint8_t)port;
	record->member[0] = '\0';
	memcpy(record->bytes, bytes, len);
	m->ol_flags |= tap->flag;
	tap->mbufs[tap->pending++] = m;
}

/* NULL: the packet is not shown. */
static struct tap_record *pending_find(struct tap *tap, const struct rte_mbuf *m)
{
	unsigned head = atomic_load_explicit(&tap->head, memory_order_relaxed);

	if ((m->ol_flags & tap->flag) == 0)
		return NULL;
	for (unsigned i = tap->pending; i-- > 0;) {
		if (tap->mbufs[i] == m)
			return record_at(tap, head + i);
	}
	return NULL;
}

void tap_settle(
	struct tap *tap, const struct rte_mbuf *m, enum tap_verdict verdict, const char *member)
{
	struct tap_record *record = pending_find(tap, m);
	size_t len;

	if (record == NULL || (verdict == TAP_PASSED && record->verdict != TAP_TAKEN))
		return;
	record->verdict = (uint8_t)verdict;
	if (member == NULL)
		return;
	len = strnlen(member, TAP_MEMBER_MAX - 1);
	memcpy(record->member, member, len);
	record->member[len] = '\0';
}

void tap_drop(struct tap *tap, const struct rte_mbuf *m, enum drop_reason reason)
{
	struct tap_record *record = pending_find(tap, m);

	if (record == NULL)
		return;
	record->verdict = TAP_DROPPED;
	record->reason = (uint16_t)reason;
}

void tap_commit(struct tap *tap)
{
	unsigned head = atomic_load_explicit(&tap->head, memory_order_relaxed);

	atomic_store_explicit(&tap->head, head + tap->pending, memory_order_release);
	tap->pending = 0;
}

const struct tap_record *tap_peek(struct tap *tap)
{
	unsigned tail = atomic_load_explicit(&tap->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&tap->head, memory_order_acquire))
		return NULL;
	return record_at(tap, tail);
}

void tap_release(struct tap *tap)
{
	unsigned tail = atomic_load_explicit(&tap->tail, memory_order_relaxed);

	atomic_store_explicit(&tap->tail, tail + 1, memory_order_release);
}

uint64_t tap_lost(const struct tap *tap)
{
	return stats_read(&tap->lost);
}
