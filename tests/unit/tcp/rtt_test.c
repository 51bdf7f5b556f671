/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "wire.h"

static struct wire w;

/* RFC 6298 3: the second unit came at once, but the acknowledgment waited for the first to be sent
 * again. What it measures is the time-out. */
static void test_no_sample_beside_a_retransmission(void **state)
{
	struct tcp_info before, after;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	wire_write(&w, 1000);
	wire_expect(&w, ACK, 1, 1, 1000);
	wire_pass_ms(&w, 10);
	wire_ack(&w, 1001);
	tcp_conn_info(w.conn, &before);
	assert_in_range(before.srtt_us, 9000, 12000);
	wire_write(&w, 2000);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_expect(&w, ACK, 2001, 1, 1000);
	while (w.out_count == w.out_first)
		wire_pass_ms(&w, 1);
	wire_expect(&w, ACK, 1001, 1, 1000);
	wire_ack(&w, 3001);
	tcp_conn_info(w.conn, &after);
	assert_int_equal(after.send_queued, 0);
	assert_int_equal(after.srtt_us, before.srtt_us);
	assert_int_equal(after.rto_us, before.rto_us);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			test_no_sample_beside_a_retransmission, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
