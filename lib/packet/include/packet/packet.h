/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/hash.h"
#include "base/ip.h"
#include "stats/drop.h"

struct packet_tuple {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port_be;
	uint16_t dst_port_be;
	uint8_t protocol; /* IPPROTO_x */
};

enum packet_flags {
	PACKET_IS_ARP = 1 << 0,
	PACKET_IS_V6 = 1 << 1,
	PACKET_IS_BROADCAST = 1 << 2, /* Ethernet group address */
	PACKET_IS_ICMP = 1 << 3,      /* ICMP or ICMPv6: ports are 0, or see packet_quote_adopt() */
	PACKET_IS_FRAGMENT = 1 << 4,
	PACKET_IS_LATER = 1 << 5, /* a fragment without the header of layer 4 */
	PACKET_HAS_MORE = 1 << 6, /* a fragment that is not the last */
	PACKET_HAS_HOP = 1 << 7,  /* going out: dst is the next hop, whatever the header says */
};

/* Chunks of an SCTP packet that mean a change of the association's state (RFC 9260 3.2). */
enum packet_sctp_chunks {
	PACKET_SCTP_INIT = 1 << 0,
	PACKET_SCTP_INIT_ACK = 1 << 1,
	PACKET_SCTP_ABORT = 1 << 2,
	PACKET_SCTP_SHUTDOWN = 1 << 3,
	PACKET_SCTP_SHUTDOWN_ACK = 1 << 4,
	PACKET_SCTP_COOKIE_ECHO = 1 << 5,
	PACKET_SCTP_COOKIE_ACK = 1 << 6,
	PACKET_SCTP_SHUTDOWN_COMPLETE = 1 << 7,
};

/*
 * What the parser learned, in the mbuf's private area: written once at RX, then carried along
 * between stages and cores. Offsets count from the start of the mbuf's data and stay true while
 * the Ethernet header is there; l4_payload_len excludes Ethernet padding.
 *
 * A packet that the appliance makes itself (TCP output, ICMP) starts at its IP header: the
 * Ethernet header is put in front by neigh_output().
 */
struct packet {
	struct ip_addr src; /* IP packets only */
	struct ip_addr dst;
	uint16_t src_port_be;
	uint16_t dst_port_be;
	uint8_t protocol;
	uint8_t flags; /* enum packet_flags */
	union {
		uint8_t tcp_flags;   /* RTE_TCP_x_FLAG bits */
		uint8_t sctp_chunks; /* enum packet_sctp_chunks */
	};
	uint8_t in_port; /* index of the configured port */
	uint16_t l3_offset;
	uint16_t l4_offset;
	uint16_t payload_offset; /* first byte behind the TCP, UDP or ICMP header */
	uint16_t payload_len;
	uint32_t flow_hash; /* keyed, over the tuple; packet_fragment_hash() until that is known */
	uint32_t fragment_id;
	uint16_t fragment_offset; /* bytes, and so is the next; of the part that was cut up */
	uint16_t fragment_len;
	uint8_t reserved[4];
};

static_assert(sizeof(struct packet) == 64, "a packet's facts fill one cache line");

/*
 * The private area's second line belongs to whoever keeps a packet while it is on its way (TCP's
 * send queue does): those that it passes leave that line alone.
 */
#define PACKET_KEEPER_BYTES 64
#define PACKET_PRIV_BYTES   (sizeof(struct packet) + PACKET_KEEPER_BYTES)

static inline struct packet *packet_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static inline void *packet_keeper_of(struct rte_mbuf *m)
{
	return (char *)rte_mbuf_to_priv(m) + sizeof(struct packet);
}

/* Pool of mbufs with room for struct packet. count mbufs of 2 KB data; socket as in DPDK. NULL with
 * rte_errno set when memory is short. Control thread; rte_mempool_free() ends it. */
struct rte_mempool *packet_pool_create(const char *name, unsigned count, int socket);

/* Whether the mbufs stand in one piece of memory, one object after the other without a gap. DPDK's
 * AF_XDP driver reckons the memory to share with the kernel so, and the kernel discards frames
 * that lie beyond it. */
bool packet_pool_is_packed(const struct rte_mempool *pool);

