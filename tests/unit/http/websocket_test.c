/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include "http/websocket.h"

static void answers_the_rfcs_key(void **state)
{
	char accept[WEBSOCKET_ACCEPT_LEN + 1], key[WEBSOCKET_KEY_LEN + 1];

	(void)state;
	websocket_key_make(key, (const uint8_t *)"the sample nonce");
	assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
	websocket_accept_make(accept, (struct http_span){ .data = key, .len = strlen(key) });
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* Frames of every form of length, with and without mask. Returns the length. */
static size_t frame_make(char *out, uint64_t payload, bool is_masked)
{
	uint8_t *head = (uint8_t *)out;
	size_t used = 2;

	head[0] = 0x82;
	head[1] = is_masked ? 0x80 : 0;
	if (payload < 126) {
		head[1] |= (uint8_t)payload;
	} else if (payload < 65536) {
		head[1] |= 126;
		head[used++] = (uint8_t)(payload >> 8);
		head[used++] = (uint8_t)payload;
	} else {
		head[1] |= 127;
		for (int shift = 56; shift >= 0; shift -= 8)
			head[used++] = (uint8_t)(payload >> shift);
	}
	if (is_masked)
		used += 4;
	memset(out + used, 0x88, (size_t)payload);
	return used + (size_t)payload;
}

static void finds_where_frames_end(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };
	static const size_t pieces[] = { 1, 2, 3, 7, 100000 };
	char *bytes = malloc(100000);

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = frame_make(bytes, lengths[i / 2], i % 2);

		for (unsigned j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			struct websocket_frames frames = { 0 };
			size_t at = 0;

			while (at < len) {
				size_t piece = pieces[j];
				size_t taken = websocket_frames_take(&frames, bytes + at, piece);

				/* It stops at the frame's end, whatever follows. */
				assert_true(taken > 0 && at + taken <= len);
				at += taken;
				assert_int_equal(websocket_frames_is_between(&frames), at == len);
			}
		}
	}
	free(bytes);
}

static void says_goodbye(void **state)
{
	char frame[WEBSOCKET_CLOSE_MAX];

	(void)state;
	assert_int_equal(websocket_close_make(frame, 1001, false, 0), 4);
	assert_memory_equal(frame, "\x88\x02\x03\xe9", 4);
	assert_int_equal(websocket_close_make(frame, 1001, true, 0x04030201), 8);
	assert_memory_equal(frame, "\x88\x82\x01\x02\x03\x04\x02\xeb", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_the_rfcs_key),
		cmocka_unit_test(finds_where_frames_end),
		cmocka_unit_test(says_goodbye),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
