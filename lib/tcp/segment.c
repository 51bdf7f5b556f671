/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "stack.h"

#define KIND_END     0
#define KIND_NOP     1
#define KIND_MSS     2
#define KIND_WSCALE  3
#define KIND_SACK_OK 4
#define KIND_SACK    5
#define KIND_TS      8

#define HOP_LIMIT  64
#define LINK_BYTES 18 /* what comes in front: Ethernet and a VLAN tag */

static uint32_t load32(const uint8_t *at)
{
	uint32_t word_be;

	memcpy(&word_be, at, sizeof(word_be));
	return rte_be_to_cpu_32(word_be);
}

static void store32(uint8_t *at, uint32_t word)
{
	uint32_t word_be = rte_cpu_to_be_32(word);

	memcpy(at, &word_be, sizeof(word_be));
}

static void sack_read(const uint8_t *at, unsigned len, struct options *options)
{
	unsigned count = (len - 2) / 8;

	if ((len - 2) % 8 != 0 || count > SACK_BLOCKS_MAX)
		return;
	for (unsigned i = 0; i < count; i++)
		options->sacks[i] = (struct sack_block){
			.start = load32(at + 2 + 8 * i),
			.end = load32(at + 6 + 8 * i),
		};
	options->sack_count = (uint8_t)count;
}

/* One option, known to lie inside the header. A known kind of another length means nothing. */
static void option_read(const uint8_t *at, unsigned len, struct options *options)
{
	if (at[0] == KIND_MSS && len == 4) {
		options->mss = (uint16_t)(at[2] << 8 | at[3]);
		options->present |= OPTION_MSS;
	} else if (at[0] == KIND_WSCALE && len == 3) {
		options->wscale = at[2] > WSCALE_MAX ? WSCALE_MAX : at[2];
		options->present |= OPTION_WSCALE;
	} else if (at[0] == KIND_SACK_OK && len == 2) {
		options->present |= OPTION_SACK_OK;
	} else if (at[0] == KIND_TS && len == 10) {
		options->tsval = load32(at + 2);
		options->tsecr = load32(at + 6);
		options->present |= OPTION_TS;
	} else if (at[0] == KIND_SACK) {
		sack_read(at, len, options);
	}
}

static __rte_noinline bool options_read(
	const uint8_t *at, const uint8_t *end, struct options *options)
{
	while (at < end && *at != KIND_END) {
		unsigned len;

		if (*at == KIND_NOP) {
			at++;
			continue;
		}
		if (end - at < 2)
			return false;
		len = at[1];
		if (len < 2 || len > end - at)
			return false;
		option_read(at, len, options);
		at += len;
	}
	return true;
}

bool segment_read(struct rte_mbuf *m, struct segment *seg)
{
	const struct packet *p = packet_of(m);
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_offset);
	unsigned header_len = (unsigned)(p->payload_offset - p->l4_offset);
	const uint8_t *options = header + sizeof(struct rte_tcp_hdr);
	static const uint8_t ts_head[4] = { KIND_NOP, KIND_NOP, KIND_TS, 10 };

	seg->m = m;
	seg->seq = load32(header + 4);
	seg->ack = load32(header + 8);
	seg->flags = header[13];
	seg->window = (uint16_t)(header[14] << 8 | header[15]);
	seg->payload_len = p->payload_len;
	seg->merged = 0;
	seg->options.present = 0;
	seg->options.sack_count = 0;
	/* Nearly every segment has exactly these options, laid out as RFC 7323 A suggests. */
	if (header_len == sizeof(struct rte_tcp_hdr) + TS_OPTION_BYTES &&
		memcmp(options, ts_head, sizeof(ts_head)) == 0) {
		seg->options.present = OPTION_TS;
		seg->options.tsval = load32(options + 4);
		seg->options.tsecr = load32(options + 8);
		return true;
	}
	return options_read(options, header + header_len, &seg->options);
}

unsigned options_put_ts(uint8_t *out, uint32_t tsval, uint32_t tsecr)
{
	out[0] = KIND_NOP;
	out[1] = KIND_NOP;
	out[2] = KIND_TS;
	out[3] = 10;
	store32(out + 4, tsval);
	store32(out + 8, tsecr);
	return TS_OPTION_BYTES;
}

unsigned options_put_sack(uint8_t *out, const struct sack_block *blocks, unsigned count)
{
	if (count == 0)
		return 0;
	out[0] = KIND_NOP;
	out[1] = KIND_NOP;
	out[2] = KIND_SACK;
	out[3] = (uint8_t)(2 + 8 * count);
	for (unsigned i = 0; i < count; i++) {
		store32(out + 4 + 8 * i, blocks[i].start);
		store32(out + 8 + 8 * i, blocks[i].end);
	}
	return 4 + 8 * count;
}

unsigned options_put_syn(uint8_t *out, const struct options *options)
{
	unsigned len = 0;

	if (options->present & OPTION_MSS) {
		out[len++] = KIND_MSS;
		out[len++] = 4;
		out[len++] = (uint8_t)(options->mss >> 8);
		out[len++] = (uint8_t)options->mss;
	}
	if (options->present & OPTION_SACK_OK) {
		out[len++] = KIND_NOP;
		out[len++] = KIND_NOP;
		out[len++] = KIND_SACK_OK;
		out[len++] = 2;
	}
	if (options->present & OPTION_TS)
		len += options_put_ts(out + len, options->tsval, options->tsecr);
	if (options->present & OPTION_WSCALE) {
		out[len++] = KIND_NOP;
		out[len++] = KIND_WSCALE;
		out[len++] = 3;
		out[len++] = options->wscale;
	}
	return len;
}

