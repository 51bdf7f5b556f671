/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_MATCHER_H
#define L7_ROUTE_MATCHER_H

#include <stdbool.h>

#include "http/json.h"
#include "l7/route.h"

/* The conditions of a row beside host and path, made ready. All must hold. */
struct matcher;

/* What is known of conditions: of all that must hold, the least; of any, the most. */
enum holds { HOLDS_NOT, HOLDS_UNKNOWN, HOLDS };

/*
 * NULL with *err unchanged where nothing is asked for; NULL with words in err on error. Fields of
 * bodies that are asked for are added to fields.
 */
struct matcher *matcher_create(
	const struct config_conditions *config, struct json_fields *fields, struct err *err);
void matcher_destroy(struct matcher *matcher);

/* Unknown: it is a body that has not been read, or cannot be, which decides. */
enum holds matcher_holds(const struct matcher *matcher, const struct route_request *request);

/* An expression or a template for paths. */
struct path_pattern;

struct path_pattern *path_pattern_create(const struct config_l7_route *route, struct err *err);
void path_pattern_destroy(struct path_pattern *pattern);
bool path_pattern_fits(
	const struct path_pattern *pattern, struct http_span path, struct route_scratch *scratch);

/* What the groups of an expression, or the segments "{name}" of a template took; see
 * regex_groups(). */
void path_pattern_groups(const struct path_pattern *pattern, struct http_span path,
	struct route_scratch *scratch, struct http_span groups[CONFIG_GROUPS_MAX]);

#endif
