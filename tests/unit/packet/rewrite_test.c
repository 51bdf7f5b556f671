/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/rng.h"
#include "packet/packet.h"
#include "support/frame.h"

#define IP     14
#define ROUNDS 20000

static const struct hash_key key = { .k0 = 1, .k1 = 2 };

static struct ip_addr address_random(struct rng *rng, bool is_v6)
{
	struct ip_addr addr = ip_from_v4((uint32_t)rng_next(rng));

	if (is_v6) {
		addr.halves[0] = rng_next(rng);
		addr.halves[1] = rng_next(rng);
		addr.bytes[0] = 0x20;
	} else if (addr.bytes[12] == 0 || addr.bytes[12] == 127 || addr.bytes[12] >= 224) {
		addr.bytes[12] = 10;
	}
	return addr;
}

static struct packet_tuple tuple_random(struct rng *rng, bool is_v6, uint8_t protocol)
{
	return (struct packet_tuple){
		.src = address_random(rng, is_v6),
		.dst = address_random(rng, is_v6),
		.src_port_be = (uint16_t)rng_next(rng),
		.dst_port_be = (uint16_t)rng_next(rng),
		.protocol = protocol,
	};
}

/* An Ethernet frame with random contents. */
static size_t frame_random(struct rng *rng, bool is_v6, uint8_t protocol, uint8_t *bytes)
{
	struct packet_tuple tuple = tuple_random(rng, is_v6, protocol);
	char src[IP_TEXT_MAX];
	char dst[IP_TEXT_MAX];
	uint8_t payload[64];
	struct frame_spec spec = {
		.src = ip_format(&tuple.src, src),
		.dst = ip_format(&tuple.dst, dst),
		.src_port = tuple.src_port_be,
		.dst_port = tuple.dst_port_be,
		.protocol = protocol,
		.ttl = (uint8_t)(2 + rng_below(rng, 254)),
		.payload = payload,
		.payload_len = rng_below(rng, sizeof(payload)),
		.has_no_udp_sum = !is_v6 && rng_below(rng, 8) == 0,
	};

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)rng_next(rng);
	return frame_build(&spec, bytes, FRAME_MAX);
}

/* The expected bytes: fields written by hand, sums computed anew. */
static void expect_rewritten(uint8_t *bytes, size_t len, const struct packet_tuple *to, bool is_v6)
{
	uint8_t *ip = bytes + IP;
	uint8_t *l4 = ip + (is_v6 ? 40 : 20);

	if (is_v6) {
		ip[7]--;
		memcpy(ip + 8, &to->src, 16);
		memcpy(ip + 24, &to->dst, 16);
	} else {
		ip[8]--;
		memcpy(ip + 12, &to->src.words_be[3], 4);
		memcpy(ip + 16, &to->dst.words_be[3], 4);
	}
	memcpy(l4, &to->src_port_be, 2);
	memcpy(l4 + 2, &to->dst_port_be, 2);
	frame_sums_fill(ip, len - IP);
}

static void rewriting_equals_a_full_recomputation(void **state)
{
	struct rng rng = { .state = 42 };

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP;
		bool is_v6 = i % 4 >= 2;
		struct packet_tuple to = tuple_random(&rng, is_v6, protocol);
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_random(&rng, is_v6, protocol, bytes);
		struct rte_mbuf *m = support_mbuf(bytes, len);
		uint32_t hash;

		assert_int_equal(packet_parse(m, 0, key), DROP_NONE);
		hash = packet_of(m)->flow_hash;
		assert_int_equal(packet_rewrite(m, &to), DROP_NONE);
		expect_rewritten(bytes, len, &to, is_v6);
		assert_int_equal(m->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), bytes, len);
		assert_true(ip_equal(&packet_of(m)->src, &to.src));
		assert_true(ip_equal(&packet_of(m)->dst, &to.dst));
		assert_int_equal(packet_of(m)->src_port_be, to.src_port_be);
		assert_int_equal(packet_of(m)->dst_port_be, to.dst_port_be);
		assert_int_equal(packet_of(m)->flow_hash, hash);
		assert_int_equal(packet_parse(m, 0, key), DROP_NONE);
		rte_pktmbuf_free(m);
	}
}

