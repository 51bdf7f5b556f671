/* SPDX-License-Identifier: Apache-2.0 */
/* How a device spreads packets over its queues. */
#include "spread.h"

#include <string.h>
#include <sys/random.h>

#include <rte_common.h>

#define RSS_FIELDS (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)
#define RETA_ROWS  (RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE)

void spread_ask(
	struct rte_eth_conf *conf, const struct rte_eth_dev_info *info, uint16_t queue_count)
{
	if (queue_count < 2 || (info->flow_type_rss_offloads & RSS_FIELDS) == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & RSS_FIELDS;
}

static unsigned kinds_of(uint64_t fields)
{
	unsigned kinds = 0;

	kinds |= (fields & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0 ? RSS_TCP4 : 0;
	kinds |= (fields & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0 ? RSS_UDP4 : 0;
	kinds |= (fields & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0 ? RSS_TCP6 : 0;
	kinds |= (fields & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0 ? RSS_UDP6 : 0;
	return kinds;
}

/* Drivers have tables of their own making, and some cannot change them: what counts is read. */
static bool reta_read(uint16_t ethdev_id, uint16_t reta_count, uint16_t queue_count,
	uint16_t queues[RSS_RETA_MAX])
{
	struct rte_eth_rss_reta_entry64 rows[RETA_ROWS];

	memset(rows, 0, sizeof(rows));
	for (unsigned i = 0; i < reta_count; i++) {
		struct rte_eth_rss_reta_entry64 *row = &rows[i / RTE_ETH_RETA_GROUP_SIZE];

		row->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		row->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % queue_count);
	}
	(void)rte_eth_dev_rss_reta_update(ethdev_id, rows, reta_count);
	for (unsigned i = 0; i < RETA_ROWS; i++)
		memset(rows[i].reta, 0xff, sizeof(rows[i].reta));
	if (rte_eth_dev_rss_reta_query(ethdev_id, rows, reta_count) != 0)
		return false;
	for (unsigned i = 0; i < reta_count; i++) {
		queues[i] = rows[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
		if (queues[i] >= queue_count)
			return false;
	}
	return true;
}

/*
 * A key that nobody outside knows, so that nobody aims at one queue; where the device keeps its
 * own, that one. The kinds of flows whose ports count, 0 when it cannot be told.
 */
static unsigned key_set(uint16_t ethdev_id, uint64_t fields, uint8_t *key, uint8_t key_len)
{
	struct rte_eth_rss_conf conf = {
		.rss_key = key,
		.rss_key_len = key_len,
		.rss_hf = fields,
	};

	if (getrandom(key, key_len, 0) == key_len)
		(void)rte_eth_dev_rss_hash_update(ethdev_id, &conf);
	memset(key, 0, key_len);
	conf = (struct rte_eth_rss_conf){ .rss_key = key, .rss_key_len = key_len };
	if (rte_eth_dev_rss_hash_conf_get(ethdev_id, &conf) != 0)
		return 0;
	/* One that is zero was not told: everything would have the same hash. */
	for (uint8_t i = 0; i < key_len; i++) {
		if (key[i] != 0)
			return kinds_of(conf.rss_hf);
	}
	return 0;
}

void spread_learn(struct rss *rss, uint16_t ethdev_id, const struct rte_eth_dev_info *info,
	uint16_t queue_count)
{
	uint64_t fields = info->flow_type_rss_offloads & RSS_FIELDS;
	uint8_t key_len = info->hash_key_size != 0 ? info->hash_key_size : RSS_KEY_MIN;
	uint8_t key[RSS_KEY_MAX];
	uint16_t queues[RSS_RETA_MAX];
	unsigned kinds;

	memset(rss, 0, sizeof(*rss));
	if (queue_count < 2 || fields == 0 || key_len > RSS_KEY_MAX || info->reta_size == 0 ||
		info->reta_size > RSS_RETA_MAX)
		return;
	kinds = key_set(ethdev_id, fields, key, key_len);
	if (kinds != 0 && reta_read(ethdev_id, info->reta_size, queue_count, queues))
		rss_init(rss, kinds, key, key_len, queues, info->reta_size);
}
