/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_JSON_NUMBER_H
#define HTTP_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/json.h"

/* How far a number is: RFC 8259 6. */
enum json_number_state {
	JSON_NUMBER_START,
	JSON_NUMBER_MINUS,
	JSON_NUMBER_ZERO, /* nothing but a point or an exponent may follow */
	JSON_NUMBER_WHOLE,
	JSON_NUMBER_POINT,
	JSON_NUMBER_FRACTION,
	JSON_NUMBER_E,
	JSON_NUMBER_E_SIGN,
	JSON_NUMBER_EXPONENT,
	JSON_NUMBER_END, /* the character is no part of it */
	JSON_NUMBER_BAD,
};

enum json_number_state json_number_next(enum json_number_state state, char c);

#define JSON_NUMBER_MAX 64 /* characters of one whose value is asked for */

/*
 * The value of the good number at text + start, up to *len; a whole one is written anew with digits
 * alone, and *len set to its end. False: it is longer than JSON_NUMBER_MAX, or does not fit.
 */
bool json_number_read(
	char *text, size_t size, uint32_t start, uint32_t *len, struct json_value *value);

#endif
