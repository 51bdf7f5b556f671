/* SPDX-License-Identifier: Apache-2.0 */
/* The appliance itself: cores, memory, ports, addresses, logs and the socket. */
#include "base/log.h"
#include "reader.h"
#include "text.h"

#define CPU_MAX 1023

static const struct choice idle_choices[] = {
	{ .name = "poll", .value = CONFIG_IDLE_POLL, .help = "spin: lowest latency, whole CPUs" },
	{
		.name = "adaptive",
		.value = CONFIG_IDLE_ADAPTIVE,
		.help = "sleep for moments while there is nothing to do",
	},
	{ .name = NULL },
};

static void cpus_check(struct reader *reader, const struct node *node)
{
	for (const struct node *item = node->children; item != NULL; item = item->next) {
		const struct node *before = node->children;

		while (before != item && json_equal(before->json, item->json) == 0)
			before = before->next;
		if (before != item)
			problem_add(&reader->problems, item,
				"CPU %" JSON_INTEGER_FORMAT " is in this list already",
				json_integer_value(item->json));
	}
}

static void cores_check(struct reader *reader, const struct node *node, void *object)
{
	const struct node *l4 = node_get(node, "l4");
	const struct node *l7 = node_get(node, "l7");

	(void)object;
	if (l4 != NULL && json_is_array(l4->json) && l4->count <= CONFIG_CORES_MAX)
		cpus_check(reader, l4);
	if (l7 != NULL && json_is_array(l7->json) && l7->count <= CONFIG_CORES_MAX)
		cpus_check(reader, l7);
}

static const struct field cores_fields[] = {
	{
		.name = "control",
		.help = "CPU of the control thread, which mostly sleeps",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_cores, control),
		.max = CPU_MAX,
	},
	{
		.name = "l4",
		.help = "CPUs that run an L4 worker each; these own the ports' queues",
		.type = FIELD_NUMBERS,
		.offset = offsetof(struct config_cores, l4),
		.count_offset = offsetof(struct config_cores, l4_count),
		.min = 1,
		.max = CONFIG_CORES_MAX,
		.item_max = CPU_MAX,
		.text = "[1]; [0] on a machine with one CPU",
	},
	{
		.name = "l7",
		.help = "CPUs that run an L7 worker each; one that is in `l4` too runs both loops",
		.type = FIELD_NUMBERS,
		.offset = offsetof(struct config_cores, l7),
		.count_offset = offsetof(struct config_cores, l7_count),
		.max = CONFIG_CORES_MAX,
		.item_max = CPU_MAX,
		.text = "the same as `l4`",
	},
	{
		.name = "idle",
		.help = "what a worker does without work",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_cores, idle),
		.choices = idle_choices,
		.value = CONFIG_IDLE_ADAPTIVE,
	},
	{
		.name = "idle_after_us",
		.help = "adaptive: empty polls for this long come before the first sleep",
		.type = FIELD_NUMBER,
		.unit = "microseconds",
		.offset = offsetof(struct config_cores, idle_after_us),
		.max = 1000000,
		.value = 100,
	},
	{
		.name = "idle_sleep_us",
		.help = "adaptive: length of a sleep",
		.type = FIELD_NUMBER,
		.unit = "microseconds",
		.offset = offsetof(struct config_cores, idle_sleep_us),
		.min = 1,
		.max = 10000,
		.value = 50,
	},
	{ .name = NULL },
};

const struct table cores_table = {
	.name = "cores",
	.help = "Which CPUs do what, and how they idle.",
	.fields = cores_fields,
	.check = cores_check,
};

static const struct choice memory_choices[] = {
	{
		.name = "auto",
		.value = CONFIG_MEMORY_AUTO,
		.help = "hugepages where the system has enough free ones",
	},
	{
		.name = "hugepages",
		.value = CONFIG_MEMORY_HUGEPAGES,
		.help = "hugepages, or the start fails",
	},
	{ .name = "normal", .value = CONFIG_MEMORY_NORMAL, .help = "normal pages: slower" },
	{ .name = NULL },
};

static const struct field memory_fields[] = {
	{
		.name = "pages",
		.help = "where packet memory lies",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_memory_settings, pages),
		.choices = memory_choices,
		.value = CONFIG_MEMORY_AUTO,
	},
	{
		.name = "size_mb",
		.help = "packet memory to reserve; 0: what `packet_buffers` need",
		.type = FIELD_NUMBER,
		.unit = "MiB",
		.offset = offsetof(struct config_memory_settings, size_mb),
		.max = 1048576,
	},
	{
		.name = "packet_buffers",
		.help = "packets that can be inside at once, of about 2.5 KB each",
		.type = FIELD_NUMBER,
		.unit = "buffers",
		.offset = offsetof(struct config_memory_settings, packet_buffers),
		.min = 1024,
		.max = 16777216,
		.value = 65536,
	},
	{ .name = NULL },
};

const struct table memory_table = {
	.name = "memory",
	.help = "Memory for packets.",
	.fields = memory_fields,
};

static const struct choice log_choices[] = {
	{ .name = "error", .value = LOG_LEVEL_ERROR, .help = "something does not work" },
	{ .name = "warning", .value = LOG_LEVEL_WARNING, .help = "something may soon not work" },
	{ .name = "notice", .value = LOG_LEVEL_NOTICE, .help = "what an operator wants to know" },
	{ .name = "info", .value = LOG_LEVEL_INFO, .help = "normal events" },
	{ .name = "debug", .value = LOG_LEVEL_DEBUG, .help = "for those who look for a fault" },
	{ .name = NULL },
};

static const struct field log_fields[] = {
	{
		.name = "level",
		.help = "the least important lines that are still written",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_log, level),
		.choices = log_choices,
		.value = LOG_LEVEL_INFO,
	},
	{ .name = NULL },
};

const struct table log_table = {
	.name = "log",
	.help = "Log lines, on standard error.",
	.fields = log_fields,
};

static const struct field stats_fields[] = {
	{
		.name = "socket",
		.help = "Unix socket that `penstockctl` talks to",
		.type = FIELD_TEXT,
		.kind = &text_socket,
		.offset = offsetof(struct config_stats, socket),
		.text = "/run/penstock/penstock.sock",
	},
	{
		.name = "mode",
		.help = "file mode of the socket: who may connect may command",
		.type = FIELD_TEXT,
		.kind = &text_mode,
		.offset = offsetof(struct config_stats, socket_mode),
		.text = "0660",
	},
	{
		.name = "group",
		.help = "group that owns the socket; without it, the process's own",
		.type = FIELD_TEXT,
		.kind = &text_any,
		.offset = offsetof(struct config_stats, socket_group),
	},
	{ .name = NULL },
};

const struct table stats_table = {
	.name = "stats",
	.help = "The socket for statistics and commands.",
	.fields = stats_fields,
};
