/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_BOND_H
#define PORT_BOND_H

#include "port/port.h"

/*
 * Several ports as one. DPDK's net_bond moves the packets, in its mode for 802.3ad with "external"
 * control: which members it may receive from and send by is said from here, for both modes. So the
 * control thread decides, by the members' links as the kernel or the device tells of them and by
 * LACP; workers see one device. docs/design/bonding.md tells why.
 */
struct port_bond;

/*
 * Memory that net_bond takes for LACPDUs, of each member for each descriptor of a TX queue. It ends
 * the process when there is none, so port_bond_open() looks before.
 */
#define PORT_BOND_DESCRIPTOR_BYTES 512ull

/*
 * Opens a bond over members whose devices EAL has probed. config->bond.members are indices into
 * ports; ports[index] becomes the bond, which port_open()'s rules hold for, and the members' ports
 * become rows for statistics without a queue. All are closed by port_close(), the bond before its
 * members. NULL on error. Control thread, like all here.
 */
struct port_bond *port_bond_open(struct port *ports, unsigned index, const struct config *config,
	unsigned worker_count, struct rte_mempool *mbufs, uint64_t now_us, struct err *err);
/* After the workers have stopped, before port_close() of the bond. NULL is fine. */
void port_bond_destroy(struct port_bond *bond);

/*
 * Looks at the links and lets time pass for LACP; every some 50 ms, and when port_link_watch tells
 * of a change. True: traffic has another way now, so neighbors are to be told again.
 */
bool port_bond_poll(struct port_bond *bond, uint64_t now_us);

unsigned port_bond_index(const struct port_bond *bond); /* of its port */

/* How often traffic was moved off a member, since the start. */
uint64_t port_bond_failovers(const struct port_bond *bond);

enum port_bond_role { PORT_BOND_DOWN, PORT_BOND_BACKUP, PORT_BOND_ACTIVE };

struct port_bond_member {
	bool is_up; /* the link, as its kernel interface or its device has it */
	enum port_bond_role role;
	const char *lacp;   /* in words; NULL: active-backup */
	uint8_t partner[6]; /* LACP: the system at the other end; zero: none */
	uint64_t failovers; /* off this member */
};

/* False: the port of that index is no member. */
bool port_bond_member_get(
	const struct port_bond *bond, unsigned index, struct port_bond_member *member);

/*
 * A descriptor that is readable when a kernel interface's link may have changed, or -errno. The
 * caller's to close; port_link_drain() makes it wait again.
 */
int port_link_watch(void);
void port_link_drain(int fd);

#endif
