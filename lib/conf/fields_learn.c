/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the application's own, and where they were begun. */
#include "policy.h"
#include "reader.h"

#define ENTRIES_MIN 64
#define ENTRIES_MAX 16777216
#define EXPIRE_MAX  31536000

static const struct choice from_choices[] = {
	{
		.name = "answer",
		.value = CONFIG_LEARN_ANSWER,
		.help = "values that a member gives out: in Set-Cookie for a cookie, else in a "
			"header field of that name",
	},
	{
		.name = "request",
		.value = CONFIG_LEARN_REQUEST,
		.help = "values that clients bring, with the member that answers",
	},
	{ .name = NULL },
};

static void learn_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_learn *learn = object;
	enum config_attribute_kind kind = learn->key.kind;

	if (learn->from == CONFIG_LEARN_ANSWER && kind != CONFIG_ATTRIBUTE_NONE &&
		kind != CONFIG_ATTRIBUTE_COOKIE && kind != CONFIG_ATTRIBUTE_HEADER)
		problem_add(&reader->problems, node_get(node, "key"),
			"answers have cookies and header fields only; \"from\": \"request\" takes "
			"any");
}

static const struct field learn_fields[] = {
	{
		.name = "key",
		.help = "what tells sessions apart in requests",
		.type = FIELD_TEXT,
		.is_required = true,
		.kind = &attribute_kind,
		.offset = offsetof(struct config_learn, key),
	},
	{
		.name = "from",
		.help = "where values are learned",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_learn, from),
		.choices = from_choices,
		.value = CONFIG_LEARN_ANSWER,
	},
	{
		.name = "entries",
		.help = "sessions that are remembered, about; one more takes the place of one that "
			"was not used for long",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_learn, entries),
		.min = ENTRIES_MIN,
		.max = ENTRIES_MAX,
		.value = 65536,
	},
	{
		.name = "expire_s",
		.help = "a session that was not used for so long is forgotten",
		.type = FIELD_NUMBER,
		.unit = "seconds",
		.offset = offsetof(struct config_learn, expire_s),
		.min = 1,
		.max = EXPIRE_MAX,
		.value = 1800,
	},
	{ .name = NULL },
};

const struct table learn_table = {
	.name = "learn",
	.help = "Sessions of the application's own lead back to the member that began them. "
		"Workers share what is learned, reloads keep it, and `show table` lists it.",
	.fields = learn_fields,
	.check = learn_check,
};
