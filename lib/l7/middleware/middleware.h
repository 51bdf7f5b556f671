/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_MIDDLEWARE_H
#define L7_MIDDLEWARE_H

#include <stdbool.h>
#include <stdint.h>

#include "../message.h"
#include "base/err.h"
#include "bucket.h"
#include "conf/config.h"
#include "exchange.h"

/*
 * What a route does beside sending requests to a pool. Each kind of action is a row of the table in
 * table.c, with a function for each phase that it takes part in:
 *
 *	request   the route is found, no member is chosen: passes, answers, or delays
 *	forward   the request's head goes to a member; again for each try
 *	response  the final head of an answer goes to the client
 *
 * A route has a list for each phase of just those rows that its configuration asks for, and no
 * lists at all when that is none. Rows work on struct exchange and struct head_edit alone, so the
 * control thread runs them too, to explain.
 */

#define EDIT_FIELDS_MAX (3 * CONFIG_EDITS_MAX + 8) /* those of the actions, and our own */

/* A head on its way out: what is changed of it, and the room for new texts. One a worker. */
struct head_edit {
	struct http_extra_field extra[EDIT_FIELDS_MAX];
	unsigned extra_count;
	const char *drops[3 * CONFIG_EDITS_MAX + 1]; /* the same */
	unsigned drop_count;
	bool is_bad; /* what came of a rewriting cannot be asked for */
	struct room room;
	struct http_head head; /* a copy, where one had to be made */
	char text[MESSAGE_HEAD_BYTES];
};

/* Why a request was answered: for the counters. */
enum middleware_reason {
	MIDDLEWARE_ROUTE, /* that is what the route is for */
	MIDDLEWARE_RATE,
	MIDDLEWARE_CONCURRENT,
	MIDDLEWARE_HEADER,
	MIDDLEWARE_BODY,
	MIDDLEWARE_FAULT,
	MIDDLEWARE_REASON_COUNT,
};

/* An answer of our own. Texts are the route's, or in the edit's room. */
struct middleware_answer {
	unsigned status;
	const char *content_type;
	struct http_span body;
	enum middleware_reason reason;
};

enum middleware_verdict {
	MIDDLEWARE_PASS,
	MIDDLEWARE_ANSWER,
	MIDDLEWARE_DELAY, /* waits for exchange->delay_ms, and goes on with the next row */
};

struct actions;

struct middleware {
	const char *name; /* as in the configuration */
	bool (*is_used)(const struct config_actions *config);
	/* Fills in answer, and fields for it in edit. */
	enum middleware_verdict (*on_request)(struct actions *actions, struct exchange *exchange,
		struct head_edit *edit, struct middleware_answer *answer);
	/* head: what goes out, to be changed; it may be edit->head already. */
	void (*on_forward)(const struct actions *actions, struct exchange *exchange,
		struct head_edit *edit, const struct http_head **head);
	void (*on_response)(const struct actions *actions, struct exchange *exchange,
		struct head_edit *edit, const struct http_head *answer);
};

#define MIDDLEWARE_MAX 16

extern const struct middleware limit_middleware;
extern const struct middleware fault_middleware;
extern const struct middleware redirect_middleware;
extern const struct middleware respond_middleware;
extern const struct middleware rewrite_middleware;
extern const struct middleware request_headers_middleware;
extern const struct middleware response_headers_middleware;

/* limit.c: a limit and its buckets. */
struct limit_rate {
	const struct config_rate_limit *config;
	struct bucket_table *buckets;
	struct bucket_rate rate;
};

/* The actions of a route, made ready. Any worker; what changes is changed by atomic operations. */
struct actions {
	const struct config_actions *config;
	struct limit_rate *rates;
	size_t rate_count;
	unsigned concurrent; /* requests that have a slot */
	struct regex *rewrite_regex;
	struct regex *redirect_regex;
	/* Rows by phase, each up to NULL. */
	const struct middleware *request[MIDDLEWARE_MAX];
	const struct middleware *forward[MIDDLEWARE_MAX];
	const struct middleware *response[MIDDLEWARE_MAX];
};

/* NULL with *err unchanged for a route without actions; NULL with words in err on error. */
struct actions *actions_create(const struct config_l7_route *route, struct err *err);
void actions_destroy(struct actions *actions);

/* Empties it for the next head. */
void head_edit_begin(struct head_edit *edit);

/* The rows of the request phase from *row on, which then says where to go on after a delay. */
enum middleware_verdict middleware_request(struct actions *actions, unsigned *row,
	struct exchange *exchange, struct head_edit *edit, struct middleware_answer *answer);

/* The end of a request that has a slot. */
void middleware_leave(struct actions *actions);

/* 0 or -1: no memory. */
int limit_rates_create(struct actions *actions);
void limit_rates_destroy(struct actions *actions);

/* The head to send instead of the exchange's, or NULL: it cannot be sent. */
const struct http_head *middleware_forward(
	const struct actions *actions, struct exchange *exchange, struct head_edit *edit);

void middleware_response(const struct actions *actions, struct exchange *exchange,
	struct head_edit *edit, const struct http_head *answer);

/* Hands what was changed to the writer of heads. */
void head_edit_apply(const struct head_edit *edit, struct http_write_options *options);

/* A field of our own. Beyond the bound it is left out, and the edit is short. */
void head_edit_add(struct head_edit *edit, const char *name, struct http_span value, bool is_added);

/*
 * Where a request asks to go, changed: a target in the room, not normalised yet. regex: of the
 * substitution, or NULL.
 */
struct http_span rewrite_target(const struct config_rewrite *rewrite, const struct regex *regex,
	struct exchange *exchange, struct room *room);

#endif
