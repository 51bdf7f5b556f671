/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_GUARD_ACL_H
#define L4_GUARD_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"

/*
 * All access lists of a configuration in one rte_acl context for each family: a rule is the number
 * of its list and a network, its priority the length of the prefix. So a look-up costs the same for
 * ten networks and ten thousand, in one list or in a thousand. Immutable once built.
 */
struct acl;

#define ACL_GLOBAL    0 /* the list of all services; service i has list i + 1 */
#define ACL_BURST_MAX 128

struct acl_query {
	struct ip_addr addr;
	uint32_t list;
};

/* What decided: the network, or the list's default where there is none. */
struct acl_match {
	bool is_allowed;
	bool has_network;
	struct ip_prefix network;
};

/* *acl is NULL when the configuration has no access list. 0, or a negative errno and words. */
int acl_create(const struct config *config, struct acl **acl, struct err *err);
void acl_destroy(struct acl *acl);

/* True when list is not empty. */
bool acl_has_list(const struct acl *acl, uint32_t list);

/* Bit i of allowed[i / 64]: queries[i] may come. count <= ACL_BURST_MAX. Any worker. */
void acl_check(const struct acl *acl, const struct acl_query *queries, unsigned count,
	uint64_t allowed[ACL_BURST_MAX / 64]);

/* The same for one, with the reason. */
struct acl_match acl_explain(const struct acl *acl, const struct acl_query *query);

#endif
