/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/proxy_header.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "support/support.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* From 192.0.2.10, port 4660, to 198.51.100.1, port 443; and likewise in IPv6. */
#define ENDS_4 "\xc0\0\x02\x0a\xc6\x33\x64\x01\x12\x34\x01\xbb"
#define ENDS_6                                                                                     \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a"                                               \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x01\xbb"
/* CRC32C of the header below, calculated bit by bit. */
#define CHECKSUM     "\x3f\x8c\xe1\xbe"
#define TEXT(string) .text = (string), .len = sizeof(string) - 1

struct row {
	const char *what;
	const char *text;
	size_t len;
	int result; /* 0: as long as the text */
	bool is_local;
	const char *src;
	const char *dst;
	uint16_t src_port, dst_port;
	const char *alpn;
	const char *authority;
};

#define FROM_TO_4 .src = "192.0.2.10", .dst = "198.51.100.1", .src_port = 4660, .dst_port = 443
#define FROM_TO_6 .src = "2001:db8::a", .dst = "2001:db8::1", .src_port = 4660, .dst_port = 443
#define MALFORMED .result = PROXY_HEADER_MALFORMED
#define MISSING   .result = PROXY_HEADER_MISSING

static const struct row rows[] = {
	{ "1: IPv4", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4660 443\r\n"), FROM_TO_4 },
	{ "1: IPv6", TEXT("PROXY TCP6 2001:db8::a 2001:DB8:0::1 4660 443\r\n"), FROM_TO_6 },
	{ "1: mapped", TEXT("PROXY TCP6 ::ffff:192.0.2.10 ::ffff:198.51.100.1 4660 443\r\n"),
		FROM_TO_4 },
	{ "1: port 0", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 0 443\r\n"), .src = "192.0.2.10",
		.dst = "198.51.100.1", .dst_port = 443 },
	{ "1: unknown", TEXT("PROXY UNKNOWN\r\n"), .is_local = true },
	{ "1: unknown, with addresses", TEXT("PROXY UNKNOWN ::1 ::2 3 4\r\n"), .is_local = true },
	{ "1: no family", TEXT("PROXY \r\n"), MALFORMED },
	{ "1: another family", TEXT("PROXY UDP4 192.0.2.10 198.51.100.1 4660 443\r\n"), MALFORMED },
	{ "1: small letters", TEXT("PROXY tcp4 192.0.2.10 198.51.100.1 4660 443\r\n"), MALFORMED },
	{ "1: two spaces", TEXT("PROXY TCP4  192.0.2.10 198.51.100.1 4660 443\r\n"), MALFORMED },
	{ "1: a space at the end", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4660 443 \r\n"),
		MALFORMED },
	{ "1: a word too many", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4660 443 1\r\n"),
		MALFORMED },
	{ "1: a word missing", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4660\r\n"), MALFORMED },
	{ "1: the wrong family", TEXT("PROXY TCP4 2001:db8::a 2001:db8::1 4660 443\r\n"),
		MALFORMED },
	{ "1: a zero in front", TEXT("PROXY TCP4 192.0.02.10 198.51.100.1 4660 443\r\n"),
		MALFORMED },
	{ "1: a port with a zero", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 04660 443\r\n"),
		MALFORMED },
	{ "1: a port too large", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 65536 443\r\n"),
		MALFORMED },
	{ "1: a port of many digits", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4294967739 443\r\n"),
		MALFORMED },
	{ "1: a signed port", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 +660 443\r\n"), MALFORMED },
	{ "1: NUL", TEXT("PROXY TCP4 192.0.2.10\0 198.51.100.1 4660 443\r\n"), MALFORMED },
	{ "1: bare LF", TEXT("PROXY TCP4 192.0.2.10 198.51.100.1 4660 443\n"), MALFORMED },
	{ "1: longer than any",
		TEXT("PROXY UNKNOWN 90123456789012345678901234567890123456789012345678901234567890"
		     "12345678901234567890123456789012345678\r\n"),
		MALFORMED },
	{ "none: HTTP", TEXT("GET / HTTP/1.1\r\n"), MISSING },
	{ "none: HTTP/2", TEXT("PRI * HTTP/2.0\r\n"), MISSING },
	{ "none: TLS", TEXT("\x16\x03\x01\x02\x00\x01\x00\x01"), MISSING },
	{ "none: two line ends", TEXT("\r\n\r\nGET / HTTP/1.1\r\n"), MISSING },
	{ "2: IPv4", TEXT(SIGNATURE "\x21\x11\0\x0c" ENDS_4), FROM_TO_4 },
	{ "2: IPv6", TEXT(SIGNATURE "\x21\x21\0\x24" ENDS_6), FROM_TO_6 },
	{ "2: values",
		TEXT(SIGNATURE "\x21\x11\0\x1d" ENDS_4 "\x01\0\x02h2\x04\0\0\x02\0\x06"
			       "a.test"),
		FROM_TO_4, .alpn = "h2", .authority = "a.test" },
	{ "2: a value of another type", TEXT(SIGNATURE "\x21\x11\0\x10" ENDS_4 "\xea\0\x01x"),
		FROM_TO_4 },
	{ "2: a value that is cut", TEXT(SIGNATURE "\x21\x11\0\x10" ENDS_4 "\x01\0\x02h"),
		MALFORMED },
	{ "2: half a value's head", TEXT(SIGNATURE "\x21\x11\0\x0e" ENDS_4 "\x01\0"), MALFORMED },
	{ "2: local", TEXT(SIGNATURE "\x20\0\0\0"), .is_local = true },
	{ "2: local, with bytes", TEXT(SIGNATURE "\x20\x11\0\x03xyz"), .is_local = true },
	{ "2: no family", TEXT(SIGNATURE "\x21\0\0\x03xyz"), .is_local = true },
	{ "2: another command", TEXT(SIGNATURE "\x22\x11\0\x0c" ENDS_4), MALFORMED },
	{ "2: version 1", TEXT(SIGNATURE "\x11\x11\0\x0c" ENDS_4), MALFORMED },
	{ "2: another family", TEXT(SIGNATURE "\x21\x41\0\x0c" ENDS_4), MALFORMED },
	{ "2: another transport", TEXT(SIGNATURE "\x21\x13\0\x0c" ENDS_4), MALFORMED },
	{ "2: addresses too short", TEXT(SIGNATURE "\x21\x21\0\x0c" ENDS_4), MALFORMED },
	{ "2: a UNIX path too short", TEXT(SIGNATURE "\x21\x31\0\x0c" ENDS_4), MALFORMED },
	{ "2: longer than any", TEXT(SIGNATURE "\x21\x11\x04\0" ENDS_4), MALFORMED },
};

static void address_expect(const struct row *row, const struct ip_addr *addr, const char *wanted)
{
	char text[IP_TEXT_MAX];

	if (strcmp(ip_format(addr, text), wanted) != 0)
		fail_msg("%s: %s", row->what, text);
}

static void value_expect(const struct row *row, const struct proxy_value *value, const char *wanted)
{
	size_t len = wanted == NULL ? 0 : strlen(wanted);

	if (value->len != len || (len > 0 && memcmp(value->data, wanted, len) != 0))
		fail_msg("%s: a value of %u bytes", row->what, value->len);
}

static void header_expect(const struct row *row, const struct proxy_header *header)
{
	assert_int_equal(header->is_local, row->is_local);
	value_expect(row, &header->alpn, row->alpn);
	value_expect(row, &header->authority, row->authority);
	if (row->is_local) {
		assert_int_equal(header->tuple.protocol, 0);
		return;
	}
	address_expect(row, &header->tuple.src, row->src);
	address_expect(row, &header->tuple.dst, row->dst);
	assert_int_equal(rte_be_to_cpu_16(header->tuple.src_port_be), row->src_port);
	assert_int_equal(rte_be_to_cpu_16(header->tuple.dst_port_be), row->dst_port);
	assert_int_equal(header->tuple.protocol, IPPROTO_TCP);
}

/* What follows the header is not looked at. */
static void headers_are_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct row *row = &rows[i];
		int wanted = row->result != 0 ? row->result : (int)row->len;
		struct proxy_header header;
		uint8_t more[512] = { 0 };
		int result;

		memcpy(more, row->text, row->len);
		memcpy(more + row->len, "\r\n", 2);
		result = proxy_header_parse(more, row->len + 2, &header);
		if (result != wanted)
			fail_msg("%s: %d", row->what, result);
		if (result > 0)
			header_expect(row, &header);
	}
}

/* A header that is good is incomplete up to its last byte; a bad one never is a good one. */
static void pieces_are_waited_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct row *row = &rows[i];

		for (size_t len = 0; len < row->len; len++) {
			struct proxy_header header;
			int result = proxy_header_parse((const uint8_t *)row->text, len, &header);

			if (result == PROXY_HEADER_INCOMPLETE || result == row->result)
				continue;
			fail_msg("%s: %d of %zu bytes", row->what, result, len);
		}
	}
}

