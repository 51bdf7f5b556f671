/* SPDX-License-Identifier: Apache-2.0 */
/* Finds fields in a body of JSON as it passes: RFC 8259, strictly. */
#include "http/json.h"

#include <string.h>

#include "json_fields.h"
#include "json_number.h"

enum state {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* behind '[' */
	EXPECT_KEY,
	EXPECT_KEY_OR_END, /* behind '{' */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING, /* behind the value that is all */
	EXPECT_STRING,  /* more of it, or its end; as the next ones */
	EXPECT_ESCAPE,
	EXPECT_HEX,
	EXPECT_UTF8,
	EXPECT_LITERAL,
	EXPECT_NUMBER,
};

/* A value that is kept: where in the text it stands. */
struct kept {
	struct json_value value;
	uint32_t start, len;
};

struct json_scan {
	const struct json_fields *fields;
	const struct json_limits *limits;
	enum json_result result;
	enum state state;
	enum json_number_state number;
	const char *literal; /* what is missing of it */
	uint32_t values;
	uint32_t depth;             /* containers that are open */
	uint64_t is_object;         /* by depth, from bit 0 on */
	uint64_t at;                /* fields that the next value leads to, or is */
	int32_t keeping;            /* field whose text comes; -1: none */
	bool is_key;                /* the string is one */
	bool is_key_wanted;         /* and somebody looks at it */
	uint8_t utf8_left;          /* bytes of a character that are still to come */
	uint8_t utf8_min, utf8_max; /* what the next one may be */
	uint8_t hex_left;
	uint16_t hex;
	uint16_t surrogate; /* the first half of a pair; 0: none */
	uint32_t key_len;
	uint32_t text_len;
	uint64_t live[JSON_DEPTH_MAX + 1];  /* fields whose way leads into the container */
	uint64_t seen[JSON_DEPTH_MAX + 1];  /* of these, those whose next name was there */
	uint32_t index[JSON_DEPTH_MAX + 1]; /* of the next item of a list */
	struct kept kept[JSON_FIELDS_MAX];
	char key[JSON_TOKEN_MAX + 1];
	char text[JSON_TEXT_MAX];
};

size_t json_scan_bytes(void)
{
	return sizeof(struct json_scan);
}

struct json_scan *json_scan_begin(
	void *memory, const struct json_fields *fields, const struct json_limits *limits)
{
	struct json_scan *scan = memory;

	memset(scan, 0, offsetof(struct json_scan, live));
	memset(scan->kept, 0, fields->count * sizeof(scan->kept[0]));
	scan->fields = fields;
	scan->limits = limits;
	scan->at = fields->count == 64 ? UINT64_MAX : (UINT64_C(1) << fields->count) - 1;
	scan->keeping = -1;
	return scan;
}

static void fail(struct json_scan *scan, enum json_result result)
{
	scan->result = result;
}

static void put(struct json_scan *scan, char c)
{
	if (scan->is_key) {
		/* A longer one is nobody's: it keeps its length only. */
		if (scan->key_len < sizeof(scan->key))
			scan->key[scan->key_len++] = c;
		return;
	}
	if (scan->keeping < 0)
		return;
	if (scan->text_len == JSON_TEXT_MAX)
		fail(scan, JSON_TOO_LONG);
	else
		scan->text[scan->text_len++] = c;
}

/* Of the fields that lead into the container, those whose next name this is. */
static uint64_t step(const struct json_scan *scan, const char *name, size_t len)
{
	uint64_t left = scan->live[scan->depth];
	uint64_t found = 0;

	while (left != 0) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct json_token *token = &scan->fields->items[i].tokens[scan->depth - 1];

		if (token->len == len && memcmp(token->text, name, len) == 0)
			found |= UINT64_C(1) << i;
		left &= left - 1;
	}
	return found;
}

