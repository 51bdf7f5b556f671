/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what an ICMP error quotes. The first two are type and code, where the lowest bit of
 * the first also chooses the family; the error comes to our VIP, or to our own address by the
 * lowest bit of the third, whose next one has IPv6 clients of IPv4 members, and the one after that
 * flows behind a SYN proxy.
 */
#include <netinet/in.h>

#include "flow_path.h"

#define INPUT_MIN 3
#define ICMP      8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t error_build(const uint8_t *data, size_t size, uint8_t *frame)
{
	static const char *const ends[2][3] = {
		{ "198.51.100.254", "192.0.2.100", "192.0.2.2" },
		{ "2001:db8:1::fe", "2001:db8::100", "2001:db8::2" },
	};
	unsigned family = data[0] & 1;
	uint8_t message[FLOW_PATH_FRAME_MAX] = { data[0] >> 1, data[1] };

	memcpy(message + ICMP, data + INPUT_MIN, size - INPUT_MIN);
	if (family == 0)
		message[0] &= 0x7f;
	return frame_build(
		&(struct frame_spec){
			.src = ends[family][0],
			.dst = ends[family][1 + (data[2] & 1)],
			.protocol = family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			.payload = message,
			.payload_len = ICMP + size - INPUT_MIN,
		},
		frame, FLOW_PATH_FRAME_MAX);
}

/* An error, whose checksum is over what it quotes now; of the length that it had, if not 0. */
static void error_check(const struct rte_mbuf *m, size_t len)
{
	uint32_t bytes = rte_pktmbuf_pkt_len(m);

	flow_path_check(len == 0 ? bytes <= FLOW_PATH_FRAME_MAX : bytes == len);
	flow_path_check(frame_sums_ok(rte_pktmbuf_mtod(m, const uint8_t *), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t frame[FLOW_PATH_FRAME_MAX];
	struct harness *h;
	struct rte_mbuf *m;
	struct path_outcome outcome;
	bool is_mixed;
	size_t len;

	if (size < INPUT_MIN || size > FLOW_PATH_FRAME_MAX - 100)
		return 0;
	is_mixed = (data[2] & 2) != 0;
	if (data[2] & 4)
		h = flow_path_spliced_get(is_mixed);
	else
		h = is_mixed ? flow_path_mixed_get() : flow_path_get();
	len = error_build(data, size, frame);
	m = frame_mbuf_exact(frame, len);
	outcome = path_run(h, m);
	flow_path_check(outcome.count <= 1);
	flow_path_check((outcome.count == 0) == (outcome.reason != DROP_NONE));
	if (outcome.count == 1)
		error_check(outcome.pkts[0], is_mixed ? 0 : len - FLOW_PATH_ETHER);
	path_free(&outcome);
	return 0;
}
