/* SPDX-License-Identifier: Apache-2.0 */
#include "port/bond.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_ring.h>
#include <rte_version.h>

#include "base/clock.h"
#include "base/log.h"
#include "device.h"
#include "netlink.h"
#include "port/lacp.h"

#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
#define rte_eth_bond_member_add rte_eth_bond_slave_add
#endif

#define BOND_NAME       "net_bonding%u"
#define INBOX_NAME      "lacp-%u"
#define NAME_MAX_LEN    32
#define INBOX_SLOTS     64
#define SYSTEM_PRIORITY 0xffff
#define PORT_PRIORITY   0xff
#define NO_LEG          (-1)
#define SETTLE_US       CLOCK_US_PER_S /* at the start, until net_bond knows of all members */
/* One announcement may be lost, or come to a switch whose port does not listen yet. */
#define ANNOUNCE_LAST_US (3 * CLOCK_US_PER_S)

static const uint64_t announce_after_us[] = { 0, 200 * CLOCK_US_PER_MS, CLOCK_US_PER_S,
	ANNOUNCE_LAST_US };

/* One member. */
struct leg {
	const struct config_port *config;
	const struct port *port;
	uint16_t ethdev_id;
	struct rte_ether_addr mac; /* its own, given back at the end */
	bool is_borrowed;          /* the kernel's interface has the bond's by now */
	bool is_up;
	uint64_t up_since_us;
	bool is_in_use; /* net_bond sends by it */
	/* Until the switch knows of the new way, what comes by the old one is taken in. */
	uint64_t receives_until_us;
	uint64_t failovers;
	struct lacp_port lacp;
	struct rte_ring *inbox; /* LACPDUs from net_bond; LACP alone */
};

struct port_bond {
	struct port *port;
	const struct config_bond *config;
	unsigned index;
	char name[NAME_MAX_LEN];
	struct rte_mempool *mbufs;
	struct leg legs[CONFIG_BOND_MEMBERS_MAX];
	unsigned leg_count;
	int active; /* active-backup: the leg in use, or NO_LEG */
	int last;   /* the one that was, before all were down */
	uint64_t opened_us;
	uint64_t moved_us;
	unsigned announced; /* how often, since then */
	uint64_t failovers;
};

/* On DPDK's interrupt thread, which is told of a member and of nothing else. */
static void pdu_take(uint16_t ethdev_id, struct rte_mbuf *m)
{
	char name[NAME_MAX_LEN];
	struct rte_ring *inbox;

	snprintf(name, sizeof(name), INBOX_NAME, ethdev_id);
	inbox = rte_ring_lookup(name);
	if (inbox == NULL || rte_ring_enqueue(inbox, m) != 0)
		rte_pktmbuf_free(m);
}

/* A member's port: a row for statistics. max_mtu becomes the least of all. */
static int member_open(struct leg *leg, struct port *port, const struct config_port *config,
	const struct rte_mempool *mbufs, uint16_t *max_mtu, struct err *err)
{
	struct rte_eth_dev_info info;
	int status = port_ethdev_find(config, &leg->ethdev_id, err);

	if (status < 0)
		return status;
	leg->config = config;
	leg->port = port;
	*port = (struct port){
		.config = config,
		.ethdev_id = leg->ethdev_id,
	};
	status = rte_eth_dev_info_get(leg->ethdev_id, &info);
	if (status != 0)
		return err_set(err, -status, "port %s: %s tells nothing of itself: %s",
			config->name, config->device, strerror(-status));
	port->driver = info.driver_name;
	rte_eth_macaddr_get(leg->ethdev_id, &leg->mac);
	memcpy(port->mac, leg->mac.addr_bytes, sizeof(port->mac));
	*max_mtu = RTE_MIN(*max_mtu, info.max_mtu);
	return port_pool_check(config, info.driver_name, mbufs, err);
}

