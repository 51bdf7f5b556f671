/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <rte_common.h>

#include "neigh/net.h"

/* As much of lib/neigh's network as lib/l4 asks: the first local address of a family. */
struct neigh_net {
	struct ip_addr addresses[2];
	size_t count;
};

struct neigh_net *neigh_net_create(
	const struct config *config, const struct neigh_port *ports, struct err *err)
{
	struct neigh_net *net = calloc(1, sizeof(*net));

	RTE_SET_USED(ports);
	RTE_SET_USED(err);
	if (net == NULL)
		return NULL;
	while (net->count < config->local_address_count && net->count < RTE_DIM(net->addresses)) {
		net->addresses[net->count] = config->local_addresses[net->count];
		net->count++;
	}
	return net;
}

void neigh_net_destroy(struct neigh_net *net)
{
	free(net);
}

const struct ip_addr *neigh_net_source(const struct neigh_net *net, const struct ip_addr *dst)
{
	for (size_t i = 0; i < net->count; i++) {
		if (ip_is_v4(&net->addresses[i]) == ip_is_v4(dst))
			return &net->addresses[i];
	}
	return NULL;
}
