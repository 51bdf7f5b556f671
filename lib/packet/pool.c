/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include "packet/packet.h"

#define CACHE_MAX 256u

/* A core keeps free mbufs of its own; on a small pool few, or they starve the other cores. */
#define CACHE_SHARE 8

/* Gives a packed mbuf the addresses that its pool was populated without. */
static void addresses_set(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
	struct rte_mbuf *m = object;

	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(index);
	rte_mempool_get_header(object)->iova = (rte_iova_t)(uintptr_t)object;
	rte_mbuf_iova_set(m, (rte_iova_t)(uintptr_t)m->buf_addr);
}

static int pool_fill(struct rte_mempool *pool, bool is_packed)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE,
		.mbuf_priv_size = PACKET_PRIV_BYTES,
	};
	int status = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);

	if (status < 0)
		return status;
	rte_pktmbuf_pool_init(pool, &private);
	status = rte_mempool_populate_default(pool);
	if (status < 0)
		return status;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	if (is_packed)
		rte_mempool_obj_iter(pool, addresses_set, NULL);
	return 0;
}

/* Where device addresses are virtual ones, an object may cross a page, and none needs padding. */
struct rte_mempool *packet_pool_create(const char *name, unsigned count, int socket)
{
	bool is_packed = rte_eal_iova_mode() == RTE_IOVA_VA;
	unsigned object_bytes = sizeof(struct rte_mbuf) + PACKET_PRIV_BYTES +
		RTE_MBUF_DEFAULT_BUF_SIZE;
	struct rte_mempool *pool = rte_mempool_create_empty(name, count, object_bytes,
		RTE_MIN(CACHE_MAX, count / CACHE_SHARE), sizeof(struct rte_pktmbuf_pool_private),
		socket, is_packed ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0);
	int status;

	if (pool == NULL)
		return NULL;
	status = pool_fill(pool, is_packed);
	if (status < 0) {
		rte_mempool_free(pool);
		rte_errno = -status;
		return NULL;
	}
	return pool;
}

bool packet_pool_is_packed(const struct rte_mempool *pool)
{
	return pool->nb_mem_chunks == 1 && (pool->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) != 0;
}