/*
 * Parses an Ethernet frame. The frame is untouched; trailing Ethernet padding is cut off the mbuf.
 * Headers must be in the first segment (they are: 2 KB buffers). Extension headers of IPv6 are
 * walked, bounded. Checksums are verified here unless the port vouches for them
 * (RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_GOOD); ICMP's always.
 * Returns DROP_NONE and a filled *packet_of(m), or why the packet must go. Any worker.
 *
 * DROP_parse_ip_options: a packet that is good, *packet_of(m) is filled, but it has IPv4 options,
 * or IPv6 extension headers other than a fragment header. Whether it goes on is not the parser's to
 * say. Source routes have a reason of their own.
 */
enum drop_reason packet_parse(struct rte_mbuf *m, unsigned in_port, struct hash_key key);

/* The same for a whole burst; reasons[i] tells of pkts[i]. */
void packet_parse_burst(struct rte_mbuf **pkts, uint16_t count, unsigned in_port,
	struct hash_key key, enum drop_reason *reasons);

/* The keyed hash that steers a tuple to its owner and seeds Maglev. Same on every appliance. */
uint32_t packet_tuple_hash(const struct packet_tuple *tuple, struct hash_key key);
uint32_t packet_flow_hash(const struct packet *p, struct hash_key key);

/* Steers all fragments of a datagram to one core: addresses and identification. */
uint32_t packet_fragment_hash(const struct packet *p, struct hash_key key);

/* What an ICMP error tells, and where in the packet the header lies that it quotes. */
struct packet_quote {
	struct packet_tuple tuple; /* of the quoted packet, as it was sent */
	uint32_t seq;              /* TCP, host order */
	uint16_t mtu;              /* of the next hop, when too big; 0: not told */
	bool is_too_big;
	bool is_unreachable;
	uint16_t l3_offset;
	uint16_t l4_offset;
	uint16_t l4_len; /* quoted bytes from there, at least 8 */
};

/* True for a parsed ICMP or ICMPv6 packet that says what became of another one. */
bool packet_is_icmp_error(struct rte_mbuf *m);

/*
 * Reads the packet that an ICMP error quotes. DROP_NONE; DROP_icmp_quote when it cannot be one
 * that whom the error is addressed to has sent, or has no ports.
 */
enum drop_reason packet_quote_parse(struct rte_mbuf *m, struct packet_quote *quote);

/*
 * Gives a parsed ICMP error the tuple and the hash of the flow that it is about, as what the other
 * end of that flow sends would have them: so it finds the flow's owner and connection. The packet
 * is not changed. Returns as packet_quote_parse().
 */
enum drop_reason packet_quote_adopt(struct rte_mbuf *m, struct hash_key key);

/*
 * Rewrites an ICMP error in place: the quoted packet gets the tuple 'quoted', the error goes to
 * that packet's sender, from 'from'. All checksums follow but an SCTP checksum, which is over more
 * than is quoted. Lowers the TTL. DROP_NONE, DROP_icmp_quote, or DROP_ttl_expired; then nothing
 * was written.
 */
enum drop_reason packet_quote_rewrite(
	struct rte_mbuf *m, const struct packet_tuple *quoted, const struct ip_addr *from);

/* What translating an ICMP error needs to know. */
struct packet_quote_change {
	struct packet_tuple
		quoted;          /* of the packet that it shall quote; it goes to that one's src */
	struct ip_addr from;     /* whom it shall come from */
	uint16_t mtu_v4, mtu_v6; /* of the links to the one and the other side; 0: not known */
};

/*
 * The same as packet_quote_rewrite() toward the other IP version (RFC 7915 4.2, 4.3, 5.2, 5.3): of
 * a parsed ICMP error, both headers, type, code, pointer and MTU are translated. Extensions of RFC
 * 4884 are left out, and what would make an ICMPv6 message larger than 1280 bytes. As
 * packet_translate(), it takes the Ethernet header away. *next_id: as there. DROP_NONE, or (then
 * nothing was written) DROP_icmp_quote, DROP_ttl_expired, DROP_mbuf_exhausted, or
 * DROP_untranslatable: the other version has no such message.
 */
enum drop_reason packet_quote_translate(
	struct rte_mbuf *m, const struct packet_quote_change *change, uint16_t *next_id);

/* RFC 1624 eqn. 3: the checksum after a 16-bit word, or a 32-bit word at even offset, changed. */
uint16_t packet_checksum_fix16(uint16_t sum_be, uint16_t old_be, uint16_t new_be);
uint16_t packet_checksum_fix32(uint16_t sum_be, uint32_t old_be, uint32_t new_be);

