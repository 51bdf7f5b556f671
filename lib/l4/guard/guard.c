/* SPDX-License-Identifier: Apache-2.0 */
#include "l4/guard.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "acl.h"
#include "base/clock.h"
#include "base/rng.h"
#include "limit.h"

#define BURST_MAX 64

/* The limits of one service. */
struct service_limits {
	struct limit packets;
	struct limit connections;
	struct limit source_packets;
	struct limit source_connections;
};

struct service_meters {
	struct rte_meter_srtcm packets;
	struct rte_meter_srtcm connections;
};

/* What one core counts with. Written by that core alone. */
struct guard_core {
	struct rte_meter_srtcm icmp;
	struct service_meters *services; /* [limited_count] */
	struct source_table *sources;    /* NULL: no limit on clients */
	bool is_started;                 /* meters are full since some time of the core's clock */
} __rte_cache_aligned;

#define UNLIMITED UINT32_MAX

struct guard {
	enum config_source_check source_check;
	enum config_ip_options ip_options;
	struct acl *acl; /* NULL: no access list */
	struct limit icmp;
	uint32_t *limited; /* by service: index into limits, or UNLIMITED */
	struct service_limits *limits;
	uint32_t limited_count;
	bool has_source_limits;
	unsigned core_count;
	struct guard_core *cores; /* [core_count] */
};

/* A burst on its way through. */
struct burst {
	struct core *core;
	const struct snapshot *snapshot;
	struct rte_mbuf *const *pkts;
	enum drop_reason *reasons;
	uint16_t count;
	const struct service *services[BURST_MAX]; /* NULL: none, or not asked for */
};

static bool is_limited(const struct config_limits *limits)
{
	return (limits->packets_per_s | limits->connections_per_s | limits->source_packets_per_s |
		       limits->source_connections_per_s) != 0;
}

static int service_limits_init(
	struct service_limits *limits, const struct config_limits *config, unsigned share)
{
	unsigned burst_ms = config->burst_ms;

	if (limit_init(&limits->packets, config->packets_per_s, burst_ms, share) < 0 ||
		limit_init(&limits->connections, config->connections_per_s, burst_ms, share) < 0 ||
		limit_init(&limits->source_packets, config->source_packets_per_s, burst_ms, share) <
			0 ||
		limit_init(&limits->source_connections, config->source_connections_per_s, burst_ms,
			share) < 0)
		return -EINVAL;
	return 0;
}

static int limits_fill(struct guard *guard, const struct guard_params *params)
{
	const struct config *config = params->config;

	guard->limited = calloc(config->service_count + 1, sizeof(*guard->limited));
	guard->limits = calloc(config->service_count + 1, sizeof(*guard->limits));
	if (guard->limited == NULL || guard->limits == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_limits *limits = &config->services[i].limits;
		int ret;

		guard->limited[i] = UNLIMITED;
		if (!is_limited(limits))
			continue;
		guard->limited[i] = guard->limited_count++;
		guard->has_source_limits |= (limits->source_packets_per_s |
						    limits->source_connections_per_s) != 0;
		ret = service_limits_init(
			&guard->limits[guard->limited[i]], limits, params->receivers);
		if (ret < 0)
			return ret;
	}
	/* Of each worker, as it says. */
	return limit_init(&guard->icmp, config->guard.icmp_per_s, 1000, 1);
}

static int cores_create(struct guard *guard, const struct guard_params *params)
{
	size_t bytes = params->core_count * sizeof(struct guard_core);
	struct rng rng = { .state = params->seed };

	guard->cores = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (guard->cores == NULL)
		return -ENOMEM;
	memset(guard->cores, 0, bytes);
	guard->core_count = params->core_count;
	for (unsigned i = 0; i < params->core_count; i++) {
		struct guard_core *core = &guard->cores[i];
		struct hash_key key = { .k0 = rng_next(&rng), .k1 = rng_next(&rng) };

		core->services = calloc(guard->limited_count + 1, sizeof(*core->services));
		if (core->services == NULL)
			return -ENOMEM;
		if (!guard->has_source_limits)
			continue;
		core->sources = source_table_create(params->config->guard.sources, key);
		if (core->sources == NULL)
			return -ENOMEM;
	}
	return 0;
}

