/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_CLASS_H
#define L7_ROUTE_CLASS_H

#include <stdbool.h>

#include "conf/config.h"
#include "http/message.h"

/* What the request's User-Agent looks like: one of CONFIG_AGENT_*. */
unsigned agent_class(const struct http_head *head);

/* Whether its Content-Type is gRPC's: application/grpc, alone or with + or ; behind it. */
bool is_grpc(const struct http_head *head);

/* Whether it is a call of gRPC, of the service and method that the configuration names. */
bool grpc_fits(const struct config_conditions *config, const struct http_head *head);

/* Whether a Content-Type says that its body is JSON: application/json, or anything of "+json". */
bool is_json(const struct http_head *head);

#endif
