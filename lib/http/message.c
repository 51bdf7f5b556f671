/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <string.h>
#include <strings.h>

#include "chars.h"

#define ALPHA_CLASSES  (CHAR_TOKEN | CHAR_TARGET | CHAR_HOST | CHAR_UNRESERVED | CHAR_TEXT)
#define SYMBOL_CLASSES (CHAR_TOKEN | CHAR_TARGET | CHAR_TEXT)
#define DELIM_CLASSES  (CHAR_TARGET | CHAR_TEXT)

const uint8_t char_classes[256] = {
	['\t'] = CHAR_TEXT,
	[' '] = CHAR_TEXT,
	['!'] = SYMBOL_CLASSES,
	['"'] = DELIM_CLASSES,
	['#'] = CHAR_TOKEN | CHAR_TEXT,
	['$' ... '\''] = SYMBOL_CLASSES,
	['(' ... ')'] = DELIM_CLASSES,
	['*' ... '+'] = SYMBOL_CLASSES,
	[','] = DELIM_CLASSES,
	['-' ... '.'] = ALPHA_CLASSES,
	['/'] = DELIM_CLASSES,
	['0' ... '9'] = ALPHA_CLASSES,
	[':' ... '@'] = DELIM_CLASSES,
	['A' ... 'Z'] = ALPHA_CLASSES,
	['[' ... ']'] = DELIM_CLASSES,
	['^'] = SYMBOL_CLASSES,
	['_'] = ALPHA_CLASSES,
	['`'] = SYMBOL_CLASSES,
	['a' ... 'z'] = ALPHA_CLASSES,
	['{'] = DELIM_CLASSES,
	['|'] = SYMBOL_CLASSES,
	['}'] = DELIM_CLASSES,
	['~'] = SYMBOL_CLASSES | CHAR_UNRESERVED,
	[0x80 ... 0xff] = CHAR_TEXT,
};

struct refusal_row {
	const char *name;
	const char *help;
	unsigned status;
};

static const struct refusal_row refusals[HTTP_REFUSAL_COUNT] = {
	[HTTP_REFUSED_NOT] = { .name = "none", .help = "not refused", .status = 0 },
#define REFUSAL(row_name, row_status, row_help)                                                    \
	[HTTP_REFUSED_##row_name] = { .name = #row_name, .help = row_help, .status = row_status },
#include "http/refusal.def"
#undef REFUSAL
};

/* RFC 9110 15, and 429, 431 and 511 of RFC 6585, 421 of RFC 9110, 425 of RFC 8470. */
static const char *const reasons[] = {
	[100] = "Continue",
	[101] = "Switching Protocols",
	[102] = "Processing",
	[103] = "Early Hints",
	[200] = "OK",
	[201] = "Created",
	[202] = "Accepted",
	[203] = "Non-Authoritative Information",
	[204] = "No Content",
	[205] = "Reset Content",
	[206] = "Partial Content",
	[207] = "Multi-Status",
	[300] = "Multiple Choices",
	[301] = "Moved Permanently",
	[302] = "Found",
	[303] = "See Other",
	[304] = "Not Modified",
	[307] = "Temporary Redirect",
	[308] = "Permanent Redirect",
	[400] = "Bad Request",
	[401] = "Unauthorized",
	[402] = "Payment Required",
	[403] = "Forbidden",
	[404] = "Not Found",
	[405] = "Method Not Allowed",
	[406] = "Not Acceptable",
	[407] = "Proxy Authentication Required",
	[408] = "Request Timeout",
	[409] = "Conflict",
	[410] = "Gone",
	[411] = "Length Required",
	[412] = "Precondition Failed",
	[413] = "Content Too Large",
	[414] = "URI Too Long",
	[415] = "Unsupported Media Type",
	[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed",
	[421] = "Misdirected Request",
	[422] = "Unprocessable Content",
	[425] = "Too Early",
	[426] = "Upgrade Required",
	[428] = "Precondition Required",
	[429] = "Too Many Requests",
	[431] = "Request Header Fields Too Large",
	[451] = "Unavailable For Legal Reasons",
	[500] = "Internal Server Error",
	[501] = "Not Implemented",
	[502] = "Bad Gateway",
	[503] = "Service Unavailable",
	[504] = "Gateway Timeout",
	[505] = "HTTP Version Not Supported",
	[511] = "Network Authentication Required",
};

const char *http_status_reason(unsigned status)
{
	if (status >= sizeof(reasons) / sizeof(reasons[0]) || reasons[status] == NULL)
		return "";
	return reasons[status];
}

bool http_span_is(struct http_span span, const char *text)
{
	return strlen(text) == span.len && memcmp(span.data, text, span.len) == 0;
}

bool http_span_is_nocase(struct http_span span, const char *text)
{
	return strlen(text) == span.len && strncasecmp(span.data, text, span.len) == 0;
}

const struct http_field *http_find(const struct http_head *head, const char *name)
{
	for (unsigned i = 0; i < head->field_count; i++)
		if (http_span_is_nocase(head->fields[i].name, name))
			return &head->fields[i];
	return NULL;
}

static const struct refusal_row *refusal_row(enum http_refusal refusal)
{
	return &refusals[(unsigned)refusal < HTTP_REFUSAL_COUNT ? refusal : HTTP_REFUSED_syntax];
}

unsigned http_refusal_status(enum http_refusal refusal)
{
	return refusal_row(refusal)->status;
}

const char *http_refusal_name(enum http_refusal refusal)
{
	return refusal_row(refusal)->name;
}

const char *http_refusal_help(enum http_refusal refusal)
{
	return refusal_row(refusal)->help;
}
