/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_H
#define PEERS_H

#include "world.h"

/* What world.c, server.c and client.c share. */

#define WIRE_MAX 16384

/* One direction of the link. */
struct wire {
	struct rte_mbuf *packets[WIRE_MAX];
	uint64_t due_us[WIRE_MAX];
	unsigned head, tail;
};

struct ip_addr address_of(const char *text);

/* The server at an address, or NULL. */
struct server *server_at(struct world *world, const struct ip_addr *address);
int server_accept(void *ctx, struct tcp_conn *tcp);
void servers_free(struct world *world);

/* The same for a member that speaks HTTP/2. */
void h2_server_accept(struct server *server, struct tcp_conn *tcp);
void h2_servers_free(struct world *world);

/* And behind TLS. */
void tls_server_accept(struct server *server, struct tcp_conn *tcp);
void tls_servers_free(struct world *world);

#endif
