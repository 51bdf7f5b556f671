/* SPDX-License-Identifier: Apache-2.0 */
#include "l4/l4.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conntrack/state.h"
#include "core.h"
#include "forward/forward.h"
#include "icmp/error.h"
#include "splice/splice.h"

#define CONNECTIONS_MAX (1u << 30)
#define SWEEP_MAX       256
#define SWEEP_SHIFT     20 /* all connections are looked at every 2^20 us: about a second */

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "l4/l4.def"
#undef COUNTER
};

const struct stats_set l4_stats_set = STATS_SET("l4", descs);

struct l4_core *l4_core_create(const struct l4_params *params, uint64_t now_us, struct err *err)
{
	struct l4_core *l4;
	struct hash_key key;

	if (params->max_connections == 0 || params->max_connections > CONNECTIONS_MAX ||
		params->ports.port_min > params->ports.port_max) {
		err_set(err, EINVAL, "L4 needs room for 1 to %u connections and a local port",
			CONNECTIONS_MAX);
		return NULL;
	}
	l4 = calloc(1, sizeof(*l4));
	if (l4 == NULL) {
		err_set(err, ENOMEM, "no memory for an L4 worker");
		return NULL;
	}
	l4->core = params->core;
	l4->mbufs = params->mbufs;
	l4->rss = params->rss;
	/* Workers share addresses: they begin apart. */
	l4->ip_id = (uint16_t)(params->core->index << 12);
	l4->swept_us = now_us;
	l4->rng.state = params->seed;
	key.k0 = rng_next(&l4->rng);
	key.k1 = rng_next(&l4->rng);
	splices_init(&l4->splices, params->secret, now_us);
	local_ports_init(&l4->ports, params->ports, rng_next(&l4->rng));
	l4->fragments = fragment_table_create(l4->core, &l4->counters, key);
	l4->table = conntrack_create(params->max_connections, key);
	l4->affinity = affinity_create(params->max_connections, rng_next(&l4->rng));
	if (l4->table != NULL && l4->affinity != NULL && l4->fragments != NULL)
		return l4;
	err_set(err, ENOMEM, "no memory for a table of %u connections", params->max_connections);
	l4_core_destroy(l4);
	return NULL;
}

/* Members and services are not told: at the end of a worker they may be gone already. */
void l4_core_destroy(struct l4_core *l4)
{
	if (l4 == NULL)
		return;
	fragment_table_destroy(l4->fragments);
	conntrack_destroy(l4->table);
	affinity_destroy(l4->affinity);
	free(l4);
}

const struct l4_counters *l4_counters(const struct l4_core *l4)
{
	return &l4->counters;
}

uint32_t l4_conn_count(const struct l4_core *l4)
{
	return l4->table->used;
}

/* Counts a client's packet that goes out, with a connection or without: member, service, worker. */
static inline void client_count(struct l4_core *l4, const struct l4_packet *packet, uint32_t bytes)
{
	struct member_counters *member = &packet->member->cores[l4->core->index];
	struct service_counters *service = &packet->service->identity->cores[l4->core->index];

	l4->counters.packets_forwarded++;
	member->packets_in++;
	member->bytes_in += bytes;
	service->packets_in++;
	service->bytes_in += bytes;
}

/* The same of a member's packet. */
static inline void reply_count(struct l4_core *l4, const struct conn *conn, uint32_t bytes)
{
	struct member_counters *member = &conn->member->cores[l4->core->index];
	struct service_counters *service = &conn->service->cores[l4->core->index];

	l4->counters.packets_forwarded++;
	member->packets_out++;
	member->bytes_out += bytes;
	service->packets_out++;
	service->bytes_out += bytes;
}

/* Any member that the hash names will do: a service without a table, or a DSR flow without entry.
 */
static __rte_noinline enum drop_reason stateless_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum drop_reason reason;
	uint32_t bytes;

	packet->conn = NULL;
	if (packet->member == NULL)
		packet->member = member_choose(burst, packet);
	if (packet->member == NULL)
		return DROP_no_backend;
	reason = forward_packet(burst, packet, m, &bytes);
	if (reason != DROP_NONE)
		return reason;
	burst->l4->counters.packets_stateless++;
	client_count(burst->l4, packet, bytes);
	return DROP_NONE;
}