struct guard *guard_create(const struct guard_params *params, struct err *err)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	int ret = guard != NULL ? 0 : -ENOMEM;

	if (ret == 0) {
		guard->source_check = params->config->guard.source_check;
		guard->ip_options = params->config->guard.ip_options;
		ret = limits_fill(guard, params);
	}
	if (ret == 0)
		ret = cores_create(guard, params);
	if (ret < 0)
		err_set(err, -ret, "no memory for limits");
	if (ret == 0)
		ret = acl_create(params->config, &guard->acl, err);
	if (ret == 0)
		return guard;
	guard_destroy(guard);
	return NULL;
}

void guard_destroy(struct guard *guard)
{
	if (guard == NULL)
		return;
	for (unsigned i = 0; i < guard->core_count; i++) {
		free(guard->cores[i].services);
		source_table_destroy(guard->cores[i].sources);
	}
	free(guard->cores);
	free(guard->limited);
	free(guard->limits);
	acl_destroy(guard->acl);
	free(guard);
}

static void services_find(struct burst *burst)
{
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet *p = packet_of(burst->pkts[i]);

		burst->services[i] = NULL;
		if (burst->reasons[i] == DROP_NONE &&
			(p->flags & (PACKET_IS_ARP | PACKET_IS_ICMP | PACKET_IS_LATER)) == 0)
			burst->services[i] = service_find(
				burst->snapshot->services, &p->dst, p->dst_port_be, p->protocol);
	}
}

static void packet_refuse(struct burst *burst, uint16_t i, enum drop_reason reason)
{
	burst->reasons[i] = reason;
	if (burst->services[i] != NULL)
		burst->services[i]->identity->cores[burst->core->index].drops++;
}

/* RFC 1112 4 (class E), RFC 4291 2.5.5.1 and what else lies in ::/64. The parser has dropped
 * multicast, loopback, broadcast and the unspecified address. */
static inline bool is_martian(const struct ip_addr *src)
{
	if (ip_is_v4(src))
		return src->bytes[12] >= 240;
	return src->halves[0] == 0;
}

static enum drop_reason route_back_check(
	enum config_source_check check, const struct snapshot *snapshot, const struct packet *p)
{
	struct neigh_route route;

	if (!neigh_net_route(snapshot->net, &p->src, &route))
		return DROP_source_no_route;
	if (check == CONFIG_SOURCE_CHECK_STRICT && route.port != p->in_port)
		return DROP_source_no_route;
	return DROP_NONE;
}

static inline enum drop_reason source_check(const struct snapshot *snapshot, const struct packet *p)
{
	enum config_source_check check = snapshot->guard != NULL ? snapshot->guard->source_check
								 : CONFIG_SOURCE_CHECK_NONE;

	if (is_martian(&p->src))
		return DROP_source_martian;
	if (neigh_net_is_ours(snapshot->net, &p->src))
		return DROP_source_ours;
	if (check == CONFIG_SOURCE_CHECK_NONE)
		return DROP_NONE;
	return route_back_check(check, snapshot, p);
}

/* Neighbor discovery has sources of its own kind, and its own checks (RFC 4861 6.1, 7.1). */
static bool is_discovery(const struct rte_mbuf *m, const struct packet *p)
{
	uint8_t type;

	if (p->protocol != IPPROTO_ICMPV6)
		return false;
	type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	return type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT;
}

/* Whether a packet that has a reason goes on: the parser has read one with options all the same. */
static __rte_noinline bool options_pass(struct burst *burst, uint16_t i)
{
	const struct guard *guard = burst->snapshot->guard;
	const struct packet *p = packet_of(burst->pkts[i]);

	if (burst->reasons[i] != DROP_parse_ip_options)
		return false;
	/* What goes to a group is not forwarded: MLD reports (RFC 3810 5) are the kernel's matter.
	 */
	if ((p->flags & PACKET_IS_BROADCAST) == 0 &&
		(guard == NULL || guard->ip_options == CONFIG_IP_OPTIONS_DROP))
		return false;
	burst->reasons[i] = DROP_NONE;
	return true;
}

