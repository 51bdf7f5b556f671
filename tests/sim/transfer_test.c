/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "sim.h"
#include "support/support.h"

/*
 * Both ends of every connection send bytes that their offset determines, check what comes, and
 * close in one of several ways.
 */
#define CONNS_MAX   8
#define BYTES_MAX   300000
#define WRITE_BYTES 5000
#define LIMIT_US    (900 * CLOCK_US)
#define CLOCK_US    1000000ull
#define POLL_US     5000

enum close_style {
	CLOSE_WHEN_SENT,  /* FIN behind the last byte */
	CLOSE_AFTER_PEER, /* sends only when the peer's FIN came */
	CLOSE_STYLES,
};

struct flow {
	struct app *app;
	struct tcp_conn *conn;
	uint32_t id;
	uint64_t to_send;
	uint64_t to_receive;
	uint64_t sent;
	uint64_t received;
	enum close_style style;
	bool waits_for_closed; /* else calls tcp_close() */
	uint32_t read_bytes;   /* 0: reads what there is, else so much a poll */
	bool is_shut;
	bool is_over;
	unsigned closed_calls;
};

struct app {
	unsigned side;
	unsigned count;
	unsigned opened;
	struct flow flows[CONNS_MAX];
	const struct app *peer;
};

static uint8_t byte_at(unsigned side, uint64_t offset)
{
	return (uint8_t)(offset * 131 + (offset >> 8) * 7 + (offset >> 16) + side * 77);
}

static void flow_write(struct flow *flow)
{
	uint8_t chunk[WRITE_BYTES];

	if (flow->style == CLOSE_AFTER_PEER && !tcp_is_eof(flow->conn))
		return;
	while (flow->sent < flow->to_send) {
		size_t len = RTE_MIN((uint64_t)sizeof(chunk), flow->to_send - flow->sent);
		size_t taken;

		for (size_t i = 0; i < len; i++)
			chunk[i] = byte_at(flow->app->side, flow->sent + i);
		taken = tcp_write(flow->conn, chunk, len);
		flow->sent += taken;
		if (taken < len)
			return;
	}
	if (!flow->is_shut) {
		flow->is_shut = true;
		tcp_shutdown(flow->conn);
	}
}

static void flow_read(struct flow *flow, size_t max)
{
	struct tcp_span spans[4];
	unsigned count;

	while (max > 0 && (count = tcp_peek(flow->conn, spans, RTE_DIM(spans))) > 0) {
		size_t taken = 0;

		for (unsigned i = 0; i < count && taken < max; i++) {
			size_t len = RTE_MIN(spans[i].len, max - taken);

			for (size_t j = 0; j < len; j++)
				assert_int_equal(spans[i].data[j],
					byte_at(1 - flow->app->side, flow->received + taken + j));
			taken += len;
		}
		tcp_consume(flow->conn, taken);
		flow->received += taken;
		max -= taken;
	}
}

static void flow_end_check(struct flow *flow)
{
	if (!tcp_is_eof(flow->conn))
		return;
	assert_int_equal(flow->received, flow->to_receive);
	flow_write(flow);
	if (!flow->is_shut || flow->waits_for_closed)
		return;
	flow->is_over = true;
	tcp_close(flow->conn);
}

static void on_readable(struct tcp_conn *conn, void *ctx)
{
	struct flow *flow = ctx;

	assert_ptr_equal(conn, flow->conn);
	if (flow->read_bytes == 0)
		flow_read(flow, SIZE_MAX);
	flow_end_check(flow);
}

static void on_writable(struct tcp_conn *conn, void *ctx)
{
	RTE_SET_USED(conn);
	flow_write(ctx);
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct flow *flow = ctx;

	RTE_SET_USED(conn);
	assert_int_equal(reason, TCP_CLOSED_DONE);
	assert_int_equal(flow->received, flow->to_receive);
	assert_int_equal(flow->sent, flow->to_send);
	assert_int_equal(flow->closed_calls++, 0);
	assert_false(flow->is_over);
	flow->is_over = true;
}

