/* SPDX-License-Identifier: Apache-2.0 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_ether.h>

#include "packet/packet.h"

#define START_US   1000000u
#define MBUFS      8191
#define PACKET_MAX 1600
#define PORT_MIN   8192
#define PORT_MAX   65535
#define SECRET_FIX 0x7061636b6574ull /* numbers repeat from run to run */

static void output(void *ctx, struct rte_mbuf *m)
{
	struct lab *lab = ctx;
	struct lab_packet *packet;
	uint8_t room[PACKET_MAX];
	const void *bytes;

	packet_checksum_complete(m);
	packet = malloc(sizeof(*packet) + m->pkt_len);
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, room);
	if (packet != NULL && bytes != NULL) {
		packet->at_us = lab->now_us;
		packet->len = m->pkt_len;
		memcpy(packet->bytes, bytes, packet->len);
		STAILQ_INSERT_TAIL(&lab->out, packet, link);
		pthread_cond_broadcast(&lab->state);
	} else {
		free(packet);
	}
	rte_pktmbuf_free(m);
}

static struct lab_socket *listener_find(struct lab *lab, uint16_t port_be)
{
	for (unsigned i = 0; i < LAB_SOCKETS; i++) {
		struct lab_socket *s = &lab->sockets[i];

		if (s->fd >= 0 && s->is_listening && s->port_be == port_be)
			return s;
	}
	return NULL;
}

static bool is_listening(void *ctx, const struct ip_addr *address, uint16_t port_be)
{
	RTE_SET_USED(address);
	return listener_find(ctx, port_be) != NULL;
}

/* Until accept() nobody hears of the connection; what it receives waits in its queue. */
static void pending_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct lab_socket *listener = ctx;

	RTE_SET_USED(reason);
	for (unsigned i = 0; i < listener->pending_count; i++) {
		if (listener->pending[i] != conn)
			continue;
		listener->pending_count--;
		memmove(&listener->pending[i], &listener->pending[i + 1],
			(listener->pending_count - i) * sizeof(listener->pending[0]));
		return;
	}
}

static const struct tcp_handler pending_handler = { .on_closed = pending_closed };

static int conn_accept(void *ctx, struct tcp_conn *conn)
{
	struct lab *lab = ctx;
	struct tcp_info info;
	struct lab_socket *listener;

	tcp_conn_info(conn, &info);
	listener = listener_find(lab, info.tuple.dst_port_be);
	if (listener == NULL || listener->pending_count == LAB_PENDING)
		return -1;
	listener->pending[listener->pending_count++] = conn;
	tcp_set_handler(conn, &pending_handler, listener);
	pthread_cond_broadcast(&lab->state);
	return 0;
}

static const struct tcp_stack_ops ops = {
	.output = output, .is_listening = is_listening, .accept = conn_accept
};

static void state_tell(struct tcp_conn *conn, void *ctx)
{
	struct lab_socket *s = ctx;

	RTE_SET_USED(conn);
	s->is_connecting = false;
	pthread_cond_broadcast(&s->lab->state);
}

static void readable_tell(struct tcp_conn *conn, void *ctx)
{
	struct lab_socket *s = ctx;

	RTE_SET_USED(conn);
	pthread_cond_broadcast(&s->lab->state);
}

static void on_closed(struct tcp_conn *conn, void *ctx, enum tcp_close_reason reason)
{
	struct lab_socket *s = ctx;

	RTE_SET_USED(conn);
	s->conn = NULL;
	s->is_connecting = false;
	s->is_closed = true;
	s->reason = reason;
	pthread_cond_broadcast(&s->lab->state);
}

const struct tcp_handler lab_handler = {
	.on_connected = state_tell,
	.on_readable = readable_tell,
	.on_writable = readable_tell,
	.on_closed = on_closed,
};

struct lab_socket *lab_socket_find(struct lab *lab, int fd)
{
	for (unsigned i = 0; fd >= 0 && i < LAB_SOCKETS; i++) {
		if (lab->sockets[i].fd == fd)
			return &lab->sockets[i];
	}
	errno = EBADF;
	return NULL;
}

struct lab_socket *lab_socket_open(struct lab *lab)
{
	for (unsigned i = 0; i < LAB_SOCKETS; i++) {
		struct lab_socket *s = &lab->sockets[i];
		int fd;

		if (s->fd >= 0)
			continue;
		/* The number must be a real one, so that nobody else gets it meanwhile. */
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return NULL;
		*s = (struct lab_socket){ .lab = lab, .fd = fd };
		return s;
	}
	errno = EMFILE;
	return NULL;
}

