/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_TRAFFIC_H
#define CONF_TRAFFIC_H

#include <stdbool.h>

#include "base/hash.h"

/* Parts of pools and routes that say who gets a request, and what becomes of those that fail. */

/* What is sent again: "retry"."on" */
#define CONFIG_RETRY_CONNECT      1
#define CONFIG_RETRY_RESET        2
#define CONFIG_RETRY_TIMEOUT      4
#define CONFIG_RETRY_5XX          8
#define CONFIG_RETRY_STATUSES_MAX 16
#define CONFIG_RETRY_ATTEMPTS_MAX 10

#define CONFIG_HEDGES_MAX 3

/* "hedge" of a retry policy: further tries beside one that takes long */
struct config_hedge {
	bool is_set;
	unsigned delay_ms;     /* from a try's start to the next one */
	unsigned percentile;   /* of the pool's times to the answer, instead; 0: none */
	unsigned min_delay_ms; /* with it; 1 */
	unsigned max;          /* of one request, 1 */
};

/* "retry" of a pool or route */
struct config_retry {
	bool is_set;
	bool non_idempotent;
	bool same_member;
	unsigned on; /* CONFIG_RETRY_* or-ed */
	unsigned statuses[CONFIG_RETRY_STATUSES_MAX];
	unsigned status_count;
	unsigned attempts;       /* after the first, 2 */
	unsigned try_timeout_ms; /* 0: none */
	unsigned budget_pct;     /* 20 */
	unsigned budget_min;     /* a second and worker, 10 */
	unsigned buffer_bytes;   /* of a body, 65536 */
	struct config_hedge hedge;
};

/* "outlier" of a pool */
struct config_outlier {
	bool is_set;
	unsigned consecutive;     /* 5; 0: does not count */
	unsigned error_pct;       /* 0: does not count */
	unsigned latency_pct;     /* of the others' median; 0: does not count */
	unsigned min_requests;    /* 20 */
	unsigned window_ms;       /* 10000 */
	unsigned eject_ms;        /* 30000 */
	unsigned max_eject_ms;    /* 300000 */
	unsigned max_ejected_pct; /* 50 */
};

/* "limits" of a pool, over all workers; 0: any number */
struct config_pool_limits {
	unsigned requests;
	unsigned connections;
	unsigned retries;
	unsigned member_requests;
	unsigned member_connections;
	unsigned member_pending;
	unsigned member_retries;
	unsigned queue;    /* may wait; 0: none */
	unsigned queue_ms; /* 5000 */
};

enum config_attribute_kind {
	CONFIG_ATTRIBUTE_NONE,
	CONFIG_ATTRIBUTE_SOURCE,
	CONFIG_ATTRIBUTE_PATH,
	CONFIG_ATTRIBUTE_HEADER,
	CONFIG_ATTRIBUTE_COOKIE,
	CONFIG_ATTRIBUTE_QUERY,
};

/* What requests are told apart by */
struct config_attribute {
	enum config_attribute_kind kind;
	const char *name; /* of a header field, cookie or parameter */
};

enum config_secure { CONFIG_SECURE_AUTO, CONFIG_SECURE_ALWAYS, CONFIG_SECURE_NEVER };
enum config_same_site { CONFIG_SAME_SITE_LAX, CONFIG_SAME_SITE_STRICT, CONFIG_SAME_SITE_NONE };

enum config_learn_from { CONFIG_LEARN_ANSWER, CONFIG_LEARN_REQUEST };

/* "learn" of "sticky": which member a session is with, by a value that the application gave it */
struct config_learn {
	bool is_set;
	struct config_attribute key; /* of requests */
	enum config_learn_from from;
	unsigned entries;  /* 65536 */
	unsigned expire_s; /* since it was last used, 1800 */
};

/* "sticky" of a pool: a cookie of ours that names the member, or what was learned */
struct config_sticky {
	bool is_set;
	bool http_only;            /* true */
	struct config_learn learn; /* is_set: instead of a cookie of ours */
	const char *cookie;        /* NULL: none of ours */
	const char *path;          /* "/" */
	enum config_secure secure;
	enum config_same_site same_site;
	unsigned max_age_s;  /* 0: until the browser ends */
	struct hash_key key; /* of "key_file" */
};

/* "mirror" of a route */
struct config_mirror {
	bool is_set;
	unsigned pool; /* index into pools */
	unsigned pct;  /* 100 */
};

#endif
