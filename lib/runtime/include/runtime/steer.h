/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_STEER_H
#define RUNTIME_STEER_H

#include <stdint.h>

/*
 * The owner of a packet as a pure function of its headers. The local port range is cut into one
 * slice per worker, L4 workers first, then L7 workers; packets to a VIP go by flow hash.
 */
struct steer {
	uint16_t port_min;
	uint16_t slice_ports; /* ports in a slice */
	uint8_t l4_count;
	uint8_t l7_count;
};

struct steer_slice {
	uint16_t port_min; /* host order, both ends included */
	uint16_t port_max;
};

enum steer_kind { STEER_NONE, STEER_L4, STEER_L7 };

struct steer_owner {
	enum steer_kind kind;
	unsigned index; /* of the L4 or L7 worker */
};

struct steer steer_create(
	unsigned port_min, unsigned port_max, unsigned l4_count, unsigned l7_count);
struct steer_slice steer_l4_slice(const struct steer *steer, unsigned index);
struct steer_slice steer_l7_slice(const struct steer *steer, unsigned index);

/* Owner of a reply to one of our own addresses; STEER_NONE outside of all slices. */
static inline struct steer_owner steer_by_port(const struct steer *steer, uint16_t port)
{
	unsigned slice;

	if (port < steer->port_min)
		return (struct steer_owner){ .kind = STEER_NONE };
	slice = (unsigned)(port - steer->port_min) / steer->slice_ports;
	if (slice < steer->l4_count)
		return (struct steer_owner){ .kind = STEER_L4, .index = slice };
	slice -= steer->l4_count;
	if (slice < steer->l7_count)
		return (struct steer_owner){ .kind = STEER_L7, .index = slice };
	return (struct steer_owner){ .kind = STEER_NONE };
}

/* Multiply-shift: even over any number of workers, without a division. */
static inline unsigned steer_by_hash(uint32_t flow_hash, unsigned worker_count)
{
	return (unsigned)(((uint64_t)flow_hash * worker_count) >> 32);
}

#endif