/* The device, with external control of its members. */
static int device_create(struct port_bond *bond, struct port_device *device, struct err *err)
{
	static const uint8_t policies[] = {
		[CONFIG_BOND_LAYER34] = BALANCE_XMIT_POLICY_LAYER34,
		[CONFIG_BOND_LAYER23] = BALANCE_XMIT_POLICY_LAYER23,
		[CONFIG_BOND_LAYER2] = BALANCE_XMIT_POLICY_LAYER2,
	};
	struct rte_eth_bond_8023ad_conf conf;
	int id = rte_eth_bond_create(bond->name, BONDING_MODE_8023AD, (uint8_t)rte_socket_id());

	if (id < 0)
		return err_set(err, EIO, "port %s: DPDK makes no bond", device->config->name);
	device->ethdev_id = (uint16_t)id;
	if (rte_eth_bond_8023ad_conf_get(device->ethdev_id, &conf) != 0)
		return err_set(err, EIO, "port %s: its bond has no settings", device->config->name);
	conf.slowrx_cb = pdu_take;
	if (rte_eth_bond_8023ad_setup(device->ethdev_id, &conf) != 0 ||
		rte_eth_bond_xmit_policy_set(device->ethdev_id, policies[bond->config->hash]) != 0)
		return err_set(err, EIO, "port %s: its bond does not take its settings",
			device->config->name);
	for (unsigned i = 0; i < bond->leg_count; i++) {
		if (rte_eth_bond_member_add(device->ethdev_id, bond->legs[i].ethdev_id) != 0)
			return err_set(err, EIO,
				"port %s: DPDK does not take port %s into the bond; 'penstock -v' "
				"shows its own words",
				device->config->name, bond->legs[i].config->name);
	}
	return 0;
}

/* Where net_bond would find too little memory it does not fail, it ends the process. */
static int room_check(const struct port_bond *bond, const struct port_device *device,
	unsigned queues, struct err *err)
{
	size_t bytes = PORT_BOND_DESCRIPTOR_BYTES * bond->leg_count * queues *
		device->config->tx_descriptors;
	void *room = rte_malloc(NULL, bytes, 0);

	if (room == NULL)
		return err_set(err, ENOMEM,
			"port %s: its bond needs %zu bytes more; raise memory.size_mb, or lower "
			"tx_descriptors",
			device->config->name, bytes);
	rte_free(room);
	return 0;
}

/* All members have the bond's address: a frame to it may come by any. */
static void mac_share(struct port_bond *bond)
{
	struct rte_ether_addr mac;

	memcpy(mac.addr_bytes, bond->port->mac, sizeof(mac.addr_bytes));
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];
		int status = rte_eth_dev_default_mac_addr_set(leg->ethdev_id, &mac);
		char interface[PORT_INTERFACE_MAX];

		if (status == -ENOTSUP && port_interface_find(leg->port, interface)) {
			status = netlink_mac_set(interface, mac.addr_bytes);
			leg->is_borrowed = status == 0;
		}
		if (status != 0)
			log_warning("port %s: does not take the Ethernet address of bond %s: %s",
				leg->config->name, bond->port->config->name, strerror(-status));
	}
}

static int lacp_open(struct port_bond *bond, struct err *err)
{
	if (bond->config->mode != CONFIG_BOND_LACP)
		return 0;
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];
		struct lacp_info actor = {
			.system_priority = SYSTEM_PRIORITY,
			.key = (uint16_t)(bond->index + 1),
			.port_priority = PORT_PRIORITY,
			.port = (uint16_t)(leg->ethdev_id + 1),
		};
		char name[NAME_MAX_LEN];

		memcpy(actor.system, bond->port->mac, sizeof(actor.system));
		lacp_init(&leg->lacp, &actor, leg->mac.addr_bytes,
			bond->config->lacp_rate == CONFIG_LACP_FAST);
		snprintf(name, sizeof(name), INBOX_NAME, leg->ethdev_id);
		leg->inbox = rte_ring_create(
			name, INBOX_SLOTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (leg->inbox == NULL)
			return err_set(err, ENOMEM, "no memory for LACP");
	}
	return 0;
}

struct port_bond *port_bond_open(struct port *ports, unsigned index, const struct config *config,
	unsigned worker_count, struct rte_mempool *mbufs, uint64_t now_us, struct err *err)
{
	const struct config_port *port_config = &config->ports[index];
	const struct config_bond *bond_config = &port_config->bond;
	struct port_bond *bond = calloc(1, sizeof(*bond));
	struct port_device device = {
		.config = port_config,
		.name = "its bond",
		.max_mtu = UINT16_MAX,
		.is_bond = true,
	};
	int status = 0;

	if (bond == NULL) {
		err_set(err, ENOMEM, "no memory for a bond");
		return NULL;
	}
	bond->port = &ports[index];
	bond->config = bond_config;
	bond->index = index;
	bond->mbufs = mbufs;
	bond->active = bond->last = NO_LEG;
	bond->opened_us = now_us;
	snprintf(bond->name, sizeof(bond->name), BOND_NAME, index);
	for (unsigned i = 0; i < bond_config->member_count && status == 0; i++) {
		unsigned member = bond_config->members[i];

		status = member_open(&bond->legs[i], &ports[member], &config->ports[member], mbufs,
			&device.max_mtu, err);
		bond->leg_count += status == 0;
	}
	if (status == 0)
		status = device_create(bond, &device, err);
	if (status == 0)
		status = room_check(bond, &device, worker_count, err);
	if (status == 0)
		status = port_device_open(bond->port, &device, worker_count, mbufs, err);
	if (status == 0)
		status = lacp_open(bond, err);
	if (status < 0) {
		port_bond_destroy(bond);
		return NULL;
	}
	mac_share(bond);
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct port *member = &ports[bond_config->members[i]];

		member->mtu = bond->port->mtu;
		memcpy(member->mac, bond->port->mac, sizeof(member->mac));
	}
	(void)port_bond_poll(bond, now_us);
	return bond;
}

