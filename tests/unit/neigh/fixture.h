/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGH_FIXTURE_H
#define NEIGH_FIXTURE_H

#include "support/support.h"

#include "neigh/neigh.h"
#include "stats/drop.h"
#include "support/frame.h"

#define SENT_MAX 4096
#define MS       1000ull
#define SECOND   1000000ull

/*
 * The network of these tests:
 *   port 0  192.0.2.1/24, 2001:db8::1/64       default gateways 192.0.2.254, 2001:db8::fe
 *   port 1  198.51.100.1/24, 2001:db8:1::1/64  203.0.113.0/24 by 198.51.100.254
 *   VIPs    192.0.2.100, 2001:db8::100 (on port 0's link), 198.18.0.9 (routed to us)
 *   static  198.51.100.77 on port 1
 */
struct fixture {
	struct core core;
	struct neigh_net *net;
	struct neigh *neigh;
	uint64_t now_us;
	unsigned sent_count;
	unsigned taken;
	struct rte_mbuf *sent[SENT_MAX];
	unsigned sent_port[SENT_MAX];
	unsigned share_count;
	unsigned share_port;
	struct ip_addr share_addr;
	uint8_t share_mac[6];
};

extern const uint8_t fixture_macs[2][6];    /* of our ports */
extern const uint8_t fixture_peer_mac[6];   /* 02:00:00:00:00:aa */
extern const uint8_t fixture_other_mac[6];  /* 02:00:00:00:00:bb */
extern const uint8_t fixture_static_mac[6]; /* of 198.51.100.77 */

/* cmocka setup and teardown of a test; teardown also looks for leaks and uncounted packets. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A network of these tests with another configuration: how many ports, routes and so on. */
const struct config *fixture_config(void);

/* Makes the table anew with these parameters. */
void fixture_restart(struct fixture *f, const struct neigh_params *params);

/* A frame from the wire: must parse. */
void fixture_input(struct fixture *f, unsigned port, const void *frame, size_t len);
void fixture_input_spec(struct fixture *f, unsigned port, const struct frame_spec *spec);

/* A UDP packet of ours to dst: its payload is one byte, the mark. */
void fixture_output(struct fixture *f, const char *dst, uint8_t mark);

/* Time passes in steps of 100 ms, with a tick at each. */
void fixture_wait(struct fixture *f, uint64_t us);

/* The next frame sent that was not looked at yet: copied to out. Fails when there is none. */
size_t fixture_take(struct fixture *f, unsigned port, uint8_t *out);
void fixture_expect(struct fixture *f, unsigned port, const void *frame, size_t len);
void fixture_expect_none(struct fixture *f);

/* The next frame sent is the packet with this mark, to this MAC. */
void fixture_expect_packet(struct fixture *f, unsigned port, const uint8_t mac[6], uint8_t mark);

/* The next frame sent asks for addr by ARP; mac NULL: everybody. */
void fixture_expect_request(
	struct fixture *f, unsigned port, const uint8_t *mac, const char *from, const char *addr);

/* ARP packets from the peer. */
void fixture_arp(struct fixture *f, unsigned port, const struct frame_arp *arp);
void fixture_arp_reply(
	struct fixture *f, unsigned port, const uint8_t mac[6], const char *from, const char *to);

/* State of an entry, or -1. */
int fixture_state(struct fixture *f, unsigned port, const char *addr);

void fixture_expect_drops(struct fixture *f, enum drop_reason reason, uint64_t count);

#endif
