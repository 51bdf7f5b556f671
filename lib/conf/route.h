/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_ROUTE_H
#define CONF_ROUTE_H

#include "conf/config.h"
#include "field.h"

extern const struct text_kind pool_kind;        /* unsigned: index into pools; "" = UINT_MAX */
extern const struct text_kind routes_file_kind; /* config_service.routes and route_count */
extern const struct table l7_route_table;       /* struct config_l7_route */

/* Of two rows with the same match the second never comes to its turn. list: their node. */
void l7_routes_check(
	struct reader *reader, const struct node *list, const struct config_service *service);

#endif
