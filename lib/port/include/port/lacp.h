/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_LACP_H
#define PORT_LACP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Link aggregation control of one member of a bond, IEEE 802.1AX-2014 6.4: bytes in, bytes out, and
 * the time is an argument. One thread.
 */

#define LACP_FRAME_LEN 124 /* Ethernet header and LACPDU, 6.4.2.3 */

#define LACP_ACTIVITY     0x01
#define LACP_TIMEOUT      0x02 /* short */
#define LACP_AGGREGATION  0x04
#define LACP_SYNC         0x08
#define LACP_COLLECTING   0x10
#define LACP_DISTRIBUTING 0x20
#define LACP_DEFAULTED    0x40
#define LACP_EXPIRED      0x80

/* One end of a link, in host order. */
struct lacp_info {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key;
	uint16_t port_priority;
	uint16_t port;
	uint8_t state; /* LACP_x */
};

/*
 * Receive machine, 6.4.12:
 *   DISABLED -> EXPIRED      the link came up
 *   any      -> DISABLED     the link failed
 *   any but DISABLED -> CURRENT    an LACPDU came
 *   CURRENT  -> EXPIRED      none came for 3 or 90 s
 *   EXPIRED  -> DEFAULTED    none came for 3 s more
 */
enum lacp_rx { LACP_RX_DISABLED, LACP_RX_EXPIRED, LACP_RX_DEFAULTED, LACP_RX_CURRENT };

/*
 * Mux machine, 6.4.15, independent control:
 *   DETACHED <-> WAITING -> ATTACHED <-> COLLECTING <-> DISTRIBUTING
 * upwards while selected and in step with the partner, WAITING takes 2 s; all but COLLECTING and
 * DISTRIBUTING fall to DETACHED when no longer selected, these by one step each.
 */
enum lacp_mux {
	LACP_MUX_DETACHED,
	LACP_MUX_WAITING,
	LACP_MUX_ATTACHED,
	LACP_MUX_COLLECTING,
	LACP_MUX_DISTRIBUTING,
};

struct lacp_port {
	struct lacp_info actor;
	struct lacp_info partner;
	uint8_t mac[6]; /* source of what is sent */
	enum lacp_rx rx;
	enum lacp_mux mux;
	bool is_selected;
	bool must_send;       /* 6.4.7, NTT */
	bool is_fast;         /* the partner asked for one a second */
	uint64_t rx_until_us; /* current_while */
	uint64_t wait_until_us;
	uint64_t periodic_us; /* next one without a cause */
	uint64_t window_us;   /* 6.4.16: at most three in a second from here */
	unsigned in_window;
};

/*
 * actor: priority, system, key, port priority and port of this end; is_fast asks the partner to
 * speak every second. The link counts as down until lacp_link_set().
 */
void lacp_init(
	struct lacp_port *port, const struct lacp_info *actor, const uint8_t mac[6], bool is_fast);

void lacp_link_set(struct lacp_port *port, bool is_up, uint64_t now_us);

/* A frame from the partner, with its Ethernet header. False: no LACPDU that can be understood. */
bool lacp_input(struct lacp_port *port, const uint8_t *frame, size_t len, uint64_t now_us);

/* 6.4.14: which of a bond's members go together; the others carry nothing. */
void lacp_select(struct lacp_port *const ports[], unsigned count);

/* Lets time pass, and takes the steps that are due. */
void lacp_advance(struct lacp_port *port, uint64_t now_us);

/* The LACPDU that is to be sent now, or false. */
bool lacp_output(struct lacp_port *port, uint8_t frame[LACP_FRAME_LEN], uint64_t now_us);

/* For people: "distributing", "expired". */
const char *lacp_state_name(const struct lacp_port *port);

#endif
