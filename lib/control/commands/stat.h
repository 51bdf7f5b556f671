/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMANDS_STAT_H
#define COMMANDS_STAT_H

#include <stdint.h>

#include "commands.h"

enum stat_field {
#define STAT(name, help) STAT_##name,
#include "control/stat.def"
#undef STAT
	STAT_COUNT,
};

/* A row of show stat. Text is borrowed, or in 'room'. */
struct stat_value {
	enum { STAT_EMPTY, STAT_NUMBER, STAT_TEXT } kind;
	uint64_t number;
	const char *text;
};

struct stat_row {
	struct stat_value values[STAT_COUNT];
	char room[IP_ENDPOINT_MAX];
};

static inline void stat_number(struct stat_row *row, enum stat_field field, uint64_t number)
{
	row->values[field] = (struct stat_value){ .kind = STAT_NUMBER, .number = number };
}

static inline void stat_text(struct stat_row *row, enum stat_field field, const char *text)
{
	row->values[field] = (struct stat_value){ .kind = STAT_TEXT, .text = text };
}

/* Each overwrites the whole row. iid: as in the column. */
void stat_service_fill(struct stat_row *row, const struct service *service, unsigned iid);
void stat_pool_fill(struct stat_row *row, const struct pool *pool, unsigned iid, uint64_t now_us);
void stat_member_fill(struct stat_row *row, const struct pool *pool, unsigned index, unsigned iid,
	uint64_t now_us);

#endif