void lab_socket_release(struct lab_socket *s)
{
	for (unsigned i = 0; i < s->pending_count; i++) {
		tcp_set_handler(s->pending[i], NULL, NULL);
		tcp_abort(s->pending[i]);
	}
	if (s->conn != NULL)
		tcp_close(s->conn);
	close(s->fd);
	s->fd = -1;
}

void lab_socket_attach(struct lab_socket *s, struct tcp_conn *conn)
{
	struct tcp_info info;

	tcp_conn_info(conn, &info);
	s->conn = conn;
	s->address = info.tuple.dst;
	s->port_be = info.tuple.dst_port_be;
	s->remote = info.tuple.src;
	s->remote_port_be = info.tuple.src_port_be;
	tcp_set_handler(conn, &lab_handler, s);
}

void lab_advance(struct lab *lab, uint64_t until_us)
{
	do {
		uint64_t next = tcp_next_us(lab->stack);

		lab->now_us = RTE_MIN(RTE_MAX(next, lab->now_us), until_us);
		tcp_advance(lab->stack, lab->now_us);
	} while (lab->now_us < until_us || tcp_next_us(lab->stack) <= lab->now_us);
}

int lab_input(struct lab *lab, const void *packet, size_t len)
{
	static const struct hash_key key = { .k0 = 1, .k1 = 2 };
	const uint8_t *bytes = packet;
	struct rte_ether_hdr *ether;
	struct rte_mbuf *m;

	if (len == 0 || len > PACKET_MAX)
		return -1;
	m = rte_pktmbuf_alloc(lab->mbufs);
	if (m == NULL)
		return -1;
	ether = (struct rte_ether_hdr *)(void *)rte_pktmbuf_append(
		m, (uint16_t)(sizeof(*ether) + len));
	*ether = (struct rte_ether_hdr){ .ether_type = rte_cpu_to_be_16(bytes[0] >> 4 == 4
							 ? RTE_ETHER_TYPE_IPV4
							 : RTE_ETHER_TYPE_IPV6) };
	memcpy(ether + 1, packet, len);
	if (packet_parse(m, 0, key) != DROP_NONE || packet_of(m)->protocol != IPPROTO_TCP) {
		/* As on a wire: what cannot be read is dropped, which is no error. */
		rte_pktmbuf_free(m);
		return 0;
	}
	lab->local = packet_of(m)->dst;
	tcp_input(lab->stack, &m, 1, lab->now_us);
	tcp_advance(lab->stack, lab->now_us);
	return 0;
}

static bool eal_start(void)
{
	static bool is_started;
	char *args[] = { "packetdrill", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"-m", "64", "--log-level", "error" };

	if (!is_started)
		is_started = rte_eal_init(RTE_DIM(args), args) >= 0;
	return is_started;
}

struct lab *lab_create(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct tcp_params params = {
		.ops = &ops,
		.ctx = lab,
		.ports = { .port_min = PORT_MIN, .port_max = PORT_MAX },
		.secret = { SECRET_FIX, 1 },
		.max_connections = 1024,
	};

	if (lab == NULL || !eal_start()) {
		free(lab);
		return NULL;
	}
	lab->now_us = START_US;
	STAILQ_INIT(&lab->out);
	pthread_mutex_init(&lab->lock, NULL);
	pthread_cond_init(&lab->state, NULL);
	for (unsigned i = 0; i < LAB_SOCKETS; i++)
		lab->sockets[i].fd = -1;
	lab->mbufs = packet_pool_create("packetdrill", MBUFS, 0);
	params.core = &lab->core;
	params.mbufs = lab->mbufs;
	if (lab->mbufs != NULL)
		lab->stack = tcp_stack_create(&params, lab->now_us);
	if (lab->stack == NULL) {
		lab_destroy(lab);
		return NULL;
	}
	return lab;
}

void lab_destroy(struct lab *lab)
{
	struct lab_packet *packet;

	if (lab == NULL)
		return;
	for (unsigned i = 0; i < LAB_SOCKETS; i++) {
		if (lab->sockets[i].fd >= 0)
			close(lab->sockets[i].fd);
	}
	tcp_stack_destroy(lab->stack);
	while ((packet = STAILQ_FIRST(&lab->out)) != NULL) {
		STAILQ_REMOVE_HEAD(&lab->out, link);
		free(packet);
	}
	rte_mempool_free(lab->mbufs);
	pthread_cond_destroy(&lab->state);
	pthread_mutex_destroy(&lab->lock);
	free(lab);
}
