/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: one line for each request. */
#include <string.h>

#include "conf/config.h"
#include "field.h"
#include "reader.h"
#include "text.h"

static const struct choice to_choices[] = {
	{ .name = "none", .value = CONFIG_ACCESS_TO_NONE, .help = "no lines" },
	{
		.name = "stdout",
		.value = CONFIG_ACCESS_TO_STDOUT,
		.help = "the standard output, beside the daemon's own lines on standard error",
	},
	{
		.name = "file",
		.value = CONFIG_ACCESS_TO_FILE,
		.help = "`file`, which SIGUSR1 opens anew after it was renamed",
	},
	{ .name = "syslog", .value = CONFIG_ACCESS_TO_SYSLOG, .help = "the server of `syslog`" },
	{ .name = NULL },
};

static const struct choice format_choices[] = {
	{ .name = "json", .value = CONFIG_ACCESS_JSON, .help = "an object with `fields`" },
	{ .name = "haproxy", .value = CONFIG_ACCESS_HAPROXY, .help = "as HAProxy's httplog" },
	{ .name = "combined", .value = CONFIG_ACCESS_COMBINED, .help = "as nginx's and Apache's" },
	{ .name = NULL },
};

static const struct choice field_choices[] = {
#define ACCESS_FIELD(name_, help_)                                                                 \
	{ .name = #name_, .value = 1u << CONFIG_ACCESS_##name_, .help = (help_) },
#include "conf/access_field.def"
#undef ACCESS_FIELD
	{ .name = NULL },
};

static void access_log_check(struct reader *reader, const struct node *node, void *object)
{
	const struct config_access_log *log = object;

	if (log->to == CONFIG_ACCESS_TO_FILE && node_get(node, "file") == NULL)
		problem_add_missing(
			&reader->problems, node, "file", "\"to\": \"file\" needs \"file\"");
	if (log->to == CONFIG_ACCESS_TO_SYSLOG && node_get(node, "syslog") == NULL)
		problem_add_missing(
			&reader->problems, node, "syslog", "\"to\": \"syslog\" needs \"syslog\"");
}

static const struct field access_log_fields[] = {
	{
		.name = "to",
		.help = "where lines go",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_access_log, to),
		.choices = to_choices,
		.value = CONFIG_ACCESS_TO_NONE,
	},
	{
		.name = "file",
		.help = "path of the file; relative to the configuration's folder",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_access_log, file),
	},
	{
		.name = "syslog",
		.help = "the server of `to`: `syslog`",
		.type = FIELD_OBJECT,
		.text = "none",
		.table = &syslog_table,
		.offset = offsetof(struct config_access_log, syslog),
	},
	{
		.name = "format",
		.help = "what a line looks like",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_access_log, format),
		.choices = format_choices,
		.value = CONFIG_ACCESS_JSON,
	},
	{
		.name = "fields",
		.help = "what a line of `json` says, in this order",
		.type = FIELD_CHOICES,
		.offset = offsetof(struct config_access_log, fields),
		.choices = field_choices,
		.value = (1u << CONFIG_ACCESS_COUNT) - 1,
		.text = "all",
		.min = 1,
	},
	{
		.name = "slow_ms",
		.help = "requests that take so long are kept for `show slow`",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_access_log, slow_ms),
		.min = 1,
		.max = 3600000,
		.value = 1000,
	},
	{ .name = NULL },
};

const struct table access_log_table = {
	.name = "access_log",
	.help = "A line for each request, behind its end. Lines that their receiver does not take in "
		"time are lost, and counted.",
	.fields = access_log_fields,
	.check = access_log_check,
};