/*
 * Rewrites addresses and ports of a parsed TCP, UDP or SCTP packet in place, fixes IPv4 and layer
 * 4 checksums incrementally (a UDP checksum of 0 over IPv4 stays 0; SCTP's is made anew), and
 * lowers TTL or hop limit by one. Of a later fragment, addresses alone are written. *packet_of(m)
 * follows, but for flow_hash, which stays what the packet came with. Families must be those of the
 * packet. Returns DROP_NONE or DROP_ttl_expired (then nothing was written).
 */
enum drop_reason packet_rewrite(struct rte_mbuf *m, const struct packet_tuple *to);

/*
 * The same toward the other IP version (RFC 7915): the packet gets a new IP header in place of the
 * old one, its extension headers (which were let through) and the Ethernet header; traffic class,
 * TTL less one and length are carried over. *next_id: identification of the next IPv4 packet that
 * may be fragmented, which is one of up to 1260 bytes; moves on with each. A missing UDP checksum
 * is made up for. A fragment stays one, by the same identification. Returns DROP_NONE, or (then
 * nothing was written) DROP_ttl_expired; DROP_mbuf_exhausted: no room in front; DROP_untranslatable
 * for a first fragment with extension headers that were cut up too, or without UDP checksum.
 */
enum drop_reason packet_translate(
	struct rte_mbuf *m, const struct packet_tuple *to, uint16_t *next_id);

/*
 * Takes the 802.1Q tag off a frame as it came: one that the device took off already
 * (RTE_MBUF_F_RX_VLAN_STRIPPED), or one in the frame. *vlan: its number; 0 without a tag, or with
 * one that tells a priority alone. DROP_NONE, DROP_parse_short, or DROP_vlan_stacked when there is
 * another below; then the frame may have lost the first.
 */
enum drop_reason packet_untag(struct rte_mbuf *m, uint16_t *vlan);

/* Puts the tag of a VLAN (1-4094) into a frame to be sent. False: no room in front of it. */
bool packet_tag(struct rte_mbuf *m, uint16_t vlan);

/* Whether a frame begins with a tag, of either kind. */
bool packet_has_tag(const struct rte_mbuf *m);

/* The ends of an IPv4 packet, in network order. */
struct packet_ends_v4 {
	uint32_t src_be, dst_be;
	uint16_t src_port_be, dst_port_be;
};

/*
 * The same as packet_rewrite() and packet_ethernet_remove() in one, for IPv4: the way of most
 * packets. DROP_NONE or DROP_ttl_expired (then nothing was written).
 */
enum drop_reason packet_rewrite_v4(struct rte_mbuf *m, const struct packet_ends_v4 *to);

/* Lowers TTL or hop limit by one and fixes the IPv4 checksum. DROP_NONE or DROP_ttl_expired. */
enum drop_reason packet_ttl_lower(struct rte_mbuf *m);

/* Cuts off the Ethernet header: the packet begins at its IP header, and the offsets follow. */
void packet_ethernet_remove(struct rte_mbuf *m);

/*
 * A locally made packet carries RTE_MBUF_F_TX_x_CKSUM flags, l2_len (0), l3_len and the pseudo
 * header sum: its checksums are left to the port. This completes them for a port that cannot, and
 * clears the flags. Chained mbufs are fine. Works with or without an Ethernet header of l2_len.
 */
void packet_checksum_complete(struct rte_mbuf *m);

/*
 * Several TCP segments as one packet of ours (RTE_MBUF_F_TX_TCP_SEG): headers as if it were a
 * single segment, but that the pseudo header's sum leaves out the length, as devices want it; the
 * segments' payloads one mbuf each, tso_segsz bytes but for the last, and with room for headers in
 * front of each.
 */
#define PACKET_SEGMENTS_MAX 64

/* What has to fit an MTU of a packet that starts at its IP header: the largest of its segments. */
static inline uint32_t packet_mtu_len(const struct rte_mbuf *m)
{
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return m->pkt_len;
	return RTE_MIN(m->pkt_len, (uint32_t)(m->l3_len + m->l4_len + m->tso_segsz));
}

/*
 * Cuts such a packet for a device that cannot: each mbuf becomes a packet with headers of its own
 * in its headroom; no payload moves, nothing is allocated. Mbufs that others hold, too, are fine,
 * as long as those leave headroom and fields alone. Fills up to PACKET_SEGMENTS_MAX of out, the
 * first of them m itself, and returns how many; checksums are left to the port as before. 0: an
 * mbuf has no room in front, and nothing has changed. With or without an Ethernet header of l2_len.
 */
uint16_t packet_cut(struct rte_mbuf *m, struct rte_mbuf **out);

#endif
