/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

/* Frames of HTTP/2 written by hand, so that they can be wrong. */
#define FRAMES_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct frames {
	char data[1 << 18];
	size_t len;
	nghttp2_hd_deflater *deflater;
};

static inline void frames_put(struct frames *frames, const void *data, size_t len)
{
	memcpy(frames->data + frames->len, data, len);
	frames->len += len;
}

static inline void frames_frame(struct frames *frames, uint8_t type, uint8_t flags, uint32_t id,
	const void *payload, size_t len)
{
	const uint8_t head[9] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type,
		flags, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };

	frames_put(frames, head, sizeof(head));
	if (len > 0)
		frames_put(frames, payload, len);
}

static inline void frames_begin(struct frames *frames)
{
	frames->len = 0;
	nghttp2_hd_deflate_new(&frames->deflater, 4096);
	frames_put(frames, FRAMES_PREFACE, strlen(FRAMES_PREFACE));
	frames_frame(frames, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static inline void frames_end(struct frames *frames)
{
	nghttp2_hd_deflate_del(frames->deflater);
}

/* "name: value\n" lines, split at the first ": " behind the first byte; "!" is an empty name.
 * Returns the block's length.
 */
static inline size_t frames_deflate(
	struct frames *frames, const char *lines, size_t lines_len, uint8_t *out, size_t size)
{
	static nghttp2_nv nva[8192];
	const char *end = lines + lines_len;
	size_t count = 0;

	while (lines < end) {
		const char *feed = memchr(lines, '\n', (size_t)(end - lines));
		const char *colon = memchr(lines + 1, ':', (size_t)(feed - lines - 1));

		nva[count++] = (nghttp2_nv){ .name = (uint8_t *)lines,
			.namelen = lines[0] == '!' ? 0 : (size_t)(colon - lines),
			.value = (uint8_t *)colon + 2,
			.valuelen = (size_t)(feed - colon - 2) };
		lines = feed + 1;
	}
	return (size_t)nghttp2_hd_deflate_hd(frames->deflater, out, size, nva, count);
}

/* A header section in frames of at most 16384 bytes. */
static inline void frames_headers_len(
	struct frames *frames, uint32_t id, const char *lines, size_t lines_len, bool is_last)
{
	static uint8_t block[1 << 17];
	size_t len = frames_deflate(frames, lines, lines_len, block, sizeof(block));
	uint8_t flags = is_last ? NGHTTP2_FLAG_END_STREAM : 0;
	uint8_t type = NGHTTP2_HEADERS;

	for (size_t at = 0; at < len || at == 0;) {
		size_t step = len - at < 16384 ? len - at : 16384;
		bool is_end = at + step == len;

		frames_frame(frames, type, flags | (is_end ? NGHTTP2_FLAG_END_HEADERS : 0), id,
			block + at, step);
		type = NGHTTP2_CONTINUATION;
		flags = 0;
		at += step;
		if (is_end)
			break;
	}
}

static inline void frames_headers(
	struct frames *frames, uint32_t id, const char *lines, bool is_last)
{
	frames_headers_len(frames, id, lines, strlen(lines), is_last);
}

static inline void frames_data(
	struct frames *frames, uint32_t id, const char *data, size_t len, bool is_last)
{
	frames_frame(frames, NGHTTP2_DATA, is_last ? NGHTTP2_FLAG_END_STREAM : 0, id, data, len);
}

#endif
