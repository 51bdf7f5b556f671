/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKETDRILL_LAB_H
#define PACKETDRILL_LAB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_mbuf.h>

#include "runtime/core.h"
#include "tcp/tcp.h"

#define LAB_SOCKETS 64
#define LAB_PENDING 64 /* connections that nobody accepted yet, of a listener */

struct lab;

/* A descriptor of the system, which is nothing but its number, and what stands behind it here. */
struct lab_socket {
	struct lab *lab;
	int fd; /* -1: free */
	bool is_listening;
	bool is_connecting;
	bool is_nonblocking;
	bool is_closed; /* by the peer, or never opened: reason says why */
	enum tcp_close_reason reason;
	struct ip_addr address; /* local, as bound */
	uint16_t port_be;
	struct tcp_conn *conn;
	struct ip_addr remote;
	uint16_t remote_port_be;
	struct tcp_conn *pending[LAB_PENDING];
	unsigned pending_count;
};

/* One stack in virtual time. Everything under the lock; state says that something happened. */
struct lab {
	pthread_mutex_t lock;
	pthread_cond_t state;
	uint64_t now_us;
	struct core core;
	struct tcp_stack *stack;
	struct rte_mempool *mbufs;
	struct ip_addr local; /* where packets came to: the source of connections of ours */
	STAILQ_HEAD(, lab_packet) out;
	struct lab_socket sockets[LAB_SOCKETS];
};

struct lab_packet {
	STAILQ_ENTRY(lab_packet) link;
	uint64_t at_us;
	size_t len;
	uint8_t bytes[];
};

struct lab *lab_create(void);
void lab_destroy(struct lab *lab);

/* Locked by the caller, all of them. */
struct lab_socket *lab_socket_find(struct lab *lab, int fd);
/* A new one; NULL with errno set. */
struct lab_socket *lab_socket_open(struct lab *lab);
void lab_socket_release(struct lab_socket *s);
/* Takes over a connection that came in. */
void lab_socket_attach(struct lab_socket *s, struct tcp_conn *conn);
extern const struct tcp_handler lab_handler;

/* Time passes up to then, timers fire when they are due. */
void lab_advance(struct lab *lab, uint64_t until_us);
/* A packet from the wire. 0 or -1. */
int lab_input(struct lab *lab, const void *packet, size_t len);

#endif