static void key_end(struct json_scan *scan)
{
	uint64_t *seen = &scan->seen[scan->depth];

	scan->state = EXPECT_COLON;
	scan->is_key = false;
	scan->at = step(scan, scan->key, scan->key_len);
	if ((*seen & scan->at) != 0)
		fail(scan, JSON_REPEATED);
	*seen |= scan->at;
}

/* RFC 6901 4: digits without leading zeros. */
static void item_begin(struct json_scan *scan)
{
	uint32_t index = scan->index[scan->depth]++;
	char digits[12];
	unsigned at = sizeof(digits);

	scan->at = 0;
	if (scan->live[scan->depth] == 0)
		return;
	do {
		digits[--at] = (char)('0' + index % 10);
		index /= 10;
	} while (index > 0);
	scan->at = step(scan, digits + at, sizeof(digits) - at);
}

static void value_end(struct json_scan *scan)
{
	scan->keeping = -1;
	scan->state = scan->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static void scalar_end(struct json_scan *scan)
{
	struct kept *kept;

	if (scan->keeping >= 0) {
		kept = &scan->kept[scan->keeping];
		kept->len = scan->text_len - kept->start;
		if (kept->value.is_number &&
			!json_number_read(scan->text, JSON_TEXT_MAX, kept->start, &scan->text_len,
				&kept->value))
			fail(scan, JSON_TOO_LONG);
		kept->len = scan->text_len - kept->start;
	}
	value_end(scan);
}

static void container_open(struct json_scan *scan, bool is_object)
{
	uint64_t bit = UINT64_C(1) << (scan->depth & 63);

	if (scan->depth >= scan->limits->max_depth || scan->depth >= JSON_DEPTH_MAX) {
		fail(scan, JSON_TOO_DEEP);
		return;
	}
	scan->is_object = is_object ? scan->is_object | bit : scan->is_object & ~bit;
	scan->depth++;
	scan->live[scan->depth] = scan->at;
	scan->seen[scan->depth] = 0;
	scan->index[scan->depth] = 0;
	scan->state = is_object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
}

static bool is_in_object(const struct json_scan *scan)
{
	return scan->depth > 0 && (scan->is_object >> (scan->depth - 1) & 1) != 0;
}

static void container_close(struct json_scan *scan, bool is_object)
{
	if (is_in_object(scan) != is_object) {
		fail(scan, JSON_MALFORMED);
		return;
	}
	scan->depth--;
	value_end(scan);
}

/* Fields that end here have found their value; the others go on into it. */
static void fields_meet(struct json_scan *scan, char c)
{
	uint64_t left = scan->at;

	while (left != 0) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct json_field *field = &scan->fields->items[i];
		struct kept *kept = &scan->kept[i];

		left &= left - 1;
		if (field->token_count != scan->depth)
			continue;
		scan->at &= ~(UINT64_C(1) << i);
		kept->value.is_there = true;
		kept->value.is_scalar = c != '{' && c != '[';
		kept->value.is_number = c == '-' || (c >= '0' && c <= '9');
		kept->start = scan->text_len;
		if (kept->value.is_scalar && field->needs_text)
			scan->keeping = (int32_t)i;
	}
}

static void number_begin(struct json_scan *scan, char c)
{
	scan->state = EXPECT_NUMBER;
	scan->number = json_number_next(JSON_NUMBER_START, c);
	put(scan, c);
	if (scan->number == JSON_NUMBER_BAD)
		fail(scan, JSON_MALFORMED);
}

static void literal_begin(struct json_scan *scan, const char *literal, char c)
{
	scan->state = EXPECT_LITERAL;
	scan->literal = literal + 1;
	put(scan, c);
}

static void value_begin(struct json_scan *scan, char c)
{
	if (++scan->values > scan->limits->max_values) {
		fail(scan, JSON_TOO_MANY);
		return;
	}
	fields_meet(scan, c);
	switch (c) {
	case '{':
	case '[':
		container_open(scan, c == '{');
		break;
	case '"':
		scan->state = EXPECT_STRING;
		break;
	case 't':
		literal_begin(scan, "true", c);
		break;
	case 'f':
		literal_begin(scan, "false", c);
		break;
	case 'n':
		literal_begin(scan, "null", c);
		break;
	default:
		number_begin(scan, c);
	}
}

