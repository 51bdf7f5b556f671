/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_FORWARD_H
#define CONF_FORWARD_H

#include "conf/config.h"
#include "field.h"

extern const struct choice forward_choices[];
extern const struct choice oversize_choices[];
extern const struct text_kind outer_source_kind; /* struct ip_prefix; "" = all zero */

/* What the way of forwarding asks of an l4 service's other keys and, when its pool is known, of
 * the members. */
void forward_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

#endif
