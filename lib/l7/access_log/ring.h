/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCESS_RING_H
#define ACCESS_RING_H

#include "l7/access_log.h"

#define RING_BYTES (4u << 20)

/* Bytes are counted from the beginning; a record never wraps: a gap marks the rest as unused. */
struct access_ring {
	char *bytes;
	_Alignas(64) uint64_t head; /* the worker's, read by control */
	_Alignas(64) uint64_t tail; /* control's, read by the worker */
};

/* 0 or -ENOMEM. */
int access_ring_init(struct access_ring *ring);
void access_ring_finish(struct access_ring *ring);

/* The oldest record, or NULL; it stays until access_ring_take(). The control thread. */
const struct access_record *access_ring_peek(struct access_ring *ring);
void access_ring_take(struct access_ring *ring, const struct access_record *record);

#endif
