/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments in any order, with any place and length. Six bytes each: which of the known flows and
 * a few datagrams, the offset in units of eight, the length, whether more follow and time goes by.
 */
#include <netinet/in.h>

#include "flow_path.h"

#define INPUT_BYTES  6
#define HEADER_BYTES 8
#define STEP_MS      500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t v4_build(const uint8_t *data, uint8_t *frame)
{
	uint8_t payload[256 + HEADER_BYTES] = { 0 };
	size_t len = frame_build(
		&(struct frame_spec){
			.src = "203.0.113.1",
			.dst = "192.0.2.100",
			.src_port = 10000,
			.dst_port = data[0] & 2 ? 53 : 80,
			.protocol = data[0] & 2 ? IPPROTO_UDP : IPPROTO_TCP,
			.payload = payload,
			.payload_len = data[4],
		},
		frame, FLOW_PATH_FRAME_MAX);
	uint8_t *ip = frame + FLOW_PATH_ETHER;

	ip[4] = 0;
	ip[5] = data[1] & 7;
	ip[6] = (uint8_t)((data[5] & 1 ? 0x20 : 0) | (data[2] & 0x1f));
	ip[7] = data[3];
	frame_sums_fill(ip, len - FLOW_PATH_ETHER);
	return len;
}

static size_t v6_build(const uint8_t *data, uint8_t *frame)
{
	const uint8_t extension[HEADER_BYTES] = { data[0] & 2 ? IPPROTO_UDP : IPPROTO_TCP, 0,
		data[2], (uint8_t)((data[3] & 0xf8) | (data[5] & 1)), 0, 0, 0, data[1] & 7 };
	uint8_t payload[256] = { 0 };

	return frame_build(
		&(struct frame_spec){
			.src = "2001:db8:2::1",
			.dst = "2001:db8::100",
			.src_port = 10000,
			.dst_port = data[0] & 2 ? 53 : 80,
			.protocol = extension[0],
			.payload = payload,
			.payload_len = data[4],
			.extensions = extension,
			.extensions_len = sizeof(extension),
			.extensions_next = IPPROTO_FRAGMENT,
		},
		frame, FLOW_PATH_FRAME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness *h = flow_path_get();
	uint8_t frame[FLOW_PATH_FRAME_MAX];

	for (; size >= INPUT_BYTES; size -= INPUT_BYTES, data += INPUT_BYTES) {
		size_t len = data[0] & 1 ? v6_build(data, frame) : v4_build(data, frame);

		flow_path_run(h, frame, len);
		if (data[5] & 0x80)
			harness_pass(h, STEP_MS);
	}
	/* Nothing waits any longer: flows begin anew, and so does the next input. */
	harness_pass(h, 3 * STEP_MS + 1000);
	return 0;
}
