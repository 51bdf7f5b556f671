/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "tcp/trace.h"
#include "wire.h"

/* Traces of connections: what they tell, whom they find, and what becomes of them. */

static struct wire w;
static struct tcp_trace trace;

/* The peer's address, and its port if that is not 0. */
static struct tcp_trace_filter peer_filter(uint16_t port)
{
	struct tcp_trace_filter filter = { .remote_port_be = rte_cpu_to_be_16(port) };
	struct tcp_info info;

	tcp_conn_info(w.conn, &info);
	filter.remote = info.tuple.src;
	return filter;
}

static bool seek(const struct tcp_trace_filter *filter)
{
	uint32_t cursor = 0;

	while (tcp_trace_seek(w.stack, filter, &cursor))
		continue;
	return tcp_trace_copy(w.stack, filter, &trace) && trace.phase == TCP_TRACE_RUNNING;
}

static void begin(void)
{
	struct tcp_trace_filter filter = peer_filter(WIRE_PEER_PORT);

	assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
	assert_true(seek(&filter));
}

static void look(void)
{
	struct tcp_trace_filter filter = peer_filter(WIRE_PEER_PORT);

	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
}

/* The first event of this kind and detail ("": any) from *at on, which moves behind it. */
static const struct tcp_trace_event *find(unsigned *at, uint8_t kind, const char *detail)
{
	while (*at < trace.count) {
		const struct tcp_trace_event *event = &trace.events[(*at)++];

		if (event->kind == kind &&
			(detail[0] == '\0' || strcmp(tcp_trace_detail(event), detail) == 0))
			return event;
	}
	fail_msg("no event %s %s", tcp_trace_kind_name(kind), detail);
	return NULL;
}

static void test_segments_both_ways(void **state)
{
	const struct tcp_trace_event *event;
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	begin();
	assert_int_equal(trace.count, 1);
	assert_string_equal(tcp_trace_detail(&trace.events[0]), "ESTABLISHED");
	wire_send(&w, (struct wire_seg){ .flags = ACK | PSH, .seq = 1, .ack = 1, .data = "hello" });
	wire_write(&w, 700);
	look();
	event = find(&at, TCP_TRACE_IN, "");
	assert_int_equal(event->seq, w.peer_isn + 1);
	assert_int_equal(event->ack, w.iss + 1);
	assert_int_equal(event->len, 5);
	assert_int_equal(event->flags, ACK | PSH);
	assert_int_equal(event->at_us, w.now_us);
	event = find(&at, TCP_TRACE_OUT, "");
	assert_int_equal(event->seq, w.iss + 1);
	assert_int_equal(event->ack, w.peer_isn + 6);
	assert_int_equal(event->len, 700);
	assert_true(event->window > 0 && event->cwnd == 10000 && event->ssthresh == UINT32_MAX);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_a_time_out_and_its_recovery(void **state)
{
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	wire_write(&w, 2000);
	wire_pass_ms(&w, 1100);
	look();
	find(&at, TCP_TRACE_TIMER, "rto");
	assert_int_equal(find(&at, TCP_TRACE_RECOVERY, "rto")->cwnd, 1000);
	assert_int_equal(find(&at, TCP_TRACE_CWND, "")->ssthresh, 2000);
	assert_int_equal(find(&at, TCP_TRACE_RETRANSMIT, "rto")->seq, w.iss + 1);
	wire_ack(&w, 2001);
	look();
	find(&at, TCP_TRACE_IN, "");
	find(&at, TCP_TRACE_RECOVERY, "none");
	wire_forget(&w);
	wire_stop(&w);
}

static void test_losses_and_their_causes(void **state)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = 1001 };
	uint32_t edges[] = { 2001, 6001 };
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_sack(&w);
	wire_write(&w, 1000);
	wire_pass_ms(&w, 20);
	wire_ack(&w, 1001);
	begin();
	wire_write(&w, 5000);
	wire_pass_ms(&w, 20);
	wire_put_sack(&w, &seg, edges, 1);
	wire_send(&w, seg);
	look();
	find(&at, TCP_TRACE_RECOVERY, "fast");
	assert_int_equal(find(&at, TCP_TRACE_RETRANSMIT, "rack")->len, 1000);
	wire_pass_ms(&w, 20);
	wire_ack(&w, 6001);
	wire_forget(&w);
	wire_write(&w, 2000);
	wire_pass_ms(&w, 80);
	look();
	find(&at, TCP_TRACE_TIMER, "tlp");
	assert_int_equal(find(&at, TCP_TRACE_RETRANSMIT, "tlp")->seq, w.iss + 7001);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_three_duplicates(void **state)
{
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	wire_write(&w, 5000);
	for (unsigned i = 0; i < 3; i++)
		wire_ack(&w, 1);
	look();
	assert_int_equal(find(&at, TCP_TRACE_RETRANSMIT, "dupack")->seq, w.iss + 1);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_a_needless_recovery(void **state)
{
	unsigned at = 0;
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = 989 };
	const struct wire_seg *first;
	uint32_t stamp;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open_ts(&w);
	begin();
	wire_write(&w, 988);
	first = wire_expect(&w, ACK, 1, 1, 988);
	stamp = wire_word(wire_option(first, 8) + 2);
	wire_pass_ms(&w, 3000);
	wire_put_ts(&seg, 101, stamp);
	wire_send(&w, seg);
	look();
	find(&at, TCP_TRACE_RECOVERY, "rto");
	find(&at, TCP_TRACE_UNDO, "rto");
	find(&at, TCP_TRACE_RECOVERY, "none");
	wire_forget(&w);
	wire_stop(&w);
}