static const struct tcp_handler handler = {
	.on_connected = on_writable,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static int app_accept(void *ctx, struct tcp_conn *conn)
{
	struct app *app = ctx;
	struct tcp_info info;

	tcp_conn_info(conn, &info);
	for (unsigned i = 0; i < app->peer->opened; i++) {
		struct tcp_info theirs;

		if (app->peer->flows[i].is_over || app->flows[i].conn != NULL)
			continue;
		tcp_conn_info(app->peer->flows[i].conn, &theirs);
		if (theirs.tuple.dst_port_be != info.tuple.src_port_be)
			continue;
		app->flows[i].conn = conn;
		tcp_set_handler(conn, &handler, &app->flows[i]);
		flow_write(&app->flows[i]);
		return 0;
	}
	fail_msg("nobody opened this connection");
	return -1;
}

static uint64_t app_poll(void *ctx, uint64_t now_us)
{
	struct app *app = ctx;
	bool is_slow = false;

	for (unsigned i = 0; i < app->count; i++) {
		struct flow *flow = &app->flows[i];

		if (flow->conn == NULL || flow->is_over || flow->read_bytes == 0)
			continue;
		is_slow = true;
		flow_read(flow, flow->read_bytes);
		flow_end_check(flow);
	}
	return is_slow ? now_us + POLL_US : UINT64_MAX;
}

static bool app_is_done(void *ctx)
{
	struct app *app = ctx;

	for (unsigned i = 0; i < app->count; i++) {
		if (!app->flows[i].is_over)
			return false;
	}
	return true;
}

static const struct sim_app_ops app_ops = {
	.accept = app_accept,
	.poll = app_poll,
	.is_done = app_is_done,
};

struct scenario {
	struct sim sim;
	struct app apps[2];
};

static void flow_fill(struct flow *flow, struct app *app, struct rng *rng)
{
	*flow = (struct flow){
		.app = app,
		.to_send = rng_below(rng, 4) == 0 ? rng_below(rng, 100) : rng_below(rng, BYTES_MAX),
		.waits_for_closed = rng_below(rng, 2),
		.read_bytes = rng_below(rng, 4) == 0 ? 2000 + rng_below(rng, 20000) : 0,
	};
	if (app->side == 1)
		flow->style = rng_below(rng, CLOSE_STYLES);
}

static void scenario_open(struct scenario *s, unsigned count, struct rng *rng)
{
	for (unsigned side = 0; side < 2; side++) {
		s->apps[side].side = side;
		s->apps[side].count = count;
		s->apps[side].peer = &s->apps[1 - side];
		for (unsigned i = 0; i < count; i++)
			flow_fill(&s->apps[side].flows[i], &s->apps[side], rng);
	}
	for (unsigned i = 0; i < count; i++) {
		struct flow *flow = &s->apps[0].flows[i];
		struct tcp_connect_args args = {
			.src = &s->sim.hosts[0].address,
			.dst = &s->sim.hosts[1].address,
			.dst_port = SIM_PORT,
			.handler = &handler,
			.ctx = flow,
		};
		int error = 0;

		flow->to_receive = s->apps[1].flows[i].to_send;
		s->apps[1].flows[i].to_receive = flow->to_send;
		flow->conn = tcp_connect(s->sim.hosts[0].stack, &args, &error, s->sim.now_us);
		assert_non_null(flow->conn);
		s->apps[0].opened++;
	}
}

static void usage_check_empty(const struct scenario *s)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage;

		tcp_usage(s->sim.hosts[i].stack, &usage);
		assert_int_equal(usage.established, 0);
		assert_int_equal(usage.half_open, 0);
		assert_int_equal(usage.time_wait, 0);
		assert_int_equal(usage.mbufs_held, 0);
	}
}

static void scenario_describe(const struct scenario *s, uint64_t seed)
{
	fprintf(stderr,
		"seed %lu at %.3f s: loss %u dup %u corrupt %u reorder %u/%u us "
		"delay %u us, %u bytes/ms, queue %u\n",
		(unsigned long)seed, (double)s->sim.now_us / 1e6, s->sim.link.loss_permille,
		s->sim.link.duplicate_permille, s->sim.link.corrupt_permille,
		s->sim.link.reorder_permille, s->sim.link.reorder_us, s->sim.link.delay_us,
		s->sim.link.bytes_per_ms, s->sim.link.queue_bytes);
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < s->apps[side].count; i++) {
			const struct flow *flow = &s->apps[side].flows[i];
			struct tcp_info info = { .state = "-" };

			if (flow->conn != NULL && !flow->is_over)
				tcp_conn_info(flow->conn, &info);
			fprintf(stderr,
				"  %u.%u over %d sent %lu/%lu received %lu/%lu %s "
				"cwnd %u ssthresh %u rto %u queued %u/%u\n",
				side, i, flow->is_over, (unsigned long)flow->sent,
				(unsigned long)flow->to_send, (unsigned long)flow->received,
				(unsigned long)flow->to_receive, info.state, info.cwnd,
				info.ssthresh, info.rto_us, info.send_queued, info.receive_queued);
		}
	}
}

static void scenario_run(uint64_t seed, const struct sim_link *link, struct tcp_params tcp,
	struct rte_mempool *const pools[2])
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct rng rng = { .state = seed ^ 0x5eed };
	struct sim_params params = {
		.seed = seed,
		.link = *link,
		.is_v6 = seed % 2,
		.tcp = tcp,
		.ops = &app_ops,
	};
	bool is_done;

	assert_non_null(s);
	params.apps[0] = &s->apps[0];
	params.apps[1] = &s->apps[1];
	if (pools != NULL)
		memcpy(params.mbufs, pools, sizeof(params.mbufs));
	params.tcp.congestion = seed % 3 == 0 ? "newreno" : "cubic";
	params.tcp.time_wait_ms = 1000;
	sim_start(&s->sim, &params);
	scenario_open(s, 1 + rng_below(&rng, CONNS_MAX), &rng);
	is_done = sim_run(&s->sim, LIMIT_US);
	if (!is_done)
		scenario_describe(s, seed);
	assert_true(is_done);
	/* Orphans and TIME-WAIT end by themselves. */
	sim_pass(&s->sim, s->sim.now_us + 200 * CLOCK_US);
	usage_check_empty(s);
	sim_stop(&s->sim);
	free(s);
	if (support_mbufs_check(NULL) != 0)
		fail_msg("seed %lu leaks", (unsigned long)seed);
}

