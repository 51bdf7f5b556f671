/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol in front of what clients of L7 services send. */
#include "proxy.h"
#include "text.h"

static const struct choice others_choices[] = {
	{
		.name = "refuse",
		.value = CONFIG_PROXY_OTHERS_REFUSE,
		.help = "they are reset",
	},
	{
		.name = "direct",
		.value = CONFIG_PROXY_OTHERS_DIRECT,
		.help = "they are served as clients of their own; a header is a bad request",
	},
	{ .name = NULL },
};

static const struct field accept_proxy_fields[] = {
	{
		.name = "from",
		.help = "networks of the proxies ahead: what comes from there must begin with a "
			"header of version 1 or 2, and is reset otherwise",
		.type = FIELD_TEXTS,
		.is_required = true,
		.kind = &text_network,
		.offset = offsetof(struct config_accept_proxy, from),
		.count_offset = offsetof(struct config_accept_proxy, from_count),
		.min = 1,
		.max = 256,
	},
	{
		.name = "others",
		.help = "what becomes of connections from elsewhere",
		.type = FIELD_CHOICE,
		.offset = offsetof(struct config_accept_proxy, others),
		.choices = others_choices,
		.value = CONFIG_PROXY_OTHERS_REFUSE,
	},
	{ .name = NULL },
};

const struct table accept_proxy_table = {
	.name = "accept_proxy",
	.help = "Proxies ahead that tell by the PROXY protocol whose connection it is.",
	.fields = accept_proxy_fields,
};
