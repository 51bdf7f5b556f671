/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels: WebSocket, through which bytes pass both ways and none of them is a request. */
#include "conf/config.h"
#include "field.h"

#define TIMEOUT_MAX_MS 86400000

static const struct field tunnel_fields[] = {
	{
		.name = "websocket",
		.help = "pass WebSocket on: Upgrade of HTTP/1.1 and CONNECT of HTTP/2 (RFC 8441); "
			"without, Upgrade is not passed on, and CONNECT is answered with 501",
		.type = FIELD_BOOL,
		.offset = offsetof(struct config_tunnels, websocket),
		.value = true,
	},
	{
		.name = "idle_timeout_ms",
		.help = "a tunnel without a byte in either direction is closed; one that an end has "
			"half closed after `body_timeout_ms`, if that is less",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tunnels, idle_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 3600000,
	},
	{
		.name = "close_timeout_ms",
		.help = "how long both ends have to close once they were told, when the appliance "
			"drains, the service has gone or the tunnel was idle",
		.type = FIELD_NUMBER,
		.unit = "milliseconds",
		.offset = offsetof(struct config_tunnels, close_timeout_ms),
		.min = 1,
		.max = TIMEOUT_MAX_MS,
		.value = 5000,
	},
	{ .name = NULL },
};

const struct table tunnel_table = {
	.name = "tunnels",
	.help = "Connections that stay open for both sides to send at any time. An end that is to "
		"close gets a Close frame of WebSocket (1001, going away) behind its last whole "
		"frame.",
	.fields = tunnel_fields,
};