/* Returns the flags that any packet has. */
static uint8_t sources_check(struct burst *burst)
{
	uint8_t flags = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet *p = packet_of(burst->pkts[i]);

		if (burst->reasons[i] != DROP_NONE && !options_pass(burst, i))
			continue;
		if ((p->flags & PACKET_IS_ARP) != 0)
			continue;
		flags |= p->flags;
		if ((p->flags & PACKET_IS_ICMP) != 0 && is_discovery(burst->pkts[i], p))
			continue;
		burst->reasons[i] = source_check(burst->snapshot, p);
	}
	return flags;
}

/* Both lists are asked at once, for all packets; either can refuse. */
static void lists_check(struct burst *burst)
{
	const struct acl *acl = burst->snapshot->guard->acl;
	struct acl_query queries[2 * BURST_MAX];
	uint64_t allowed[ACL_BURST_MAX / 64];
	uint8_t from[2 * BURST_MAX];
	bool has_global = acl_has_list(acl, ACL_GLOBAL);
	unsigned used = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet *p = packet_of(burst->pkts[i]);
		uint32_t list;

		if (burst->services[i] == NULL || burst->reasons[i] != DROP_NONE)
			continue;
		list = burst->services[i]->index + 1;
		if (has_global) {
			from[used] = (uint8_t)i;
			queries[used++] = (struct acl_query){ .addr = p->src, .list = ACL_GLOBAL };
		}
		if (acl_has_list(acl, list)) {
			from[used] = (uint8_t)i;
			queries[used++] = (struct acl_query){ .addr = p->src, .list = list };
		}
	}
	acl_check(acl, queries, used, allowed);
	for (unsigned i = 0; i < used; i++) {
		if ((allowed[i / 64] >> i % 64 & 1) == 0 && burst->reasons[from[i]] == DROP_NONE)
			packet_refuse(burst, from[i], DROP_acl_denied);
	}
}

static bool is_connection(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP &&
		(p->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG;
}

/* A client is an address, or all that an IPv6 host can choose from. */
static struct ip_addr client_of(const struct packet *p)
{
	struct ip_addr client = p->src;

	if ((p->flags & PACKET_IS_V6) != 0)
		client.halves[1] = 0;
	return client;
}

/* What the limits are held against. */
struct rating {
	struct core *core;
	const struct guard *guard;
	struct guard_core *own;
	uint64_t cycles;
	uint32_t now_ms;
};

static enum drop_reason source_limits_check(
	const struct rating *rating, uint32_t limited, const struct packet *p)
{
	const struct service_limits *limits = &rating->guard->limits[limited];
	const struct source_key key = { .addr = client_of(p), .service = limited };
	bool is_new;
	struct source *source = source_find(rating->own->sources, &key, rating->now_ms, &is_new,
		&rating->core->counters.limit_sources_evicted);

	if (is_new) {
		limit_meter_init(&limits->source_packets, &source->meters[0], rating->cycles);
		limit_meter_init(&limits->source_connections, &source->meters[1], rating->cycles);
	}
	if (limits->source_packets.is_set &&
		!limit_take(&limits->source_packets, &source->meters[0], rating->cycles))
		return DROP_limit_source_packets;
	if (limits->source_connections.is_set && is_connection(p) &&
		!limit_take(&limits->source_connections, &source->meters[1], rating->cycles))
		return DROP_limit_source_connections;
	return DROP_NONE;
}

/* A client beyond its own limit takes nothing from the others' share. */
static enum drop_reason limits_check(
	const struct rating *rating, const struct service *service, const struct packet *p)
{
	uint32_t limited = rating->guard->limited[service->index];
	const struct service_limits *limits;
	struct service_meters *meters;
	enum drop_reason reason;

	if (limited == UNLIMITED)
		return DROP_NONE;
	limits = &rating->guard->limits[limited];
	meters = &rating->own->services[limited];
	if (limits->source_packets.is_set || limits->source_connections.is_set) {
		reason = source_limits_check(rating, limited, p);
		if (reason != DROP_NONE)
			return reason;
	}
	if (limits->packets.is_set &&
		!limit_take(&limits->packets, &meters->packets, rating->cycles))
		return DROP_limit_packets;
	if (limits->connections.is_set && is_connection(p) &&
		!limit_take(&limits->connections, &meters->connections, rating->cycles))
		return DROP_limit_connections;
	return DROP_NONE;
}

static __rte_noinline void meters_start(
	const struct guard *guard, struct guard_core *core, uint64_t cycles)
{
	limit_meter_init(&guard->icmp, &core->icmp, cycles);
	for (uint32_t i = 0; i < guard->limited_count; i++) {
		limit_meter_init(&guard->limits[i].packets, &core->services[i].packets, cycles);
		limit_meter_init(
			&guard->limits[i].connections, &core->services[i].connections, cycles);
	}
	core->is_started = true;
}

static void rates_check(struct burst *burst, uint64_t now_us)
{
	const struct guard *guard = burst->snapshot->guard;
	const struct rating rating = {
		.core = burst->core,
		.guard = guard,
		.own = &guard->cores[burst->core->index],
		.cycles = limit_cycles(now_us),
		.now_ms = (uint32_t)(now_us / CLOCK_US_PER_MS),
	};

	if (!rating.own->is_started)
		meters_start(guard, rating.own, rating.cycles);
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet *p = packet_of(burst->pkts[i]);
		enum drop_reason reason = DROP_NONE;

		if (burst->reasons[i] != DROP_NONE)
			continue;
		if (burst->services[i] != NULL)
			reason = limits_check(&rating, burst->services[i], p);
		else if ((p->flags & PACKET_IS_ICMP) != 0 && guard->icmp.is_set &&
			!is_discovery(burst->pkts[i], p) &&
			!limit_take(&guard->icmp, &rating.own->icmp, rating.cycles))
			reason = DROP_limit_icmp;
		if (reason != DROP_NONE)
			packet_refuse(burst, i, reason);
	}
}

