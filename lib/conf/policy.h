/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_POLICY_H
#define CONF_POLICY_H

#include "field.h"

/* fields_policy.c: retries, ejection and limits of pools and routes. */
extern const struct table retry_table;       /* its struct: struct config_retry */
extern const struct table outlier_table;     /* its struct: struct config_outlier */
extern const struct table mirror_table;      /* its struct: struct config_mirror */
extern const struct table pool_limits_table; /* its struct: struct config_pool_limits */

extern const struct table hedge_table; /* fields_hedge.c, its struct: struct config_hedge */
extern const struct table learn_table; /* fields_learn.c, its struct: struct config_learn */

/* fields_attribute.c: struct config_attribute, struct config_sticky */
extern const struct text_kind attribute_kind;
extern const struct table sticky_table;

struct config_pool;

/* What only shows with the pool's other keys. */
void policy_pool_check(
	struct reader *reader, const struct node *node, const struct config_pool *pool);

#endif
