/* SPDX-License-Identifier: Apache-2.0 */
/* Part of conf/config.h: bodies that are read ahead of routing. */
#ifndef CONF_JSON_BODY_H
#define CONF_JSON_BODY_H

/* What becomes of a request whose body is needed to route it, and cannot be read. */
enum config_unreadable {
	CONFIG_UNREADABLE_REFUSE,
	CONFIG_UNREADABLE_NO_MATCH,
};

#define CONFIG_JSON_FIELDS_MAX 64 /* of the routes of one service */
#define CONFIG_JSON_DEPTH_MAX  64
#define CONFIG_JSON_NAME_MAX   255 /* bytes of a pointer */

/* "json_body" of a service: bodies that are read ahead of routing */
struct config_json_body {
	unsigned max_bytes;  /* "max_bytes": 65536 */
	unsigned max_depth;  /* "max_depth": 32, up to CONFIG_JSON_DEPTH_MAX */
	unsigned max_values; /* "max_values": 10000 */
	unsigned timeout_ms; /* "timeout_ms": 10000 */
	enum config_unreadable unreadable;
};

#endif
