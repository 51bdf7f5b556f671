/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_SPREAD_H
#define PORT_SPREAD_H

#include <rte_ethdev.h>

#include "runtime/rss.h"

/* Asks for RSS by addresses and ports, where the device has it and there are queues to choose of.
 */
void spread_ask(
	struct rte_eth_conf *conf, const struct rte_eth_dev_info *info, uint16_t queue_count);

/*
 * Fills the started device's redirection table evenly and reads back what it does. *rss knows of
 * nothing where the device has no RSS or does not tell.
 */
void spread_learn(struct rss *rss, uint16_t ethdev_id, const struct rte_eth_dev_info *info,
	uint16_t queue_count);

#endif
