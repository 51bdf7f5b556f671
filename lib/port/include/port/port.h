/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/err.h"
#include "conf/config.h"
#include "packet/packet.h"
#include "runtime/core.h"
#include "runtime/rss.h"

#define PORT_BURST 32

/*
 * One configured port: an ethdev with one RX and one TX queue per L4 worker, or a VLAN of such a
 * port, which has that one's device, queues and Ethernet address. A bond (port/bond.h) has an
 * ethdev of its own; the ports that are its members have one for statistics and no queue.
 */
struct port {
	const struct config_port *config;
	uint16_t ethdev_id;
	uint16_t queues; /* may be fewer than L4 workers: the first ones serve it */
	uint16_t mtu;
	uint8_t mac[6];
	bool has_tx_checksum;      /* IPv4, TCP and UDP by the device */
	bool has_tx_chains;        /* frames of several mbufs */
	uint16_t tx_segments;      /* of a TCP packet, that the device cuts up; 0: it cannot */
	uint16_t tx_segment_bytes; /* of a frame that it cuts them into, at most */
	bool is_finite;            /* net_pcap reading a file: ends when it is read */
	const char *driver;
	uint16_t vlan;   /* 0: a device of its own */
	unsigned parent; /* with a VLAN: the number of the port that carries it */
	bool has_tx_tag; /* VLAN tags by the device */
	uint8_t *vlans;  /* [4096], number of the port that a VLAN is, + 1; NULL: none */
	bool is_bond;
	bool is_lacp;               /* a bond whose device sends by itself, when it is called */
	atomic_uint members_in_use; /* of a bond; written by the control thread */
	struct rss rss;             /* how the device chooses the queue; kinds 0: not known */
};

/*
 * Finds the ethdev of config->device (already probed through EAL arguments), sets queues, RSS and
 * offloads, starts it. Control thread, before workers run. 0 or -errno.
 */
int port_open(struct port *port, const struct config_port *config, unsigned worker_count,
	struct rte_mempool *mbufs, struct err *err);
void port_close(struct port *port);

/*
 * Whether there is a link: by the driver, or for AF_XDP and AF_PACKET, which call every link up, by
 * the kernel; of a bond: whether a member is in use. Control thread.
 */
bool port_link_is_up(const struct port *port);

/*
 * Opens a VLAN as the port of this number, config->parent being the number of carrier, which is
 * open and stays open longer. port_close() ends it.
 */
void port_vlan_open(
	struct port *port, const struct config_port *config, struct port *carrier, unsigned number);

/* Number of the port that the VLAN of a port is: its own for 0; -1 when there is none. */
static inline int port_vlan_find(const struct port *port, unsigned number, uint16_t vlan)
{
	if (vlan == 0)
		return (int)number;
	return port->vlans == NULL ? -1 : port->vlans[vlan] - 1;
}

/* Marks a frame of the VLAN before it goes to the carrier's port_tx. False: no room for the tag. */
bool port_vlan_tag(const struct port *port, struct rte_mbuf *frame);

/*
 * TX side of one worker for one port: gathers frames and sends them in bursts. Frames that the
 * device does not take at the flush are dropped as tx_full, or as bond_down where a bond has no
 * member to send by.
 */
struct port_tx {
	const struct port *port;
	struct core *core;
	uint16_t queue;
	uint16_t count;
	bool has_large; /* among them are some for the device to cut */
	struct rte_mbuf *frames[PORT_BURST];
};

/* Up to PORT_BURST frames of this worker's queue; 0 when it has none. */
uint16_t port_rx(
	const struct port *port, uint16_t queue, struct core *core, struct rte_mbuf **frames);

/* Takes ownership. What the device cannot do is done here: to complete checksums, to join chains,
 * and to cut up what holds several TCP segments (packet_cut()). */
void port_tx_put(struct port_tx *tx, struct rte_mbuf *frame);
void port_tx_flush(struct port_tx *tx);

#endif