void port_bond_destroy(struct port_bond *bond)
{
	if (bond == NULL)
		return;
	port_close(bond->port);
	(void)rte_eth_bond_free(bond->name);
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];
		char interface[PORT_INTERFACE_MAX];
		void *m;

		while (leg->inbox != NULL && rte_ring_dequeue(leg->inbox, &m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(leg->inbox);
		if (leg->is_borrowed && port_interface_find(leg->port, interface))
			(void)netlink_mac_set(interface, leg->mac.addr_bytes);
	}
	free(bond);
}

static void link_look(struct port_bond *bond, struct leg *leg, uint64_t now_us)
{
	bool is_up = port_link_is_up(leg->port);

	if (is_up == leg->is_up)
		return;
	leg->is_up = is_up;
	leg->up_since_us = now_us;
	log_notice("port %s: the link of member %s is %s", bond->port->config->name,
		leg->config->name, is_up ? "up" : "down");
}

/* The link is up, and net_bond knows of it. */
static bool is_usable(const struct port_bond *bond, const struct leg *leg)
{
	return leg->is_up &&
		rte_eth_bond_8023ad_ext_distrib_get(bond->port->ethdev_id, leg->ethdev_id) >= 0;
}

/* The primary takes over from one that works only when its own link has proved itself. */
static int active_choose(const struct port_bond *bond, uint64_t now_us)
{
	int primary = bond->config->primary;
	bool has_primary = primary >= 0 && is_usable(bond, &bond->legs[primary]);

	if (bond->active != NO_LEG && is_usable(bond, &bond->legs[bond->active])) {
		uint64_t delay_us = bond->config->up_delay_ms * CLOCK_US_PER_MS;

		return has_primary && now_us - bond->legs[primary].up_since_us >= delay_us
			? primary
			: bond->active;
	}
	if (has_primary)
		return primary;
	if (primary >= 0 && bond->legs[primary].is_up && now_us - bond->opened_us < SETTLE_US)
		return NO_LEG;
	for (unsigned i = 0; i < bond->leg_count; i++) {
		if (is_usable(bond, &bond->legs[i]))
			return (int)i;
	}
	return NO_LEG;
}

/*
 * Tells net_bond, also again: it forgets when a device reports that its link was down. What a
 * backup receives is a second copy of what the switch floods, so it is not taken in.
 */
static void way_set(struct port_bond *bond, struct leg *leg, bool may_receive, bool may_send)
{
	uint16_t id = bond->port->ethdev_id;

	(void)rte_eth_bond_8023ad_ext_collect(id, leg->ethdev_id, may_receive);
	if (rte_eth_bond_8023ad_ext_distrib(id, leg->ethdev_id, may_send) != 0)
		may_send = false;
	leg->is_in_use = may_send;
}

static void failover_count(struct port_bond *bond, struct leg *leg)
{
	leg->failovers++;
	bond->failovers++;
}

static bool backup_poll(struct port_bond *bond, uint64_t now_us)
{
	int active = active_choose(bond, now_us);
	bool has_moved = active != bond->active;

	if (has_moved && bond->active != NO_LEG)
		bond->legs[bond->active].receives_until_us = now_us + ANNOUNCE_LAST_US;
	bond->active = active;
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];
		bool is_active = (int)i == active;

		way_set(bond, leg, is_active || now_us < leg->receives_until_us, is_active);
	}
	if (active == NO_LEG)
		return false;
	if (bond->last != NO_LEG && bond->last != active)
		failover_count(bond, &bond->legs[bond->last]);
	bond->last = active;
	if (has_moved)
		log_notice("port %s: member %s is active", bond->port->config->name,
			bond->legs[active].config->name);
	return has_moved;
}

static void pdus_take(struct leg *leg, uint64_t now_us)
{
	void *pdu;

	while (rte_ring_dequeue(leg->inbox, &pdu) == 0) {
		struct rte_mbuf *m = pdu;

		if (m->nb_segs == 1)
			(void)lacp_input(
				&leg->lacp, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, now_us);
		rte_pktmbuf_free(m);
	}
}

