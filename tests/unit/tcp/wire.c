/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define PEER_ISN 1000u

static const uint8_t v6_prefix[16] = { 0x20, 0x01, 0x0d, 0xb8 };

static struct ip_addr address(const struct wire *w, uint8_t last)
{
	struct ip_addr addr = ip_from_v4(rte_cpu_to_be_32(0xc0000200u + last));

	if (w->is_v6) {
		addr = ip_from_v6(v6_prefix);
		addr.bytes[15] = last;
	}
	return addr;
}

static void segment_capture(struct wire *w, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	uint8_t bytes[2048];
	const struct rte_tcp_hdr *tcp;
	struct wire_seg *seg;
	struct ip_addr local = address(w, 1);

	assert_true(w->out_count < WIRE_OUT_MAX);
	assert_true(m->pkt_len <= (w->mtu != 0 ? w->mtu : 1500));
	assert_true(ip_equal(&p->src, &local));
	assert_int_equal(m->pkt_len, (uint32_t)p->payload_offset + p->payload_len);
	packet_checksum_complete(m);
	/* Into one piece. */
	for (uint32_t at = 0; at < m->pkt_len;) {
		struct rte_mbuf *part = m;
		uint32_t offset = at;

		while (offset >= part->data_len) {
			offset -= part->data_len;
			part = part->next;
		}
		memcpy(bytes + at, rte_pktmbuf_mtod_offset(part, uint8_t *, offset),
			part->data_len - offset);
		at += part->data_len - offset;
	}
	tcp = (const struct rte_tcp_hdr *)(bytes + p->l4_offset);
	if (w->is_v6)
		assert_int_equal(rte_ipv6_udptcp_cksum_verify((void *)bytes, tcp), 0);
	else
		assert_int_equal(rte_ipv4_udptcp_cksum_verify((void *)bytes, tcp), 0);
	seg = &w->out[w->out_count];
	*seg = (struct wire_seg){
		.seq = rte_be_to_cpu_32(tcp->sent_seq),
		.ack = rte_be_to_cpu_32(tcp->recv_ack),
		.flags = tcp->tcp_flags,
		.window = rte_be_to_cpu_16(tcp->rx_win),
		.len = p->payload_len,
		.peer_port = rte_be_to_cpu_16(tcp->dst_port),
		.local_port = rte_be_to_cpu_16(tcp->src_port),
		.ecn = w->is_v6 ? bytes[1] >> 4 & 3 : bytes[1] & 3,
		.options_len = (uint8_t)((tcp->data_off >> 4) * 4 - sizeof(*tcp)),
	};
	memcpy(seg->options, tcp + 1, seg->options_len);
	memcpy(w->out_data[w->out_count], bytes + p->payload_offset,
		RTE_MIN((size_t)p->payload_len, sizeof(w->out_data[0])));
	w->out_count++;
	if (tcp->tcp_flags & SYN)
		w->iss = seg->seq;
	if (w->is_holding && w->held_count < WIRE_HELD_MAX)
		w->held[w->held_count++] = m;
	else
		rte_pktmbuf_free(m);
}

/* What a device makes of several segments that came as one. */
static void large_capture(struct wire *w, struct rte_mbuf *m)
{
	struct rte_mbuf *pieces[PACKET_SEGMENTS_MAX];
	struct packet facts = *packet_of(m);
	uint16_t count;

	w->larges++;
	assert_int_equal(m->pkt_len, (uint32_t)facts.payload_offset + facts.payload_len);
	if (w->on_large != NULL && w->on_large(w, m))
		return;
	count = packet_cut(m, pieces);
	assert_true(count > 1);
	for (uint16_t i = 0; i < count; i++) {
		facts.payload_len = (uint16_t)(pieces[i]->pkt_len - facts.payload_offset);
		*packet_of(pieces[i]) = facts;
		segment_capture(w, pieces[i]);
	}
}

static void capture(void *ctx, struct rte_mbuf *m)
{
	struct wire *w = ctx;

	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		large_capture(w, m);
	else
		segment_capture(w, m);
}

static bool is_listening(void *ctx, const struct ip_addr *addr, uint16_t port_be)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(addr);
	return port_be == rte_cpu_to_be_16(WIRE_PORT);
}

static void event(struct wire *w, const char *name)
{
	if (w->hook != NULL)
		w->hook(w, name);
}

