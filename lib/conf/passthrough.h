/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_PASSTHROUGH_H
#define CONF_PASSTHROUGH_H

#include "conf/config.h"
#include "field.h"

extern const struct table passthrough_table; /* struct config_passthrough */
extern const struct text_kind alpn_kind;     /* const char *, in lists */
extern const struct text_kind sni_kind;      /* const char *: lower case */

/* Keys of a route that are for services of another mode. node: the route. */
void passthrough_route_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

/* What a pool has that only requests can be given. node: the service, of a raw mode. */
void raw_pools_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

#endif
