/* SPDX-License-Identifier: Apache-2.0 */
#include "send.h"

#include <string.h>

#include "header.h"
#include "toa.h"
#include "translate.h"

#define SYN_WINDOW UINT16_MAX

bool splice_segment_send(
	const struct l4_burst *burst, struct rte_mbuf *m, const struct segment *segment)
{
	struct rte_mbuf *made = m != NULL ? m : rte_pktmbuf_alloc(burst->l4->mbufs);

	if (made == NULL)
		return false;
	if (!splice_segment_write(made, segment)) {
		if (m == NULL)
			rte_pktmbuf_free(made);
		return false;
	}
	l4_output_put(burst->output, made);
	return true;
}

/* What a segment to this side is addressed by. */
static struct packet_tuple ends_toward(
	const struct l4_burst *burst, const struct conn *conn, enum conn_side side)
{
	struct packet_tuple received;

	conntrack_tuple(burst->l4->table, conn, side, &received);
	return (struct packet_tuple){
		.src = received.dst,
		.dst = received.src,
		.src_port_be = received.dst_port_be,
		.dst_port_be = received.src_port_be,
		.protocol = received.protocol,
	};
}

static struct splice *splice_of(const struct l4_burst *burst, const struct conn *conn)
{
	return conntrack_splice(burst->l4->table, conn);
}

static void toa_add(const struct l4_burst *burst, const struct conn *conn, struct segment *segment)
{
	uint8_t option[TOA_BYTES_6];
	struct packet_tuple client;
	unsigned bytes;

	conntrack_tuple(burst->l4->table, conn, CONN_CLIENT, &client);
	bytes = toa_write(&client, option);
	if (segment->options_len + bytes > TCP_OPTIONS_MAX) {
		burst->l4->counters.toa_no_room++;
		return;
	}
	memmove(segment->options + bytes, segment->options, segment->options_len);
	memcpy(segment->options, option, bytes);
	segment->options_len = (uint8_t)(segment->options_len + bytes);
	burst->l4->counters.toa_sent++;
}

static void times_add(struct segment *segment, const struct splice *splice, bool is_to_client)
{
	const struct tcp_options options = {
		.present = TCP_HAS_TIMES,
		.tsval = is_to_client ? splice->member_times + splice->times_shift
				      : splice->client_times,
		.tsecr = is_to_client ? splice->client_times : splice->member_times,
	};

	if ((splice->flags & SPLICE_HAS_TIMES) != 0)
		segment->options_len = (uint8_t)syn_options_write(&options, segment->options);
}

bool splice_syn_send(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m)
{
	const struct splice *splice = splice_of(burst, conn);
	struct segment segment = {
		.ends = ends_toward(burst, conn, CONN_MEMBER),
		.seq = splice->client_isn - splice->header_len,
		.window = SYN_WINDOW,
		.flags = RTE_TCP_SYN_FLAG,
	};
	struct tcp_options options = {
		.present = TCP_HAS_MSS,
		.mss = splice->mss,
		.scale = splice->client_scale,
		.tsval = splice->client_times,
	};

	if ((splice->flags & SPLICE_HAS_TIMES) != 0)
		options.present |= TCP_HAS_TIMES;
	if ((splice->flags & SPLICE_HAS_SACK) != 0)
		options.present |= TCP_HAS_SACK_OK;
	if ((splice->flags & SPLICE_SCALES_CLIENT) != 0)
		options.present |= TCP_HAS_SCALE;
	segment.options_len = (uint8_t)syn_options_write(&options, segment.options);
	if ((splice->flags & SPLICE_HAS_TOA) != 0)
		toa_add(burst, conn, &segment);
	return splice_segment_send(burst, m, &segment);
}

bool splice_ack_send(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m)
{
	const struct splice *splice = splice_of(burst, conn);
	uint8_t header[SPLICE_HEADER_MAX];
	struct packet_tuple client;
	struct segment segment = {
		.ends = ends_toward(burst, conn, CONN_MEMBER),
		.seq = splice->client_isn + 1,
		.ack = splice->member_next,
		.window = splice->client_window,
		.flags = RTE_TCP_ACK_FLAG,
	};

	times_add(&segment, splice, false);
	if ((splice->flags & SPLICE_HAS_TOA) != 0)
		toa_add(burst, conn, &segment);
	if ((splice->flags & SPLICE_HAS_HEADER) != 0) {
		conntrack_tuple(burst->l4->table, conn, CONN_CLIENT, &client);
		segment.seq -= splice->header_len;
		segment.flags |= RTE_TCP_PSH_FLAG;
		segment.payload = header;
		segment.payload_len = (uint16_t)splice_header_write(
			splice->client_address, &client, header);
		burst->l4->counters.proxy_headers_sent++;
	}
	return splice_segment_send(burst, m, &segment);
}

bool splice_update_send(
	const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m, uint16_t window)
{
	const struct splice *splice = splice_of(burst, conn);
	struct segment segment = {
		.ends = ends_toward(burst, conn, CONN_CLIENT),
		.seq = splice->cookie + 1,
		.ack = splice->client_isn + 1,
		.window = window,
		.flags = RTE_TCP_ACK_FLAG,
	};

	times_add(&segment, splice, true);
	return splice_segment_send(burst, m, &segment);
}

bool splice_client_reset(const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m)
{
	const struct splice *splice = splice_of(burst, conn);
	const struct segment segment = {
		.ends = ends_toward(burst, conn, CONN_CLIENT),
		.seq = splice->member_next + splice->shift,
		.ack = splice->client_isn + 1,
		.flags = RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
	};

	return splice_segment_send(burst, m, &segment);
}

bool splice_member_reset(
	const struct l4_burst *burst, struct conn *conn, struct rte_mbuf *m, uint32_t seq)
{
	const struct segment segment = {
		.ends = ends_toward(burst, conn, CONN_MEMBER),
		.seq = seq,
		.flags = RTE_TCP_RST_FLAG,
	};

	return splice_segment_send(burst, m, &segment);
}
