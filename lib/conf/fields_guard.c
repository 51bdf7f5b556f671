/* SPDX-License-Identifier: Apache-2.0 */
/* What defends services: access lists and limits. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "reader.h"
#include "text.h"

#define RATE_MAX       1000000000
#define ACL_ENTRIES    1000000 /* in one list */
#define LINE_WORDS_MAX 64

static const struct choice source_check_choices[] = {
	{
		.name = "none",
		.value = CONFIG_SOURCE_CHECK_NONE,
		.help = "any source but our own addresses and those that no host may use",
	},
	{
		.name = "loose",
		.value = CONFIG_SOURCE_CHECK_LOOSE,
		.help = "there must be a route to the source",
	},
	{
		.name = "strict",
		.value = CONFIG_SOURCE_CHECK_STRICT,
		.help = "the route to the source must leave by the port that the packet came in by "
			"(RFC 3704 2.2)",
	},
	{ .name = NULL },
};

static const struct choice ip_options_choices[] = {
	{
		.name = "drop",
		.value = CONFIG_IP_OPTIONS_DROP,
		.help = "no packet with any of them",
	},
	{
		.name = "pass",
		.value = CONFIG_IP_OPTIONS_PASS,
		.help = "they are passed on, where the IP version stays the same",
	},
	{ .name = NULL },
};

/* A list that grows by one; the old one is given back with the arena. */
struct list {
	struct ip_prefix *items;
	size_t count;
	size_t capacity;
};

static void list_append(struct reader *reader, struct list *list, const struct ip_prefix *item)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity * 2 + 64;
		struct ip_prefix *items = arena_array(reader->arena, capacity, sizeof(*items));

		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = *item;
}

/* One line of the file, without comment and blanks around it. */
static void line_take(struct reader *reader, const struct document *document, int line,
	const char *text, struct list *list)
{
	struct ip_prefix prefix, network;
	char words[IP_TEXT_MAX];

	if (ip_prefix_parse(text, &prefix) < 0) {
		problem_add_line(&reader->problems, document, line,
			"expected ADDRESS or ADDRESS/LENGTH, found \"%.60s\"", text);
		return;
	}
	network = text_network_of(&prefix);
	if (ip_equal(&network.addr, &prefix.addr))
		list_append(reader, list, &network);
	else
		problem_add_line(&reader->problems, document, line,
			"%.60s has bits set behind its prefix; did you mean \"%s/%u\"?", text,
			ip_format(&network.addr, words), network.prefix_len);
}

static void lines_take(struct reader *reader, const struct document *document, struct list *list)
{
	const char *at = document->text;

	for (int line = 1; *at != '\0'; line++) {
		size_t len = strcspn(at, "\n");
		size_t begin = strspn(at, " \t\r");
		size_t end = strcspn(at, "#\n");
		char text[LINE_WORDS_MAX];

		while (end > begin && strchr(" \t\r", at[end - 1]) != NULL)
			end--;
		if (end > begin && end - begin >= sizeof(text)) {
			problem_add_line(&reader->problems, document, line,
				"expected ADDRESS or ADDRESS/LENGTH, found a longer line");
		} else if (end > begin) {
			memcpy(text, at + begin, end - begin);
			text[end - begin] = '\0';
			line_take(reader, document, line, text, list);
		}
		at += len + (at[len] == '\n');
	}
}

/* Adds the file's networks to those of the list beside it, which was read before. */
static void list_file_read(struct reader *reader, const struct node *node, const char *text,
	struct ip_prefix **items, size_t *count)
{
	struct list list = { .items = *items, .count = *count, .capacity = *count };
	const struct document *document;
	const char *path = text[0] == '/'
		? text
		: arena_format(reader->arena, "%s%s", reader->folder, text);

	if (text[0] == '\0') {
		problem_add(&reader->problems, node, "must not be empty");
		return;
	}
	document = document_load_text(
		reader->arena, &reader->documents, path, node, &reader->problems);
	if (document == NULL)
		return;
	lines_take(reader, document, &list);
	if (list.count > ACL_ENTRIES)
		problem_add(&reader->problems, node, "%zu networks are too many, at most %d fit",
			list.count, ACL_ENTRIES);
	*items = list.items;
	*count = list.count;
}

static void allow_file_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_acl *acl = target;

	list_file_read(reader, node, text, &acl->allow, &acl->allow_count);
}

static void deny_file_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_acl *acl = target;

	list_file_read(reader, node, text, &acl->deny, &acl->deny_count);
}

static const struct text_kind allow_file_kind = {
	.what = "file",
	.pattern = ".",
	.read = allow_file_read,
};

static const struct text_kind deny_file_kind = {
	.what = "file",
	.pattern = ".",
	.read = deny_file_read,
};

