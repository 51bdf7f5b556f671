/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "packet/packet.h"
#include "rows.h"

#define ECHO4 DATA(8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g')
#define ECHO6 DATA(128, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g')
#define NS    DATA(135, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)

struct patch {
	uint16_t at;
	uint8_t value;
};

struct bad_row {
	const char *what;
	struct frame_spec spec;
	struct patch patches[4]; /* at 0: none */
	bool has_sums_filled;    /* after patching */
	enum drop_reason reason;
};

static const struct bad_row bad_rows[] = {
	{ "another EtherType", { TCP4 }, { { 12, 0x88 }, { 13, 0xcc } },
		.reason = DROP_parse_ethertype },
	{ "a VLAN tag", { TCP4 }, { { 12, 0x81 }, { 13, 0x00 } }, .reason = DROP_parse_ethertype },
	{ "version 6 under 0x0800", { TCP4 }, { { IP, 0x65 } }, .reason = DROP_parse_ip_version },
	{ "version 4 under 0x86dd", { TCP6 }, { { IP, 0x40 } }, .reason = DROP_parse_ip_version },
	{ "version 0", { TCP4 }, { { IP, 0x05 } }, .reason = DROP_parse_ip_version },
	{ "four words of IPv4 header", { TCP4 }, { { IP, 0x44 } }, .reason = DROP_parse_ip_header },
	{ "no words of IPv4 header", { TCP4 }, { { IP, 0x40 } }, .reason = DROP_parse_ip_header },
	{ "total length below the header", { TCP4 }, { { IP + 3, 19 } },
		.reason = DROP_parse_ip_header },
	{ "total length zero", { TCP4 }, { { IP + 3, 0 } }, .reason = DROP_parse_ip_header },
	{ "total length one too many", { TCP4 }, { { IP + 3, 41 } },
		.reason = DROP_parse_ip_header },
	{ "total length of 65535", { TCP4 }, { { IP + 2, 255 }, { IP + 3, 255 } },
		.reason = DROP_parse_ip_header },
	{ "total length that ends inside TCP", { TCP4 }, { { IP + 3, 39 } }, true,
		.reason = DROP_parse_short },
	{ "total length that ends behind IPv4", { UDP4 }, { { IP + 3, 20 } }, true,
		.reason = DROP_parse_short },
	{ "payload length one too many", { TCP6 }, { { IP + 5, 21 } },
		.reason = DROP_parse_ip_header },
	{ "payload length zero", { TCP6 }, { { IP + 5, 0 } }, .reason = DROP_parse_short },
	{ "a wrong header checksum", { TCP4 }, { { IP + 10, 0 }, { IP + 11, 0 } },
		.reason = DROP_parse_ip_checksum },
	{ "a changed TTL", { TCP4 }, { { IP + 8, 63 } }, .reason = DROP_parse_ip_checksum },
	{ "more fragments behind an odd length", { UDP4, DATA(1) }, { { IP + 6, 0x20 } }, true,
		.reason = DROP_fragment_invalid },
	{ "more fragments of an empty one", { UDP4 }, { { IP + 3, 20 }, { IP + 6, 0x20 } }, true,
		.reason = DROP_fragment_invalid },
	{ "a first fragment without all of TCP's options",
		{ TCP4, .tcp_options = BYTES(1, 1, 1, 0), .tcp_options_len = 4 },
		{ { IP + 6, 0x20 }, { L4 + 12, 0x70 } }, true, .reason = DROP_fragment_invalid },
	{ "a first fragment of TCP with a header of four words", { TCP4, DATA(1, 2, 3, 4) },
		{ { IP + 6, 0x20 }, { L4 + 12, 0x40 } }, true, .reason = DROP_parse_l4_header },
	{ "a first fragment of a UDP length of 7", { UDP4 }, { { IP + 6, 0x20 }, { L4 + 5, 7 } },
		true, .reason = DROP_parse_l4_header },
	{ "a fragment that would write over a TCP header", { TCP4 }, { { IP + 7, 0x02 } }, true,
		.reason = DROP_fragment_invalid },
	{ "a first fragment of ICMP",
		{ V4, .protocol = IPPROTO_ICMP, DATA(8, 0, 0, 0, 0, 1, 0, 1) },
		{ { IP + 6, 0x20 } }, true, .reason = DROP_parse_fragment },
	{ "a later fragment of ICMP", { V4, .protocol = IPPROTO_ICMP, ECHO4 }, { { IP + 7, 2 } },
		true, .reason = DROP_parse_fragment },
	{ "a later fragment of GRE", { V4, .protocol = IPPROTO_GRE, DATA(0, 0, 8, 0) },
		{ { IP + 7, 2 } }, true, .reason = DROP_parse_fragment },
	{ "a fragment from 127.0.0.1",
		{ .src = "127.0.0.1", .dst = "192.0.2.1", .protocol = IPPROTO_UDP },
		{ { IP + 6, 0x20 } }, true, .reason = DROP_parse_ip_source },
	{ "the highest fragment offset", { UDP4 }, { { IP + 6, 0x1f }, { IP + 7, 0xff } }, true,
		.reason = DROP_fragment_invalid },
	{ "source 0.0.0.0", { .src = "0.0.0.0", .dst = "192.0.2.1", .protocol = IPPROTO_UDP },
		.reason = DROP_parse_ip_source },
	{ "source 0.1.2.3", { .src = "0.1.2.3", .dst = "192.0.2.1", .protocol = IPPROTO_UDP },
		.reason = DROP_parse_ip_source },
	{ "source 127.0.0.1", { .src = "127.0.0.1", .dst = "192.0.2.1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "source 224.0.0.1", { .src = "224.0.0.1", .dst = "192.0.2.1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "source 239.255.255.255",
		{ .src = "239.255.255.255", .dst = "192.0.2.1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "source 255.255.255.255",
		{ .src = "255.255.255.255", .dst = "192.0.2.1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "IPv6 source ::1", { .src = "::1", .dst = "2001:db8::1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "IPv6 source ff02::1",
		{ .src = "ff02::1", .dst = "2001:db8::1", .protocol = IPPROTO_TCP },
		.reason = DROP_parse_ip_source },
	{ "IPv6 source :: of UDP", { .src = "::", .dst = "2001:db8::1", .protocol = IPPROTO_UDP },
		.reason = DROP_parse_ip_source },
	{ "IPv6 source :: of an echo",
		{ .src = "::", .dst = "2001:db8::1", .protocol = IPPROTO_ICMPV6, ECHO6 },
		.reason = DROP_parse_ip_source },
	{ "loose source route", { TCP4, EXT(0, 131, 7, 4, 192, 0, 2, 9, 0) },
		.reason = DROP_parse_source_route },
	{ "strict source route behind others", { UDP4, EXT(0, 1, 1, 7, 3, 4, 137, 3, 4) },
		.reason = DROP_parse_source_route },
	{ "a source route in a first fragment", { UDP4, EXT(0, 131, 3, 4, 0), DATA(1, 2, 3) },
		{ { IP + 6, 0x20 } }, true, .reason = DROP_parse_source_route },
	{ "an IPv4 option of length 0", { UDP4, EXT(0, 7, 0, 4, 0) },
		.reason = DROP_parse_ip_header },
	{ "an IPv4 option of length 1", { UDP4, EXT(0, 7, 1, 4, 0) },
		.reason = DROP_parse_ip_header },
	{ "an IPv4 option that passes the header", { UDP4, EXT(0, 1, 7, 4, 4) },
		.reason = DROP_parse_ip_header },
	{ "an IPv4 option without its length", { UDP4, EXT(0, 1, 1, 1, 7) },
		.reason = DROP_parse_ip_header },
	{ "options before a source that cannot be",
		{ .src = "127.0.0.1",
			.dst = "192.0.2.1",
			.protocol = IPPROTO_UDP,
			EXT(0, 1, 1, 1, 0) },
		.reason = DROP_parse_ip_source },
	{ "options before a wrong UDP checksum", { UDP4, EXT(0, 1, 1, 1, 0), DATA(1) },
		{ { L4 + 12, 7 } }, .reason = DROP_parse_l4_checksum },
	{ "seventeen options in one header",
		{ UDP6,
			EXT(60, 17, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 11, 0, 0,
				0, 0, 0, 0, 0, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_extension },
	{ "options behind a wrong checksum", { TCP4, EXT(0, 1, 1, 1, 1) }, { { IP + 20, 0 } },
		.reason = DROP_parse_ip_checksum },
	{ "options that pass the total length", { TCP4 }, { { IP, 0x4f }, { IP + 3, 40 } },
		.reason = DROP_parse_short },
	{ "options longer than the datagram", { TCP4 }, { { IP, 0x46 }, { IP + 3, 20 } },
		.reason = DROP_parse_ip_header },
	{ "TCP data offset 4", { TCP4 }, { { L4 + 12, 0x40 } }, true,
		.reason = DROP_parse_l4_header },
	{ "TCP data offset 0", { TCP4 }, { { L4 + 12, 0x00 } }, true,
		.reason = DROP_parse_l4_header },
	{ "TCP data offset past the end", { TCP4 }, { { L4 + 12, 0x60 } }, true,
		.reason = DROP_parse_l4_header },
	{ "TCP data offset past the end, IPv6", { TCP6 }, { { L4_OF_V6 + 12, 0xf0 } }, true,
		.reason = DROP_parse_l4_header },
	{ "UDP length 7", { UDP4 }, { { L4 + 5, 7 } }, true, .reason = DROP_parse_l4_header },
	{ "UDP length 0", { UDP4 }, { { L4 + 5, 0 } }, true, .reason = DROP_parse_l4_header },
	{ "UDP length one too many", { UDP4 }, { { L4 + 5, 9 } }, true,
		.reason = DROP_parse_l4_header },
	{ "UDP length 0 over IPv6", { UDP6 }, { { L4_OF_V6 + 5, 0 } }, true,
		.reason = DROP_parse_l4_header },
	{ "no UDP checksum over IPv6", { UDP6, .has_no_udp_sum = true },
		{ { L4_OF_V6 + 6, 0 }, { L4_OF_V6 + 7, 0 } }, .reason = DROP_parse_l4_checksum },
	{ "a changed TCP sequence", { TCP4 }, { { L4 + 4, 1 } }, .reason = DROP_parse_l4_checksum },
	{ "a changed UDP byte", { UDP4, DATA('a', 'b', 'c') }, { { L4 + 10, 'C' } },
		.reason = DROP_parse_l4_checksum },
	{ "a changed TCP byte over IPv6", { TCP6, DATA('a', 'b', 'c') }, { { L4_OF_V6 + 22, 'C' } },
		.reason = DROP_parse_l4_checksum },
	{ "a changed IPv6 address", { UDP6 }, { { IP + 23, 9 } },
		.reason = DROP_parse_l4_checksum },
	{ "a changed ICMP byte", { V4, .protocol = IPPROTO_ICMP, ECHO4 }, { { L4 + 8, 'q' } },
		.reason = DROP_parse_l4_checksum },
	{ "a changed ICMPv6 byte", { V6, .protocol = IPPROTO_ICMPV6, ECHO6 },
		{ { L4_OF_V6 + 8, 'q' } }, .reason = DROP_parse_l4_checksum },
	{ "ICMP of seven bytes", { V4, .protocol = IPPROTO_ICMP, DATA(8, 0, 0, 0, 0, 0, 0) },
		.reason = DROP_parse_short },
	{ "ICMPv6 of four bytes", { V6, .protocol = IPPROTO_ICMPV6, DATA(128, 0, 0, 0) },
		.reason = DROP_parse_short },
	{ "an IPv6 fragment of nine bytes with more to come",
		{ UDP6, EXT(44, 17, 0, 0, 1, 0, 0, 0, 1), DATA(1) },
		.reason = DROP_fragment_invalid },
	{ "the highest IPv6 fragment offset", { UDP6, EXT(44, 17, 0, 0xff, 0xf8, 0, 0, 0, 1) },
		.reason = DROP_fragment_invalid },
	{ "a fragment header cut off", { V6, .protocol = 44, DATA(17, 0, 0, 0, 0, 0, 0) },
		.reason = DROP_parse_short },
	{ "two fragment headers",
		{ UDP6, EXT(44, 44, 0, 0, 1, 0, 0, 0, 1, 17, 0, 0, 0, 0, 0, 0, 1) },
		.reason = DROP_parse_ip_extension },
	{ "a first IPv6 fragment of TCP's first half",
		{ V6, EXT(44, 6, 0, 0, 1, 0, 0, 0, 1), .protocol = IPPROTO_NONE,
			DATA(1, 2, 3, 4, 5, 6, 7, 8) },
		.reason = DROP_fragment_invalid },
	{ "a later IPv6 fragment of ICMP",
		{ V6, EXT(44, 58, 0, 0, 8, 0, 0, 0, 1), .protocol = IPPROTO_NONE, DATA(1) },
		.reason = DROP_parse_fragment },
	{ "an IPv6 fragment without source",
		{ .src = "::",
			.dst = "2001:db8::1",
			.protocol = IPPROTO_UDP,
			EXT(44, 17, 0, 0, 1, 0, 0, 0, 1) },
		.reason = DROP_parse_ip_source },
	{ "hop-by-hop options behind a fragment header",
		{ UDP6, EXT(44, 0, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_extension },
	{ "SCTP of eleven bytes",
		{ V4, .protocol = IPPROTO_SCTP, DATA(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) },
		.reason = DROP_parse_short },
	{ "routing header 0, used up", { TCP6, EXT(43, 6, 0, 0, 0, 0, 0, 0, 0) },
		.reason = DROP_parse_source_route },
	{ "routing header 4 with a segment left", { TCP6, EXT(43, 6, 0, 4, 1, 0, 0, 0, 0) },
		.reason = DROP_parse_source_route },
	{ "an option that is not to be skipped", { TCP6, EXT(60, 6, 0, 0xc9, 4, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_extension },
	{ "an option that passes its header", { TCP6, EXT(60, 6, 0, 1, 5, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_header },
	{ "an option without its length", { TCP6, EXT(60, 6, 0, 1, 3, 0, 0, 0, 1) },
		.reason = DROP_parse_ip_header },
	{ "hop-by-hop options in second place",
		{ TCP6, EXT(60, 0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_extension },
	{ "an extension header past the end", { TCP6 }, { { IP + 6, 60 }, { L4_OF_V6 + 1, 9 } },
		.reason = DROP_parse_ip_header },
	{ "an extension header cut off", { V6, .protocol = 60, DATA(6, 0, 1, 4) },
		.reason = DROP_parse_short },
	{ "five extension headers",
		{ TCP6,
			EXT(60, 60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0,
				0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0) },
		.reason = DROP_parse_ip_extension },
};

static size_t bad_build(const struct bad_row *row, uint8_t *bytes)
{
	size_t len = frame_build(&row->spec, bytes, FRAME_MAX);

	for (size_t i = 0; i < RTE_DIM(row->patches) && row->patches[i].at > 0; i++)
		bytes[row->patches[i].at] = row->patches[i].value;
	if (row->has_sums_filled) {
		size_t total = len - IP;

		if (bytes[IP] >> 4 == 4)
			total = (size_t)bytes[IP + 2] << 8 | bytes[IP + 3];
		frame_sums_fill(bytes + IP, total);
	}
	return len;
}

static void bad_frames_get_their_reason(void **state)
{
	uint8_t bytes[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(bad_rows); i++) {
		size_t len = bad_build(&bad_rows[i], bytes);
		struct rte_mbuf *m = support_mbuf(bytes, len);
		enum drop_reason reason = packet_parse(m, 0, key);

		if (reason != bad_rows[i].reason)
			fail_msg("%s: %s instead of %s", bad_rows[i].what,
				drop_stats_set.descs[reason].name,
				drop_stats_set.descs[bad_rows[i].reason].name);
		rte_pktmbuf_free(m);
	}
}

struct good_row {
	const char *what;
	struct frame_spec spec;
	uint8_t flags;
	uint16_t l4_offset;
	uint16_t payload_offset;
	uint16_t payload_len;
};

/* With options, all is told all the same. */
static enum drop_reason good_reason(const struct good_row *row)
{
	return row->spec.extensions_len > 0 && row->spec.extensions_next != IPPROTO_FRAGMENT
		? DROP_parse_ip_options
		: DROP_NONE;
}

static const struct good_row good_rows[] = {
	{ "TCP", { TCP4, .tcp_flags = RTE_TCP_SYN_FLAG }, 0, 34, 54, 0 },
	{ "TCP with data", { TCP4, DATA(1, 2, 3) }, 0, 34, 54, 3 },
	{ "TCP with options and data",
		{ TCP4, .tcp_options = BYTES(1, 1, 1, 0), .tcp_options_len = 4, DATA(1) }, 0, 34,
		58, 1 },
	{ "UDP, empty", { UDP4 }, 0, 34, 42, 0 },
	{ "UDP", { UDP4, DATA(1, 2, 3, 4, 5) }, 0, 34, 42, 5 },
	{ "UDP without checksum", { UDP4, .has_no_udp_sum = true, DATA(1, 2) }, 0, 34, 42, 2 },
	{ "ICMP", { V4, .protocol = IPPROTO_ICMP, ECHO4 }, PACKET_IS_ICMP, 34, 42, 4 },
	{ "ICMPv6 number over IPv4", { V4, .protocol = IPPROTO_ICMPV6, ECHO4 }, 0, 34, 34, 12 },
	{ "GRE", { V4, .protocol = IPPROTO_GRE, DATA(0, 0, 8, 0) }, 0, 34, 34, 4 },
	{ "broadcast UDP", { UDP4, .dst_mac = frame_broadcast_mac }, PACKET_IS_BROADCAST, 34, 42,
		0 },
	{ "TCP over IPv6", { TCP6, DATA(1, 2, 3) }, PACKET_IS_V6, 54, 74, 3 },
	{ "UDP over IPv6", { UDP6, DATA(1) }, PACKET_IS_V6, 54, 62, 1 },
	{ "ICMPv6", { V6, .protocol = IPPROTO_ICMPV6, ECHO6 }, PACKET_IS_V6 | PACKET_IS_ICMP, 54,
		62, 4 },
	{ "solicitation of a node without address",
		{ .src = "::",
			.dst = "ff02::1:ff00:100",
			.protocol = IPPROTO_ICMPV6,
			NS,
			.ttl = 255 },
		PACKET_IS_V6 | PACKET_IS_ICMP, 54, 62, 16 },
	{ "ICMP number over IPv6", { V6, .protocol = IPPROTO_ICMP, ECHO6 }, PACKET_IS_V6, 54, 54,
		12 },
	{ "no next header", { V6, .protocol = IPPROTO_NONE }, PACKET_IS_V6, 54, 54, 0 },
	{ "ESP", { V6, .protocol = IPPROTO_ESP, DATA(1, 2, 3, 4) }, PACKET_IS_V6, 54, 54, 4 },
	{ "IPv4 router alert", { TCP4, EXT(0, 0x94, 4, 0, 0) }, 0, 38, 58, 0 },
	{ "forty bytes of options: a timestamp, and what follows the end",
		{ UDP4,
			EXT(0, 0x44, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 7, 4, 0, 0, 0, 0, 0,
				131, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
			DATA(1, 2) },
		0, 74, 82, 2 },
	{ "options of ICMP", { V4, .protocol = IPPROTO_ICMP, EXT(0, 1, 1, 1, 0), ECHO4 },
		PACKET_IS_ICMP, 38, 46, 4 },
	{ "hop-by-hop router alert", { TCP6, EXT(0, 6, 0, 5, 2, 0, 0, 1, 0) }, PACKET_IS_V6, 62, 82,
		0 },
	{ "Pad1 to the end", { TCP6, EXT(60, 6, 0, 0, 0, 0, 0, 0, 0) }, PACKET_IS_V6, 62, 82, 0 },
	{ "a routing header used up", { UDP6, EXT(43, 17, 0, 4, 0, 0, 0, 0, 0), DATA(7) },
		PACKET_IS_V6, 62, 70, 1 },
	{ "an atomic fragment", { UDP6, EXT(44, 17, 0, 0, 0, 0, 0, 0, 1), DATA(5) }, PACKET_IS_V6,
		62, 70, 1 },
	{ "four extension headers",
		{ UDP6,
			EXT(0, 60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0,
				0, 0, 17, 0, 4, 0, 0, 0, 0, 0) },
		PACKET_IS_V6, 86, 94, 0 },
};

static bool has_ports(const struct good_row *row)
{
	return row->spec.protocol == IPPROTO_TCP || row->spec.protocol == IPPROTO_UDP;
}

static void facts_check(const struct good_row *row, struct rte_mbuf *m, size_t len)
{
	const struct packet *p = packet_of(m);
	struct ip_addr src;
	struct ip_addr dst;

	ip_parse(row->spec.src, &src);
	ip_parse(row->spec.dst, &dst);
	assert_true(ip_equal(&p->src, &src));
	assert_true(ip_equal(&p->dst, &dst));
	assert_int_equal(p->protocol, row->spec.protocol);
	assert_int_equal(p->flags, row->flags);
	assert_int_equal(p->in_port, 3);
	assert_int_equal(p->l3_offset, IP);
	assert_int_equal(p->l4_offset, row->l4_offset);
	assert_int_equal(p->payload_offset, row->payload_offset);
	assert_int_equal(p->payload_len, row->payload_len);
	assert_int_equal(p->src_port_be, has_ports(row) ? rte_cpu_to_be_16(40000) : 0);
	assert_int_equal(p->dst_port_be, has_ports(row) ? rte_cpu_to_be_16(443) : 0);
	if (row->spec.protocol == IPPROTO_TCP)
		assert_int_equal(p->tcp_flags,
			row->spec.tcp_flags == 0 ? RTE_TCP_ACK_FLAG : row->spec.tcp_flags);
	else
		assert_int_equal(p->tcp_flags, 0);
	assert_int_equal(p->flow_hash, packet_flow_hash(p, key));
	assert_int_equal(m->pkt_len, len);
}

static void good_frames_tell_their_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(good_rows); i++) {
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_build(&good_rows[i].spec, bytes, sizeof(bytes));
		struct rte_mbuf *m = support_mbuf(bytes, len);
		enum drop_reason reason = packet_parse(m, 3, key);

		if (reason != good_reason(&good_rows[i]))
			fail_msg("%s: %s", good_rows[i].what, drop_stats_set.descs[reason].name);
		facts_check(&good_rows[i], m, len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), bytes, len);
		rte_pktmbuf_free(m);
	}
}

/* The same packet with Ethernet padding of every length up to a minimal frame, and beyond. */
static void padding_is_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(good_rows); i++) {
		for (size_t padding = 1; padding < 20; padding++) {
			uint8_t bytes[FRAME_MAX];
			size_t len = frame_build(&good_rows[i].spec, bytes, sizeof(bytes));
			struct rte_mbuf *m;

			memset(bytes + len, 0xa5, padding);
			m = support_mbuf(bytes, len + padding);
			assert_int_equal(packet_parse(m, 3, key), good_reason(&good_rows[i]));
			facts_check(&good_rows[i], m, len);
			assert_int_equal(m->data_len, len);
			rte_pktmbuf_free(m);
		}
	}
}

/* What a frame cut to len bytes ends as. */
static enum drop_reason cut_reason(const struct good_row *row, size_t len)
{
	bool is_v4 = (row->flags & PACKET_IS_V6) == 0;

	/* IPv4's options are a part of its header. */
	if (len < (is_v4 ? row->l4_offset : IP + 40u))
		return DROP_parse_short;
	return DROP_parse_ip_header;
}

static void frames_cut_anywhere_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(good_rows); i++) {
		uint8_t bytes[FRAME_MAX];
		size_t whole = frame_build(&good_rows[i].spec, bytes, sizeof(bytes));

		for (size_t len = 0; len < whole; len++) {
			struct rte_mbuf *m = frame_mbuf_exact(bytes, len);

			assert_int_equal(packet_parse(m, 0, key), cut_reason(&good_rows[i], len));
			rte_pktmbuf_free(m);
		}
	}
}

/* The datagram itself cut, with lengths that say so: ends in its headers, or fails its sum. */
static void datagrams_cut_anywhere_are_refused(void **state)
{
	const struct frame_spec specs[] = { { TCP4, DATA(1, 2, 3, 4, 5) },
		{ UDP4, DATA(1, 2, 3, 4, 5) }, { TCP6, DATA(1, 2, 3, 4, 5) },
		{ UDP6, EXT(60, 17, 0, 1, 4, 0, 0, 0, 0), DATA(1, 2, 3, 4, 5) } };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(specs); i++) {
		uint8_t bytes[FRAME_MAX];
		size_t whole = frame_build(&specs[i], bytes, sizeof(bytes));
		bool is_v4 = bytes[IP] >> 4 == 4;

		for (size_t len = IP + (is_v4 ? 20 : 40); len < whole; len++) {
			struct rte_mbuf *m;
			enum drop_reason reason;

			frame_build(&specs[i], bytes, sizeof(bytes));
			bytes[IP + (is_v4 ? 3 : 5)] = (uint8_t)(len - IP - (is_v4 ? 0 : 40));
			if (is_v4) {
				bytes[IP + 10] = bytes[IP + 11] = 0;
				rte_be16_t sum = rte_cpu_to_be_16(frame_sum(bytes + IP, 20, 0));

				memcpy(bytes + IP + 10, &sum, 2);
			}
			m = frame_mbuf_exact(bytes, len);
			reason = packet_parse(m, 0, key);
			assert_true(reason == DROP_parse_short || reason == DROP_parse_l4_header ||
				reason == DROP_parse_l4_checksum);
			rte_pktmbuf_free(m);
		}
	}
}

static void mapped_addresses_over_ipv6_are_refused(void **state)
{
	uint8_t bytes[FRAME_MAX];
	struct frame_spec spec = { TCP6 };
	struct ip_addr mapped;

	(void)state;
	ip_parse("192.0.2.100", &mapped);
	for (size_t i = 0; i < 2; i++) {
		size_t len = frame_build(&spec, bytes, sizeof(bytes));
		struct rte_mbuf *m;

		memcpy(bytes + IP + 8 + 16 * i, &mapped, sizeof(mapped));
		frame_sums_fill(bytes + IP, len - IP);
		m = support_mbuf(bytes, len);
		assert_int_equal(packet_parse(m, 0, key),
			i == 0 ? DROP_parse_ip_source : DROP_parse_ip_version);
		rte_pktmbuf_free(m);
	}
}

/* A frame in two mbufs, split at every byte behind its headers. */
static void chains_parse_like_one_buffer(void **state)
{
	const struct frame_spec specs[] = { { TCP4, DATA(1, 2, 3, 4, 5, 6, 7) },
		{ UDP6, DATA(1, 2, 3, 4, 5, 6, 7) } };

	(void)state;
	for (size_t i = 0; i < RTE_DIM(specs); i++) {
		uint8_t bytes[FRAME_MAX];
		size_t len = frame_build(&specs[i], bytes, sizeof(bytes));
		size_t headers = i == 0 ? 54 : 62;

		memset(bytes + len, 0xa5, 9);
		for (size_t split = headers; split < len + 9; split++) {
			struct rte_mbuf *m = support_mbuf(bytes, split);
			struct rte_mbuf *tail = support_mbuf(bytes + split, len + 9 - split);

			assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
			assert_int_equal(packet_parse(m, 0, key), DROP_NONE);
			assert_int_equal(packet_of(m)->payload_len, 7);
			assert_int_equal(m->pkt_len, len);
			rte_mbuf_sanity_check(m, 1);
			assert_int_equal(m->nb_segs, split < len ? 2 : 1);
			rte_pktmbuf_free(m);
		}
	}
}

static void headers_must_be_in_the_first_buffer(void **state)
{
	struct frame_spec spec = { TCP4, DATA(1, 2, 3) };
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_build(&spec, bytes, sizeof(bytes));

	(void)state;
	for (size_t split = 1; split < 54; split++) {
		struct rte_mbuf *m = support_mbuf(bytes, split);

		assert_int_equal(rte_pktmbuf_chain(m, support_mbuf(bytes + split, len - split)), 0);
		assert_int_equal(packet_parse(m, 0, key), DROP_parse_short);
		rte_pktmbuf_free(m);
	}
}

static void bursts_parse_like_single_packets(void **state)
{
	struct rte_mbuf *burst[RTE_DIM(good_rows) + RTE_DIM(bad_rows)];
	enum drop_reason reasons[RTE_DIM(burst)];
	uint8_t bytes[FRAME_MAX];
	uint16_t count = 0;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(good_rows); i++)
		burst[count++] = frame_mbuf(&good_rows[i].spec);
	for (size_t i = 0; i < RTE_DIM(bad_rows); i++)
		burst[count++] = support_mbuf(bytes, bad_build(&bad_rows[i], bytes));
	packet_parse_burst(burst, count, 1, key, reasons);
	for (uint16_t i = 0; i < count; i++) {
		struct packet facts = *packet_of(burst[i]);

		assert_int_equal(packet_parse(burst[i], 1, key), reasons[i]);
		assert_memory_equal(packet_of(burst[i]), &facts, sizeof(facts));
		rte_pktmbuf_free(burst[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(bad_frames_get_their_reason, support_mbufs_check),
		cmocka_unit_test_teardown(good_frames_tell_their_facts, support_mbufs_check),
		cmocka_unit_test_teardown(padding_is_cut_off, support_mbufs_check),
		cmocka_unit_test_teardown(frames_cut_anywhere_are_refused, support_mbufs_check),
		cmocka_unit_test_teardown(datagrams_cut_anywhere_are_refused, support_mbufs_check),
		cmocka_unit_test_teardown(
			mapped_addresses_over_ipv6_are_refused, support_mbufs_check),
		cmocka_unit_test_teardown(chains_parse_like_one_buffer, support_mbufs_check),
		cmocka_unit_test_teardown(headers_must_be_in_the_first_buffer, support_mbufs_check),
		cmocka_unit_test_teardown(bursts_parse_like_single_packets, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