static void read_all(struct wire *w)
{
	struct tcp_span span;

	while (tcp_peek(w->conn, &span, 1) == 1) {
		assert_true(w->received_len + span.len <= sizeof(w->received));
		memcpy(w->received + w->received_len, span.data, span.len);
		w->received_len += span.len;
		tcp_consume(w->conn, span.len);
	}
	w->is_eof = tcp_is_eof(w->conn);
}

static void on_connected(struct tcp_conn *conn, void *ctx)
{
	struct wire *w = ctx;

	RTE_SET_USED(conn);
	w->connects++;
	event(w, "connected");
}

static void on_readable(struct tcp_conn *conn, void *ctx)
{
	struct wire *w = ctx;

	RTE_SET_USED(conn);
	w->readables++;
	if (w->is_reading)
		read_all(w);
	event(w, "readable");
}

static void on_writable(struct tcp_conn *conn, void *ctx)
{
	struct wire *w = ctx;

	RTE_SET_USED(conn);
	w->writables++;
	event(w, "writable");
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct wire *w = ctx;

	RTE_SET_USED(conn);
	w->closes++;
	w->reason = reason;
	w->conn = NULL;
	event(w, "closed");
}

static const struct tcp_handler handler = {
	.on_connected = on_connected,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static int on_accept(void *ctx, struct tcp_conn *conn)
{
	struct wire *w = ctx;

	w->accepts++;
	if (w->accept_result != 0)
		return w->accept_result;
	w->conn = conn;
	tcp_set_handler(conn, &handler, w);
	event(w, "accept");
	return 0;
}

static uint16_t path_mtu(void *ctx, const struct ip_addr *dst)
{
	const struct wire *w = ctx;

	RTE_SET_USED(dst);
	return w->mtu;
}

static const struct tcp_stack_ops ops = {
	.output = capture,
	.is_listening = is_listening,
	.accept = on_accept,
	.mtu = path_mtu,
};

void wire_start(struct wire *w, const struct tcp_params *params)
{
	struct tcp_params tcp = params != NULL ? *params : (struct tcp_params){ 0 };

	memset(w, 0, sizeof(*w));
	w->now_us = 5000000;
	w->peer_isn = PEER_ISN;
	w->window = 65535;
	w->is_reading = true;
	tcp.core = &w->core;
	if (tcp.mbufs == NULL)
		tcp.mbufs = support_mbufs();
	tcp.ops = &ops;
	tcp.ctx = w;
	tcp.ports = (struct steer_slice){ .port_min = 30000, .port_max = 30003 };
	tcp.secret[0] = 0x1234;
	tcp.secret[1] = 0x5678;
	w->stack = tcp_stack_create(&tcp, w->now_us);
	assert_non_null(w->stack);
}

void wire_stop(struct wire *w)
{
	tcp_stack_destroy(w->stack);
	assert_int_equal(support_mbufs_check(NULL), 0);
}

static size_t ip_put(const struct wire *w, uint8_t ecn, uint8_t *at, size_t l4_len)
{
	struct ip_addr peer = address(w, 2);
	struct ip_addr local = address(w, 1);

	if (w->is_v6) {
		struct rte_ipv6_hdr ip = {
			.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)ecn << 20),
			.payload_len = rte_cpu_to_be_16((uint16_t)l4_len),
			.proto = IPPROTO_TCP,
			.hop_limits = 60,
		};

		memcpy(&ip.src_addr, peer.bytes, 16);
		memcpy(&ip.dst_addr, local.bytes, 16);
		memcpy(at, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = ecn,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(ip) + l4_len)),
		.time_to_live = 60,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_v4_be(&peer),
		.dst_addr = ip_v4_be(&local),
	};

	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(at, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t payload_put(const struct wire_seg *seg, uint8_t *at)
{
	size_t text = seg->data != NULL ? strlen(seg->data) : 0;
	size_t len = seg->len != 0 ? seg->len : text;

	for (size_t i = 0; i < len; i++)
		at[i] = text > 0 ? (uint8_t)seg->data[i % text] : 'x';
	return len;
}

size_t wire_frame(const struct wire *w, const struct wire_seg *seg, uint8_t *frame)
{
	size_t ip_len = w->is_v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint8_t *l3 = frame + sizeof(struct rte_ether_hdr);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(l3 + ip_len);
	size_t header = sizeof(*tcp) + seg->options_len;
	size_t len = header + payload_put(seg, (uint8_t *)tcp + header);
	struct rte_ether_hdr ether = {
		.ether_type = rte_cpu_to_be_16(
			w->is_v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4),
	};

	memcpy(frame, &ether, sizeof(ether));
	ip_put(w, seg->ecn, l3, len);
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(seg->peer_port ? seg->peer_port : WIRE_PEER_PORT),
		.dst_port = rte_cpu_to_be_16(seg->local_port ? seg->local_port : WIRE_PORT),
		.sent_seq = rte_cpu_to_be_32(seg->seq + (seg->is_raw ? 0 : w->peer_isn)),
		.recv_ack = rte_cpu_to_be_32(
			seg->flags & ACK && !seg->is_raw ? seg->ack + w->iss : seg->ack),
		.data_off = (uint8_t)(header / 4 << 4),
		.tcp_flags = seg->flags,
		.rx_win = rte_cpu_to_be_16(seg->window),
	};
	memcpy(tcp + 1, seg->options, seg->options_len);
	tcp->cksum = w->is_v6 ? rte_ipv6_udptcp_cksum((void *)l3, tcp)
			      : rte_ipv4_udptcp_cksum((void *)l3, tcp);
	return sizeof(ether) + ip_len + len;
}

