/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include <string.h>

#include "support/support.h"

#define MOST 32768

/* A message under construction. */
struct bytes {
	uint8_t data[MOST];
	size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= MOST);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void put_u16(struct bytes *b, size_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(b, bytes, 2);
}

static void put_extension(struct bytes *b, unsigned type, const void *data, size_t len)
{
	put_u16(b, type);
	put_u16(b, len);
	put(b, data, len);
}

/* A ClientHello around these extensions; its session ID has id_len bytes. */
static struct bytes message_of(const struct bytes *extensions, size_t id_len)
{
	static const uint8_t random[32], id[255];
	static struct bytes b;
	uint8_t head[4] = { 1 }, id_byte = (uint8_t)id_len;

	b.len = 0;
	put(&b, head, sizeof(head));
	put_u16(&b, 0x0303);
	put(&b, random, sizeof(random));
	put(&b, &id_byte, 1);
	put(&b, id, id_len);
	put(&b, "\x00\x02\x13\x01\x01\x00", 6);
	if (extensions != NULL) {
		put_u16(&b, extensions->len);
		put(&b, extensions->data, extensions->len);
	}
	b.data[1] = (uint8_t)((b.len - 4) >> 16);
	b.data[2] = (uint8_t)((b.len - 4) >> 8);
	b.data[3] = (uint8_t)(b.len - 4);
	return b;
}

/* The message in records of so many bytes. */
static struct bytes records_of(const struct bytes *message, size_t size)
{
	static struct bytes b;

	b.len = 0;
	for (size_t at = 0; at < message->len; at += size) {
		size_t len = message->len - at < size ? message->len - at : size;

		put(&b, "\x16\x03\x01", 3);
		put_u16(&b, len);
		put(&b, message->data + at, len);
	}
	return b;
}

static struct bytes usual_extensions(void)
{
	static struct bytes b;

	b.len = 0;
	put_extension(&b, 0, "\x00\x0e\x00\x00\x0b\x41.example.d", 16);
	put_extension(&b, 16, "\x00\x0c\x02h2\x08http/1.1", 14);
	put_extension(&b, 43, "\x04\x03\x04\x03\x03", 5);
	return b;
}

static void check_usual(const struct tls_hello *hello)
{
	assert_string_equal(hello->sni, "a.example.d");
	assert_int_equal(hello->sni_len, 11);
	assert_true(hello->offers_1_2 && hello->offers_1_3);
	assert_true(tls_hello_offers(hello, "h2"));
	assert_true(tls_hello_offers(hello, "http/1.1"));
	assert_false(tls_hello_offers(hello, "http/1"));
	assert_false(tls_hello_offers(hello, "2"));
}

/* Whatever the cut, and however much of it is there. */
static void fragments_are_put_together(void **state)
{
	struct bytes extensions = usual_extensions();
	struct bytes message = message_of(&extensions, 32);
	struct tls_hello hello;

	(void)state;
	for (size_t size = 1; size <= message.len; size++) {
		struct bytes stream = records_of(&message, size);

		for (size_t len = 0; len < stream.len; len++) {
			assert_int_equal(tls_hello_parse(stream.data, len, &hello), TLS_HELLO_MORE);
			assert_int_equal(hello.sni_len, 0);
		}
		assert_int_equal(
			tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_COMPLETE);
		check_usual(&hello);
		put(&stream, "\x17\x03\x03", 3);
		assert_int_equal(
			tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_COMPLETE);
	}
}

static void without_extensions_it_is_1_2(void **state)
{
	struct bytes message = message_of(NULL, 0);
	struct bytes stream = records_of(&message, MOST);
	struct tls_hello hello;

	(void)state;
	assert_int_equal(tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_COMPLETE);
	assert_true(hello.offers_1_2 && !hello.offers_1_3);
	assert_int_equal(hello.sni_len, 0);
	assert_false(tls_hello_offers(&hello, "h2"));
}

