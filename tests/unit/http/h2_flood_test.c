/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may do in ten seconds before it is told to go, and what it may make us unpack. */
#include "http/h2.h"

#include <stdio.h>
#include <stdlib.h>

#include "side.h"

struct flood_row {
	const char *words;
	enum h2_failure failure;
	unsigned allowed; /* so many pass */
	void (*write)(struct frames *frames, unsigned i);
};

static uint32_t stream_id(unsigned i)
{
	return 2 * i + 1;
}

static void write_resets(struct frames *frames, unsigned i)
{
	const uint8_t code[4] = { 0, 0, 0, NGHTTP2_CANCEL };

	frames_headers(frames, stream_id(i), GET, true);
	frames_frame(frames, NGHTTP2_RST_STREAM, 0, stream_id(i), code, 4);
}

/* The other cause: our side has to reset them. */
static void write_overflows(struct frames *frames, unsigned i)
{
	const uint8_t increment[4] = { 0x7f, 0xff, 0xff, 0xff };

	frames_headers(frames, stream_id(i), GET, true);
	frames_frame(frames, NGHTTP2_WINDOW_UPDATE, 0, stream_id(i), increment, 4);
}

static void write_malformed(struct frames *frames, unsigned i)
{
	frames_headers(frames, stream_id(i), GET "connection: close\n", true);
}

static void write_settings(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void write_pings(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_PING, 0, 0, "12345678", 8);
}

static void write_priorities(struct frames *frames, unsigned i)
{
	const uint8_t payload[5] = { 0, 0, 0, 0, 16 };

	frames_frame(frames, NGHTTP2_PRIORITY, 0, stream_id(i), payload, 5);
}

static void write_priority_updates(struct frames *frames, unsigned i)
{
	(void)i;
	frames_frame(frames, NGHTTP2_PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7);
}

static void write_window_updates(struct frames *frames, unsigned i)
{
	const uint8_t increment[4] = { 0, 0, 0, 1 };

	(void)i;
	frames_frame(frames, NGHTTP2_WINDOW_UPDATE, 0, 0, increment, 4);
}

static void write_empty_data(struct frames *frames, unsigned i)
{
	if (i == 0)
		frames_headers(frames, 1, POST, false);
	frames_data(frames, 1, NULL, 0, false);
}

static void write_padding(struct frames *frames, unsigned i)
{
	const char payload[5] = { 4 };

	if (i == 0)
		frames_headers(frames, 1, POST, false);
	frames_frame(frames, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, payload, sizeof(payload));
}

static void write_continuations(struct frames *frames, unsigned i)
{
	if (i == 0)
		frames_frame(frames, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82", 1);
	frames_frame(frames, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
}

static const struct flood_row flood_rows[] = {
	{ "rapid reset", H2_FAILED_reset, 20, write_resets },
	{ "resets by a window that overflows", H2_FAILED_error, 10, write_overflows },
	{ "resets by malformed heads", H2_FAILED_error, 10, write_malformed },
	{ "CONTINUATION", H2_FAILED_continuation, 4, write_continuations },
	{ "SETTINGS", H2_FAILED_settings, 9, write_settings },
	{ "PING", H2_FAILED_ping, 10, write_pings },
	{ "PRIORITY", H2_FAILED_priority, 10, write_priorities },
	{ "PRIORITY_UPDATE", H2_FAILED_priority, 10, write_priority_updates },
	{ "WINDOW_UPDATE", H2_FAILED_window_update, 50, write_window_updates },
	{ "empty DATA", H2_FAILED_empty, 10, write_empty_data },
	{ "DATA of padding", H2_FAILED_empty, 10, write_padding },
};

static bool has_goaway(const char *out, size_t len, uint32_t code)
{
	for (size_t at = 0; at + 9 <= len;) {
		const uint8_t *head = (const uint8_t *)out + at;
		size_t payload = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

		if (head[3] == NGHTTP2_GOAWAY && head[9 + 7] == code)
			return true;
		at += 9 + payload;
	}
	return false;
}

static void flood_check(const struct flood_row *row)
{
	struct frames *frames = malloc(sizeof(*frames));
	char *out = malloc(1 << 20);
	bool is_complete = false;
	struct side side;
	size_t len = 0;

	side_open(&side, H2_SERVER);
	frames_begin(frames);
	for (unsigned i = 0; i <= row->allowed; i++) {
		if (h2_failure(side.session) != H2_FAILED_NOT)
			fail_msg("%s: ended after %u", row->words, i);
		row->write(frames, i);
		h2_receive(side.session, frames->data, frames->len, 1000);
		frames->len = 0;
		side_read_all(&side, &is_complete);
		len += side_drain(&side, out + len, (1 << 20) - len);
	}
	if (h2_failure(side.session) != row->failure)
		fail_msg("%s: ended by %s", row->words, h2_failure_name(h2_failure(side.session)));
	if (!has_goaway(out, len, NGHTTP2_ENHANCE_YOUR_CALM))
		fail_msg("%s: no GOAWAY with ENHANCE_YOUR_CALM", row->words);
	assert_true(h2_is_done(side.session));
	assert_false(h2_receive(side.session, "x", 1, 1000));
	side_close(&side);
	frames_end(frames);
	free(frames);
	free(out);
}

static void floods_end_the_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flood_rows) / sizeof(flood_rows[0]); i++)
		flood_check(&flood_rows[i]);
}

