/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "runtime/rss.h"
#include "support/support.h"

/* The key and the flows by which drivers of Microsoft's are verified. */
static const uint8_t key[RSS_KEY_MIN] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41,
	0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
	0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01,
	0xfa };

static const struct {
	const char *src;
	uint16_t src_port;
	const char *dst;
	uint16_t dst_port;
	uint32_t hash;
} rows[] = {
	{ "66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178 },
	{ "199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea },
	{ "24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a },
	{ "38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f },
	{ "153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2 },
	{ "3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024,
		0x02d1feef },
};

static struct rss_flow flow_of(unsigned row, uint8_t protocol)
{
	struct rss_flow flow = {
		.src_port_be = rte_cpu_to_be_16(rows[row].src_port),
		.protocol = protocol,
	};

	assert_int_equal(ip_parse(rows[row].src, &flow.src), 0);
	assert_int_equal(ip_parse(rows[row].dst, &flow.dst), 0);
	return flow;
}

/* A table that shows the hash: every row names itself. */
static void rss_make(struct rss *rss, unsigned kinds)
{
	uint16_t reta[RSS_RETA_MAX];

	for (uint16_t i = 0; i < RSS_RETA_MAX; i++)
		reta[i] = i;
	rss_init(rss, kinds, key, sizeof(key), reta, RSS_RETA_MAX);
}

static void flows_come_by_the_queue_that_the_hash_says(void **state)
{
	struct rss rss;

	(void)state;
	rss_make(&rss, RSS_TCP4 | RSS_UDP4 | RSS_TCP6 | RSS_UDP6);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		for (unsigned is_udp = 0; is_udp < 2; is_udp++) {
			struct rss_flow flow = flow_of(i, is_udp ? IPPROTO_UDP : IPPROTO_TCP);
			struct rss_search search = rss_begin(&rss, &flow);

			assert_int_equal(
				rss_queue(&search, rows[i].dst_port), rows[i].hash % RSS_RETA_MAX);
		}
	}
}

static void what_the_device_does_not_hash_by_ports_has_no_queue(void **state)
{
	struct rss_flow tcp4 = flow_of(0, IPPROTO_TCP);
	struct rss_flow udp4 = flow_of(0, IPPROTO_UDP);
	struct rss_flow sctp4 = flow_of(0, IPPROTO_SCTP);
	struct rss_flow tcp6 = flow_of(5, IPPROTO_TCP);
	struct rss_search search;
	struct rss rss;

	(void)state;
	rss_make(&rss, RSS_TCP4);
	search = rss_begin(&rss, &tcp4);
	assert_int_not_equal(rss_queue(&search, 1766), RSS_NO_QUEUE);
	search = rss_begin(&rss, &udp4);
	assert_int_equal(rss_queue(&search, 1766), RSS_NO_QUEUE);
	search = rss_begin(&rss, &sctp4);
	assert_int_equal(rss_queue(&search, 1766), RSS_NO_QUEUE);
	search = rss_begin(&rss, &tcp6);
	assert_int_equal(rss_queue(&search, 1766), RSS_NO_QUEUE);
	search = rss_begin(NULL, &tcp4);
	assert_int_equal(rss_queue(&search, 1766), RSS_NO_QUEUE);
}

static void what_no_device_has_is_refused(void **state)
{
	static const uint8_t long_key[RSS_KEY_MAX + 1] = { 1 };
	static const uint16_t reta[RSS_RETA_MAX + 1] = { 0 };
	struct rss rss;

	(void)state;
	rss_init(&rss, RSS_TCP4, key, RSS_KEY_MIN - 1, reta, 128);
	assert_int_equal(rss.kinds, 0);
	rss_init(&rss, RSS_TCP4, long_key, sizeof(long_key), reta, 128);
	assert_int_equal(rss.kinds, 0);
	rss_init(&rss, RSS_TCP4, key, sizeof(key), reta, 0);
	assert_int_equal(rss.kinds, 0);
	rss_init(&rss, RSS_TCP4, key, sizeof(key), reta, 96);
	assert_int_equal(rss.kinds, 0);
	rss_init(&rss, RSS_TCP4, key, sizeof(key), reta, RSS_RETA_MAX + 1);
	assert_int_equal(rss.kinds, 0);
	rss_init(&rss, RSS_TCP4, key, sizeof(key), reta, 128);
	assert_int_equal(rss.kinds, RSS_TCP4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_come_by_the_queue_that_the_hash_says),
		cmocka_unit_test(what_the_device_does_not_hash_by_ports_has_no_queue),
		cmocka_unit_test(what_no_device_has_is_refused),
	};

	return cmocka_run_group_tests_name("rss", tests, NULL, NULL);
}