static void bad_extensions_are_told(void **state)
{
	static const struct {
		unsigned type;
		size_t len;
		const char *data;
		enum tls_hello_result result;
	} rows[] = {
		{ 0, 6, "\x00\x04\x00\x00\x01x", TLS_HELLO_COMPLETE },
		{ 0, 0, "", TLS_HELLO_INVALID },
		{ 0, 6, "\x00\x05\x00\x00\x01x", TLS_HELLO_INVALID },
		{ 0, 6, "\x00\x04\x00\x00\x02x", TLS_HELLO_INVALID },
		{ 0, 7, "\x00\x04\x00\x00\x01xy", TLS_HELLO_INVALID },
		{ 0, 10, "\x00\x08\x00\x00\x01x\x00\x00\x01y", TLS_HELLO_INVALID },
		{ 0, 10, "\x00\x08\x07\x00\x01x\x00\x00\x01y", TLS_HELLO_COMPLETE },
		{ 16, 4, "\x00\x02\x02h", TLS_HELLO_INVALID },
		{ 16, 2, "\x00\x02", TLS_HELLO_INVALID },
		{ 43, 3, "\x02\x03\x04", TLS_HELLO_COMPLETE },
		{ 43, 3, "\x01\x03\x04", TLS_HELLO_INVALID },
		{ 43, 3, "\x04\x03\x04", TLS_HELLO_INVALID },
		{ 99, 3, "abc", TLS_HELLO_COMPLETE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes extensions = { .len = 0 }, message, stream;
		struct tls_hello hello;

		put_extension(&extensions, rows[i].type, rows[i].data, rows[i].len);
		message = message_of(&extensions, 0);
		stream = records_of(&message, MOST);
		assert_int_equal(tls_hello_parse(stream.data, stream.len, &hello), rows[i].result);
	}
}

static void repeated_extensions_are_told(void **state)
{
	struct bytes extensions = usual_extensions();
	struct bytes message, stream;
	struct tls_hello hello;

	(void)state;
	put_extension(&extensions, 0, "\x00\x04\x00\x00\x01x", 6);
	message = message_of(&extensions, 0);
	stream = records_of(&message, MOST);
	assert_int_equal(tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_INVALID);
	assert_int_equal(hello.sni_len, 0);
}

static void names_that_are_none_do_not_count(void **state)
{
	struct bytes extensions = { .len = 0 }, message, stream;
	struct tls_hello hello;

	(void)state;
	put_extension(&extensions, 0,
		"\x00\x08\x00\x00\x05"
		"a\0b.c",
		10);
	message = message_of(&extensions, 0);
	stream = records_of(&message, MOST);
	assert_int_equal(tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_COMPLETE);
	assert_int_equal(hello.sni_len, 0);
	assert_string_equal(hello.sni, "");
}

static void records_are_checked(void **state)
{
	static const struct {
		size_t len;
		const char *data;
		enum tls_hello_result result;
	} rows[] = {
		{ 0, "", TLS_HELLO_MORE },
		{ 1, "\x16", TLS_HELLO_MORE },
		{ 1, "G", TLS_HELLO_INVALID },
		{ 2, "\x16\x02", TLS_HELLO_INVALID },
		{ 5, "\x16\x03\x01\x00\x00", TLS_HELLO_INVALID },
		{ 5, "\x16\x03\x01\x40\x01", TLS_HELLO_INVALID },
		{ 5, "\x16\x03\x01\x40\x00", TLS_HELLO_MORE },
		{ 6, "\x16\x03\x01\x00\x04\x01", TLS_HELLO_MORE },
		{ 6, "\x16\x03\x01\x00\x04\x02", TLS_HELLO_INVALID },
		{ 9, "\x16\x03\x01\x00\x04\x01\x01\x00\x00", TLS_HELLO_TOO_LONG },
		{ 9, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", TLS_HELLO_INVALID },
		{ 10, "\x16\x03\x01\x00\x04\x01\x00\x00\x01\x17", TLS_HELLO_INVALID },
	};
	struct tls_hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			tls_hello_parse((const uint8_t *)rows[i].data, rows[i].len, &hello),
			rows[i].result);
}

/* Fragments of a byte each take six times their bytes: there is an end to that. */
static void the_stream_is_bounded(void **state)
{
	static uint8_t padding[8000];
	static struct bytes extensions;
	struct bytes message, stream;
	struct tls_hello hello;

	(void)state;
	extensions.len = 0;
	put_extension(&extensions, 21, padding, sizeof(padding));
	message = message_of(&extensions, 0);
	stream = records_of(&message, 4);
	assert_int_equal(tls_hello_parse(stream.data, stream.len, &hello), TLS_HELLO_COMPLETE);
	message.data[2] += 0x10;
	stream = records_of(&message, 2);
	assert_true(stream.len > TLS_HELLO_MOST_BYTES);
	assert_int_equal(
		tls_hello_parse(stream.data, TLS_HELLO_MOST_BYTES - 1, &hello), TLS_HELLO_MORE);
	assert_int_equal(
		tls_hello_parse(stream.data, TLS_HELLO_MOST_BYTES, &hello), TLS_HELLO_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(without_extensions_it_is_1_2),
		cmocka_unit_test(bad_extensions_are_told),
		cmocka_unit_test(repeated_extensions_are_told),
		cmocka_unit_test(names_that_are_none_do_not_count),
		cmocka_unit_test(records_are_checked),
		cmocka_unit_test(the_stream_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
