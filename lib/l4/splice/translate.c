/* SPDX-License-Identifier: Apache-2.0 */
#include "translate.h"

#include <rte_byteorder.h>

#include "options.h"

uint16_t splice_window_in(const struct splice *splice, uint16_t window)
{
	uint32_t bytes = (uint32_t)window << splice->client_scale;

	/* Unscaled on both sides, or scaled alike: what the member was told of is the client's. */
	if ((splice->flags & SPLICE_SCALES_CLIENT) == 0 ||
		(splice->flags & SPLICE_SCALES_MEMBER) != 0)
		return window;
	return (uint16_t)RTE_MIN(bytes, (uint32_t)UINT16_MAX);
}

uint16_t splice_window_out(const struct splice *splice, uint16_t window)
{
	uint32_t bytes = window;

	if ((splice->flags & SPLICE_SCALES_CLIENT) == 0)
		return window;
	if ((splice->flags & SPLICE_SCALES_MEMBER) != 0)
		bytes <<= splice->member_scale;
	return (uint16_t)RTE_MIN(bytes >> SPLICE_SCALE, (uint32_t)UINT16_MAX);
}

static void window_replace(struct rte_tcp_hdr *tcp, uint16_t window)
{
	uint16_t old_be = tcp->rx_win;

	tcp->rx_win = rte_cpu_to_be_16(window);
	tcp->cksum = packet_checksum_fix16(tcp->cksum, old_be, tcp->rx_win);
}

/* What the client says of the member's numbers and times. */
static void client_options_translate(
	const struct splice *splice, struct rte_tcp_hdr *tcp, uint8_t *at, const uint8_t *end)
{
	uint8_t *option;

	while ((option = tcp_option_next(&at, end)) != NULL) {
		if (option[0] == TCP_OPTION_TIMES && option[1] == TCP_OPTION_TIMES_BYTES) {
			tcp_number_add(tcp, option + 6, 0u - splice->times_shift);
		} else if (option[0] == TCP_OPTION_SACK) {
			for (unsigned i = 2; i + 4 <= option[1]; i += 4)
				tcp_number_add(tcp, option + i, 0u - splice->shift);
		}
	}
}

static void member_options_translate(
	const struct splice *splice, struct rte_tcp_hdr *tcp, uint8_t *at, const uint8_t *end)
{
	uint8_t *option;

	while ((option = tcp_option_next(&at, end)) != NULL) {
		if (option[0] == TCP_OPTION_TIMES && option[1] == TCP_OPTION_TIMES_BYTES)
			tcp_number_add(tcp, option + 2, splice->times_shift);
	}
}

static void client_translate(const struct splice *splice, struct rte_mbuf *m)
{
	struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint8_t *at;
	const uint8_t *end = packet_tcp_options(m, &at);

	if ((splice->flags & SPLICE_IS_PROXIED) != 0) {
		if ((tcp->tcp_flags & RTE_TCP_ACK_FLAG) != 0)
			tcp_number_add(tcp, (uint8_t *)&tcp->recv_ack, 0u - splice->shift);
		if ((tcp->tcp_flags & RTE_TCP_SYN_FLAG) == 0)
			window_replace(
				tcp, splice_window_in(splice, rte_be_to_cpu_16(tcp->rx_win)));
		client_options_translate(splice, tcp, at, end);
	} else if ((tcp->tcp_flags & RTE_TCP_SYN_FLAG) != 0) {
		/* So that the header takes the numbers in front of the client's data. */
		tcp_number_add(tcp, (uint8_t *)&tcp->sent_seq, 0u - splice->header_len);
	}
}

/* The client has not sent the header: it must not hear of its acknowledgment. */
static void header_ack_hide(const struct splice *splice, struct rte_tcp_hdr *tcp)
{
	uint32_t first = splice->client_isn + 1;

	if ((tcp->tcp_flags & RTE_TCP_ACK_FLAG) != 0 &&
		(uint32_t)(first - rte_be_to_cpu_32(tcp->recv_ack)) - 1 < splice->header_len)
		tcp_word_replace(tcp, (uint8_t *)&tcp->recv_ack, rte_cpu_to_be_32(first));
}

static void member_translate(const struct splice *splice, struct rte_mbuf *m)
{
	struct rte_tcp_hdr *tcp = packet_tcp(m);
	uint8_t *at;
	const uint8_t *end = packet_tcp_options(m, &at);

	header_ack_hide(splice, tcp);
	if ((splice->flags & SPLICE_IS_PROXIED) == 0)
		return;
	tcp_number_add(tcp, (uint8_t *)&tcp->sent_seq, splice->shift);
	window_replace(tcp, splice_window_out(splice, rte_be_to_cpu_16(tcp->rx_win)));
	member_options_translate(splice, tcp, at, end);
}

void splice_translate(const struct splice *splice, enum conn_side side, struct rte_mbuf *m)
{
	if ((packet_of(m)->flags & PACKET_IS_LATER) != 0)
		return;
	if (side == CONN_CLIENT)
		client_translate(splice, m);
	else
		member_translate(splice, m);
}