static void on_value(struct json_scan *scan, char c)
{
	if (c == ']' && scan->state == EXPECT_VALUE_OR_END) {
		container_close(scan, false);
		return;
	}
	if (scan->depth > 0 && !is_in_object(scan))
		item_begin(scan);
	value_begin(scan, c);
}

static void on_key(struct json_scan *scan, char c)
{
	if (c == '}' && scan->state == EXPECT_KEY_OR_END) {
		container_close(scan, true);
		return;
	}
	if (c != '"') {
		fail(scan, JSON_MALFORMED);
		return;
	}
	scan->state = EXPECT_STRING;
	scan->is_key = true;
	scan->key_len = 0;
}

static void on_comma(struct json_scan *scan, char c)
{
	if (c == ',')
		scan->state = is_in_object(scan) ? EXPECT_KEY : EXPECT_VALUE;
	else if (c == '}' || c == ']')
		container_close(scan, c == '}');
	else
		fail(scan, JSON_MALFORMED);
}

static void string_end(struct json_scan *scan)
{
	if (scan->is_key)
		key_end(scan);
	else
		scalar_end(scan);
}

/* RFC 3629 4: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static void utf8_begin(struct json_scan *scan, uint8_t c)
{
	scan->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	scan->utf8_min = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	scan->utf8_max = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	scan->state = EXPECT_UTF8;
	if (c < 0xc2 || c > 0xf4)
		fail(scan, JSON_MALFORMED);
	put(scan, (char)c);
}

static void on_utf8(struct json_scan *scan, char c)
{
	if ((uint8_t)c < scan->utf8_min || (uint8_t)c > scan->utf8_max)
		fail(scan, JSON_MALFORMED);
	scan->utf8_min = 0x80;
	scan->utf8_max = 0xbf;
	put(scan, c);
	if (--scan->utf8_left == 0)
		scan->state = EXPECT_STRING;
}

static void on_string(struct json_scan *scan, char c)
{
	if ((uint8_t)c < 0x20 || (scan->surrogate != 0 && c != '\\'))
		fail(scan, JSON_MALFORMED);
	else if (c == '"')
		string_end(scan);
	else if (c == '\\')
		scan->state = EXPECT_ESCAPE;
	else if ((uint8_t)c >= 0x80)
		utf8_begin(scan, (uint8_t)c);
	else
		put(scan, c);
}

static void on_escape(struct json_scan *scan, char c)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *found = c != '\0' ? strchr(from, c) : NULL;

	if (c == 'u') {
		scan->state = EXPECT_HEX;
		scan->hex_left = 4;
		scan->hex = 0;
		return;
	}
	scan->state = EXPECT_STRING;
	if (found == NULL || scan->surrogate != 0)
		fail(scan, JSON_MALFORMED);
	else
		put(scan, to[found - from]);
}

static void utf8_put(struct json_scan *scan, uint32_t code)
{
	if (code < 0x80) {
		put(scan, (char)code);
		return;
	}
	if (code < 0x800) {
		put(scan, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			put(scan, (char)(0xe0 | code >> 12));
		} else {
			put(scan, (char)(0xf0 | code >> 18));
			put(scan, (char)(0x80 | (code >> 12 & 0x3f)));
		}
		put(scan, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	put(scan, (char)(0x80 | (code & 0x3f)));
}

/* RFC 8259 7: what is beyond 16 bits is written as two halves. */
static void escape_end(struct json_scan *scan)
{
	uint32_t code = scan->hex;
	bool is_second = code >= 0xdc00 && code < 0xe000;

	scan->state = EXPECT_STRING;
	if (is_second != (scan->surrogate != 0)) {
		fail(scan, JSON_MALFORMED);
	} else if (is_second) {
		utf8_put(scan,
			0x10000 + ((uint32_t)(scan->surrogate - 0xd800) << 10) + (code - 0xdc00));
		scan->surrogate = 0;
	} else if (code >= 0xd800 && code < 0xdc00) {
		scan->surrogate = scan->hex;
	} else {
		utf8_put(scan, code);
	}
}