static void test_windows_and_probes(void **state)
{
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	w.is_window_closed = true;
	wire_ack(&w, 1);
	wire_write(&w, 100);
	wire_pass_ms(&w, 1500);
	w.is_window_closed = false;
	w.window = 3000;
	wire_ack(&w, 1);
	look();
	assert_int_equal(find(&at, TCP_TRACE_WINDOW, "")->window, 0);
	find(&at, TCP_TRACE_TIMER, "persist");
	assert_int_equal(find(&at, TCP_TRACE_OUT, "")->len, 0);
	assert_int_equal(find(&at, TCP_TRACE_WINDOW, "")->window, 3000);
	assert_int_equal(find(&at, TCP_TRACE_OUT, "")->len, 100);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_the_end_stays_readable(void **state)
{
	struct tcp_trace_filter filter;
	const struct tcp_trace_event *last;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	filter = peer_filter(WIRE_PEER_PORT);
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 1 });
	assert_int_equal(w.closes, 1);
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	assert_int_equal(trace.phase, TCP_TRACE_OVER);
	assert_int_equal(trace.tuple.src_port_be, rte_cpu_to_be_16(WIRE_PEER_PORT));
	last = &trace.events[trace.count - 1];
	assert_int_equal(last->kind, TCP_TRACE_STATE);
	assert_string_equal(tcp_trace_detail(last), "CLOSED");
	assert_string_equal(tcp_trace_reason(last), "reset");
	/* The block is used again, and nothing of that is traced. */
	w.accepts = 0;
	wire_open(&w, NULL);
	wire_write(&w, 100);
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	assert_int_equal(trace.phase, TCP_TRACE_OVER);
	assert_ptr_equal(last, &trace.events[trace.count - 1]);
	assert_true(tcp_trace_stop(w.stack, &filter));
	assert_false(tcp_trace_copy(w.stack, &filter, &trace));
	assert_false(tcp_trace_stop(w.stack, &filter));
	wire_forget(&w);
	wire_stop(&w);
}

static void test_the_next_connection(void **state)
{
	struct tcp_trace_filter filter;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	filter = peer_filter(0);
	wire_send(&w, (struct wire_seg){ .flags = RST, .seq = 1 });
	assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	assert_int_equal(trace.phase, TCP_TRACE_WAITING);
	w.accepts = 0;
	wire_open(&w, NULL);
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	assert_int_equal(trace.phase, TCP_TRACE_RUNNING);
	assert_string_equal(tcp_trace_detail(&trace.events[0]), "ESTABLISHED");
	assert_int_equal(trace.events[1].kind, TCP_TRACE_IN);
	wire_forget(&w);
	wire_stop(&w);
}

