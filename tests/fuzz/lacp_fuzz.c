/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LACPDUs of a partner that says anything at any time: rows of a byte of time and a frame's length,
 * and the frame. Input longer than a row's is the next one's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "port/lacp.h"

#define ROWS_MAX 200
#define STEP_US  (100 * CLOCK_US_PER_MS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void state_check(const struct lacp_port *port)
{
	bool is_sending = (port->actor.state & LACP_DISTRIBUTING) != 0;

	if (port->mux > LACP_MUX_DISTRIBUTING || port->rx > LACP_RX_CURRENT ||
		is_sending != (port->mux == LACP_MUX_DISTRIBUTING))
		abort();
	/* Nothing leaves by a link that its partner does not answer on. */
	if (is_sending && (port->partner.state & LACP_COLLECTING) == 0)
		abort();
}

/* Exactly as long as it says, so that the sanitizer sees every byte too far. */
static void frame_take(struct lacp_port *port, const uint8_t *data, size_t len, uint64_t now_us)
{
	uint8_t *frame = malloc(len + 1);

	if (frame == NULL)
		abort();
	memcpy(frame + 1, data, len);
	if (lacp_input(port, frame + 1, len, now_us) && port->rx != LACP_RX_CURRENT)
		abort();
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct lacp_info actor = {
		.system_priority = 0xffff,
		.system = { 2, 0, 0, 0, 0, 1 },
		.key = 1,
		.port_priority = 255,
		.port = 1,
	};
	struct lacp_port ports[2];
	struct lacp_port *group[2] = { &ports[0], &ports[1] };
	uint8_t out[LACP_FRAME_LEN];
	uint64_t now_us = CLOCK_US_PER_S;

	for (unsigned i = 0; i < 2; i++) {
		lacp_init(group[i], &actor, actor.system, true);
		lacp_link_set(group[i], true, now_us);
	}
	for (unsigned row = 0; row < ROWS_MAX && size >= 2; row++) {
		struct lacp_port *port = group[row & 1];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		now_us += data[0] * STEP_US;
		frame_take(port, data + 2, len, now_us);
		data += 2 + len;
		size -= 2 + len;
		for (unsigned i = 0; i < 2; i++)
			lacp_advance(group[i], now_us);
		lacp_select(group, 2);
		for (unsigned i = 0; i < 2; i++) {
			lacp_advance(group[i], now_us);
			state_check(group[i]);
			(void)lacp_output(group[i], out, now_us);
		}
	}
	return 0;
}