static void on_hex(struct json_scan *scan, char c)
{
	unsigned lower = (uint8_t)c | 0x20u;
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if (lower >= 'a' && lower <= 'f')
		digit = lower - 'a' + 10;
	else {
		fail(scan, JSON_MALFORMED);
		return;
	}
	scan->hex = (uint16_t)(scan->hex << 4 | digit);
	if (--scan->hex_left == 0)
		escape_end(scan);
}

static void on_literal(struct json_scan *scan, char c)
{
	if (c != *scan->literal) {
		fail(scan, JSON_MALFORMED);
		return;
	}
	put(scan, c);
	if (*++scan->literal == '\0')
		scalar_end(scan);
}

static void structure_take(struct json_scan *scan, char c);

/* A number ends with what is no part of it, which is then looked at once more. */
static void on_number(struct json_scan *scan, char c)
{
	enum json_number_state next = json_number_next(scan->number, c);

	if (next == JSON_NUMBER_BAD) {
		fail(scan, JSON_MALFORMED);
	} else if (next == JSON_NUMBER_END) {
		scalar_end(scan);
		if (scan->result == JSON_GOOD)
			structure_take(scan, c);
	} else {
		scan->number = next;
		put(scan, c);
	}
}

/* Between values, where blanks mean nothing. */
static void structure_take(struct json_scan *scan, char c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return;
	switch (scan->state) {
	case EXPECT_VALUE:
	case EXPECT_VALUE_OR_END:
		on_value(scan, c);
		break;
	case EXPECT_KEY:
	case EXPECT_KEY_OR_END:
		on_key(scan, c);
		break;
	case EXPECT_COLON:
		scan->state = EXPECT_VALUE;
		if (c != ':')
			fail(scan, JSON_MALFORMED);
		break;
	case EXPECT_COMMA_OR_END:
		on_comma(scan, c);
		break;
	default:
		fail(scan, JSON_MALFORMED);
	}
}

static void byte_take(struct json_scan *scan, char c)
{
	switch (scan->state) {
	case EXPECT_STRING:
		on_string(scan, c);
		break;
	case EXPECT_ESCAPE:
		on_escape(scan, c);
		break;
	case EXPECT_HEX:
		on_hex(scan, c);
		break;
	case EXPECT_UTF8:
		on_utf8(scan, c);
		break;
	case EXPECT_LITERAL:
		on_literal(scan, c);
		break;
	case EXPECT_NUMBER:
		on_number(scan, c);
		break;
	default:
		structure_take(scan, c);
	}
}

enum json_result json_scan_add(struct json_scan *scan, const char *data, size_t len)
{
	for (size_t i = 0; i < len && scan->result == JSON_GOOD; i++)
		byte_take(scan, data[i]);
	return scan->result;
}

enum json_result json_scan_end(struct json_scan *scan)
{
	if (scan->result == JSON_GOOD && scan->state == EXPECT_NUMBER && scan->depth == 0) {
		if (json_number_next(scan->number, ' ') == JSON_NUMBER_END)
			scalar_end(scan);
	}
	if (scan->result == JSON_GOOD && scan->state != EXPECT_NOTHING)
		scan->result = JSON_MALFORMED;
	return scan->result;
}

struct json_value json_scan_value(const struct json_scan *scan, unsigned field)
{
	const struct kept *kept = &scan->kept[field];
	struct json_value value = kept->value;

	value.text = (struct http_span){ .data = scan->text + kept->start, .len = kept->len };
	return value;
}
