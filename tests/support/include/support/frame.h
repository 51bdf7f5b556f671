/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_FRAME_H
#define SUPPORT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define FRAME_MAX 9216

/*
 * A packet in words: what is left out has a default, so that a row of a table says only what it is
 * about. Right lengths and checksums are filled in; a test that wants wrong ones changes bytes
 * afterwards.
 */
struct frame_spec {
	const char *src; /* "192.0.2.1", "2001:db8::1": decides the IP version */
	const char *dst;
	uint16_t src_port; /* host order */
	uint16_t dst_port;
	uint8_t protocol;  /* IPPROTO_x. Not TCP or UDP: the payload is the whole message; its
			    * checksum is filled in for ICMP and ICMPv6 */
	uint8_t ttl;       /* default 64 */
	uint8_t tcp_flags; /* default ACK */
	uint32_t seq;
	uint32_t ack;
	const void *tcp_options; /* padded by the caller to words */
	size_t tcp_options_len;
	const void *payload;
	size_t payload_len;
	const void *extensions; /* IPv6 extension headers or IPv4 options, as they are */
	size_t extensions_len;
	uint8_t extensions_next; /* protocol number of the first IPv6 extension header */
	const uint8_t *src_mac;  /* default frame_client_mac */
	const uint8_t *dst_mac;  /* default frame_our_mac */
	bool is_bare;            /* without Ethernet header */
	bool has_no_udp_sum;
};

extern const uint8_t frame_client_mac[6]; /* 02:00:00:00:00:0c */
extern const uint8_t frame_our_mac[6];    /* 02:00:00:00:00:01 */
extern const uint8_t frame_broadcast_mac[6];

/* Bytes of the packet; returns their number. Fails the test where max is too small. */
size_t frame_build(const struct frame_spec *spec, uint8_t *out, size_t max);

/* The same in an mbuf of the test pool. */
struct rte_mbuf *frame_mbuf(const struct frame_spec *spec);

/*
 * An mbuf whose buffer is exactly these bytes, no head or tail room: the sanitizer sees any step
 * outside.
 */
struct rte_mbuf *frame_mbuf_exact(const void *bytes, size_t len);

/* An ARP frame; eth_dst NULL: broadcast. A MAC of NULL is all zero. */
struct frame_arp {
	uint16_t op; /* 1 request, 2 reply */
	const uint8_t *eth_dst;
	const uint8_t *sender_mac;
	const char *sender;
	const uint8_t *target_mac;
	const char *target;
};
size_t frame_arp_build(const struct frame_arp *arp, uint8_t *out, size_t max);

/*
 * The checksum of len bytes and a start value, byte by byte: slow and independent of lib/packet.
 * In host order, ready to be stored high byte first.
 */
uint16_t frame_sum(const void *data, size_t len, uint32_t start);

/*
 * Writes the right checksums into an IP packet (starting at its IP header, no fragment): IPv4
 * header, TCP, UDP (unless zero over IPv4), ICMP. Extension headers of IPv6 are walked.
 */
void frame_sums_fill(uint8_t *ip, size_t len);

/* True when all checksums of an IP packet are right. */
bool frame_sums_ok(const uint8_t *ip, size_t len);

#endif