void guard_run(struct core *core, const struct snapshot *snapshot, struct rte_mbuf *const *pkts,
	enum drop_reason *reasons, uint16_t count, uint64_t now_us)
{
	const struct guard *guard = snapshot->guard;
	struct burst burst;
	uint8_t flags;

	assert(count <= BURST_MAX);
	burst.core = core;
	burst.snapshot = snapshot;
	burst.pkts = pkts;
	burst.reasons = reasons;
	burst.count = count;
	flags = sources_check(&burst);
	if (guard == NULL)
		return;
	if (guard->acl != NULL || guard->limited_count > 0 ||
		((flags & PACKET_IS_ICMP) != 0 && guard->icmp.is_set))
		services_find(&burst);
	if (guard->acl != NULL)
		lists_check(&burst);
	if (guard->limited_count > 0 || ((flags & PACKET_IS_ICMP) != 0 && guard->icmp.is_set))
		rates_check(&burst, now_us);
}

enum drop_reason guard_explain(const struct snapshot *snapshot, const struct packet *p,
	const struct service *service, struct guard_view *view)
{
	const struct acl *acl = snapshot->guard != NULL ? snapshot->guard->acl : NULL;
	enum drop_reason reason = source_check(snapshot, p);

	*view = (struct guard_view){ .is_allowed = true };
	if (reason != DROP_NONE || service == NULL || acl == NULL)
		return reason;
	/* The service's own list has the last word that is shown, unless the other refuses. */
	for (unsigned i = 0; i < 2 && view->is_allowed; i++) {
		struct acl_query query = { .addr = p->src,
			.list = i == 0 ? ACL_GLOBAL : service->index + 1 };
		struct acl_match match;

		if (!acl_has_list(acl, query.list))
			continue;
		match = acl_explain(acl, &query);
		*view = (struct guard_view){
			.has_list = true,
			.is_allowed = match.is_allowed,
			.has_network = match.has_network,
			.network = match.network,
		};
	}
	return view->is_allowed ? DROP_NONE : DROP_acl_denied;
}
