/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_ether.h>

#include "worker.h"

#define ARP_FRAME_BYTES 42

static const uint8_t broadcast_mac[MAC_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t unknown_mac[MAC_BYTES];

/* The words of a frame to be written; sender_mac is the port's. */
struct arp_words {
	uint16_t op;
	const uint8_t *eth_dst;
	const uint8_t *sender_mac;
	const uint8_t *target_mac;
	uint32_t sender_be;
	uint32_t target_be;
};

/* The MACs must not lie in the frame itself. */
static void frame_fill(struct rte_mbuf *m, const struct arp_words *words)
{
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(ether + 1);

	memcpy(&ether->dst_addr, words->eth_dst, MAC_BYTES);
	memcpy(&ether->src_addr, words->sender_mac, MAC_BYTES);
	ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = MAC_BYTES;
	arp->arp_plen = sizeof(words->sender_be);
	arp->arp_opcode = rte_cpu_to_be_16(words->op);
	memcpy(&arp->arp_data.arp_sha, words->sender_mac, MAC_BYTES);
	memcpy(&arp->arp_data.arp_tha, words->target_mac, MAC_BYTES);
	arp->arp_data.arp_sip = words->sender_be;
	arp->arp_data.arp_tip = words->target_be;
}

void neigh_arp_request(struct neigh *neigh, const struct neigh_net *net,
	const struct neigh_entry *entry, const uint8_t *mac)
{
	const struct ip_addr *source = neigh_net_port_source(net, entry->port, &entry->addr);
	struct rte_mbuf *m;

	if (source == NULL)
		return;
	m = neigh_frame_create(neigh, ARP_FRAME_BYTES);
	if (m == NULL)
		return;
	frame_fill(m,
		&(struct arp_words){
			.op = RTE_ARP_OP_REQUEST,
			.eth_dst = mac != NULL ? mac : broadcast_mac,
			.sender_mac = net->ports[entry->port].mac,
			.target_mac = unknown_mac,
			.sender_be = ip_v4_be(source),
			.target_be = ip_v4_be(&entry->addr),
		});
	neigh->counters.arp_requests_out++;
	neigh_frame_transmit(neigh, entry->port, m);
}

/* RFC 5227 2.3: a request for our own address, from it. */
void neigh_arp_announce(
	struct neigh *neigh, const struct neigh_net *net, unsigned port, const struct ip_addr *addr)
{
	struct rte_mbuf *m = neigh_frame_create(neigh, ARP_FRAME_BYTES);

	if (m == NULL)
		return;
	frame_fill(m,
		&(struct arp_words){
			.op = RTE_ARP_OP_REQUEST,
			.eth_dst = broadcast_mac,
			.sender_mac = net->ports[port].mac,
			.target_mac = unknown_mac,
			.sender_be = ip_v4_be(addr),
			.target_be = ip_v4_be(addr),
		});
	neigh->counters.arp_requests_out++;
	neigh_frame_transmit(neigh, port, m);
}

/* The request becomes the reply, to whom it names as sender. */
static void reply(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct rte_arp_ipv4 *asked, struct rte_mbuf *m)
{
	frame_fill(m,
		&(struct arp_words){
			.op = RTE_ARP_OP_REPLY,
			.eth_dst = asked->arp_sha.addr_bytes,
			.sender_mac = net->ports[port].mac,
			.target_mac = asked->arp_sha.addr_bytes,
			.sender_be = asked->arp_tip,
			.target_be = asked->arp_sip,
		});
	neigh->counters.arp_replies_out++;
	neigh_frame_transmit(neigh, port, m);
}

/* An answer that somebody here asked for, this worker or another one. */
static void learn_answer(struct neigh *neigh, const struct neigh_net *net, unsigned port,
	const struct ip_addr *sender, const uint8_t *mac, uint64_t now_us)
{
	struct neigh_entry *entry = neigh_table_find(&neigh->table, port, sender);

	if (entry != NULL)
		neigh_entry_confirm(neigh, net, entry, mac, now_us);
	neigh_news_share(neigh, port, sender, mac);
}

/*
 * RFC 826's merge: a known pair is brought up to date by whatever passes by; a new one is made
 * only from a request to us, for we are about to hear more from there. Such entries displace
 * nothing that is in use.
 */
static void learn_hint(struct neigh *neigh, const struct neigh_net *net, struct packet *p,
	const struct rte_arp_ipv4 *arp, bool is_to_us, uint64_t now_us)
{
	struct ip_addr sender = ip_from_v4(arp->arp_sip);
	struct neigh_entry *entry = neigh_table_find(&neigh->table, p->in_port, &sender);

	if (entry != NULL) {
		if (neigh_entry_hint(neigh, net, entry, arp->arp_sha.addr_bytes, now_us))
			neigh_news_share(neigh, p->in_port, &sender, arp->arp_sha.addr_bytes);
		return;
	}
	if (!is_to_us)
		return;
	entry = neigh_entry_create(neigh, p->in_port, &sender, false, now_us);
	if (entry != NULL)
		neigh_entry_hint(neigh, net, entry, arp->arp_sha.addr_bytes, now_us);
}

void neigh_arp_input(
	struct neigh *neigh, const struct neigh_net *net, struct rte_mbuf *m, uint64_t now_us)
{
	struct packet *p = packet_of(m);
	const struct rte_arp_hdr *header = rte_pktmbuf_mtod_offset(
		m, const struct rte_arp_hdr *, p->l3_offset);
	struct rte_arp_ipv4 arp = header->arp_data;
	struct ip_addr sender = ip_from_v4(arp.arp_sip);
	struct ip_addr target = ip_from_v4(arp.arp_tip);
	bool is_to_us = neigh_net_is_answered(net, p->in_port, &target);
	bool is_request = header->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);

	if (!is_request)
		neigh->counters.arp_replies_in++;
	/* Who claims one of our addresses is neither believed nor answered. */
	if (neigh_net_own_find(net, &sender) != NULL) {
		core_drop(neigh->params.core, m, DROP_consumed);
		return;
	}
	if (neigh_net_is_neighbor(net, p->in_port, &sender)) {
		if (!is_request && is_to_us && !(p->flags & PACKET_IS_BROADCAST))
			learn_answer(
				neigh, net, p->in_port, &sender, arp.arp_sha.addr_bytes, now_us);
		else
			learn_hint(neigh, net, p, &arp, is_request && is_to_us, now_us);
	}
	if (!is_request || !is_to_us) {
		core_drop(neigh->params.core, m, DROP_consumed);
		return;
	}
	neigh->counters.arp_requests_in++;
	reply(neigh, net, p->in_port, &arp, m);
}
