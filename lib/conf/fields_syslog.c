/* SPDX-License-Identifier: Apache-2.0 */
/* The access log's way to a syslog server. */
#include "conf/config.h"
#include "field.h"
#include "text.h"

static void server_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	struct config_syslog *syslog = target;

	text_endpoint_read(reader, node, text, &syslog->address, &syslog->port);
}

static const struct text_kind server_kind = {
	.what = "ADDRESS:PORT",
	.pattern = "^([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}$",
	.read = server_read,
};

static const struct choice format_choices[] = {
	{
		.name = "rfc5424",
		.value = CONFIG_SYSLOG_RFC5424,
		.help = "with the year, microseconds and the message id `access`",
	},
	{ .name = "rfc3164", .value = CONFIG_SYSLOG_RFC3164, .help = "for old receivers" },
	{ .name = NULL },
};

/* RFC 5424 6.2.1. */
static const struct choice facility_choices[] = {
	{ .name = "user", .value = 1, .help = "1" },
	{ .name = "daemon", .value = 3, .help = "3" },
	{ .name = "local0", .value = 16, .help = "16" },
	{ .name = "local1", .value = 17, .help = "17" },
	{ .name = "local2", .value = 18, .help = "18" },
	{ .name = "local3", .value = 19, .help = "19" },
	{ .name = "local4", .value = 20, .help = "20" },
	{ .name = "local5", .value = 21, .help = "21" },
	{ .name = "local6", .value = 22, .help = "22" },
	{ .name = "local7", .value = 23, .help = "23" },
	{ .name = NULL },
};

static const struct field syslog_fields[] = {
	{
		.name = "server",
		.help = "where it listens; IPv6 as `[2001:db8::1]:514`; reached by the "
			"appliance's own ports and `routes`",
		.type = FIELD_TEXT,
		.kind = &server_kind,
		.is_required = true,
	},
	{
		.name = "format",
		.help = "what stands ahead of a line",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_syslog, format),
		.choices = format_choices,
		.value = CONFIG_SYSLOG_RFC5424,
	},
	{
		.name = "facility",
		.help = "the facility of each message; the severity is informational",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_syslog, facility),
		.choices = facility_choices,
		.value = 16,
	},
	{
		.name = "tag",
		.help = "the name of the sender",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.offset = offsetof(struct config_syslog, tag),
		.text = "penstock",
	},
	{ .name = NULL },
};

const struct table syslog_table = {
	.name = "syslog",
	.help = "One UDP datagram for each line, sent from port 514 of a local address.",
	.fields = syslog_fields,
};
