/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_BALANCE_H
#define CONF_BALANCE_H

#include "field.h"

/* fields_balance.c: what decides over the member, for pools and for services. */
extern const struct choice balance_choices[];
extern const struct choice hash_choices[];
extern const struct table affinity_table;   /* its struct: struct config_affinity */
extern const struct table quic_table;       /* its struct: struct config_quic */
extern const struct text_kind quic_id_kind; /* struct config_quic_id */

struct config_service;

/* Whether "hash", "quic", "affinity" and the pool's members go together. */
void balance_check(
	struct reader *reader, const struct node *node, const struct config_service *service);

#endif
