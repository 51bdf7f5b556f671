/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "../session.h"
#include "../table.h"
#include "backend/backend.h"
#include "service/service.h"
#include "service/snapshot.h"

/* One function a row of the table; see struct request for what they return. */
#define COMMAND(id, words, arguments, level, help) int command_##id(struct request *request);
#include "control/commands.def"
#undef COMMAND

/* How long a worker may take until its next turn of the loop. */
#define COMMAND_CALL_TIMEOUT_MS 200

static inline const struct snapshot *request_snapshot(const struct request *request)
{
	return request->params->ops->snapshot(request->params->ctx);
}

/* The worker, or NULL past the last. */
static inline const struct core *request_core(const struct request *request, unsigned index)
{
	return request->params->ops->core(request->params->ctx, index);
}

static inline uint64_t request_now_us(const struct request *request)
{
	return request->params->ops->now_us(request->params->ctx);
}

static inline int request_call(const struct request *request, unsigned core,
	void (*fn)(struct control_worker *worker, void *arg), void *arg)
{
	return request->params->ops->call(
		request->params->ctx, core, fn, arg, COMMAND_CALL_TIMEOUT_MS);
}

/* A whole table in one piece: table_end(), and the table is gone. */
int request_table_end(struct request *request, struct table *table);

/* Members, as show servers, show stat and show metrics speak of them. */
const char *member_state_name(const struct member *member);

/* The same for our own tables: one word, for readers that cut lines at blanks. */
const char *member_state_word(const struct member *member);
struct pool *request_pool_find(struct request *request, const char *name, unsigned *index);

/* The pools that "[POOL]" means, first up to end: all, or the one named. 0 or < 0, and said. */
int request_pools(struct request *request, unsigned *first, unsigned *end);

/* The place of a certificate in the store, or -ENOENT, and said. */
int request_certificate_find(struct request *request, const char *name);

/* What is wrong with a file, one a line, as --check says it. */
void request_print_errors(const struct request *request, const struct config_errors *errors);

/* A decimal number up to max and nothing else. 0 or -EINVAL. */
int number_parse(const char *text, uint64_t max, uint64_t *value);

#endif
