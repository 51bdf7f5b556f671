/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP stacks of the L7 workers. */
#include "reader.h"

static const struct choice congestion_choices[] = {
	{ .name = "cubic", .value = CONFIG_CONGESTION_CUBIC, .help = "RFC 9438" },
	{ .name = "newreno", .value = CONFIG_CONGESTION_NEWRENO, .help = "RFC 5681, RFC 6582" },
	{ .name = NULL },
};

static const struct choice ecn_choices[] = {
	{ .name = "off", .value = CONFIG_ECN_OFF, .help = "never" },
	{ .name = "accept", .value = CONFIG_ECN_ACCEPT, .help = "when the peer asks for it" },
	{
		.name = "request",
		.value = CONFIG_ECN_REQUEST,
		.help = "also ask members for it; a member that answers nothing is asked again "
			"without",
	},
	{ .name = NULL },
};

static const struct field tcp_fields[] = {
	{
		.name = "congestion",
		.help = "congestion control",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_tcp, congestion),
		.choices = congestion_choices,
		.value = CONFIG_CONGESTION_CUBIC,
	},
	{
		.name = "ecn",
		.help = "explicit congestion notification (RFC 3168)",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_tcp, ecn),
		.choices = ecn_choices,
		.value = CONFIG_ECN_ACCEPT,
	},
	{
		.name = "nagle",
		.help = "hold back short segments while anything is unacknowledged: fewer packets, "
			"more delay",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_tcp, nagle),
	},
	{
		.name = "pacing",
		.help = "spread a window over the round trip instead of sending it in a lump",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_tcp, pacing),
	},
	{
		.name = "user_timeout_ms",
		.help = "a connection ends when nothing that was sent is acknowledged for so long",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tcp, user_timeout_ms),
		.min = 1000,
		.max = 86400000,
		.value = 120000,
	},
	{
		.name = "keepalive_ms",
		.help = "silence before the first keep-alive probe; 0: none are sent",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tcp, keepalive_ms),
		.max = 86400000,
	},
	{
		.name = "keepalive_interval_ms",
		.help = "between probes",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tcp, keepalive_interval_ms),
		.min = 1000,
		.max = 3600000,
		.value = 75000,
	},
	{
		.name = "keepalive_count",
		.help = "probes without an answer that end a connection",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_tcp, keepalive_count),
		.min = 1,
		.max = 100,
		.value = 9,
	},
	{
		.name = "time_wait_ms",
		.help = "how long a closed connection answers what is late",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tcp, time_wait_ms),
		.min = 1000,
		.max = 240000,
		.value = 60000,
	},
	{
		.name = "send_buffer_bytes",
		.help = "what a connection may have written and not acknowledged",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_tcp, send_buffer),
		.min = 16384,
		.max = 16777216,
		.value = 262144,
	},
	{
		.name = "receive_window_bytes",
		.help = "what a peer may send ahead of the reader",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_tcp, receive_window),
		.min = 16384,
		.max = 16777216,
		.value = 262144,
	},
	{
		.name = "receive_window_max_bytes",
		.help = "to which that may grow on a connection whose reader and round trip make "
			"use of it; not larger than receive_window_bytes: it does not grow",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_tcp, receive_window_max),
		.min = 16384,
		.max = 67108864,
		.value = 4194304,
	},
	{
		.name = "max_half_open",
		.help = "half-open connections that each L7 worker remembers; beyond it answers by "
			"SYN cookies",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_tcp, max_half_open),
		.min = 64,
		.max = 65535,
		.value = 16384,
	},
	{ .name = NULL },
};

const struct table tcp_table = {
	.name = "tcp",
	.help = "The TCP stacks of the L7 workers.",
	.fields = tcp_fields,
};
