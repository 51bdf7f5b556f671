/* SPDX-License-Identifier: Apache-2.0 */
#include "acl.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_errno.h>

#define V6_WORDS 4

/* What rte_acl looks at; its first field must be a byte. The list's number is in our own byte
 * order turned, since rte_acl turns it back. */
struct key {
	uint8_t first;
	uint8_t unused[3];
	uint32_t list_be;
	uint32_t words_be[V6_WORDS]; /* IPv4: the first alone */
};

static_assert(offsetof(struct key, words_be) == 8, "as the fields below say");

enum { FIELD_FIRST, FIELD_LIST, FIELD_WORDS, FIELDS_V4 = FIELD_WORDS + 1, FIELDS_V6 = 6 };

RTE_ACL_RULE_DEF(acl_rule, FIELDS_V6);

struct acl_list {
	bool is_there;
	bool is_closed; /* who is in no network may not come: it has an allow list */
};

struct acl {
	struct rte_acl_ctx *contexts[2]; /* IPv4, IPv6; NULL: no network */
	struct acl_list *lists;          /* by number */
	uint32_t list_count;
	/* By rule, from 1: what a match means. */
	struct acl_match *matches;
	uint32_t match_count;
};

static unsigned family_of(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? 0 : 1;
}

static struct rte_acl_ctx *context_create(unsigned family, uint32_t rules)
{
	static atomic_uint made; /* contexts with the same name would be the same */
	char name[RTE_ACL_NAMESIZE];
	struct rte_acl_param param = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(family == 0 ? FIELDS_V4 : FIELDS_V6),
		.max_rule_num = rules,
	};

	snprintf(name, sizeof(name), "acl-%u-%u", family, atomic_fetch_add(&made, 1));
	return rte_acl_create(&param);
}

/* The bits of a prefix that lie in a word of the address. */
static uint32_t word_bits(unsigned prefix_len, unsigned word)
{
	unsigned before = word * 32;

	if (prefix_len <= before)
		return 0;
	return RTE_MIN(prefix_len - before, 32u);
}

static int rule_add(
	struct acl *acl, uint32_t list, const struct ip_prefix *network, bool is_allowed)
{
	unsigned family = family_of(&network->addr);
	const uint32_t *words_be = &network->addr.words_be[family == 0 ? 3 : 0];
	struct acl_rule rule = {
		.data = {
			.category_mask = 1,
			.priority = network->prefix_len + 1,
			.userdata = acl->match_count + 1,
		},
	};

	rule.field[FIELD_LIST].value.u32 = list;
	rule.field[FIELD_LIST].mask_range.u32 = UINT32_MAX;
	for (unsigned i = 0; i < (family == 0 ? 1 : V6_WORDS); i++) {
		rule.field[FIELD_WORDS + i].value.u32 = rte_be_to_cpu_32(words_be[i]);
		rule.field[FIELD_WORDS + i].mask_range.u32 = word_bits(network->prefix_len, i);
	}
	acl->matches[acl->match_count++] = (struct acl_match){
		.is_allowed = is_allowed,
		.has_network = true,
		.network = *network,
	};
	return rte_acl_add_rules(acl->contexts[family], (struct rte_acl_rule *)&rule, 1);
}

static int list_add(struct acl *acl, uint32_t list, const struct config_acl *config)
{
	int ret = 0;

	acl->lists[list] = (struct acl_list){
		.is_there = config->allow_count + config->deny_count > 0,
		.is_closed = config->allow_count > 0,
	};
	for (size_t i = 0; i < config->allow_count && ret == 0; i++)
		ret = rule_add(acl, list, &config->allow[i], true);
	for (size_t i = 0; i < config->deny_count && ret == 0; i++)
		ret = rule_add(acl, list, &config->deny[i], false);
	return ret;
}

static const struct config_acl *list_config(const struct config *config, uint32_t list)
{
	return list == ACL_GLOBAL ? &config->guard.acl : &config->services[list - 1].acl;
}

static void rules_count(const struct config_acl *config, uint32_t counts[2])
{
	for (size_t i = 0; i < config->allow_count; i++)
		counts[family_of(&config->allow[i].addr)]++;
	for (size_t i = 0; i < config->deny_count; i++)
		counts[family_of(&config->deny[i].addr)]++;
}

static int context_build(struct rte_acl_ctx *context, unsigned family)
{
	struct rte_acl_config config = {
		.num_categories = 1,
		.num_fields = family == 0 ? FIELDS_V4 : FIELDS_V6,
	};

	config.defs[FIELD_FIRST] = (struct rte_acl_field_def){
		.type = RTE_ACL_FIELD_TYPE_BITMASK,
		.size = sizeof(uint8_t),
		.field_index = FIELD_FIRST,
		.input_index = FIELD_FIRST,
		.offset = offsetof(struct key, first),
	};
	for (unsigned i = FIELD_LIST; i < config.num_fields; i++)
		config.defs[i] = (struct rte_acl_field_def){
			.type = i == FIELD_LIST ? RTE_ACL_FIELD_TYPE_BITMASK
						: RTE_ACL_FIELD_TYPE_MASK,
			.size = sizeof(uint32_t),
			.field_index = (uint8_t)i,
			.input_index = (uint8_t)i,
			.offset = (uint32_t)(offsetof(struct key, list_be) +
				(i - FIELD_LIST) * sizeof(uint32_t)),
		};
	return rte_acl_build(context, &config);
}