static enum drop_reason conn_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum conn_side side = l4_packet_side(packet);
	uint8_t signs = packet_signs(packet->p);
	struct conn *conn = packet->conn;
	enum drop_reason reason;
	uint32_t bytes;

	packet->member = conn->member;
	if (conn->forward == FORWARD_SPLICED) {
		bool is_taken;

		reason = splice_input(burst, packet, m, &is_taken);
		if (reason != DROP_NONE || is_taken)
			return reason;
	}
	reason = forward_packet(burst, packet, m, &bytes);
	if (reason != DROP_NONE)
		return reason;
	conn->seen_ms = burst->now_ms;
	conn_advance(conn, signs, side, packet->service);
	conn->packets[side]++;
	if (side == CONN_CLIENT)
		client_count(burst->l4, packet, bytes);
	else
		reply_count(burst->l4, conn, bytes);
	return DROP_NONE;
}

/* The connection that an ICMP error's flow has, or NULL. */
static struct conn *error_conn_find(const struct l4_burst *burst, const struct l4_packet *packet)
{
	struct conntrack *table = burst->l4->table;
	const struct packet_tuple *tuple = packet_tuple_of(packet->p);
	enum conn_side side = l4_packet_side(packet);
	struct conn *conn;

	if (!packet_asks_table(burst, packet))
		return NULL;
	conn = conntrack_find(table, conntrack_hash(table, tuple, side), tuple, side);
	return conn == NULL || conn_is_expired(conn, burst->now_ms) ? NULL : conn;
}

/* By DSR, members have sent what it is about as clients got it: it goes to them as it is. */
static enum drop_reason error_pass(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum drop_reason reason = DROP_NONE;
	uint32_t bytes;

	if (packet->conn != NULL)
		packet->member = packet->conn->member;
	else
		reason = stray_adopt(burst, packet);
	return reason == DROP_NONE ? forward_packet(burst, packet, m, &bytes) : reason;
}

/*
 * What was said about a packet of a flow goes where that packet came from. It neither opens nor
 * prolongs a connection.
 */
static __rte_noinline enum drop_reason icmp_error_run(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	unsigned forward = CONFIG_FORWARD_FULL_NAT;
	enum drop_reason reason = DROP_NONE;

	packet->conn = error_conn_find(burst, packet);
	if (packet->conn != NULL)
		forward = packet->conn->forward;
	else if (packet->service != NULL)
		forward = packet->service->forward;
	if (forward == FORWARD_SPLICED)
		reason = splice_quote(burst, packet, m);
	if (reason != DROP_NONE)
		return reason;
	if (forward_ops_of(forward)->is_dsr)
		reason = error_pass(burst, packet, m);
	else if (packet->conn != NULL)
		reason = icmp_error_forward(burst, packet, m);
	else
		reason = DROP_no_conn;
	if (reason == DROP_NONE)
		burst->l4->counters.icmp_errors_forwarded++;
	return reason;
}

/* No connection carries the packet. DROP_NONE and *is_taken: it is done with. */
static __rte_noinline enum drop_reason flow_begin(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	const struct service *service = packet->service;

	*is_taken = false;
	if (service == NULL)
		return DROP_no_conn;
	if (service->syn_proxy != CONFIG_SYN_PROXY_OFF) {
		enum drop_reason reason = syn_proxy_input(burst, packet, m, is_taken);

		if (reason != DROP_NONE || *is_taken)
			return reason;
	}
	return conn_open(burst, packet);
}

static enum drop_reason packet_forward(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m)
{
	enum conn_side side = l4_packet_side(packet);
	const struct packet *p = packet->p;
	struct conntrack *table = burst->l4->table;
	enum drop_reason reason;

	if ((p->flags & PACKET_IS_ICMP) != 0)
		return icmp_error_run(burst, packet, m);
	if (l4_is_stateless(packet->service)) {
		if (!packet_asks_table(burst, packet))
			return stateless_forward(burst, packet, m);
		packet->hash = conntrack_hash(table, packet_tuple_of(p), side);
	}
	/* A guess can be wrong, or have been closed or opened by a packet before it. */
	if (packet->conn == NULL || !conn_matches(table, packet->conn, packet_tuple_of(p), side))
		packet->conn = conntrack_find(table, packet->hash, packet_tuple_of(p), side);
	if (packet->conn == NULL || !conn_is_current(packet->conn, packet, burst->now_ms)) {
		bool is_taken;

		reason = flow_begin(burst, packet, m, &is_taken);
		if (reason != DROP_NONE || is_taken)
			return reason;
		if (packet->conn == NULL)
			return stateless_forward(burst, packet, m);
	}
	return conn_forward(burst, packet, m);
}

