/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ACCESS_H
#define CONF_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

/* By what requests are found again: their log, and what is in it of them. A part of config.h. */

/* Bits of config_access_log.fields, by their number. */
enum config_access_field {
#define ACCESS_FIELD(name, help) CONFIG_ACCESS_##name,
#include "conf/access_field.def"
#undef ACCESS_FIELD
	CONFIG_ACCESS_COUNT,
};

enum config_access_to {
	CONFIG_ACCESS_TO_NONE,
	CONFIG_ACCESS_TO_STDOUT,
	CONFIG_ACCESS_TO_FILE,
	CONFIG_ACCESS_TO_SYSLOG,
};
enum config_access_format { CONFIG_ACCESS_JSON, CONFIG_ACCESS_HAPROXY, CONFIG_ACCESS_COMBINED };

enum config_syslog_format { CONFIG_SYSLOG_RFC5424, CONFIG_SYSLOG_RFC3164 };

/* "access_log.syslog" */
struct config_syslog {
	struct ip_addr address; /* "server": "ADDRESS:PORT" */
	uint16_t port;
	enum config_syslog_format format; /* "format": default "rfc5424" */
	unsigned facility;                /* "facility": its number, default local0 */
	const char *tag;                  /* "tag": default "penstock" */
};

/* "access_log" */
struct config_access_log {
	enum config_access_to to;         /* "to": default "none" */
	const char *file;                 /* "file": NULL without one */
	enum config_access_format format; /* "format": default "json" */
	unsigned fields;                  /* "fields": 1 << CONFIG_ACCESS_*, or-ed */
	unsigned slow_ms;                 /* "slow_ms": 1000 */
	struct config_syslog syslog;
};

enum config_request_id_mode {
	CONFIG_REQUEST_ID_OFF,
	CONFIG_REQUEST_ID_MAKE,
	CONFIG_REQUEST_ID_TRUST,
};

/* "request_id" of a service */
struct config_request_id {
	enum config_request_id_mode mode; /* "mode": default "off" */
	const char *header;               /* "header": "X-Request-ID" */
	struct ip_prefix *from;           /* "from": peers whose ids are kept */
	size_t from_count;
};

enum config_trace_context { CONFIG_TRACE_CONTEXT_PASS, CONFIG_TRACE_CONTEXT_MAKE };

#endif
