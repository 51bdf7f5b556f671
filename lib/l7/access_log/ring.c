/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In place of a record's length: nothing more up to the end of the memory. */
#define GAP 0u

static_assert(sizeof(struct access_record) % 8 == 0, "records follow one another");

struct http_span access_text(const struct access_record *record, enum access_text text)
{
	struct http_span span = { .data = record->texts, .len = record->lens[text] };

	for (unsigned i = 0; i < (unsigned)text; i++)
		span.data += record->lens[i];
	return span;
}

int access_ring_init(struct access_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->bytes = aligned_alloc(64, RING_BYTES);
	return ring->bytes == NULL ? -ENOMEM : 0;
}

void access_ring_finish(struct access_ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

bool access_ring_put(struct access_ring *ring, const struct access_record *record)
{
	uint64_t head = ring->head;
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	uint32_t at = (uint32_t)(head % RING_BYTES);
	uint32_t gap = RING_BYTES - at < record->bytes ? RING_BYTES - at : 0;

	if (RING_BYTES - (head - tail) < (uint64_t)record->bytes + gap)
		return false;
	if (gap > 0) {
		memset(ring->bytes + at, 0, sizeof(record->bytes));
		head += gap;
		at = 0;
	}
	memcpy(ring->bytes + at, record, record->bytes);
	__atomic_store_n(&ring->head, head + record->bytes, __ATOMIC_RELEASE);
	return true;
}

const struct access_record *access_ring_peek(struct access_ring *ring)
{
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	const struct access_record *record;
	uint32_t at;

	if (ring->tail == head)
		return NULL;
	at = (uint32_t)(ring->tail % RING_BYTES);
	record = (const struct access_record *)(ring->bytes + at);
	if (record->bytes != GAP)
		return record;
	__atomic_store_n(&ring->tail, ring->tail + RING_BYTES - at, __ATOMIC_RELEASE);
	return (const struct access_record *)ring->bytes;
}

void access_ring_take(struct access_ring *ring, const struct access_record *record)
{
	__atomic_store_n(&ring->tail, ring->tail + record->bytes, __ATOMIC_RELEASE);
}
