/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H1_INTERNAL_H
#define HTTP_H1_INTERNAL_H

#include <llhttp.h>

#include "filter.h"
#include "http/h1.h"

/* A chunk's size line, extensions included; longer ones are refused. */
#define CHUNK_LINE_MAX 256
#define TRAILERS_MAX   32
/* 1xx heads ahead of one response. */
#define INTERIM_MAX 16

enum h1_state {
	EXPECT_HEAD,
	EXPECT_BODY,
	EXPECT_CHUNK_LINE,
	EXPECT_CHUNK_DATA,
	EXPECT_CHUNK_END,
	EXPECT_TRAILER,
	EXPECT_CLOSE,   /* a body until the connection ends */
	EXPECT_END,     /* the last byte is in, HTTP_EVENT_END is due */
	EXPECT_NOTHING, /* after "Connection: close", and after 101: nothing that follows is read */
	REFUSED,
	H1_STATE_COUNT,
};

/*
 * Heads and trailers are collected line by line into the caller's buffer, checked there, and given
 * to llhttp in one piece; bodies go to llhttp as they come. Every unit that llhttp gets has a known
 * effect, and an llhttp that sees it otherwise ends in a refusal.
 */
struct h1_parser {
	enum h1_state state;
	enum h1_role role;
	uint64_t offset;     /* bytes taken from the connection */
	uint64_t remaining;  /* bytes of the body, or of this chunk, to come */
	uint64_t body_total; /* of a chunked body, this chunk included */

	char *buffer; /* of the caller */
	size_t size;
	size_t used;             /* bytes collected */
	size_t line;             /* where the line that is being collected starts */
	size_t section;          /* where the head (0) or the trailer section starts */
	size_t section_max;      /* where it must have ended */
	uint64_t section_offset; /* buffer[section]'s place in the connection */

	llhttp_t llhttp;
	unsigned values_seen; /* fields that llhttp has seen in this section */
	bool is_llhttp_done;  /* llhttp holds the message to be complete */
	bool is_started;      /* a byte of this message was collected */
	bool is_blank_seen;   /* the one empty line ahead of a request */
	bool has_first_line;
	bool may_switch;  /* response: 101 would be one to the request */
	bool is_expected; /* response: a request waits for it */
	bool to_head_request;
	unsigned interim_count;

	/* Request line, as indices into buffer: normalising waits until llhttp has read the head.
	 */
	size_t target_at;
	size_t target_len;

	unsigned chunk_line_len;
	char chunk_line[CHUNK_LINE_MAX];

	enum http_refusal refusal;
	uint64_t refusal_offset;
	struct http_limits limits;
	llhttp_t fresh; /* llhttp ready for a message: for requests "GET " was read */
	unsigned trailer_count;
	struct http_field trailers[TRAILERS_MAX];
	struct http_head head;
};

/* A state's handler had no event for the caller: the next state's turn. */
#define H1_GO_ON (-1)

/* What h1_next() was fed, and how much of it is used up. */
struct h1_input {
	const char *data;
	size_t len;
	size_t used;
};

enum h1_taken { H1_LINE_COMPLETE, H1_LINE_PARTIAL, H1_LINE_OVERFLOW };

/* Handlers of one state: an enum http_event or H1_GO_ON. */
int h1_expect_body(struct h1_parser *parser, struct h1_input *in, struct http_span *body);
int h1_expect_close(struct h1_parser *parser, struct h1_input *in, struct http_span *body);
int h1_expect_chunk_line(struct h1_parser *parser, struct h1_input *in, struct http_span *body);
int h1_expect_chunk_end(struct h1_parser *parser, struct h1_input *in, struct http_span *body);
int h1_expect_trailer(struct h1_parser *parser, struct h1_input *in, struct http_span *body);

/* llhttp's word on bytes that were checked already. */
bool h1_is_agreed(struct h1_parser *parser, const char *data, size_t len);

/* A head or a trailer section starts at buffer[start]. */
void h1_section_begin(struct h1_parser *parser, size_t start);
/* Collects bytes up to the next line feed, as far as the section may grow. */
enum h1_taken h1_take_line(struct h1_parser *parser, struct h1_input *in);
/* Of the complete line from parser->line to parser->used: */
bool h1_line_ends_well(struct h1_parser *parser);
bool h1_line_is_empty(const struct h1_parser *parser);

/* Note why and where and return false: as an offset, or as a place in parser->buffer. */
bool h1_refuse_at(struct h1_parser *parser, enum http_refusal refusal, uint64_t offset);
bool h1_refuse(struct h1_parser *parser, enum http_refusal refusal, const char *at);

/* The line from parser->line to parser->used, CRLF included, is the first one. */
bool h1_first_line(struct h1_parser *parser);
/* What of a request line is there so far can still become one. */
bool h1_request_line_prefix(struct h1_parser *parser);
/* Splits the line into a field at the end of fields[*count]. bad_name: the refusal to use. */
bool h1_field_line(struct h1_parser *parser, struct http_field *fields, unsigned *count,
	enum http_refusal bad_name);
/* Explains a field that llhttp refused. */
bool h1_refuse_field(struct h1_parser *parser, const struct http_field *fields, unsigned count);

/* The fields that decide framing and connection, once the head is complete. */
bool h1_framing(struct h1_parser *parser);
/* Target, authority and host, once llhttp took the head. */
bool h1_target(struct h1_parser *parser);

#endif