static const struct field acl_fields[] = {
	{
		.name = "allow",
		.help = "networks that may come; once there is one, all others may not",
		.type = FIELD_TEXTS,
		.kind = &text_network,
		.offset = offsetof(struct config_acl, allow),
		.count_offset = offsetof(struct config_acl, allow_count),
		.max = ACL_ENTRIES,
		.text = "[]",
	},
	{
		.name = "allow_file",
		.help = "a file of more networks for `allow`: one a line, `#` begins a comment; "
			"relative to the configuration's folder",
		.type = FIELD_TEXT,
		.kind = &allow_file_kind,
	},
	{
		.name = "deny",
		.help = "networks that may not come; of two networks that hold an address, in "
			"whichever list, the smaller one decides",
		.type = FIELD_TEXTS,
		.kind = &text_network,
		.offset = offsetof(struct config_acl, deny),
		.count_offset = offsetof(struct config_acl, deny_count),
		.max = ACL_ENTRIES,
		.text = "[]",
	},
	{
		.name = "deny_file",
		.help = "a file of more networks for `deny`",
		.type = FIELD_TEXT,
		.kind = &deny_file_kind,
	},
	{ .name = NULL },
};

static int network_compare(const void *a, const void *b)
{
	const struct ip_prefix *x = a;
	const struct ip_prefix *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order != 0 ? order : (int)x->prefix_len - (int)y->prefix_len;
}

/* A network in both lists: neither of the two wishes can be guessed to be the right one. */
static void acl_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_acl *acl = object;
	struct ip_prefix *sorted = arena_array(reader->arena, acl->allow_count, sizeof(*sorted));
	char text[IP_TEXT_MAX];

	if (acl->allow_count == 0)
		return;
	memcpy(sorted, acl->allow, acl->allow_count * sizeof(*sorted));
	qsort(sorted, acl->allow_count, sizeof(*sorted), network_compare);
	for (size_t i = 0; i < acl->deny_count; i++) {
		const struct ip_prefix *found = bsearch(
			&acl->deny[i], sorted, acl->allow_count, sizeof(*sorted), network_compare);

		if (found != NULL && text_is_read(&found->addr))
			problem_add(&reader->problems, node, "%s/%u is both allowed and denied",
				ip_format(&found->addr, text), found->prefix_len);
	}
}

const struct table acl_table = {
	.name = "acl",
	.help = "Which clients may come, by their addresses.",
	.fields = acl_fields,
	.check = acl_check,
};

#define RATE(name_, unit_, help_)                                                                  \
	{                                                                                          \
		.name = #name_, .help = (help_), .type = FIELD_NUMBER, .unit = (unit_),            \
		.offset = offsetof(struct config_limits, name_), .max = RATE_MAX,                  \
	}

static const struct field limits_fields[] = {
	RATE(packets_per_s, "packets/s", "of all clients together; 0: no limit"),
	RATE(connections_per_s, "connections/s",
		"SYNs of all clients together, for tcp services; 0: no limit"),
	RATE(source_packets_per_s, "packets/s",
		"of each client, which is an IPv4 address or an IPv6 /64; 0: no limit"),
	RATE(source_connections_per_s, "connections/s",
		"SYNs of each client, for tcp services; 0: no limit"),
	{
		.name = "burst_ms",
		.help = "how much may come at once: as much as the rate lets through in this time, "
			"and one at least",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_limits, burst_ms),
		.min = 1,
		.max = 60000,
		.value = 1000,
	},
	{ .name = NULL },
};

const struct table limits_table = {
	.name = "limits",
	.help = "What a service takes in; the rest is dropped. Each L4 worker that receives packets "
		"grants an equal share of the rates.",
	.fields = limits_fields,
};

void guard_service_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct config_limits *limits = &service->limits;

	if (service->protocol == IPPROTO_TCP || service->protocol == 0 ||
		limits->connections_per_s + limits->source_connections_per_s == 0)
		return;
	problem_add(&reader->problems, node_get(node, "limits"),
		"connections are counted by their SYNs, which only tcp has; limit packets instead");
}

static const struct field guard_fields[] = {
	{
		.name = "acl",
		.help = "which clients may come to any service; a service's own list is asked, too",
		.type = FIELD_OBJECT,
		.table = &acl_table,
		.offset = offsetof(struct config_guard, acl),
	},
	{
		.name = "source_check",
		.help = "which source addresses are believed",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_guard, source_check),
		.choices = source_check_choices,
		.value = CONFIG_SOURCE_CHECK_NONE,
	},
	{
		.name = "ip_options",
		.help = "IPv4 options, and IPv6 hop-by-hop options, destination options and used-up "
			"routing headers; source routes are always dropped",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_guard, ip_options),
		.choices = ip_options_choices,
		.value = CONFIG_IP_OPTIONS_DROP,
	},
	{
		.name = "sources",
		.help = "clients that each L4 worker keeps in mind for the limits on clients; "
			"beyond that it forgets who was quiet longest",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_guard, sources),
		.min = 64,
		.max = 16777216,
		.value = 65536,
	},
	{
		.name = "icmp_per_s",
		.help = "ICMP messages, other than neighbor discovery, that each L4 worker takes in; "
			"0: no limit",
		.type = FIELD_NUMBER,
		.unit = "packets/s",
		.offset = offsetof(struct config_guard, icmp_per_s),
		.max = RATE_MAX,
		.value = 10000,
	},
	{ .name = NULL },
};

const struct table guard_table = {
	.name = "guard",
	.help = "Defence of the appliance and of all services.",
	.fields = guard_fields,
};
