/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "worker.h"

/* A solicitation or an advertisement, with one option that holds a MAC. */
#define V6_BYTES        40
#define NDP_BYTES       24
#define OPTION_BYTES    8
#define NDP_FRAME_BYTES (ETHER_BYTES + V6_BYTES + NDP_BYTES + OPTION_BYTES)
#define NDP_HOP_LIMIT   255
#define HOP_OFFSET      7

#define CODE_OFFSET   1
#define FLAGS_OFFSET  4
#define TARGET_OFFSET 8

/* First byte of an advertisement's flags (RFC 4861 4.4). */
#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20

static const struct ip_addr all_nodes = { .bytes = { 0xff, 0x02, [15] = 1 } };
static const uint8_t all_nodes_mac[MAC_BYTES] = { 0x33, 0x33, 0, 0, 0, 1 };

/* A message that was found valid; mac is that of the option or NULL. */
struct ndp_message {
	struct ip_addr target;
	const uint8_t *mac;
	uint8_t flags;
};

/* The words of a frame to be written. */
struct ndp_words {
	uint8_t type;
	uint8_t flags;
	const uint8_t *eth_dst;
	const uint8_t *eth_src;
	struct ip_addr src;
	struct ip_addr dst;
	struct ip_addr target;
};

/* RFC 4291 2.7.1. */
static struct ip_addr solicited_node(const struct ip_addr *addr)
{
	struct ip_addr group = { .bytes = { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(group.bytes + 13, addr->bytes + 13, 3);
	return group;
}

static bool is_multicast(const struct ip_addr *addr)
{
	return addr->bytes[0] == 0xff;
}

static bool is_unspecified(const struct ip_addr *addr)
{
	return (addr->halves[0] | addr->halves[1]) == 0;
}

/* The MACs must not lie in the frame itself. */
static void frame_fill(struct rte_mbuf *m, const struct ndp_words *words)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(frame + ETHER_BYTES);
	uint8_t *message = frame + ETHER_BYTES + V6_BYTES;
	uint8_t *option = message + NDP_BYTES;
	uint16_t sum;

	memset(frame, 0, NDP_FRAME_BYTES);
	memcpy(&ether->dst_addr, words->eth_dst, MAC_BYTES);
	memcpy(&ether->src_addr, words->eth_src, MAC_BYTES);
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28);
	ip->payload_len = rte_cpu_to_be_16(NDP_BYTES + OPTION_BYTES);
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = NDP_HOP_LIMIT;
	memcpy(&ip->src_addr, &words->src, sizeof(words->src));
	memcpy(&ip->dst_addr, &words->dst, sizeof(words->dst));
	message[0] = words->type;
	message[FLAGS_OFFSET] = words->flags;
	memcpy(message + TARGET_OFFSET, &words->target, sizeof(words->target));
	option[0] = words->type == ND_NEIGHBOR_SOLICIT ? ND_OPT_SOURCE_LINKADDR
						       : ND_OPT_TARGET_LINKADDR;
	option[1] = 1;
	memcpy(option + 2, words->eth_src, MAC_BYTES);
	sum = rte_ipv6_udptcp_cksum(ip, message);
	memcpy(message + 2, &sum, sizeof(sum));
}

void neigh_ndp_solicit(struct neigh *neigh, const struct neigh_net *net,
	const struct neigh_entry *entry, const uint8_t *mac)
{
	const struct ip_addr *source = neigh_net_port_source(net, entry->port, &entry->addr);
	struct ip_addr group = solicited_node(&entry->addr);
	uint8_t group_mac[MAC_BYTES] = { 0x33, 0x33 };
	struct rte_mbuf *m;

	if (source == NULL)
		return;
	m = neigh_frame_create(neigh, NDP_FRAME_BYTES);
	if (m == NULL)
		return;
	memcpy(group_mac + 2, group.bytes + 12, 4);
	frame_fill(m,
		&(struct ndp_words){
			.type = ND_NEIGHBOR_SOLICIT,
			.eth_dst = mac != NULL ? mac : group_mac,
			.eth_src = net->ports[entry->port].mac,
			.src = *source,
			.dst = mac != NULL ? entry->addr : group,
			.target = entry->addr,
		});
	neigh->counters.ndp_solicits_out++;
	neigh_frame_transmit(neigh, entry->port, m);
}