static int contexts_fill(struct acl *acl, const struct config *config, const uint32_t counts[2])
{
	int ret = 0;

	for (unsigned family = 0; family < 2; family++) {
		if (counts[family] == 0)
			continue;
		acl->contexts[family] = context_create(family, counts[family]);
		if (acl->contexts[family] == NULL)
			return -ENOMEM;
	}
	for (uint32_t list = 0; list < acl->list_count && ret == 0; list++)
		ret = list_add(acl, list, list_config(config, list));
	for (unsigned family = 0; family < 2 && ret == 0; family++) {
		if (acl->contexts[family] != NULL)
			ret = context_build(acl->contexts[family], family);
	}
	return ret;
}

int acl_create(const struct config *config, struct acl **made, struct err *err)
{
	uint32_t counts[2] = { 0, 0 };
	uint32_t lists = (uint32_t)config->service_count + 1;
	struct acl *acl;
	int ret;

	*made = NULL;
	for (uint32_t list = 0; list < lists; list++)
		rules_count(list_config(config, list), counts);
	if (counts[0] + counts[1] == 0)
		return 0;
	acl = calloc(1, sizeof(*acl));
	if (acl == NULL)
		return err_set(err, ENOMEM, "no memory for access lists");
	acl->list_count = lists;
	acl->lists = calloc(lists, sizeof(*acl->lists));
	acl->matches = calloc(counts[0] + counts[1], sizeof(*acl->matches));
	if (acl->lists != NULL && acl->matches != NULL)
		ret = contexts_fill(acl, config, counts);
	else
		ret = -ENOMEM;
	if (ret < 0) {
		acl_destroy(acl);
		return err_set(err, -ret,
			"access lists of %u networks cannot be built: %s; memory.size_mb gives "
			"them more room",
			counts[0] + counts[1], rte_strerror(-ret));
	}
	*made = acl;
	return 0;
}

void acl_destroy(struct acl *acl)
{
	if (acl == NULL)
		return;
	rte_acl_free(acl->contexts[0]);
	rte_acl_free(acl->contexts[1]);
	free(acl->lists);
	free(acl->matches);
	free(acl);
}

bool acl_has_list(const struct acl *acl, uint32_t list)
{
	return list < acl->list_count && acl->lists[list].is_there;
}

static void key_fill(struct key *key, const struct acl_query *query, unsigned family)
{
	key->first = 0;
	key->list_be = rte_cpu_to_be_32(query->list);
	memcpy(key->words_be, &query->addr.words_be[family == 0 ? 3 : 0],
		family == 0 ? sizeof(uint32_t) : sizeof(key->words_be));
}

/* Rules that decide over the queries of one family; 0: none. The others' stay as they are. */
static void family_search(const struct acl *acl, unsigned family, const struct acl_query *queries,
	unsigned count, uint32_t *rules)
{
	struct key keys[ACL_BURST_MAX];
	const uint8_t *data[ACL_BURST_MAX];
	uint32_t found[ACL_BURST_MAX];
	uint8_t from[ACL_BURST_MAX];
	unsigned used = 0;

	if (acl->contexts[family] == NULL)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (family_of(&queries[i].addr) != family)
			continue;
		key_fill(&keys[used], &queries[i], family);
		data[used] = (const uint8_t *)&keys[used];
		from[used++] = (uint8_t)i;
	}
	if (used == 0)
		return;
	rte_acl_classify(acl->contexts[family], data, found, used, 1);
	for (unsigned i = 0; i < used; i++)
		rules[from[i]] = found[i];
}

static void search(const struct acl *acl, const struct acl_query *queries, unsigned count,
	uint32_t rules[ACL_BURST_MAX])
{
	memset(rules, 0, count * sizeof(rules[0]));
	family_search(acl, 0, queries, count, rules);
	family_search(acl, 1, queries, count, rules);
}

void acl_check(const struct acl *acl, const struct acl_query *queries, unsigned count,
	uint64_t allowed[ACL_BURST_MAX / 64])
{
	uint32_t rules[ACL_BURST_MAX];

	search(acl, queries, count, rules);
	memset(allowed, 0, ACL_BURST_MAX / 8);
	for (unsigned i = 0; i < count; i++) {
		bool is_allowed = rules[i] != 0 ? acl->matches[rules[i] - 1].is_allowed
						: !acl->lists[queries[i].list].is_closed;

		allowed[i / 64] |= (uint64_t)is_allowed << i % 64;
	}
}

struct acl_match acl_explain(const struct acl *acl, const struct acl_query *query)
{
	uint32_t rules[ACL_BURST_MAX];

	search(acl, query, 1, rules);
	if (rules[0] != 0)
		return acl->matches[rules[0] - 1];
	return (struct acl_match){ .is_allowed = !acl->lists[query->list].is_closed };
}
