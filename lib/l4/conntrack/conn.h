/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CONNTRACK_CONN_H
#define L4_CONNTRACK_CONN_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "backend/backend.h"
#include "base/ip.h"
#include "packet/packet.h"
#include "service/service.h"

/*
 * Which side a packet comes from. A connection has two pairs of endpoints: the client and the VIP,
 * the member and our local address. What comes from one side leaves with the other side's pair.
 */
enum conn_side { CONN_CLIENT, CONN_MEMBER };

enum conn_flags {
	/* 1 << side: addresses of this side are IPv6. Full NAT can have one of each. */
	CONN_IS_V6_CLIENT = 1 << CONN_CLIENT,
	CONN_IS_V6_MEMBER = 1 << CONN_MEMBER,
	CONN_HAS_ANSWER = 1 << 2, /* the member has sent something, or never does so here */
	CONN_FIN_CLIENT = 1 << 3, /* the client has sent FIN */
	CONN_FIN_MEMBER = 1 << 4,
	CONN_IS_ONE_SIDED = 1 << 5, /* the member replies directly: no tuple of its side */
};

struct conn_addresses {
	uint32_t remote_be;
	uint32_t ours_be;
};

struct conn_ports {
	uint16_t remote_be;
	uint16_t ours_be;
};

/*
 * All that an IPv4 packet needs: one cache line. A side with IPv6 has its addresses in struct
 * conn_v6.
 */
struct conn {
	struct conn_addresses addresses[2]; /* by enum conn_side */
	struct conn_ports ports[2];
	uint8_t protocol;     /* 0: not in use */
	uint8_t state;        /* enum l4_state */
	uint8_t flags;        /* enum conn_flags */
	uint8_t forward : 4;  /* enum config_forward, FORWARD_SPLICED */
	uint8_t oversize : 4; /* enum config_oversize */
	uint32_t seen_ms;     /* when the last packet came; wraps */
	uint32_t timeout_ms;
	uint32_t packets[2]; /* from each side; wraps */
	uint32_t next_free;
	struct member *member; /* alive: conns_opened counts this connection */
	struct service_identity *service;
} __rte_cache_aligned;

static_assert(sizeof(struct conn) == 64, "a connection's hot part is one cache line");

struct conn_v6 {
	struct {
		struct ip_addr remote;
		struct ip_addr ours;
	} addresses[2];
} __rte_cache_aligned;

static_assert(sizeof(struct conn_v6) == 64, "and an IPv6 connection's addresses are another");

/* A parsed packet begins with its tuple: no copy is needed to look it up. */
static_assert(offsetof(struct packet, dst) == offsetof(struct packet_tuple, dst) &&
		offsetof(struct packet, src_port_be) ==
			offsetof(struct packet_tuple, src_port_be) &&
		offsetof(struct packet, dst_port_be) ==
			offsetof(struct packet_tuple, dst_port_be) &&
		offsetof(struct packet, protocol) == offsetof(struct packet_tuple, protocol),
	"struct packet begins like struct packet_tuple");

static inline const struct packet_tuple *packet_tuple_of(const struct packet *p)
{
	return (const struct packet_tuple *)p;
}

static inline bool conn_is_used(const struct conn *conn)
{
	return conn->protocol != 0;
}

static inline bool conn_is_v6(const struct conn *conn, enum conn_side side)
{
	return (conn->flags >> side & 1) != 0;
}

static inline bool conn_is_one_sided(const struct conn *conn)
{
	return (conn->flags & CONN_IS_ONE_SIDED) != 0;
}

/* A clock read a little before the last packet's finds no idle time, rather than 49 days. */
static inline uint32_t conn_idle_ms(const struct conn *conn, uint32_t now_ms)
{
	int32_t idle_ms = (int32_t)(now_ms - conn->seen_ms);

	return idle_ms < 0 ? 0 : (uint32_t)idle_ms;
}

static inline bool conn_is_expired(const struct conn *conn, uint32_t now_ms)
{
	return conn_idle_ms(conn, now_ms) >= conn->timeout_ms;
}

#endif