static size_t with_checksum(uint8_t *out, const char *sum)
{
	const char head[] = SIGNATURE "\x21\x11\0\x13" ENDS_4 "\x03\0\x04";

	memcpy(out, head, sizeof(head) - 1);
	memcpy(out + sizeof(head) - 1, sum, 4);
	return sizeof(head) - 1 + 4;
}

static void checksums_are_verified(void **state)
{
	struct proxy_header header;
	uint8_t bytes[64];
	size_t len = with_checksum(bytes, CHECKSUM);

	(void)state;
	assert_int_equal(proxy_header_parse(bytes, len, &header), len);
	bytes[17] ^= 1;
	assert_int_equal(proxy_header_parse(bytes, len, &header), PROXY_HEADER_MALFORMED);
	bytes[17] ^= 1;
	bytes[len - 1] ^= 1;
	assert_int_equal(proxy_header_parse(bytes, len, &header), PROXY_HEADER_MALFORMED);
}

/* What was written is what is read. */
static void round_trip(const struct row *row, unsigned version)
{
	struct proxy_header header, again;
	uint8_t out[PROXY_HEADER_MAX];
	size_t len;

	assert_true(proxy_header_parse((const uint8_t *)row->text, row->len, &header) > 0);
	len = proxy_header_write(&header, version, out, sizeof(out));
	assert_true(len > 0);
	assert_int_equal(proxy_header_parse(out, len, &again), len);
	assert_int_equal(again.is_local, header.is_local);
	assert_memory_equal(&again.tuple, &header.tuple, sizeof(again.tuple));
	value_expect(row, &again.alpn, version == 2 ? row->alpn : NULL);
	value_expect(row, &again.authority, version == 2 ? row->authority : NULL);
}

