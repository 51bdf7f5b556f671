/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

/* show slow and show errors, from records as a worker writes them. */

static void put(const char *const texts[ACCESS_TEXT_COUNT], struct access_record head)
{
	struct access_record *record = calloc(1, ACCESS_RECORD_MAX);
	size_t used = 0;

	*record = head;
	for (unsigned i = 0; i < ACCESS_TEXT_COUNT; i++) {
		size_t len = texts[i] == NULL ? 0 : strlen(texts[i]);

		if (len > 0)
			memcpy(record->texts + used, texts[i], len);
		record->lens[i] = (uint16_t)len;
		used += len;
	}
	record->bytes = (uint32_t)((sizeof(*record) + used + 7) / 8 * 8);
	assert_true(access_ring_put(access_log_ring(fixture.access, 0), record));
	free(record);
}

static void configure(void)
{
	const struct config_access_log config = { .slow_ms = 100 };
	struct err err;

	assert_int_equal(access_log_configure(fixture.access, &config, &err), 0);
}

static void shows_slow_requests(void **state)
{
	static const char *const texts[ACCESS_TEXT_COUNT] = { [ACCESS_SERVICE] = "web",
		[ACCESS_METHOD] = "GET",
		[ACCESS_HOST] = "a.test",
		[ACCESS_TARGET] = "/slow",
		[ACCESS_POOL] = "main",
		[ACCESS_MEMBER] = "m1" };
	const struct access_record head = { .status = 200,
		.version = 11,
		.tries = 2,
		.begun_us = 1,
		.handshake_us = ACCESS_NEVER,
		.header_us = 1,
		.queue_us = 2,
		.connect_us = 3,
		.first_us = 4,
		.total_us = 100000 };
	struct access_record fast = head;
	const char *answer;

	(void)state;
	configure();
	fast.total_us = 99999;
	put(texts, head);
	put(texts, fast);
	access_log_poll(fixture.access, 5);
	answer = fixture_ask("show slow json");
	assert_non_null(strstr(answer, "\"request\": \"GET a.test/slow\", \"status\": 200"));
	assert_non_null(strstr(answer,
		"\"pool\": \"main\", \"member\": \"m1\", \"tries\": 2, "
		"\"handshake_us\": null, \"header_us\": 1, \"queue_us\": 2, \"connect_us\": 3, "
		"\"first_us\": 4, \"total_us\": 100000}"));
	assert_null(strstr(answer, "99999"));
	assert_memory_equal(fixture_ask("show slow now"), "error: ", 7);
}

static void shows_where_a_request_was_wrong(void **state)
{
	static const char *const texts[ACCESS_TEXT_COUNT] = { [ACCESS_SERVICE] = "web",
		[ACCESS_RAW] = "GET / HTTP/1.1\r\nA\x01"
			       "B: c\r\n" };
	const struct access_record head = { .status = 400,
		.begun_us = 1,
		.raw_at = 17,
		.refused_at = 1017,
		.ending = L7_ENDED_refused,
		.refusal = HTTP_REFUSED_header_name };
	const char *answer;

	(void)state;
	configure();
	for (unsigned i = 0; i < 2 * ACCESS_BOOK_MAX; i++)
		put(texts, head);
	access_log_poll(fixture.access, 5);
	answer = fixture_ask("show errors json");
	assert_non_null(strstr(answer,
		"\"rule\": \"header_name\", \"status\": 400, \"offset\": 1017, "
		"\"ahead\": \"GET / HTTP/1.1\\\\x0d\\\\x0aA\", \"from\": \"\\\\x01B: c"));
	for (unsigned i = 0; i < ACCESS_BOOK_MAX; i++) {
		answer = strstr(answer, "header_name");
		assert_non_null(answer++);
	}
	assert_null(strstr(answer, "header_name"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			shows_slow_requests, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			shows_where_a_request_was_wrong, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
