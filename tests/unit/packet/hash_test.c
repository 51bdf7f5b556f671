/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>

#include <rte_byteorder.h>

#include "base/rng.h"
#include "packet/packet.h"

static const struct hash_key key = { .k0 = 0x0123456789abcdefull, .k1 = 0xfedcba9876543211ull };

static void a_tuple_hashes_like_its_packet(void **state)
{
	struct rng rng = { .state = 7 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct packet_tuple tuple = { .protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP };
		struct packet p = { 0 };
		struct packet_tuple turned;

		tuple.src.halves[0] = tuple.dst.halves[0] = rng_next(&rng);
		tuple.src.halves[1] = rng_next(&rng);
		tuple.dst.halves[1] = rng_next(&rng);
		if (i % 3 == 0) {
			tuple.src = ip_from_v4((uint32_t)rng_next(&rng));
			tuple.dst = ip_from_v4((uint32_t)rng_next(&rng));
		}
		tuple.src_port_be = (uint16_t)rng_next(&rng);
		tuple.dst_port_be = (uint16_t)rng_next(&rng);
		p.src = tuple.src;
		p.dst = tuple.dst;
		p.src_port_be = tuple.src_port_be;
		p.dst_port_be = tuple.dst_port_be;
		p.protocol = tuple.protocol;
		assert_int_equal(packet_tuple_hash(&tuple, key), packet_flow_hash(&p, key));
		turned = (struct packet_tuple){ .src = tuple.dst,
			.dst = tuple.src,
			.src_port_be = tuple.dst_port_be,
			.dst_port_be = tuple.src_port_be,
			.protocol = tuple.protocol };
		assert_int_not_equal(packet_tuple_hash(&turned, key), packet_flow_hash(&p, key));
	}
}

/* Appliances of a fleet must agree: the hash may not change between versions. */
static void the_hash_is_the_same_on_every_appliance(void **state)
{
	struct packet_tuple v4 = { .src_port_be = rte_cpu_to_be_16(40000),
		.dst_port_be = rte_cpu_to_be_16(443),
		.protocol = IPPROTO_TCP };
	struct packet_tuple v6 = v4;

	(void)state;
	ip_parse("198.51.100.7", &v4.src);
	ip_parse("192.0.2.100", &v4.dst);
	ip_parse("2001:db8::7", &v6.src);
	ip_parse("2001:db8::100", &v6.dst);
	assert_int_equal(packet_tuple_hash(&v4, key), 0x6473e9deu);
	assert_int_equal(packet_tuple_hash(&v6, key), 0x213be1du);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tuple_hashes_like_its_packet),
		cmocka_unit_test(the_hash_is_the_same_on_every_appliance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
