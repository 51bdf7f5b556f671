/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "http/message.h"

/* Classes of bytes, one bit each; a byte may be in several. */
enum char_class {
	CHAR_TOKEN = 1 << 0,      /* tchar, RFC 9110 5.6.2 */
	CHAR_TARGET = 1 << 1,     /* visible ASCII but '#': what a request target may hold */
	CHAR_HOST = 1 << 2,       /* letters, digits, '-', '.', '_' */
	CHAR_UNRESERVED = 1 << 3, /* RFC 3986 2.3 */
	CHAR_TEXT = 1 << 4,       /* field values: HTAB, SP, visible ASCII, obs-text */
};

extern const uint8_t char_classes[256];

static inline bool char_is(char c, enum char_class class)
{
	return (char_classes[(uint8_t)c] & class) != 0;
}

static inline bool char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static inline int char_hex(char c)
{
	if (char_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* http_span_is_nocase() for a literal in lower case: the length decides nearly always. */
static inline bool span_is(struct http_span span, const char *lower)
{
	size_t len = strlen(lower);

	if (span.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (char_lower(span.data[i]) != lower[i])
			return false;
	return true;
}

#endif
