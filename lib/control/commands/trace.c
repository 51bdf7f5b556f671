/* SPDX-License-Identifier: Apache-2.0 */
/* What would happen to a packet, and why, without sending one. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "../pairs.h"
#include "commands.h"
#include "l4/trace.h"

/* On its way over the worker. */
struct tracing {
	struct l4_trace trace;
	const struct snapshot *snapshot;
	bool has_neighbor;
	struct neigh_row neighbor;
};

static int protocol_take(struct request *request, struct packet *p, const char *word)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} rows[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(word, rows[i].name) == 0) {
			p->protocol = rows[i].protocol;
			return 0;
		}
	}
	return request_fail(request, EINVAL, "a protocol is tcp, udp or sctp, not \"%.40s\"", word);
}

static int endpoint_take(
	struct request *request, const char *word, struct ip_addr *addr, uint16_t *port_be)
{
	uint16_t port;

	if (ip_endpoint_parse(word, addr, &port) < 0)
		return request_fail(request, EINVAL,
			"an endpoint is ADDRESS:PORT or [ADDRESS]:PORT, not \"%.60s\"", word);
	*port_be = rte_cpu_to_be_16(port);
	return 0;
}

static int port_take(struct request *request, struct packet *p, const char *name)
{
	const struct config *config = request_snapshot(request)->config;

	for (size_t i = 0; i < config->port_count; i++) {
		if (strcmp(config->ports[i].name, name) == 0) {
			p->in_port = (uint8_t)i;
			return 0;
		}
	}
	return request_fail(request, ENOENT, "there is no port \"%.60s\"", name);
}

/* Words behind the tuple: the kind of segment, and where it comes in. */
static int options_take(struct request *request, struct packet *p)
{
	for (unsigned i = 3; i < request->count; i++) {
		const char *word = request->words[i];

		if (strcmp(word, "ack") == 0 && p->protocol == IPPROTO_TCP) {
			p->tcp_flags = RTE_TCP_ACK_FLAG;
		} else if (strcmp(word, "on") == 0 && i + 1 < request->count) {
			int ret = port_take(request, p, request->words[++i]);

			if (ret < 0)
				return ret;
		} else {
			return request_fail(request, EINVAL, "\"%.40s\" is not understood", word);
		}
	}
	return 0;
}

static int packet_take(struct request *request, struct packet *p)
{
	struct neigh_route back;
	int ret;

	if (request->count < 3)
		return request_fail(request, EINVAL, "a protocol and two endpoints are needed");
	ret = protocol_take(request, p, request->words[0]);
	if (ret == 0)
		ret = endpoint_take(request, request->words[1], &p->src, &p->src_port_be);
	if (ret == 0)
		ret = endpoint_take(request, request->words[2], &p->dst, &p->dst_port_be);
	if (ret < 0)
		return ret;
	if (ip_is_v4(&p->src) != ip_is_v4(&p->dst))
		return request_fail(request, EINVAL, "the endpoints are of two address families");
	if (p->protocol == IPPROTO_TCP)
		p->tcp_flags = RTE_TCP_SYN_FLAG;
	else
		p->sctp_chunks = p->protocol == IPPROTO_SCTP ? PACKET_SCTP_INIT : 0;
	/* Where it would come in, unless told otherwise: where an answer would go out. */
	if (neigh_net_route(request_snapshot(request)->net, &p->src, &back))
		p->in_port = (uint8_t)back.port;
	return options_take(request, p);
}

/* On the owner. */
static void flow_take(struct control_worker *worker, void *arg)
{
	struct tracing *tracing = arg;
	const struct neigh_route *route = &tracing->trace.route;

	if (worker->l4 == NULL)
		return;
	l4_trace_flow(worker->l4, tracing->snapshot, &tracing->trace, worker->now_us);
	if (tracing->trace.has_route && worker->neigh != NULL)
		tracing->has_neighbor = neigh_find(worker->neigh, route->port, &route->next_hop,
			&tracing->neighbor, worker->now_us);
}

/* The worker thread that the owner is; NULL: nobody. */
static const struct core *owner_find(const struct request *request, struct steer_owner owner)
{
	const struct core *core;

	for (unsigned i = 0; (core = request_core(request, i)) != NULL; i++) {
		int index = owner.kind == STEER_L4 ? core->l4_index : core->l7_index;

		if (owner.kind != STEER_NONE && index == (int)owner.index)
			return core;
	}
	return NULL;
}

static void endpoint_print(
	struct pairs *pairs, const char *key, const struct ip_addr *addr, uint16_t port)
{
	char text[IP_ENDPOINT_MAX];

	pair_text(pairs, key, ip_endpoint_format(addr, port, text));
}

