/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments in any order, with any place and length, between clients and members of one IP version
 * and of two. Six bytes each: which way, flow and datagram, the offset in units of eight, the
 * length, whether more follow and time goes by.
 */
#include <netinet/in.h>

#include "flow_path.h"

#define INPUT_BYTES  6
#define HEADER_BYTES 8
#define STEP_MS      500

/* Of the first byte. */
#define IS_V6       0x01
#define IS_UDP      0x02
#define IS_MIXED    0x04 /* IPv6 clients of IPv4 members */
#define IS_REPLY    0x08
#define HAS_OPTIONS 0x10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct frame_spec spec_make(const uint8_t *data, bool is_v6)
{
	struct frame_spec spec = {
		.src = is_v6 ? "2001:db8:2::1" : "203.0.113.1",
		.dst = is_v6 ? "2001:db8::100" : "192.0.2.100",
		.src_port = 10000,
		.dst_port = data[0] & IS_UDP ? 53 : 80,
		.protocol = data[0] & IS_UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.payload_len = data[4],
	};

	if (data[0] & IS_REPLY) {
		spec.src = is_v6 ? "2001:db8:1::1" : "198.51.100.1";
		spec.dst = is_v6 ? "2001:db8::2" : "192.0.2.2";
		spec.src_port = 8080;
		spec.dst_port = 40000;
	}
	return spec;
}

static size_t v4_build(const uint8_t *data, uint8_t *frame)
{
	static const uint8_t options[] = { 0x94, 4, 0, 0, 0x44, 4, 5, 0 };
	static const uint8_t payload[256];
	struct frame_spec spec = spec_make(data, false);
	uint8_t *ip = frame + FLOW_PATH_ETHER;
	size_t len;

	spec.payload = payload;
	if (data[0] & HAS_OPTIONS) {
		spec.extensions = options;
		spec.extensions_len = sizeof(options);
	}
	len = frame_build(&spec, frame, FLOW_PATH_FRAME_MAX);
	ip[4] = 0;
	ip[5] = data[1] & 7;
	ip[6] = (uint8_t)((data[5] & 1 ? 0x20 : 0) | (data[2] & 0x1f));
	ip[7] = data[3];
	frame_sums_fill(ip, len - FLOW_PATH_ETHER);
	return len;
}

static size_t v6_build(const uint8_t *data, uint8_t *frame)
{
	const uint8_t extensions[2 * HEADER_BYTES] = { IPPROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0,
		data[0] & IS_UDP ? IPPROTO_UDP : IPPROTO_TCP, 0, data[2],
		(uint8_t)((data[3] & 0xf8) | (data[5] & 1)), 0, 0, 0, data[1] & 7 };
	unsigned skip = data[0] & HAS_OPTIONS ? 0 : HEADER_BYTES;
	static const uint8_t payload[256];
	struct frame_spec spec = spec_make(data, true);

	spec.payload = payload;
	spec.extensions = extensions + skip;
	spec.extensions_len = sizeof(extensions) - skip;
	spec.extensions_next = skip == 0 ? IPPROTO_HOPOPTS : IPPROTO_FRAGMENT;
	return frame_build(&spec, frame, FLOW_PATH_FRAME_MAX);
}

/* Members answer to flows that are there: theirs end while other inputs are tried. */
static void flows_renew(void)
{
	struct flow flow4 = flow_make(HARNESS_UDP4, 0);
	struct flow flow6 = flow_make(HARNESS_UDP6, 0);
	struct flow mixed = flow6;

	flow_path_check(flow_send(flow_path_get(), &flow4, 0) == DROP_NONE);
	flow_path_check(flow_send(flow_path_get(), &flow6, 0) == DROP_NONE);
	flow_path_check(flow_send(flow_path_mixed_get(), &mixed, 0) == DROP_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t frame[FLOW_PATH_FRAME_MAX];

	flows_renew();
	for (; size >= INPUT_BYTES; size -= INPUT_BYTES, data += INPUT_BYTES) {
		struct harness *h = data[0] & IS_MIXED ? flow_path_mixed_get() : flow_path_get();
		size_t len = data[0] & IS_V6 ? v6_build(data, frame) : v4_build(data, frame);

		flow_path_run(h, frame, len);
		if (data[5] & 0x80)
			harness_pass(h, STEP_MS);
	}
	/* Nothing waits any longer: flows begin anew, and so does the next input. */
	harness_pass(flow_path_get(), 3 * STEP_MS + 1000);
	harness_pass(flow_path_mixed_get(), 3 * STEP_MS + 1000);
	return 0;
}