static void headers_are_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		if (rows[i].result != 0)
			continue;
		round_trip(&rows[i], 1);
		round_trip(&rows[i], 2);
	}
}

static struct proxy_header header_of(const char *src, const char *dst)
{
	struct proxy_header header = {
		.tuple = {
			.src_port_be = rte_cpu_to_be_16(65535),
			.dst_port_be = rte_cpu_to_be_16(443),
			.protocol = IPPROTO_TCP,
		},
	};

	assert_int_equal(ip_parse(src, &header.tuple.src), 0);
	assert_int_equal(ip_parse(dst, &header.tuple.dst), 0);
	return header;
}

static void version_1_is_text(void **state)
{
	struct proxy_header header = header_of("192.0.2.10", "198.51.100.1");
	const char plain[] = "PROXY TCP4 192.0.2.10 198.51.100.1 65535 443\r\n";
	const char mixed[] = "PROXY TCP6 ::ffff:192.0.2.10 2001:db8::1 65535 443\r\n";
	uint8_t out[PROXY_HEADER_V1_MAX + 1];

	(void)state;
	assert_int_equal(proxy_header_write(&header, 1, out, sizeof(out)), strlen(plain));
	assert_memory_equal(out, plain, strlen(plain));
	header = header_of("192.0.2.10", "2001:db8::1");
	assert_int_equal(proxy_header_write(&header, 1, out, sizeof(out)), strlen(mixed));
	assert_memory_equal(out, mixed, strlen(mixed));
	header.tuple.protocol = IPPROTO_UDP;
	assert_int_equal(proxy_header_write(&header, 1, out, sizeof(out)), 15);
	assert_memory_equal(out, "PROXY UNKNOWN\r\n", 15);
}

static void datagrams_are_told_in_version_2(void **state)
{
	struct proxy_header header = header_of("2001:db8::a", "2001:db8::1");
	struct proxy_header again;
	uint8_t out[PROXY_HEADER_MAX];

	(void)state;
	header.tuple.protocol = IPPROTO_UDP;
	assert_int_equal(proxy_header_write(&header, 2, out, sizeof(out)), 16 + 36);
	assert_int_equal(out[13], 0x22);
	assert_int_equal(proxy_header_parse(out, 16 + 36, &again), 16 + 36);
	assert_memory_equal(&again.tuple, &header.tuple, sizeof(again.tuple));
}

/* Exactly as large as is allowed, so that the sanitizer sees every byte too far. */
static void too_little_room_is_told(void **state)
{
	static const uint8_t longest[PROXY_AUTHORITY_MAX];
	struct proxy_header header = header_of("2001:db8::a", "2001:db8::1");

	(void)state;
	header.alpn = (struct proxy_value){ longest, PROXY_ALPN_MAX };
	header.authority = (struct proxy_value){ longest, PROXY_AUTHORITY_MAX };
	for (unsigned version = 1; version <= 2; version++) {
		for (size_t size = 0; size < PROXY_HEADER_MAX; size++) {
			uint8_t *out = malloc(size + 1);
			size_t len = proxy_header_write(&header, version, out + 1, size);

			assert_true(len <= size);
			assert_true(len > 0 || size < PROXY_HEADER_MAX - 1);
			free(out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(pieces_are_waited_for),
		cmocka_unit_test(checksums_are_verified),
		cmocka_unit_test(headers_are_written),
		cmocka_unit_test(version_1_is_text),
		cmocka_unit_test(datagrams_are_told_in_version_2),
		cmocka_unit_test(too_little_room_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