/* RFC 4861 7.2.6. */
void neigh_ndp_announce(
	struct neigh *neigh, const struct neigh_net *net, unsigned port, const struct ip_addr *addr)
{
	struct rte_mbuf *m = neigh_frame_create(neigh, NDP_FRAME_BYTES);

	if (m == NULL)
		return;
	frame_fill(m,
		&(struct ndp_words){
			.type = ND_NEIGHBOR_ADVERT,
			.flags = FLAG_OVERRIDE,
			.eth_dst = all_nodes_mac,
			.eth_src = net->ports[port].mac,
			.src = *addr,
			.dst = all_nodes,
			.target = *addr,
		});
	neigh->counters.ndp_adverts_out++;
	neigh_frame_transmit(neigh, port, m);
}

/* RFC 4861 7.2.4: the solicitation becomes the advertisement; a node without address hears it by
 * multicast. */
static void advertise(struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m,
	const struct ndp_message *asked)
{
	const struct packet *p = packet_of(m);
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool is_probe = is_unspecified(&p->src);
	uint8_t asker[MAC_BYTES];
	struct ndp_words words = {
		.type = ND_NEIGHBOR_ADVERT,
		.flags = is_probe ? FLAG_OVERRIDE : FLAG_OVERRIDE | FLAG_SOLICITED,
		.eth_dst = is_probe ? all_nodes_mac : asker,
		.eth_src = net->ports[p->in_port].mac,
		.src = asked->target,
		.dst = is_probe ? all_nodes : p->src,
		.target = asked->target,
	};
	unsigned port = p->in_port;

	memcpy(asker, asked->mac != NULL ? asked->mac : ether->src_addr.addr_bytes, MAC_BYTES);
	if (m->pkt_len > NDP_FRAME_BYTES) {
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - NDP_FRAME_BYTES));
	} else if (rte_pktmbuf_append(m, (uint16_t)(NDP_FRAME_BYTES - m->pkt_len)) == NULL) {
		core_drop(neigh->params.core, m, DROP_mbuf_exhausted);
		return;
	}
	frame_fill(m, &words);
	neigh->counters.ndp_adverts_out++;
	neigh_frame_transmit(neigh, port, m);
}

/* RFC 4861 4.6: no option has length zero or passes the end. Finds the MAC of one kind. */
static bool options_check(
	const uint8_t *option, const uint8_t *end, uint8_t kind, const uint8_t **mac)
{
	while (option < end) {
		ptrdiff_t len;

		if (end - option < OPTION_BYTES)
			return false;
		len = (ptrdiff_t)option[1] * OPTION_BYTES;
		if (len == 0 || len > end - option)
			return false;
		if (option[0] == kind && option[1] == 1)
			*mac = option + 2;
		option += len;
	}
	return *mac == NULL ||
		rte_is_valid_assigned_ether_addr((const struct rte_ether_addr *)*mac);
}

/* RFC 4861 7.1.1 and 7.1.2, what both have in common. The checksum was verified by the parser. */
static bool message_check(
	const struct rte_mbuf *m, const struct packet *p, uint8_t kind, struct ndp_message *message)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *bytes = frame + p->l4_offset;

	if (frame[p->l3_offset + HOP_OFFSET] != NDP_HOP_LIMIT || bytes[CODE_OFFSET] != 0)
		return false;
	if (m->pkt_len != m->data_len || m->pkt_len - p->l4_offset < NDP_BYTES)
		return false;
	memcpy(&message->target, bytes + TARGET_OFFSET, sizeof(message->target));
	message->flags = bytes[FLAGS_OFFSET];
	message->mac = NULL;
	if (is_multicast(&message->target) || ip_is_v4(&message->target))
		return false;
	return options_check(bytes + NDP_BYTES, frame + m->data_len, kind, &message->mac);
}

/* RFC 4861 7.2.3: who asks for us with its MAC is about to talk to us. */
static void learn_asker(struct neigh *neigh, const struct neigh_net *net, const struct packet *p,
	const uint8_t *mac, uint64_t now_us)
{
	struct neigh_entry *entry = neigh_table_find(&neigh->table, p->in_port, &p->src);

	if (entry == NULL) {
		entry = neigh_entry_create(neigh, p->in_port, &p->src, false, now_us);
		if (entry != NULL)
			neigh_entry_hint(neigh, net, entry, mac, now_us);
	} else if (neigh_entry_hint(neigh, net, entry, mac, now_us)) {
		neigh_news_share(neigh, p->in_port, &p->src, mac);
	}
}

