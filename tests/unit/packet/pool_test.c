/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "packet/packet.h"

#define COUNT 1023u

struct span {
	uintptr_t first;
	uintptr_t last;
	unsigned wrong_addresses;
};

static void mbuf_look(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
	struct span *span = arg;
	struct rte_mbuf *m = object;
	uintptr_t at = (uintptr_t)object;

	(void)pool;
	(void)index;
	span->first = RTE_MIN(span->first, at);
	span->last = RTE_MAX(span->last, at);
	if (rte_mempool_virt2iova(object) != at || rte_mbuf_iova_get(m) != (uintptr_t)m->buf_addr)
		span->wrong_addresses++;
}

/* On pages of 4 KB too, where DPDK's own pool would pad: see packet_pool_is_packed(). */
static void a_pool_has_no_gaps(void **state)
{
	struct rte_mempool *pool = packet_pool_create("packed", COUNT, 0);
	struct span span = { .first = UINTPTR_MAX };
	size_t object_bytes;

	(void)state;
	assert_non_null(pool);
	assert_true(packet_pool_is_packed(pool));
	assert_int_equal(rte_mempool_obj_iter(pool, mbuf_look, &span), COUNT);
	object_bytes = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL);
	assert_int_equal(span.last - span.first, (COUNT - 1) * object_bytes);
	assert_int_equal(span.wrong_addresses, 0);
	rte_mempool_free(pool);
}

static void an_mbuf_has_room_for_a_packet_and_its_facts(void **state)
{
	struct rte_mempool *pool = packet_pool_create("roomy", COUNT, 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	(void)state;
	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_priv_size(pool), PACKET_PRIV_BYTES);
	assert_int_equal(rte_pktmbuf_headroom(m), RTE_PKTMBUF_HEADROOM);
	assert_int_equal(rte_pktmbuf_tailroom(m), 2048);
	rte_pktmbuf_free(m);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
}

static void a_pool_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	assert_null(packet_pool_create("huge", 1u << 24, 0));
	/* Nothing of it is left behind. */
	assert_null(rte_mempool_lookup("huge"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_has_no_gaps),
		cmocka_unit_test(an_mbuf_has_room_for_a_packet_and_its_facts),
		cmocka_unit_test(a_pool_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, support_eal_start, support_mbufs_check);
}
