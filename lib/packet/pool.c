/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>
#include <rte_mbuf.h>

#include "packet/packet.h"

#define CACHE_MAX 256u

/* A core keeps free mbufs of its own; on a small pool few, or they starve the other cores. */
#define CACHE_SHARE 8

struct rte_mempool *packet_pool_create(const char *name, unsigned count, int socket)
{
	return rte_pktmbuf_pool_create(name, count, RTE_MIN(CACHE_MAX, count / CACHE_SHARE),
		PACKET_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
}
