/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GRPC_H
#define GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

/* Calls of gRPC: their deadlines, and answers of our own in their terms. */

/* The codes that we give: doc/statuscodes.md of gRPC. */
enum grpc_status {
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

#define GRPC_TIMEOUT_MAX 16 /* a value of grpc-timeout with its NUL */

/* What a status of HTTP is to a client of gRPC that gets it instead of an answer. */
enum grpc_status grpc_status_of(unsigned http_status);

/* A value of grpc-timeout: microseconds, rounded up. False: malformed. */
bool grpc_timeout_parse(struct http_span value, uint64_t *timeout_us);

/* The same written, rounded down to what eight digits can tell. Returns text. */
const char *grpc_timeout_write(uint64_t timeout_us, char text[GRPC_TIMEOUT_MAX]);

/* The request's head is complete: notes its deadline. False: it was answered. */
bool grpc_admit(struct stream *stream);

/* The request is a call of gRPC. */
bool grpc_is_call(const struct stream *stream);

/* So much of timeout_ms as the call's deadline leaves. */
uint64_t grpc_clamp_ms(const struct stream *stream, uint64_t timeout_ms);

/* The call's own deadline has passed, and its answer is not complete. */
bool grpc_is_late(const struct stream *stream);

/* Ends such a call: the member's stream is cancelled, the client hears of it as well as it can. */
void grpc_expire(struct stream *stream);

/* Adds what is left of the deadline to a head for a member. text must outlive the options. */
void grpc_put_timeout(const struct stream *stream, struct http_extra_field *extra,
	char text[GRPC_TIMEOUT_MAX], struct http_write_options *options);

/* How an answer of our own with that HTTP status is told to the caller; NULL: as it is. */
const char *grpc_answer_code(const struct stream *stream, const struct response *response);

/* The head that is the whole answer ("Trailers-Only"): code and words for people. */
void grpc_head_fill(struct http_head *head, const char *code, const char *message);

#endif
