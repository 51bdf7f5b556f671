/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "http/json.h"
#include "l7/l7.h"
#include "l7/route.h"
#include "tls/tls.h"

/* One L7 worker's part: its TLS context, and its users, which only that worker counts. */
struct listener_worker {
	struct tls_context *tls;
	uint64_t opened;
	uint64_t closed;
} __rte_cache_aligned;

struct l7_listener {
	struct route_table *routes;
	const char *name; /* of the service; the configuration's */
	struct config_http_limits limits;
	struct config_h2 h2;
	struct config_tunnels tunnels;
	struct config_json_body json_body;
	struct json_limits json_limits; /* of these, those of the scan */
	bool prior_knowledge;
	bool trust_forwarded;
	const struct config_accept_proxy *accept_proxy; /* the configuration's */
	const struct config_request_id *request_id;     /* the same */
	enum config_trace_context trace_context;
	bool is_tls;
	enum config_mode mode;
	unsigned max_hello_bytes;            /* tls-passthrough */
	struct tls_ticket_keys *ticket_keys; /* of all workers */
	bool has_key_file;                   /* they are from one */
	unsigned worker_count;
	struct listener_worker workers[];
};

#endif