void wire_input(struct wire *w, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = support_mbuf(frame, len);
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	enum drop_reason reason = packet_parse(m, 0, key);

	if (reason != DROP_NONE)
		core_drop(&w->core, m, reason);
	else
		tcp_input(w->stack, &m, 1, w->now_us);
	tcp_advance(w->stack, w->now_us);
}

static size_t frame_of(const struct wire *w, struct wire_seg seg, uint8_t *frame)
{
	if (seg.window == 0 && !w->is_window_closed)
		seg.window = w->window;
	return wire_frame(w, &seg, frame);
}

void wire_send(struct wire *w, struct wire_seg seg)
{
	uint8_t frame[2048];

	wire_input(w, frame, frame_of(w, seg, frame));
}

void wire_burst(struct wire *w, const struct wire_seg *segs, unsigned count)
{
	struct rte_mbuf *burst[WIRE_BURST_MAX];
	struct hash_key key = { .k0 = 1, .k1 = 2 };
	uint8_t frame[2048];

	assert_true(count <= WIRE_BURST_MAX);
	for (unsigned i = 0; i < count; i++) {
		burst[i] = support_mbuf(frame, frame_of(w, segs[i], frame));
		assert_int_equal(packet_parse(burst[i], 0, key), DROP_NONE);
	}
	tcp_input(w->stack, burst, (uint16_t)count, w->now_us);
	tcp_advance(w->stack, w->now_us);
}

void wire_pass_ms(struct wire *w, uint64_t ms)
{
	uint64_t end = w->now_us + ms * 1000;

	while (w->now_us < end) {
		uint64_t next = tcp_next_us(w->stack);

		w->now_us = RTE_MIN(RTE_MAX(next, w->now_us + 1), end);
		tcp_advance(w->stack, w->now_us);
	}
}

const struct wire_seg *wire_expect(
	struct wire *w, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	const struct wire_seg *seg = &w->out[w->out_first];

	assert_true(w->out_first < w->out_count);
	w->out_first++;
	assert_int_equal(seg->flags & ~PSH, flags);
	assert_int_equal(seg->seq - w->iss, seq);
	if (flags & ACK)
		assert_int_equal(seg->ack - w->peer_isn, ack);
	assert_int_equal(seg->len, len);
	return seg;
}

void wire_expect_none(struct wire *w)
{
	assert_int_equal(w->out_count - w->out_first, 0);
	wire_forget(w);
}

void wire_forget(struct wire *w)
{
	w->out_first = w->out_count = 0;
}

void wire_open(struct wire *w, const struct wire_seg *syn)
{
	struct wire_seg first = {
		.flags = SYN, .options = { 2, 4, 1000 >> 8, 1000 & 0xff }, .options_len = 4
	};
	struct wire_seg last = { .flags = ACK, .seq = 1, .ack = 1 };
	const uint8_t *ts;

	if (syn != NULL)
		first = *syn;
	wire_send(w, first);
	ts = wire_option(wire_expect(w, SYN | ACK, 0, 1, 0), 8);
	if (ts != NULL)
		wire_put_ts(&last, 100, wire_word(ts + 2));
	wire_send(w, last);
	assert_int_equal(w->accepts, 1);
	assert_non_null(w->conn);
	wire_expect_none(w);
}

void wire_open_sack(struct wire *w)
{
	struct wire_seg syn = { .flags = SYN,
		.options_len = 8,
		.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2 } };

	wire_open(w, &syn);
}