static void pdu_send(struct port_bond *bond, struct leg *leg, uint64_t now_us)
{
	uint8_t frame[LACP_FRAME_LEN];
	struct rte_mbuf *m;
	char *at;

	if (!lacp_output(&leg->lacp, frame, now_us))
		return;
	m = rte_pktmbuf_alloc(bond->mbufs);
	if (m == NULL)
		return;
	at = rte_pktmbuf_append(m, sizeof(frame));
	if (at != NULL)
		memcpy(at, frame, sizeof(frame));
	if (at == NULL ||
		rte_eth_bond_8023ad_ext_slowtx(bond->port->ethdev_id, leg->ethdev_id, m) != 0)
		rte_pktmbuf_free(m);
}

static void lacp_poll(struct port_bond *bond, uint64_t now_us)
{
	struct lacp_port *ports[CONFIG_BOND_MEMBERS_MAX];

	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];

		ports[i] = &leg->lacp;
		lacp_link_set(&leg->lacp, is_usable(bond, leg), now_us);
		pdus_take(leg, now_us);
		/* Before others take its place: it leaves the old group in order. */
		lacp_advance(&leg->lacp, now_us);
	}
	lacp_select(ports, bond->leg_count);
	for (unsigned i = 0; i < bond->leg_count; i++) {
		struct leg *leg = &bond->legs[i];
		bool was_in_use = leg->is_in_use;

		lacp_advance(&leg->lacp, now_us);
		way_set(bond, leg, (leg->lacp.actor.state & LACP_COLLECTING) != 0,
			(leg->lacp.actor.state & LACP_DISTRIBUTING) != 0);
		pdu_send(bond, leg, now_us);
		if (was_in_use != leg->is_in_use)
			log_notice("port %s: member %s is %s", bond->port->config->name,
				leg->config->name, leg->is_in_use ? "in use" : "not in use");
		if (was_in_use && !leg->is_in_use)
			failover_count(bond, leg);
	}
}

static bool announce_is_due(struct port_bond *bond, bool has_moved, uint64_t now_us)
{
	if (has_moved) {
		bond->moved_us = now_us;
		bond->announced = 0;
	}
	if (bond->announced == RTE_DIM(announce_after_us) ||
		now_us - bond->moved_us < announce_after_us[bond->announced])
		return false;
	bond->announced++;
	return true;
}

bool port_bond_poll(struct port_bond *bond, uint64_t now_us)
{
	unsigned before = atomic_load_explicit(&bond->port->members_in_use, memory_order_relaxed);
	unsigned in_use = 0;
	bool has_moved = before == 0;

	for (unsigned i = 0; i < bond->leg_count; i++)
		link_look(bond, &bond->legs[i], now_us);
	/* With one switch at the other end of all, LACP moves nothing but what was lost altogether.
	 */
	if (bond->config->mode == CONFIG_BOND_LACP)
		lacp_poll(bond, now_us);
	else
		has_moved = backup_poll(bond, now_us);
	for (unsigned i = 0; i < bond->leg_count; i++)
		in_use += bond->legs[i].is_in_use;
	/* Workers read the line: it is written when there is news. */
	if (in_use != before)
		atomic_store_explicit(&bond->port->members_in_use, in_use, memory_order_relaxed);
	if (before > 0 && in_use == 0)
		log_warning("port %s: no member is in use", bond->port->config->name);
	return in_use > 0 && announce_is_due(bond, has_moved, now_us);
}

unsigned port_bond_index(const struct port_bond *bond)
{
	return bond->index;
}

uint64_t port_bond_failovers(const struct port_bond *bond)
{
	return bond->failovers;
}

bool port_bond_member_get(
	const struct port_bond *bond, unsigned index, struct port_bond_member *member)
{
	for (unsigned i = 0; i < bond->leg_count; i++) {
		const struct leg *leg = &bond->legs[i];

		if (bond->config->members[i] != index)
			continue;
		*member = (struct port_bond_member){
			.is_up = leg->is_up,
			.role = leg->is_in_use ? PORT_BOND_ACTIVE
				: leg->is_up   ? PORT_BOND_BACKUP
					       : PORT_BOND_DOWN,
			.failovers = leg->failovers,
		};
		if (bond->config->mode == CONFIG_BOND_LACP) {
			member->lacp = lacp_state_name(&leg->lacp);
			memcpy(member->partner, leg->lacp.partner.system, sizeof(member->partner));
		}
		return true;
	}
	return false;
}