/* Writes the IP header and returns the sum of the pseudo header (RTE_MBUF_F_TX_TCP_CKSUM). */
static uint16_t ip4_put(struct rte_mbuf *m, const struct segment_out *out, uint16_t l4_len)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = out->ecn,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + l4_len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = HOP_LIMIT,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_v4_be(out->local),
		.dst_addr = ip_v4_be(out->remote),
	};
	m->l3_len = sizeof(*ip);
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	return rte_ipv4_phdr_cksum(ip, m->ol_flags);
}

static uint16_t ip6_put(struct rte_mbuf *m, const struct segment_out *out, uint16_t l4_len)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);

	ip->vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)out->ecn << 20);
	ip->payload_len = rte_cpu_to_be_16(l4_len);
	ip->proto = IPPROTO_TCP;
	ip->hop_limits = HOP_LIMIT;
	memcpy(&ip->src_addr, out->local->bytes, sizeof(out->local->bytes));
	memcpy(&ip->dst_addr, out->remote->bytes, sizeof(out->remote->bytes));
	m->l3_len = sizeof(*ip);
	m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
	return rte_ipv6_phdr_cksum(ip, m->ol_flags);
}

static void packet_fill(struct rte_mbuf *m, const struct segment_out *out, uint32_t payload_len)
{
	struct packet *p = packet_of(m);

	*p = (struct packet){
		.src = *out->local,
		.dst = *out->remote,
		.src_port_be = out->local_port_be,
		.dst_port_be = out->remote_port_be,
		.protocol = IPPROTO_TCP,
		.flags = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? PACKET_IS_V6 : 0,
		.tcp_flags = out->flags,
		.l4_offset = (uint16_t)m->l3_len,
		.payload_offset = (uint16_t)(m->l3_len + m->l4_len),
		.payload_len = (uint16_t)payload_len,
	};
}

static unsigned ip_len_of(const struct segment_out *out)
{
	return ip_is_v4(out->local) ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

/* Writes the headers to where the mbuf's data begins, which has room for them. cut_len: 0, or of
 * the segments that the packet is to be cut into. */
static void headers_put(
	struct rte_mbuf *m, const struct segment_out *out, uint32_t payload_len, uint16_t cut_len)
{
	bool is_v4 = ip_is_v4(out->local);
	unsigned ip_len = ip_len_of(out);
	unsigned tcp_len = (unsigned)sizeof(struct rte_tcp_hdr) + out->options_len;
	uint16_t l4_len = (uint16_t)(tcp_len + payload_len);
	struct rte_tcp_hdr *tcp;

	m->ol_flags = cut_len > 0 ? RTE_MBUF_F_TX_TCP_SEG : 0;
	m->tx_offload = 0;
	m->tso_segsz = cut_len;
	m->l4_len = tcp_len;
	tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, ip_len);
	*tcp = (struct rte_tcp_hdr){
		.src_port = out->local_port_be,
		.dst_port = out->remote_port_be,
		.sent_seq = rte_cpu_to_be_32(out->seq),
		.recv_ack = rte_cpu_to_be_32(out->ack),
		.data_off = (uint8_t)(tcp_len / 4 << 4),
		.tcp_flags = out->flags,
		.rx_win = rte_cpu_to_be_16(out->window),
	};
	memcpy(tcp + 1, out->options, out->options_len);
	tcp->cksum = is_v4 ? ip4_put(m, out, l4_len) : ip6_put(m, out, l4_len);
	packet_fill(m, out, payload_len);
}

static uint16_t headers_len(const struct segment_out *out)
{
	return (uint16_t)(ip_len_of(out) + sizeof(struct rte_tcp_hdr) + out->options_len);
}

struct rte_mbuf *segment_make(
	struct tcp_stack *stack, const struct segment_out *out, uint32_t payload_len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(stack->params.mbufs);

	if (m == NULL)
		return NULL;
	m->data_len = headers_len(out);
	m->pkt_len = m->data_len;
	headers_put(m, out, payload_len, 0);
	return m;
}

bool segment_wrap(
	struct rte_mbuf *m, const struct segment_out *out, uint16_t data_off, uint16_t payload_len)
{
	uint16_t len = headers_len(out);

	if (data_off < len + LINK_BYTES)
		return false;
	m->next = NULL;
	m->nb_segs = 1;
	m->data_off = (uint16_t)(data_off - len);
	m->data_len = (uint16_t)(len + payload_len);
	m->pkt_len = m->data_len;
	headers_put(m, out, payload_len, 0);
	return true;
}

void segment_wrap_chain(
	struct rte_mbuf *m, const struct segment_out *out, uint32_t payload_len, uint16_t count)
{
	uint16_t len = headers_len(out);
	uint16_t first_len = m->data_len;

	m->nb_segs = count;
	m->data_off = (uint16_t)(m->data_off - len);
	m->data_len = (uint16_t)(len + first_len);
	m->pkt_len = len + payload_len;
	headers_put(m, out, payload_len, count > 1 ? first_len : 0);
}

void segment_emit(struct tcp_stack *stack, struct rte_mbuf *m)
{
	stack->counters.segments_out++;
	stack->params.ops->output(stack->params.ctx, m);
}

bool segment_send(struct tcp_stack *stack, const struct segment_out *out)
{
	struct rte_mbuf *m = segment_make(stack, out, 0);

	if (m == NULL) {
		stack->counters.memory_drops++;
		return false;
	}
	segment_emit(stack, m);
	return true;
}
