/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "base/rng.h"
#include "support/support.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Text in, text out; NULL: refused. */
struct address_row {
	const char *text;
	const char *expected;
};

static void test_address(void **state)
{
	static const struct address_row rows[] = {
		{ .text = "192.0.2.1", .expected = "192.0.2.1" },
		{ .text = "0.0.0.0", .expected = "0.0.0.0" },
		{ .text = "255.255.255.255", .expected = "255.255.255.255" },
		{ .text = "2001:db8::1", .expected = "2001:db8::1" },
		{ .text = "2001:DB8:0:0:0:0:0:1", .expected = "2001:db8::1" },
		{ .text = "2001:db8:0:1:1:1:1:1", .expected = "2001:db8:0:1:1:1:1:1" },
		{ .text = "::", .expected = "::" },
		{ .text = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			.expected = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ .text = "::ffff:192.0.2.1" },
		{ .text = "::ffff:c000:201" },
		{ .text = "" },
		{ .text = "192.0.2" },
		{ .text = "192.0.2.1.1" },
		{ .text = "192.0.2.256" },
		{ .text = "192.0.2.01" },
		{ .text = " 192.0.2.1" },
		{ .text = "192.0.2.1 " },
		{ .text = "0x7f.0.0.1" },
		{ .text = "2001:db8::1::2" },
		{ .text = "2001:db8::1%eth0" },
		{ .text = "[2001:db8::1]" },
		{ .text = "db.example" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_addr addr;
		char text[IP_TEXT_MAX];
		int result = ip_parse(rows[i].text, &addr);

		assert_int_equal(result, rows[i].expected != NULL ? 0 : -EINVAL);
		if (result == 0)
			assert_string_equal(ip_format(&addr, text), rows[i].expected);
	}
}

static void test_families(void **state)
{
	struct ip_addr v4 = ip_from_v4(htonl(0xc0000201));
	struct ip_addr parsed;
	struct ip_addr v6;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.1", &parsed), 0);
	assert_true(ip_equal(&v4, &parsed));
	assert_true(ip_is_v4(&v4));
	assert_int_equal(ip_v4_be(&v4), htonl(0xc0000201));
	assert_int_equal(ip_parse("2001:db8::c000:201", &parsed), 0);
	v6 = ip_from_v6(parsed.bytes);
	assert_false(ip_is_v4(&v6));
	assert_true(ip_equal(&v6, &parsed));
	assert_false(ip_equal(&v6, &v4));
	/* IPv4-compatible, not IPv4-mapped. */
	assert_int_equal(ip_parse("::192.0.2.1", &parsed), 0);
	assert_false(ip_is_v4(&parsed));
}

static void test_prefix(void **state)
{
	static const struct {
		const char *text;
		const char *address;
		int len; /* -1: refused */
	} rows[] = {
		{ .text = "192.0.2.2/24", .address = "192.0.2.2", .len = 24 },
		{ .text = "0.0.0.0/0", .address = "0.0.0.0", .len = 0 },
		{ .text = "192.0.2.2", .address = "192.0.2.2", .len = 32 },
		{ .text = "192.0.2.2/32", .address = "192.0.2.2", .len = 32 },
		{ .text = "2001:db8::2/64", .address = "2001:db8::2", .len = 64 },
		{ .text = "2001:db8::2", .address = "2001:db8::2", .len = 128 },
		{ .text = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
			.address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			.len = 128 },
		{ .text = "192.0.2.2/33", .len = -1 },
		{ .text = "2001:db8::2/129", .len = -1 },
		{ .text = "192.0.2.2/", .len = -1 },
		{ .text = "192.0.2.2/-1", .len = -1 },
		{ .text = "192.0.2.2/+1", .len = -1 },
		{ .text = "192.0.2.2/ 1", .len = -1 },
		{ .text = "192.0.2.2/1x", .len = -1 },
		{ .text = "192.0.2.2/0024", .len = -1 },
		{ .text = "192.0.2.2/24/24", .len = -1 },
		{ .text = "/24", .len = -1 },
		{ .text = "192.0.2.2/99999999999999999999999999999999999999999999999", .len = -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_prefix prefix;
		char text[IP_TEXT_MAX];
		int result = ip_prefix_parse(rows[i].text, &prefix);

		assert_int_equal(result, rows[i].len >= 0 ? 0 : -EINVAL);
		if (result < 0)
			continue;
		assert_int_equal(prefix.prefix_len, rows[i].len);
		assert_string_equal(ip_format(&prefix.addr, text), rows[i].address);
	}
}

static void test_contains(void **state)
{
	static const struct {
		const char *prefix;
		const char *address;
		bool expected;
	} rows[] = {
		{ .prefix = "192.0.2.2/24", .address = "192.0.2.255", .expected = true },
		{ .prefix = "192.0.2.2/24", .address = "192.0.3.0", .expected = false },
		{ .prefix = "192.0.2.128/25", .address = "192.0.2.127", .expected = false },
		{ .prefix = "192.0.2.128/25", .address = "192.0.2.128", .expected = true },
		{ .prefix = "192.0.2.4/31", .address = "192.0.2.5", .expected = true },
		{ .prefix = "192.0.2.4/31", .address = "192.0.2.6", .expected = false },
		{ .prefix = "192.0.2.4/32", .address = "192.0.2.4", .expected = true },
		{ .prefix = "192.0.2.4/32", .address = "192.0.2.5", .expected = false },
		{ .prefix = "0.0.0.0/0", .address = "203.0.113.9", .expected = true },
		{ .prefix = "0.0.0.0/0", .address = "2001:db8::1", .expected = false },
		{ .prefix = "::/0", .address = "2001:db8::1", .expected = true },
		{ .prefix = "::/0", .address = "192.0.2.1", .expected = false },
		{ .prefix = "2001:db8::/33", .address = "2001:db8:7fff::1", .expected = true },
		{ .prefix = "2001:db8::/33", .address = "2001:db8:8000::1", .expected = false },
		{ .prefix = "2001:db8::1/128", .address = "2001:db8::1", .expected = true },
		{ .prefix = "2001:db8::1/128", .address = "2001:db8::", .expected = false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_prefix prefix;
		struct ip_addr addr;

		assert_int_equal(ip_prefix_parse(rows[i].prefix, &prefix), 0);
		assert_int_equal(ip_parse(rows[i].address, &addr), 0);
		assert_int_equal(ip_prefix_contains(&prefix, &addr), rows[i].expected);
	}
}

static void test_endpoint(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *expected;
	} rows[] = {
		{ .text = "192.0.2.1:80", .expected = "192.0.2.1:80" },
		{ .text = "192.0.2.1:0", .expected = "192.0.2.1:0" },
		{ .text = "192.0.2.1:65535", .expected = "192.0.2.1:65535" },
		{ .text = "192.0.2.1:00080", .expected = "192.0.2.1:80" },
		{ .text = "[2001:db8::1]:443", .expected = "[2001:db8::1]:443" },
		{ .text = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
			.expected = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
		{ .text = "192.0.2.1:65536", .result = -ERANGE },
		{ .text = "[2001:db8::1]:99999", .result = -ERANGE },
		{ .text = "192.0.2.1", .result = -EINVAL },
		{ .text = "192.0.2.1:", .result = -EINVAL },
		{ .text = "192.0.2.1:+1", .result = -EINVAL },
		{ .text = "192.0.2.1: 1", .result = -EINVAL },
		{ .text = "192.0.2.1:1 ", .result = -EINVAL },
		{ .text = "192.0.2.1:0x50", .result = -EINVAL },
		{ .text = ":80", .result = -EINVAL },
		{ .text = "", .result = -EINVAL },
		{ .text = ":", .result = -EINVAL },
		{ .text = "[]:80", .result = -EINVAL },
		{ .text = "[:80", .result = -EINVAL },
		{ .text = "]:80", .result = -EINVAL },
		{ .text = "[192.0.2.1]:80", .result = -EINVAL },
		{ .text = "2001:db8::1:80", .result = -EINVAL },
		{ .text = "[2001:db8::1]80", .result = -EINVAL },
		{ .text = "[2001:db8::1]", .result = -EINVAL },
		{ .text = "[::ffff:192.0.2.1]:80", .result = -EINVAL },
		{ .text = "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
			.result = -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_addr addr;
		uint16_t port;
		char text[IP_ENDPOINT_MAX];
		int result = ip_endpoint_parse(rows[i].text, &addr, &port);

		assert_int_equal(result, rows[i].result);
		if (result == 0)
			assert_string_equal(
				ip_endpoint_format(&addr, port, text), rows[i].expected);
	}
}

/* Whatever is written is read back as the same. */
static void test_round_trip(void **state)
{
	struct rng rng = { .state = 42 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct ip_addr addr = ip_from_v4((uint32_t)rng_next(&rng));
		uint16_t port = (uint16_t)rng_next(&rng);
		struct ip_addr read_addr;
		uint16_t read_port;
		char text[IP_ENDPOINT_MAX];

		if (i % 2 == 0) {
			addr.halves[0] = rng_next(&rng) & rng_next(&rng);
			addr.halves[1] = rng_next(&rng) & rng_next(&rng) & rng_next(&rng);
		}
		ip_endpoint_format(&addr, port, text);
		assert_int_equal(ip_endpoint_parse(text, &read_addr, &read_port), 0);
		assert_true(ip_equal(&addr, &read_addr));
		assert_int_equal(port, read_port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