/*
 * Starts the memory of a whole burst on its way: first all buckets, then all connections. What asks
 * no table has none.
 */
static void burst_prepare(const struct l4_core *l4, struct rte_mbuf **pkts,
	const struct service *const *services, uint16_t count, struct l4_packet *packets)
{
	const struct conntrack *table = l4->table;

	for (uint16_t i = 0; i < count; i++) {
		const struct packet *p = packet_of(pkts[i]);
		enum conn_side side = services[i] != NULL ? CONN_CLIENT : CONN_MEMBER;

		packets[i] = (struct l4_packet){ .p = p, .service = services[i], .m = pkts[i] };
		if (l4_is_stateless(services[i]))
			continue;
		packets[i].hash = conntrack_hash(table, packet_tuple_of(p), side);
		conntrack_prefetch(table, packets[i].hash);
	}
	for (uint16_t i = 0; i < count; i++) {
		if (!l4_is_stateless(packets[i].service))
			packets[i].conn = conntrack_guess(
				table, packets[i].hash, (packets[i].p->flags & PACKET_IS_V6) != 0);
	}
}

static void packet_drop(struct l4_core *l4, const struct l4_packet *packet, struct rte_mbuf *m,
	enum drop_reason reason)
{
	if (packet->service != NULL)
		packet->service->identity->cores[l4->core->index].drops++;
	core_drop(l4->core, m, reason);
}

uint16_t l4_fragment(struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf *m,
	struct rte_mbuf **out, uint64_t now_us)
{
	return fragment_table_run(l4->fragments, m, snapshot->key, out, now_us);
}

uint16_t l4_run(struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf **pkts,
	const struct service *const *services, uint16_t count, struct rte_mbuf **out,
	uint64_t now_us)
{
	struct l4_packet packets[L4_BURST_MAX];
	struct l4_output output = { .pkts = out };
	struct l4_burst burst = {
		.l4 = l4,
		.snapshot = snapshot,
		.output = &output,
		.now_us = now_us,
		.now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS),
	};

	assert(count <= L4_BURST_MAX);
	burst_prepare(l4, pkts, services, count, packets);
	for (uint16_t i = 0; i < count; i++) {
		enum drop_reason reason = packet_forward(&burst, &packets[i], pkts[i]);

		if (reason != DROP_NONE)
			packet_drop(l4, &packets[i], pkts[i], reason);
	}
	return output.count;
}

uint16_t l4_advance(
	struct l4_core *l4, const struct snapshot *snapshot, struct rte_mbuf **out, uint64_t now_us)
{
	struct l4_output output = { .pkts = out };
	const struct l4_burst burst = {
		.l4 = l4,
		.snapshot = snapshot,
		.output = &output,
		.now_us = now_us,
		.now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS),
	};

	splices_advance(&burst);
	return output.count;
}

/* How many connections are due to be looked at, for the time that has passed. */
static uint32_t sweep_due(const struct l4_core *l4, uint64_t now_us)
{
	uint64_t elapsed = now_us - l4->swept_us;
	uint64_t due;

	if (elapsed > 1ull << SWEEP_SHIFT)
		elapsed = 1ull << SWEEP_SHIFT;
	due = (l4->table->fresh * elapsed) >> SWEEP_SHIFT;
	return due > SWEEP_MAX ? SWEEP_MAX : (uint32_t)due;
}

void l4_tick(struct l4_core *l4, const struct snapshot *snapshot, uint64_t now_us)
{
	uint32_t now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS);
	uint32_t due = sweep_due(l4, now_us);

	RTE_SET_USED(snapshot);
	fragment_table_expire(l4->fragments, now_us);
	if (due == 0)
		return;
	l4->swept_us = now_us;
	for (; due > 0; due--) {
		struct conn *conn = &l4->table->conns[l4->sweep_at];

		if (conn_is_used(conn) && conn_is_expired(conn, now_ms))
			conn_expire(l4, conn);
		if (++l4->sweep_at >= l4->table->fresh)
			l4->sweep_at = 0;
	}
}
