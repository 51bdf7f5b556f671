/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ICMP errors quote of spliced connections. We have sent it, numbered as the error's side
 * counts; whom the error goes to looks the numbers up in its own (RFC 5927 4.1), and passes over an
 * error whose numbers it does not find.
 */
#include <string.h>

#include <rte_byteorder.h>

#include "options.h"
#include "splice.h"

#define SEQ_AT      offsetof(struct rte_tcp_hdr, sent_seq)
#define ACK_AT      offsetof(struct rte_tcp_hdr, recv_ack)
#define SUM_END     (offsetof(struct rte_tcp_hdr, cksum) + sizeof(uint16_t))
#define OFFSET_AT   offsetof(struct rte_tcp_hdr, data_off)
#define FLAGS_AT    offsetof(struct rte_tcp_hdr, tcp_flags)
#define WORDS_SHIFT 4

/* The far end's number for that of a packet of ours to this side. */
static uint32_t seq_back(const struct splice *splice, enum conn_side side, uint32_t seq)
{
	uint32_t first = splice->client_isn + 1;

	if (side == CONN_CLIENT)
		return seq - splice->shift;
	/* Our SYN leaves room for the header behind it. The client has sent neither. */
	if (seq == first - 1 - splice->header_len)
		return first - 1;
	return (uint32_t)(first - seq) - 1 < splice->header_len ? first : seq;
}

/* Puts a number of the quoted header in place of another; its checksum follows if it is quoted. */
static void number_write(
	struct rte_tcp_hdr *tcp, const struct packet_quote *quote, size_t at, uint32_t number)
{
	rte_be32_t number_be = rte_cpu_to_be_32(number);
	uint8_t *place = (uint8_t *)tcp + at;
	rte_be32_t old_be;

	memcpy(&old_be, place, sizeof(old_be));
	if (quote->l4_len >= SUM_END)
		tcp->cksum = packet_checksum_fix32(tcp->cksum, old_be, number_be);
	memcpy(place, &number_be, sizeof(number_be));
}

/* A header of less than five words, which nobody sends. */
static bool is_lie(const struct rte_tcp_hdr *tcp, const struct packet_quote *quote)
{
	return quote->l4_len > OFFSET_AT && tcp->data_off >> WORDS_SHIFT < sizeof(*tcp) / 4;
}

enum drop_reason splice_quote(
	const struct l4_burst *burst, const struct l4_packet *packet, struct rte_mbuf *m)
{
	const struct splice *splice = conntrack_splice(burst->l4->table, packet->conn);
	enum conn_side side = l4_packet_side(packet);
	struct packet_quote quote;
	enum drop_reason reason = packet_quote_parse(m, &quote);
	struct rte_tcp_hdr *tcp;

	if (reason != DROP_NONE)
		return reason;
	tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, quote.l4_offset);
	/* Before the member's first answer, all that the client has got was our own. */
	if (is_lie(tcp, &quote) ||
		(side == CONN_CLIENT && (splice->flags & SPLICE_IS_OPENING) != 0))
		return DROP_icmp_quote;
	number_write(tcp, &quote, SEQ_AT, seq_back(splice, side, quote.seq));
	if (side == CONN_MEMBER && quote.l4_len > FLAGS_AT &&
		(tcp->tcp_flags & RTE_TCP_ACK_FLAG) != 0)
		number_write(tcp, &quote, ACK_AT, rte_be_to_cpu_32(tcp->recv_ack) + splice->shift);
	return DROP_NONE;
}