/* A sum that comes out as zero: UDP sends 0xffff, for zero would mean that there is none. */
static void a_udp_sum_of_zero_is_sent_as_ones(void **state)
{
	unsigned ones = 0;

	(void)state;
	for (uint32_t port = 0; port < 0x10000; port++) {
		struct frame_spec spec = { .src = "198.51.100.7",
			.dst = "192.0.2.100",
			.src_port = 4,
			.dst_port = 53,
			.protocol = IPPROTO_UDP };
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_build(&spec, bytes, sizeof(bytes));
		struct rte_mbuf *m = support_mbuf(bytes, len);
		struct packet_tuple to = { .src_port_be = (uint16_t)port,
			.dst_port_be = rte_cpu_to_be_16(53) };
		uint8_t *sum = rte_pktmbuf_mtod_offset(m, uint8_t *, IP + 26);

		packet_parse(m, 0, key);
		to.src = packet_of(m)->src;
		to.dst = packet_of(m)->dst;
		assert_int_equal(packet_rewrite(m, &to), DROP_NONE);
		assert_false(sum[0] == 0 && sum[1] == 0);
		ones += sum[0] == 0xff && sum[1] == 0xff;
		rte_pktmbuf_free(m);
	}
	assert_int_equal(ones, 1);
}

static void a_packet_at_the_end_of_its_life_stays_as_it_was(void **state)
{
	static const char *const addresses[][2] = { { "198.51.100.7", "192.0.2.100" },
		{ "2001:db8::7", "2001:db8::100" } };
	struct packet_tuple to = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct frame_spec spec = { .src = addresses[i / 2][0],
			.dst = addresses[i / 2][1],
			.src_port = 1,
			.dst_port = 2,
			.protocol = IPPROTO_TCP,
			.ttl = 1 };
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_build(&spec, bytes, sizeof(bytes));
		struct rte_mbuf *m;
		struct packet facts;

		if (i % 2 == 1) {
			bytes[IP + (i / 2 == 0 ? 8 : 7)] = 0;
			frame_sums_fill(bytes + IP, len - IP);
		}
		m = support_mbuf(bytes, len);
		assert_int_equal(packet_parse(m, 0, key), DROP_NONE);
		facts = *packet_of(m);
		assert_int_equal(packet_rewrite(m, &to), DROP_ttl_expired);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), bytes, len);
		assert_memory_equal(packet_of(m), &facts, sizeof(facts));
		rte_pktmbuf_free(m);
	}
}

/* TCP behind an extension header is found where the parser saw it. */
static void extension_headers_stay(void **state)
{
	static const uint8_t pad[] = { IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0 };
	struct frame_spec spec = { .src = "2001:db8::7",
		.dst = "2001:db8::100",
		.src_port = 1,
		.dst_port = 2,
		.protocol = IPPROTO_TCP,
		.extensions = pad,
		.extensions_len = sizeof(pad),
		.extensions_next = IPPROTO_DSTOPTS };
	struct rte_mbuf *m = frame_mbuf(&spec);
	struct packet_tuple to = { .src_port_be = 7, .dst_port_be = 9 };

	(void)state;
	ip_parse("2001:db8::1", &to.src);
	ip_parse("2001:db8::2", &to.dst);
	assert_int_equal(packet_parse(m, 0, key), DROP_parse_ip_options);
	assert_int_equal(packet_rewrite(m, &to), DROP_NONE);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, IP + 40), pad, sizeof(pad));
	assert_true(frame_sums_ok(rte_pktmbuf_mtod_offset(m, uint8_t *, IP), m->pkt_len - IP));
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			rewriting_equals_a_full_recomputation, support_mbufs_check),
		cmocka_unit_test_teardown(a_udp_sum_of_zero_is_sent_as_ones, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_packet_at_the_end_of_its_life_stays_as_it_was, support_mbufs_check),
		cmocka_unit_test_teardown(extension_headers_stay, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