static void solicit_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);
	struct ndp_message message;
	struct ip_addr group;

	if (!message_check(m, p, ND_OPT_SOURCE_LINKADDR, &message)) {
		core_drop(neigh->params.core, m, DROP_parse_ndp);
		return;
	}
	group = solicited_node(&message.target);
	/* RFC 4861 7.1.1: a probe for duplicates goes to the group and names no MAC. */
	if (is_unspecified(&p->src) && (!ip_equal(&p->dst, &group) || message.mac != NULL)) {
		core_drop(neigh->params.core, m, DROP_parse_ndp);
		return;
	}
	if (!neigh_net_is_answered(net, p->in_port, &message.target) ||
		neigh_net_own_find(net, &p->src) != NULL) {
		core_drop(neigh->params.core, m, DROP_consumed);
		return;
	}
	neigh->counters.ndp_solicits_in++;
	if (message.mac != NULL && neigh_net_is_neighbor(net, p->in_port, &p->src))
		learn_asker(neigh, net, p, message.mac, now_us);
	advertise(neigh, net, m, &message);
}

/* RFC 4861 7.2.5 for an entry that has a MAC. */
static void entry_update(struct neigh *neigh, const struct neigh_net *net,
	struct neigh_entry *entry, const struct ndp_message *message, uint64_t now_us)
{
	const uint8_t *mac = message->mac != NULL ? message->mac : entry->header;
	bool is_new = memcmp(mac, entry->header, MAC_BYTES) != 0;
	uint8_t known[MAC_BYTES];

	if (is_new && !(message->flags & FLAG_OVERRIDE)) {
		if (entry->state == NEIGH_REACHABLE)
			neigh_entry_set_stale(neigh, entry, now_us);
		return;
	}
	memcpy(known, mac, MAC_BYTES);
	if (message->flags & FLAG_SOLICITED) {
		neigh_entry_confirm(neigh, net, entry, known, now_us);
		neigh_news_share(neigh, entry->port, &entry->addr, known);
	} else if (neigh_entry_hint(neigh, net, entry, known, now_us)) {
		neigh_news_share(neigh, entry->port, &entry->addr, known);
	}
}

/* The same for one that waits for its first, or for one that only another worker may have. */
static void entry_learn(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	struct neigh_entry *entry, const struct ndp_message *message, uint64_t now_us)
{
	bool is_answer = (message->flags & FLAG_SOLICITED) != 0;

	if (message->mac == NULL)
		return;
	if (entry != NULL && is_answer)
		neigh_entry_confirm(neigh, net, entry, message->mac, now_us);
	else if (entry != NULL)
		neigh_entry_hint(neigh, net, entry, message->mac, now_us);
	if (is_answer && neigh_net_is_neighbor(net, port, &message->target))
		neigh_news_share(neigh, port, &message->target, message->mac);
}

static void advert_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);
	struct ndp_message message;
	struct neigh_entry *entry;

	/* RFC 4861 7.1.2: what all hear answers nobody. */
	if (!message_check(m, p, ND_OPT_TARGET_LINKADDR, &message) ||
		(is_multicast(&p->dst) && (message.flags & FLAG_SOLICITED))) {
		core_drop(neigh->params.core, m, DROP_parse_ndp);
		return;
	}
	neigh->counters.ndp_adverts_in++;
	entry = neigh_table_find(&neigh->table, p->in_port, &message.target);
	if (neigh_net_own_find(net, &message.target) == NULL) {
		if (entry != NULL && entry->state != NEIGH_INCOMPLETE)
			entry_update(neigh, net, entry, &message, now_us);
		else
			entry_learn(neigh, net, p->in_port, entry, &message, now_us);
	}
	core_drop(neigh->params.core, m, DROP_consumed);
}

void neigh_ndp_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	const struct packet *p = packet_of(m);

	switch (*rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset)) {
	case ND_NEIGHBOR_SOLICIT:
		solicit_input(neigh, net, m, now_us);
		break;
	case ND_NEIGHBOR_ADVERT:
		advert_input(neigh, net, m, now_us);
		break;
	default:
		/* Routers and redirects do not decide here: routes are configured. */
		core_drop(neigh->params.core, m, DROP_icmp_ignored);
		break;
	}
}
