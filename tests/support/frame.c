/* SPDX-License-Identifier: Apache-2.0 */
#include "support/frame.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_tcp.h>

#include "base/ip.h"
#include "packet/packet.h"
#include "support/support.h"

#define ETHER_BYTES 14
#define V4_BYTES    20
#define V6_BYTES    40
#define TCP_BYTES   20
#define UDP_BYTES   8
#define TTL_DEFAULT 64

const uint8_t frame_client_mac[6] = { 0x02, 0, 0, 0, 0, 0x0c };
const uint8_t frame_our_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
const uint8_t frame_broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static const uint8_t no_mac[6];

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t sum_add(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t frame_sum(const void *data, size_t len, uint32_t start)
{
	return (uint16_t)~sum_add(data, len, start);
}

/* Where the upper header is, of which protocol, and the pseudo header's sum. */
struct upper {
	size_t offset;
	uint8_t protocol;
	uint32_t pseudo;
};

static struct upper upper_find(const uint8_t *ip, size_t len)
{
	struct upper upper;

	if (ip[0] >> 4 == 4) {
		upper.offset = (size_t)(ip[0] & 0xf) * 4;
		upper.protocol = ip[9];
		upper.pseudo = sum_add(ip + 12, 8, 0);
	} else {
		upper.offset = V6_BYTES;
		upper.protocol = ip[6];
		upper.pseudo = sum_add(ip + 8, 32, 0);
		while (upper.protocol == IPPROTO_HOPOPTS || upper.protocol == IPPROTO_ROUTING ||
			upper.protocol == IPPROTO_DSTOPTS || upper.protocol == IPPROTO_FRAGMENT) {
			upper.protocol = ip[upper.offset];
			upper.offset += 8 + 8 * (size_t)ip[upper.offset + 1];
		}
	}
	upper.pseudo += upper.protocol + (uint32_t)(len - upper.offset);
	if (upper.protocol == IPPROTO_ICMP)
		upper.pseudo = 0;
	return upper;
}

/* Offset of the checksum in the upper header, or 0. */
static size_t sum_field(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

void frame_sums_fill(uint8_t *ip, size_t len)
{
	struct upper upper = upper_find(ip, len);
	size_t field = sum_field(upper.protocol);
	uint8_t *sum = ip + upper.offset + field;
	uint16_t value;

	if (ip[0] >> 4 == 4) {
		put16(ip + 10, 0);
		put16(ip + 10, frame_sum(ip, (size_t)(ip[0] & 0xf) * 4, 0));
	}
	if (field == 0 || len < upper.offset + field + 2)
		return;
	if (upper.protocol == IPPROTO_UDP && ip[0] >> 4 == 4 && get16(sum) == 0)
		return;
	put16(sum, 0);
	value = frame_sum(ip + upper.offset, len - upper.offset, upper.pseudo);
	put16(sum, upper.protocol == IPPROTO_UDP && value == 0 ? 0xffff : value);
}

bool frame_sums_ok(const uint8_t *ip, size_t len)
{
	uint8_t copy[FRAME_MAX];

	assert_true(len <= sizeof(copy));
	memcpy(copy, ip, len);
	frame_sums_fill(copy, len);
	return memcmp(copy, ip, len) == 0;
}

static size_t upper_build(const struct frame_spec *spec, uint8_t *out)
{
	size_t header = 0;

	if (spec->protocol == IPPROTO_TCP) {
		header = TCP_BYTES + spec->tcp_options_len;
		memset(out, 0, TCP_BYTES);
		put32(out + 4, spec->seq);
		put32(out + 8, spec->ack);
		out[12] = (uint8_t)(header / 4 << 4);
		out[13] = spec->tcp_flags == 0 ? RTE_TCP_ACK_FLAG : spec->tcp_flags;
		put16(out + 14, 0xffff);
		if (spec->tcp_options_len > 0)
			memcpy(out + TCP_BYTES, spec->tcp_options, spec->tcp_options_len);
	} else if (spec->protocol == IPPROTO_UDP) {
		header = UDP_BYTES;
		put16(out + 4, (unsigned)(header + spec->payload_len));
		put16(out + 6, spec->has_no_udp_sum ? 0 : 0xffff);
	}
	if (header > 0) {
		put16(out, spec->src_port);
		put16(out + 2, spec->dst_port);
	}
	if (spec->payload_len > 0)
		memcpy(out + header, spec->payload, spec->payload_len);
	return header + spec->payload_len;
}

static size_t v4_build(const struct frame_spec *spec, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t *out)
{
	size_t header = V4_BYTES + spec->extensions_len;
	size_t len = header + upper_build(spec, out + header);

	memset(out, 0, V4_BYTES);
	out[0] = (uint8_t)(0x40 | header / 4);
	put16(out + 2, (unsigned)len);
	put16(out + 4, 0x1234);
	put16(out + 6, 0x4000);
	out[8] = spec->ttl == 0 ? TTL_DEFAULT : spec->ttl;
	out[9] = spec->protocol;
	memcpy(out + 12, &src->words_be[3], 4);
	memcpy(out + 16, &dst->words_be[3], 4);
	if (spec->extensions_len > 0)
		memcpy(out + V4_BYTES, spec->extensions, spec->extensions_len);
	return len;
}

static size_t v6_build(const struct frame_spec *spec, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t *out)
{
	size_t header = V6_BYTES + spec->extensions_len;
	size_t len = header + upper_build(spec, out + header);

	put32(out, 0x60000000);
	put16(out + 4, (unsigned)(len - V6_BYTES));
	out[6] = spec->extensions_len > 0 ? spec->extensions_next : spec->protocol;
	out[7] = spec->ttl == 0 ? TTL_DEFAULT : spec->ttl;
	memcpy(out + 8, src, 16);
	memcpy(out + 24, dst, 16);
	if (spec->extensions_len > 0)
		memcpy(out + V6_BYTES, spec->extensions, spec->extensions_len);
	return len;
}

size_t frame_build(const struct frame_spec *spec, uint8_t *out, size_t max)
{
	size_t ether = spec->is_bare ? 0 : ETHER_BYTES;
	struct ip_addr src;
	struct ip_addr dst;
	size_t len;

	assert_true(ether + V6_BYTES + TCP_BYTES + spec->extensions_len + spec->tcp_options_len +
			spec->payload_len <=
		max);
	assert_int_equal(ip_parse(spec->src, &src), 0);
	assert_int_equal(ip_parse(spec->dst, &dst), 0);
	len = ip_is_v4(&src) ? v4_build(spec, &src, &dst, out + ether)
			     : v6_build(spec, &src, &dst, out + ether);
	frame_sums_fill(out + ether, len);
	if (spec->is_bare)
		return len;
	memcpy(out, spec->dst_mac != NULL ? spec->dst_mac : frame_our_mac, 6);
	memcpy(out + 6, spec->src_mac != NULL ? spec->src_mac : frame_client_mac, 6);
	put16(out + 12, ip_is_v4(&src) ? 0x0800 : 0x86dd);
	return ether + len;
}

struct rte_mbuf *frame_mbuf(const struct frame_spec *spec)
{
	uint8_t bytes[FRAME_MAX];

	return support_mbuf(bytes, frame_build(spec, bytes, sizeof(bytes)));
}

static void exact_free(void *bytes, void *ctx)
{
	free(bytes);
	free(ctx);
}

struct rte_mbuf *frame_mbuf_exact(const void *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(support_mbufs());
	struct rte_mbuf_ext_shared_info *shared = calloc(1, sizeof(*shared));
	/* A buffer of no bytes is none: it has one, which is not part of the frame. */
	uint8_t *copy = malloc(len > 0 ? len : 1);

	assert_true(m != NULL && shared != NULL && copy != NULL);
	memcpy(copy, bytes, len);
	memset(rte_mbuf_to_priv(m), 0, PACKET_PRIV_BYTES);
	shared->free_cb = exact_free;
	shared->fcb_opaque = shared;
	rte_mbuf_ext_refcnt_set(shared, 1);
	rte_pktmbuf_attach_extbuf(m, copy, RTE_BAD_IOVA, (uint16_t)(len > 0 ? len : 1), shared);
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	return m;
}

size_t frame_arp_build(const struct frame_arp *arp, uint8_t *out, size_t max)
{
	struct ip_addr sender;
	struct ip_addr target;

	assert_true(max >= 42);
	assert_int_equal(ip_parse(arp->sender, &sender), 0);
	assert_int_equal(ip_parse(arp->target, &target), 0);
	memcpy(out, arp->eth_dst != NULL ? arp->eth_dst : frame_broadcast_mac, 6);
	memcpy(out + 6, arp->sender_mac, 6);
	put16(out + 12, 0x0806);
	put16(out + 14, 1);
	put16(out + 16, 0x0800);
	out[18] = 6;
	out[19] = 4;
	put16(out + 20, arp->op);
	memcpy(out + 22, arp->sender_mac, 6);
	memcpy(out + 28, &sender.words_be[3], 4);
	memcpy(out + 32, arp->target_mac != NULL ? arp->target_mac : no_mac, 6);
	memcpy(out + 38, &target.words_be[3], 4);
	return 42;
}