static void service_print(struct pairs *pairs, const struct l4_trace *trace)
{
	const struct service *service = trace->service;
	char text[IP_TEXT_MAX];

	endpoint_print(
		pairs, "source", &trace->packet.src, rte_be_to_cpu_16(trace->packet.src_port_be));
	endpoint_print(pairs, "destination", &trace->packet.dst,
		rte_be_to_cpu_16(trace->packet.dst_port_be));
	if (service != NULL) {
		pair_text(pairs, "service", service->identity->name);
		pair_text(pairs, "mode", config_mode_name(service->mode));
	} else if (trace->owner.kind != STEER_NONE) {
		pair_text(pairs, "service", "-");
		pair_text(pairs, "mode", "reply");
	}
	if (trace->guard.has_list && trace->guard.has_network)
		pair_format(pairs, "acl", "%s by %s/%u",
			trace->guard.is_allowed ? "allowed" : "denied",
			ip_format(&trace->guard.network.addr, text),
			trace->guard.network.prefix_len);
	else if (trace->guard.has_list)
		pair_format(pairs, "acl", "%s by no network",
			trace->guard.is_allowed ? "allowed" : "denied");
	pair_format(pairs, "hash", "0x%08x", trace->packet.flow_hash);
}

static void flow_print(struct pairs *pairs, const struct l4_trace *trace)
{
	static const char *const states[] = {
		[L4_STATE_NEW] = "NEW",
		[L4_STATE_ESTABLISHED] = "ESTABLISHED",
		[L4_STATE_FIN] = "FIN",
		[L4_STATE_CLOSED] = "CLOSED",
	};
	static const char *const ways[] = {
		[CONFIG_CLIENT_ADDRESS_PROXY_V1] = "proxy-v1",
		[CONFIG_CLIENT_ADDRESS_PROXY_V2] = "proxy-v2",
		[CONFIG_CLIENT_ADDRESS_TOA] = "toa",
	};

	if (trace->is_known)
		pair_text(pairs, "flow", "known");
	else
		pair_text(pairs, "flow", trace->is_stateless ? "stateless" : "new");
	if (trace->is_known) {
		pair_text(pairs, "state",
			trace->row.state <= L4_STATE_CLOSED ? states[trace->row.state] : "?");
		pair_number(pairs, "idle_ms", trace->row.idle_ms);
	} else if (trace->slot_count > 0) {
		pair_number(pairs, "slot", trace->slot);
		pair_number(pairs, "slots", trace->slot_count);
	}
	if (trace->is_proxied)
		pair_text(pairs, "syn_proxy", "answered by a SYN cookie");
	if (trace->service != NULL && trace->service->client_address != CONFIG_CLIENT_ADDRESS_NONE)
		pair_text(pairs, "client_address", ways[trace->service->client_address]);
	if (trace->has_member)
		pair_text(pairs, "member", trace->member);
	if (trace->reason != DROP_NONE && trace->reason != DROP_no_route)
		return;
	endpoint_print(pairs, "member_address", &trace->row.member, trace->row.member_port);
	endpoint_print(pairs, "local", &trace->row.local, trace->row.local_port);
}

static void hop_print(
	struct pairs *pairs, const struct tracing *tracing, const struct config *config)
{
	const struct neigh_route *route = &tracing->trace.route;
	const uint8_t *mac = tracing->neighbor.mac;
	char text[IP_TEXT_MAX];

	pair_text(pairs, "next_hop", ip_format(&route->next_hop, text));
	if (route->port < config->port_count)
		pair_text(pairs, "port", config->ports[route->port].name);
	if (tracing->has_neighbor && tracing->neighbor.state != NEIGH_INCOMPLETE)
		pair_format(pairs, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
	else
		pair_text(pairs, "mac", "");
}

static void verdict_print(struct pairs *pairs, const struct l4_trace *trace)
{
	if (trace->reason != DROP_NONE) {
		pair_text(pairs, "verdict", "drop");
		pair_text(pairs, "reason", drop_stats_set.descs[trace->reason].name);
		pair_text(pairs, "help", drop_stats_set.descs[trace->reason].help);
		return;
	}
	pair_text(pairs, "verdict", trace->owner.kind == STEER_L7 ? "to the TCP stack" : "forward");
}

int command_trace(struct request *request)
{
	struct tracing tracing = { .snapshot = request_snapshot(request) };
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };
	struct l4_trace *trace = &tracing.trace;
	const struct core *owner;
	int ret = packet_take(request, &trace->packet);

	if (ret < 0)
		return ret;
	l4_trace_owner(tracing.snapshot, trace);
	owner = owner_find(request, trace->owner);
	if (owner != NULL && trace->owner.kind == STEER_L4 &&
		request_call(request, owner->index, flow_take, &tracing) < 0)
		return request_fail(request, ETIMEDOUT, "worker %u did not answer", owner->index);
	service_print(&pairs, trace);
	if (owner != NULL)
		pair_number(&pairs, "core", owner->index);
	if (owner != NULL && trace->owner.kind == STEER_L4)
		flow_print(&pairs, trace);
	if (trace->has_route)
		hop_print(&pairs, &tracing, tracing.snapshot->config);
	verdict_print(&pairs, trace);
	pairs_end(&pairs);
	return 0;
}
