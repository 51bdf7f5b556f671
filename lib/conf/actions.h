/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ACTIONS_H
#define CONF_ACTIONS_H

#include "conf/config.h"
#include "field.h"

extern const struct table route_limits_table;     /* struct config_route_limits */
extern const struct table fault_table;            /* struct config_fault */
extern const struct table redirect_table;         /* struct config_redirect */
extern const struct table respond_table;          /* struct config_respond */
extern const struct table rewrite_table;          /* struct config_rewrite */
extern const struct table request_headers_table;  /* struct config_header_edits */
extern const struct table response_headers_table; /* struct config_header_edits */

/* struct config_template. For texts of any kind, and for what replaces a match. */
extern const struct text_kind text_template_kind;
extern const struct text_kind substitution_kind;

/* unsigned: parts of CONFIG_SHARE_WHOLE. */
extern const struct text_kind text_share_kind;

/* How many groups an expression has; -1 without one of that name, where name is not NULL. */
int template_regex_group(const char *pattern, const char *name);

/* Checks over the actions of one route: which go together. node: the route's. */
void actions_check(
	struct reader *reader, const struct node *node, const struct config_l7_route *route);

/* No route of the service changes what its ids of requests write, or problems. node: its own. */
void identify_routes_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

/* A field of that name may be set in requests, or problems at node. */
void action_request_name_check(struct reader *reader, const struct node *node, const char *name);

#endif