void wire_open_ts(struct wire *w)
{
	struct wire_seg syn = { .flags = SYN,
		.options_len = 24,
		.options = { 2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2, 1, 1, 8, 10, 0, 0, 0, 100, 0,
			0, 0, 0, 1, 3, 3, 0 } };

	wire_open(w, &syn);
}

void wire_connect(struct wire *w)
{
	struct ip_addr local = address(w, 1);
	struct ip_addr peer = address(w, 2);
	struct tcp_connect_args args = {
		.src = &local,
		.dst = &peer,
		.dst_port = WIRE_PEER_PORT,
		.handler = &handler,
		.ctx = w,
	};
	int error = 0;

	w->conn = tcp_connect(w->stack, &args, &error, w->now_us);
	assert_non_null(w->conn);
	assert_int_equal(w->connects, 0);
}

void wire_put_ts(struct wire_seg *seg, uint32_t tsval, uint32_t tsecr)
{
	uint8_t *at = seg->options + seg->options_len;
	uint32_t words[2] = { rte_cpu_to_be_32(tsval), rte_cpu_to_be_32(tsecr) };

	at[0] = at[1] = 1;
	at[2] = 8;
	at[3] = 10;
	memcpy(at + 4, words, sizeof(words));
	seg->options_len = (uint8_t)(seg->options_len + 12);
}

void wire_put_sack(struct wire *w, struct wire_seg *seg, const uint32_t *edges, unsigned blocks)
{
	uint8_t *at = seg->options + seg->options_len;

	at[0] = at[1] = 1;
	at[2] = 5;
	at[3] = (uint8_t)(2 + 8 * blocks);
	for (unsigned i = 0; i < 2 * blocks; i++) {
		uint32_t edge = rte_cpu_to_be_32(edges[i] + w->iss);

		memcpy(at + 4 + 4 * i, &edge, sizeof(edge));
	}
	seg->options_len = (uint8_t)(seg->options_len + 4 + 8 * blocks);
}

const uint8_t *wire_option(const struct wire_seg *seg, uint8_t kind)
{
	for (unsigned i = 0; i < seg->options_len && seg->options[i] != 0;) {
		if (seg->options[i] == kind)
			return &seg->options[i];
		i += seg->options[i] == 1 ? 1 : seg->options[i + 1];
	}
	return NULL;
}

uint32_t wire_word(const uint8_t *at)
{
	uint32_t word_be;

	memcpy(&word_be, at, sizeof(word_be));
	return rte_be_to_cpu_32(word_be);
}

void wire_check_usage(const struct wire *w, uint32_t conns, uint32_t half_open, uint32_t waiting)
{
	struct tcp_usage usage;

	tcp_usage(w->stack, &usage);
	assert_int_equal(usage.established, conns);
	assert_int_equal(usage.half_open, half_open);
	assert_int_equal(usage.time_wait, waiting);
	assert_true(usage.bytes_per_conn <= 512);
	assert_true(usage.bytes_per_half_open <= 64);
	assert_true(usage.bytes_per_time_wait <= 64);
	if (conns == 0)
		assert_int_equal(usage.mbufs_held, 0);
}

void wire_release(struct wire *w)
{
	w->is_holding = false;
	while (w->held_count > 0)
		rte_pktmbuf_free(w->held[--w->held_count]);
}

void wire_ack(struct wire *w, uint32_t number)
{
	wire_send(w, (struct wire_seg){ .flags = ACK, .seq = 1, .ack = number });
}

void wire_sack(struct wire *w, uint32_t number, const uint32_t *edges, unsigned blocks)
{
	struct wire_seg seg = { .flags = ACK, .seq = 1, .ack = number };

	wire_put_sack(w, &seg, edges, blocks);
	wire_send(w, seg);
}

void wire_write(struct wire *w, size_t len)
{
	static const uint8_t zeros[1 << 18];

	assert_true(len <= sizeof(zeros));
	assert_int_equal(tcp_write(w->conn, zeros, len), len);
	tcp_advance(w->stack, w->now_us);
}

void wire_expect_run(struct wire *w, uint32_t from, unsigned count, uint32_t len)
{
	for (unsigned i = 0; i < count; i++)
		wire_expect(w, ACK, from + len * i, 1, len);
}

struct tcp_info wire_info(const struct wire *w)
{
	struct tcp_info info;

	tcp_conn_info(w->conn, &info);
	return info;
}
