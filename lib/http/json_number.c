/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by their value: 1e3, 1000 and 1000.0 are one, whoever compares them. */
#include <stdio.h>
#include <string.h>

#include "json_number.h"

#define EXPONENT_MAX 9999 /* beyond it all is zero, or more than there is */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum json_number_state json_number_next(enum json_number_state state, char c)
{
	bool is_exponent = c == 'e' || c == 'E';

	switch (state) {
	case JSON_NUMBER_START:
		if (c == '-')
			return JSON_NUMBER_MINUS;
		/* fall through */
	case JSON_NUMBER_MINUS:
		if (c == '0')
			return JSON_NUMBER_ZERO;
		return is_digit(c) ? JSON_NUMBER_WHOLE : JSON_NUMBER_BAD;
	case JSON_NUMBER_WHOLE:
		if (is_digit(c))
			return state;
		/* fall through */
	case JSON_NUMBER_ZERO:
		if (is_digit(c))
			return JSON_NUMBER_BAD;
		if (c == '.')
			return JSON_NUMBER_POINT;
		return is_exponent ? JSON_NUMBER_E : JSON_NUMBER_END;
	case JSON_NUMBER_POINT:
		return is_digit(c) ? JSON_NUMBER_FRACTION : JSON_NUMBER_BAD;
	case JSON_NUMBER_FRACTION:
		if (is_digit(c))
			return state;
		return is_exponent ? JSON_NUMBER_E : JSON_NUMBER_END;
	case JSON_NUMBER_E:
		if (c == '-' || c == '+')
			return JSON_NUMBER_E_SIGN;
		/* fall through */
	case JSON_NUMBER_E_SIGN:
		return is_digit(c) ? JSON_NUMBER_EXPONENT : JSON_NUMBER_BAD;
	case JSON_NUMBER_EXPONENT:
		return is_digit(c) ? state : JSON_NUMBER_END;
	default:
		return JSON_NUMBER_BAD;
	}
}

/* Its digits without the point, and behind how many of them that belongs. */
struct digits {
	char text[JSON_NUMBER_MAX];
	unsigned count;
	long point;
};

static void digits_take(struct digits *digits, const char *at, const char *end)
{
	bool is_minus = false;
	long exponent = 0;

	digits->count = 0;
	for (; at < end && is_digit(*at); at++)
		digits->text[digits->count++] = *at;
	digits->point = digits->count;
	if (at < end && *at == '.') {
		for (at++; at < end && is_digit(*at); at++)
			digits->text[digits->count++] = *at;
	}
	if (at < end) {
		at++;
		is_minus = *at == '-';
		at += *at == '-' || *at == '+';
	}
	for (; at < end; at++) {
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*at - '0');
	}
	digits->point += is_minus ? -exponent : exponent;
}

static void value_set(struct json_value *value, const struct digits *digits)
{
	bool is_zero = true;

	value->whole = 0;
	value->has_fraction = false;
	for (unsigned i = 0; i < digits->count; i++) {
		bool is_nothing = digits->text[i] == '0';

		is_zero &= is_nothing;
		value->has_fraction |= !is_nothing && (long)i >= digits->point;
	}
	for (long i = 0; !is_zero && i < digits->point; i++) {
		unsigned digit = i < (long)digits->count ? (unsigned)(digits->text[i] - '0') : 0;

		if (value->whole > (UINT64_MAX - digit) / 10) {
			value->whole = UINT64_MAX;
			break;
		}
		value->whole = value->whole * 10 + digit;
	}
	value->is_negative &= !is_zero;
}

bool json_number_read(
	char *text, size_t size, uint32_t start, uint32_t *len, struct json_value *value)
{
	char written[JSON_NUMBER_MAX];
	struct digits digits;
	size_t count = *len - start;

	if (count > JSON_NUMBER_MAX)
		return false;
	value->is_negative = text[start] == '-';
	digits_take(&digits, text + start + value->is_negative, text + *len);
	value_set(value, &digits);
	if (value->has_fraction || value->whole == UINT64_MAX)
		return true;
	count = (size_t)snprintf(written, sizeof(written), "%s%llu", value->is_negative ? "-" : "",
		(unsigned long long)value->whole);
	if (count > size - start)
		return false;
	memcpy(text + start, written, count);
	*len = start + (uint32_t)count;
	return true;
}