static void test_clean_link(void **state)
{
	struct sim_link link = { .delay_us = 5000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 1; seed <= 10; seed++)
		scenario_run(seed, &link, (struct tcp_params){ 0 }, NULL);
}

static void test_loss(void **state)
{
	struct sim_link link = { .delay_us = 10000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 100; seed < 130; seed++) {
		link.loss_permille = 5 + (uint32_t)(seed * 37 % 100);
		scenario_run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

static void test_reordering_and_duplication(void **state)
{
	struct sim_link link = { .delay_us = 8000, .reorder_us = 6000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 200; seed < 220; seed++) {
		link.reorder_permille = (uint32_t)(seed * 53 % 300);
		link.duplicate_permille = (uint32_t)(seed * 29 % 100);
		scenario_run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

static void test_bottleneck(void **state)
{
	struct sim_link link = { .delay_us = 20000, .queue_bytes = 30000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 300; seed < 315; seed++) {
		link.bytes_per_ms = 200 + (uint32_t)(seed * 71 % 3000);
		scenario_run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

/* Neither SACK nor timestamps nor window scaling: RFC 6582 instead of RACK. */
static void test_plain_peers(void **state)
{
	struct sim_link link = { .delay_us = 10000, .strips_options = true, .reorder_us = 3000 };

	RTE_SET_USED(state);
	for (uint64_t seed = 500; seed < 525; seed++) {
		link.loss_permille = (uint32_t)(seed * 37 % 60);
		link.duplicate_permille = (uint32_t)(seed * 11 % 30);
		link.reorder_permille = (uint32_t)(seed * 17 % 80);
		scenario_run(seed, &link, (struct tcp_params){ 0 }, NULL);
	}
}

/* Each stack lives on so few buffers that its queues would like to hold all of them. */
static void test_few_buffers(void **state)
{
	struct sim_link link = {
		.delay_us = 5000, .loss_permille = 10, .reorder_permille = 20, .reorder_us = 2000
	};
	struct rte_mempool *pools[2];

	RTE_SET_USED(state);
	for (unsigned i = 0; i < 2; i++) {
		pools[i] = rte_pktmbuf_pool_create(i == 0 ? "few0" : "few1", 255, 0,
			PACKET_PRIV_BYTES, RTE_PKTMBUF_HEADROOM + 2048, 0);
		assert_non_null(pools[i]);
	}
	for (uint64_t seed = 600; seed < 610; seed++) {
		scenario_run(seed, &link, (struct tcp_params){ 0 }, pools);
		assert_int_equal(rte_mempool_in_use_count(pools[0]), 0);
		assert_int_equal(rte_mempool_in_use_count(pools[1]), 0);
	}
	rte_mempool_free(pools[0]);
	rte_mempool_free(pools[1]);
}

static void test_everything_at_once(void **state)
{
	RTE_SET_USED(state);
	for (uint64_t seed = 400; seed < 430; seed++) {
		struct rng rng = { .state = seed };
		struct sim_link link = {
			.loss_permille = rng_below(&rng, 60),
			.duplicate_permille = rng_below(&rng, 50),
			.corrupt_permille = rng_below(&rng, 20),
			.reorder_permille = rng_below(&rng, 100),
			.reorder_us = rng_below(&rng, 30000),
			.delay_us = 100 + rng_below(&rng, 50000),
			.bytes_per_ms = rng_below(&rng, 2) ? 500 + rng_below(&rng, 5000) : 0,
			.queue_bytes = 20000 + rng_below(&rng, 100000),
		};
		struct tcp_params tcp = {
			.receive_window = 8192u << rng_below(&rng, 7),
			.send_buffer = 8192u << rng_below(&rng, 7),
		};

		scenario_run(seed, &link, tcp, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_clean_link, support_mbufs_check),
		cmocka_unit_test_teardown(test_loss, support_mbufs_check),
		cmocka_unit_test_teardown(test_reordering_and_duplication, support_mbufs_check),
		cmocka_unit_test_teardown(test_bottleneck, support_mbufs_check),
		cmocka_unit_test_teardown(test_plain_peers, support_mbufs_check),
		cmocka_unit_test_teardown(test_few_buffers, support_mbufs_check),
		cmocka_unit_test_teardown(test_everything_at_once, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
