/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_PROXY_H
#define CONF_PROXY_H

#include "conf/config.h"
#include "field.h"

extern const struct table syn_proxy_table;
extern const struct table accept_proxy_table;
extern const struct choice client_address_choices[];
extern const struct choice pool_client_address_choices[]; /* those of L7 */

/* Both ask for full NAT and TCP. */
void proxy_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

#endif
