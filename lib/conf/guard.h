/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_GUARD_H
#define CONF_GUARD_H

#include "conf/config.h"
#include "field.h"

extern const struct table acl_table;
extern const struct table limits_table;
extern const struct table guard_table;

/* What a service's limits owe to the rest of it. */
void guard_service_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

#endif