static void test_a_connection_of_ours(void **state)
{
	struct tcp_trace_filter filter;
	struct tcp_info info;
	unsigned at = 0;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	filter = peer_filter(0);
	assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
	wire_connect(&w);
	tcp_conn_info(w.conn, &info);
	wire_send(&w,
		(struct wire_seg){ .flags = SYN | ACK,
			.ack = 1,
			.local_port = rte_be_to_cpu_16(info.tuple.dst_port_be) });
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	find(&at, TCP_TRACE_STATE, "SYN-SENT");
	assert_int_equal(find(&at, TCP_TRACE_OUT, "")->flags, SYN);
	assert_int_equal(find(&at, TCP_TRACE_IN, "")->flags, SYN | ACK);
	find(&at, TCP_TRACE_STATE, "ESTABLISHED");
	wire_forget(&w);
	wire_stop(&w);
}

static void test_the_ring_keeps_the_last(void **state)
{
	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	for (unsigned i = 0; i < 400; i++) {
		wire_send(
			&w, (struct wire_seg){ .flags = ACK, .seq = 1 + i, .ack = 1, .data = "x" });
		wire_pass_ms(&w, 50);
		wire_forget(&w);
	}
	look();
	assert_int_equal(trace.count, TCP_TRACE_EVENTS);
	assert_true(trace.total > 800);
	for (unsigned i = 1; i < trace.count; i++)
		assert_true(trace.events[i - 1].at_us <= trace.events[i].at_us);
	assert_int_equal(trace.events[trace.count - 1].ack, w.peer_isn + 401);
	wire_stop(&w);
}

static void test_only_so_many(void **state)
{
	struct tcp_trace_filter running, filter;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	wire_open(&w, NULL);
	begin();
	running = filter = peer_filter(WIRE_PEER_PORT);
	for (unsigned i = 1; i <= TCP_TRACE_CONNS; i++) {
		filter.remote_port_be = (uint16_t)i;
		assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
	}
	/* Who waits longest made room, who runs did not. */
	assert_true(tcp_trace_copy(w.stack, &running, &trace));
	filter.remote_port_be = 1;
	assert_false(tcp_trace_copy(w.stack, &filter, &trace));
	filter.remote_port_be = 2;
	assert_true(tcp_trace_copy(w.stack, &filter, &trace));
	wire_stop(&w);
}

static void test_no_room_when_all_run(void **state)
{
	struct tcp_trace_filter filter;

	RTE_SET_USED(state);
	wire_start(&w, NULL);
	for (uint16_t i = 0; i <= TCP_TRACE_CONNS; i++) {
		struct wire_seg syn = { .flags = SYN, .peer_port = (uint16_t)(50000 + i) };
		struct wire_seg last = {
			.flags = ACK, .seq = 1, .ack = 1, .peer_port = syn.peer_port
		};

		wire_send(&w, syn);
		wire_send(&w, last);
		filter = peer_filter(syn.peer_port);
		if (i == TCP_TRACE_CONNS)
			break;
		assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
		assert_true(seek(&filter));
		/* Once more is no second trace. */
		assert_int_equal(tcp_trace_start(w.stack, &filter), 0);
	}
	assert_int_equal(tcp_trace_start(w.stack, &filter), -ENOSPC);
	assert_false(tcp_trace_copy(w.stack, &filter, &trace));
	wire_forget(&w);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_both_ways),
		cmocka_unit_test(test_a_time_out_and_its_recovery),
		cmocka_unit_test(test_losses_and_their_causes),
		cmocka_unit_test(test_three_duplicates),
		cmocka_unit_test(test_a_needless_recovery),
		cmocka_unit_test(test_windows_and_probes),
		cmocka_unit_test(test_the_end_stays_readable),
		cmocka_unit_test(test_the_next_connection),
		cmocka_unit_test(test_a_connection_of_ours),
		cmocka_unit_test(test_the_ring_keeps_the_last),
		cmocka_unit_test(test_only_so_many),
		cmocka_unit_test(test_no_room_when_all_run),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
