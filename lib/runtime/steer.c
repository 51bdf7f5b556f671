/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/steer.h"

struct steer steer_create(
	unsigned port_min, unsigned port_max, unsigned l4_count, unsigned l7_count)
{
	unsigned workers = l4_count + l7_count;

	return (struct steer){
		.port_min = (uint16_t)port_min,
		.slice_ports = (uint16_t)((port_max - port_min + 1) / (workers > 0 ? workers : 1)),
		.l4_count = (uint8_t)l4_count,
		.l7_count = (uint8_t)l7_count,
	};
}

static struct steer_slice slice_at(const struct steer *steer, unsigned slice)
{
	unsigned first = steer->port_min + slice * steer->slice_ports;

	return (struct steer_slice){
		.port_min = (uint16_t)first,
		.port_max = (uint16_t)(first + steer->slice_ports - 1),
	};
}

struct steer_slice steer_l4_slice(const struct steer *steer, unsigned index)
{
	return slice_at(steer, index);
}

struct steer_slice steer_l7_slice(const struct steer *steer, unsigned index)
{
	return slice_at(steer, steer->l4_count + index);
}
