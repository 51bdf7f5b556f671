/* SPDX-License-Identifier: Apache-2.0 */
#include "flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "base/clock.h"
#include "support/support.h"

#define BYTES_MAX   300000
#define WRITE_BYTES 5000
#define LIMIT_US    (900 * CLOCK_US_PER_S)
#define POLL_US     5000

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

static void flow_fill(struct flow *flow, struct app *app, uint32_t bytes_max, struct rng *rng)
{
	*flow = (struct flow){
		.app = app,
		.to_send = rng_below(rng, 4) == 0 ? rng_below(rng, 100) : rng_below(rng, bytes_max),
		.waits_for_closed = rng_below(rng, 2),
		.read_bytes = rng_below(rng, 4) == 0 ? 2000 + rng_below(rng, 20000) : 0,
	};
	if (app->side == 1)
		flow->style = rng_below(rng, CLOSE_STYLES);
}

static void flows_connect(struct scenario *s, unsigned count)
{
	for (unsigned side = 0; side < 2; side++) {
		s->apps[side].side = side;
		s->apps[side].count = count;
		s->apps[side].peer = &s->apps[1 - side];
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

static void random_open(struct scenario *s, unsigned count, uint32_t bytes_max, struct rng *rng)
{
	for (unsigned side = 0; side < 2; side++) {
		s->apps[side].side = side;
		for (unsigned i = 0; i < count; i++)
			flow_fill(&s->apps[side].flows[i], &s->apps[side], bytes_max, rng);
	}
	flows_connect(s, count);
}

static void bulk_open(struct scenario *s, uint32_t bytes)
{
	s->apps[0].flows[0] = (struct flow){ .app = &s->apps[0], .to_send = bytes };
	s->apps[1].flows[0] = (struct flow){ .app = &s->apps[1] };
	flows_connect(s, 1);
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
	fprintf(stderr, "bursts %u/%u/%u, acks lost %u, mtu %u\n",
		s->sim.link.bursts.begin_permille, s->sim.link.bursts.end_permille,
		s->sim.link.bursts.loss_permille, s->sim.link.ack_loss_permille, s->sim.link.mtu);
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

uint64_t scenario_run(const struct scenario_params *params)
{
	struct scenario *s = calloc(1, sizeof(*s));
	uint64_t seed = params->seed;
	struct rng rng = { .state = seed ^ 0x5eed };
	struct sim_params sim = {
		.seed = seed,
		.link = params->link,
		.is_v6 = seed % 2,
		.tcp = params->tcp,
		.ops = &app_ops,
	};
	uint32_t bytes_max = params->bytes_max > 0 ? params->bytes_max : BYTES_MAX;
	unsigned flows = 1 + rng_below(&rng, FLOWS_MAX);
	uint64_t spent_us;
	bool is_done;

	assert_non_null(s);
	sim.apps[0] = &s->apps[0];
	sim.apps[1] = &s->apps[1];
	if (params->pools != NULL)
		memcpy(sim.mbufs, params->pools, sizeof(sim.mbufs));
	sim.tcp.congestion = seed % 3 == 0 ? "newreno" : "cubic";
	sim_start(&s->sim, &sim);
	spent_us = s->sim.now_us;
	if (params->bytes_bulk > 0)
		bulk_open(s, params->bytes_bulk);
	else
		random_open(s, params->flows > 0 ? params->flows : flows, bytes_max, &rng);
	is_done = sim_run(&s->sim, LIMIT_US);
	if (!is_done)
		scenario_describe(s, seed);
	assert_true(is_done);
	spent_us = s->sim.turn_us - spent_us;
	/* Orphans and TIME-WAIT end by themselves. */
	sim_pass(&s->sim, s->sim.now_us + 200 * CLOCK_US_PER_S);
	usage_check_empty(s);
	if (params->counters != NULL)
		*params->counters = *tcp_counters(s->sim.hosts[0].stack);
	sim_stop(&s->sim);
	free(s);
	if (support_mbufs_check(NULL) != 0)
		fail_msg("seed %lu leaks", (unsigned long)seed);
	return spent_us;
}
