/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"

#include <string.h>
#include <sys/param.h>

#include <mbedtls/sha1.h>

#include "chars.h"

#define SHA1_BYTES 20

/* RFC 6455 5.2 */
#define MASKED     0x80
#define LEN_16     126
#define LEN_64     127
#define FINAL      0x80
#define OP_CLOSE   8
#define MASK_BYTES 4

/* Whether a list of tokens has this one; versions ("token/1") are other protocols. */
static bool has_token(struct http_span list, const char *token)
{
	const char *c = list.data;
	const char *end = list.data + list.len;

	while (c < end) {
		struct http_span item;

		while (c < end && (*c == ' ' || *c == '\t' || *c == ','))
			c++;
		item.data = c;
		while (c < end && *c != ' ' && *c != '\t' && *c != ',')
			c++;
		item.len = (size_t)(c - item.data);
		if (span_is(item, token))
			return true;
	}
	return false;
}

static bool names_it(const struct http_head *head)
{
	for (unsigned i = 0; i < head->field_count; i++)
		if (span_is(head->fields[i].name, "upgrade") &&
			has_token(head->fields[i].value, WEBSOCKET_TOKEN))
			return true;
	return false;
}

bool websocket_is_asked(const struct http_head *head)
{
	const struct http_field *key;

	if (head->protocol.len > 0)
		return http_span_is(head->protocol, WEBSOCKET_TOKEN);
	if (!head->is_upgrade || head->body != HTTP_BODY_NONE ||
		!http_span_is(head->method, "GET") || !names_it(head))
		return false;
	key = http_find(head, "sec-websocket-key");
	return key != NULL && key->value.len == WEBSOCKET_KEY_LEN;
}

bool websocket_is_agreed(const struct http_head *head)
{
	const struct http_field *upgrade = http_find(head, "upgrade");

	return head->status == 101 && head->is_upgrade && upgrade != NULL &&
		span_is(upgrade->value, WEBSOCKET_TOKEN);
}

/* RFC 4648 4. out has room for the text and its NUL. */
static void base64(char *out, const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t have = MIN(len - i, (size_t)3);
		uint32_t word = (uint32_t)data[i] << 16;

		if (have > 1)
			word |= (uint32_t)data[i + 1] << 8;
		if (have > 2)
			word |= data[i + 2];
		*out++ = digits[word >> 18];
		*out++ = digits[word >> 12 & 63];
		*out++ = have > 1 ? digits[word >> 6 & 63] : '=';
		*out++ = have > 2 ? digits[word & 63] : '=';
	}
	*out = '\0';
}

void websocket_key_make(char key[WEBSOCKET_KEY_LEN + 1], const uint8_t nonce[16])
{
	base64(key, nonce, 16);
}

void websocket_accept_make(char accept[WEBSOCKET_ACCEPT_LEN + 1], struct http_span key)
{
	static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t text[WEBSOCKET_KEY_LEN + sizeof(suffix) - 1];
	uint8_t digest[SHA1_BYTES] = { 0 };
	size_t len = MIN(key.len, (size_t)WEBSOCKET_KEY_LEN);

	memcpy(text, key.data, len);
	memcpy(text + len, suffix, sizeof(suffix) - 1);
	mbedtls_sha1(text, len + sizeof(suffix) - 1, digest);
	base64(accept, digest, sizeof(digest));
}

/* Bytes of a frame's head ahead of its mask, as far as the first two tell. */
static unsigned head_bytes(const struct websocket_frames *frames)
{
	unsigned len = frames->head[1] & ~MASKED;

	if (frames->head_len < 2)
		return 2;
	if (len == LEN_64)
		return 10;
	return len == LEN_16 ? 4 : 2;
}

static void head_done(struct websocket_frames *frames)
{
	unsigned bytes = head_bytes(frames);

	frames->left = frames->head[1] & ~MASKED;
	if (bytes > 2)
		frames->left = 0;
	for (unsigned i = 2; i < bytes; i++)
		frames->left = frames->left << 8 | frames->head[i];
	frames->mask_left = (frames->head[1] & MASKED) != 0 ? MASK_BYTES : 0;
}

/* Behind the head's last byte, or the payload's: the next frame's. */
static void settle(struct websocket_frames *frames)
{
	if (frames->mask_left == 0 && frames->left == 0)
		frames->head_len = 0;
}

static bool is_head_done(const struct websocket_frames *frames)
{
	return frames->head_len >= 2 && frames->head_len == head_bytes(frames);
}

size_t websocket_frames_take(struct websocket_frames *frames, const char *data, size_t len)
{
	size_t used = 0;

	while (used < len) {
		if (!is_head_done(frames)) {
			frames->head[frames->head_len++] = (uint8_t)data[used++];
			if (!is_head_done(frames))
				continue;
			head_done(frames);
		} else if (frames->mask_left > 0) {
			frames->mask_left--;
			used++;
		} else {
			size_t piece = (size_t)MIN(frames->left, (uint64_t)(len - used));

			frames->left -= piece;
			used += piece;
		}
		settle(frames);
		if (frames->head_len == 0)
			break;
	}
	return used;
}

bool websocket_frames_is_between(const struct websocket_frames *frames)
{
	return frames->head_len == 0;
}

size_t websocket_close_make(
	char out[WEBSOCKET_CLOSE_MAX], unsigned code, bool is_masked, uint32_t mask)
{
	uint8_t status[2] = { (uint8_t)(code >> 8), (uint8_t)code };
	size_t used = 2;

	out[0] = (char)(FINAL | OP_CLOSE);
	out[1] = (char)((is_masked ? MASKED : 0) | sizeof(status));
	if (is_masked) {
		memcpy(out + used, &mask, MASK_BYTES);
		for (size_t i = 0; i < sizeof(status); i++)
			status[i] ^= (uint8_t)out[used + i];
		used += MASK_BYTES;
	}
	memcpy(out + used, status, sizeof(status));
	return used + sizeof(status);
}
