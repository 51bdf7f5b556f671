/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../nearest.h"
#include "commands.h"

int request_table_end(struct request *request, struct table *table)
{
	int ret = table_end(table, request->out);

	table_destroy(table);
	return ret;
}

/* In the words of HAProxy's status column. */
const char *member_state_name(const struct member *member)
{
	if (member->admin == MEMBER_MAINT)
		return "MAINT";
	if (member->health == MEMBER_DOWN)
		return "DOWN";
	if (member->admin == MEMBER_DRAIN || member->weight == 0)
		return "DRAIN";
	if (member->outlier.is_ejected)
		return "NOLB";
	return member->health == MEMBER_UP ? "UP" : "no check";
}

const char *member_state_word(const struct member *member)
{
	const char *name = member_state_name(member);

	if (strcmp(name, "NOLB") == 0)
		return "EJECTED";
	return strcmp(name, "no check") == 0 ? "UNCHECKED" : name;
}

struct pool *request_pool_find(struct request *request, const char *name, unsigned *index)
{
	const struct backend_set *set = request_snapshot(request)->backends;
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (unsigned i = 0; i < set->count; i++) {
		if (strcmp(set->pools[i]->name, name) == 0) {
			*index = i;
			return set->pools[i];
		}
		nearest_offer(&nearest, set->pools[i]->name);
	}
	if (nearest.best != NULL)
		request_fail(request, ENOENT, "there is no pool \"%.80s\"; did you mean \"%.80s\"?",
			name, nearest.best);
	else
		request_fail(request, ENOENT, "there is no pool \"%.80s\"", name);
	return NULL;
}

int request_pools(struct request *request, unsigned *first, unsigned *end)
{
	*first = 0;
	*end = request_snapshot(request)->backends->count;
	if (request->count > 1)
		return request_fail(request, EINVAL, "one pool at most");
	if (request->count == 0)
		return 0;
	if (request_pool_find(request, request->words[0], first) == NULL)
		return -ENOENT;
	*end = *first + 1;
	return 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *value)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 19 || text[len] != '\0')
		return -EINVAL;
	*value = strtoull(text, NULL, 10);
	return *value > max ? -EINVAL : 0;
}