/* Spread over time the same number is nothing. */
static void budgets_are_renewed(void **state)
{
	struct frames *frames = malloc(sizeof(*frames));
	struct side side;

	(void)state;
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	for (unsigned i = 0; i < 100; i++) {
		write_pings(frames, i);
		assert_true(h2_receive(side.session, frames->data, frames->len, 2000000ull * i));
		frames->len = 0;
		side_drain(&side, NULL, 0);
	}
	side_close(&side);
	frames_end(frames);
	free(frames);
}

/* Header sections that unpack to more than they may: the request is refused, or all ends. */
static void bombs(void **state)
{
	static char lines[1 << 17];
	struct frames *frames = malloc(sizeof(*frames));
	bool is_complete = false;
	struct side side;
	size_t used;

	(void)state;
	/* Cookie crumbs count as fields. */
	used = (size_t)sprintf(lines, "%s", GET);
	for (unsigned i = 0; i < 30; i++)
		used += (size_t)sprintf(lines + used, "cookie: a=%u\n", i);
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, lines, true);
	assert_true(side_feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(side_read_all(&side, &is_complete), HTTP_REFUSED_header_too_many);
	side_close(&side);
	frames_end(frames);
	/* Bytes count when unpacked. */
	used = (size_t)sprintf(lines, "%sx-a: ", GET);
	memset(lines + used, 'a', SIDE_HEADERS);
	memcpy(lines + used + SIDE_HEADERS, "\n", 2);
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers(frames, 1, lines, true);
	assert_true(side_feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(side_read_all(&side, &is_complete), HTTP_REFUSED_header_too_large);
	side_close(&side);
	frames_end(frames);
	/* One long entry of the table, named again and again by one byte. */
	used = (size_t)sprintf(lines, "%s", GET);
	for (unsigned i = 0; i < 60; i++) {
		used += (size_t)sprintf(lines + used, "x-a: ");
		memset(lines + used, 'a', 1000);
		used += 1000;
		lines[used++] = '\n';
	}
	side_open(&side, H2_SERVER);
	frames_begin(frames);
	frames_headers_len(frames, 1, lines, used, true);
	assert_true(frames->len < 2000);
	assert_false(side_feed(&side, frames->data, frames->len, frames->len));
	assert_int_equal(h2_failure(side.session), H2_FAILED_header_bomb);
	side_close(&side);
	frames_end(frames);
	free(frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floods_end_the_connection),
		cmocka_unit_test(budgets_are_renewed),
		cmocka_unit_test(bombs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
