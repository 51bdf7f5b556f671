/* SPDX-License-Identifier: Apache-2.0 */
#include "port/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ethdev.h>

#include "device.h"
#include "netlink.h"
#include "spread.h"

#define TX_CHECKSUMS                                                                               \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define VLANS_MAX 4096
#define RX_CHECKSUMS                                                                               \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |                            \
		RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

/* The ethdev's name: a vdev string up to its first comma, or the PCI address as it stands. */
int port_ethdev_find(const struct config_port *config, uint16_t *ethdev_id, struct err *err)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(config->device, ","), config->device);
	if (rte_eth_dev_get_port_by_name(name, ethdev_id) == 0)
		return 0;
	return err_set(err, ENODEV, "port %s: there is no device %s, or its driver refused it",
		config->name, config->device);
}

int port_pool_check(const struct config_port *config, const char *driver,
	const struct rte_mempool *mbufs, struct err *err)
{
	if (strcmp(driver, "net_af_xdp") != 0 || packet_pool_is_packed(mbufs))
		return 0;
	return err_set(err, ENOMEM,
		"port %s: AF_XDP needs all packet buffers in one piece of memory; lower "
		"memory.packet_buffers, or use ports without physical addresses",
		config->name);
}

static struct rte_eth_conf device_conf(const struct port *port, const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = {
		.rxmode.offloads = info->rx_offload_capa & RX_CHECKSUMS,
		.rxmode.mtu = (uint32_t)RTE_MIN(port->mtu, info->max_mtu),
		.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};

	if (port->has_tx_checksum)
		conf.txmode.offloads |= TX_CHECKSUMS;
	if (port->tx_segments > 0)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	if (port->has_tx_tag)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	if (port->config->is_trunk)
		conf.rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	spread_ask(&conf, info, port->queues);
	return conf;
}

static int queues_set(struct port *port, struct rte_mempool *mbufs)
{
	uint16_t rx_count = (uint16_t)port->config->rx_descriptors;
	uint16_t tx_count = (uint16_t)port->config->tx_descriptors;
	int socket = rte_eth_dev_socket_id(port->ethdev_id);
	int status = rte_eth_dev_adjust_nb_rx_tx_desc(port->ethdev_id, &rx_count, &tx_count);

	for (uint16_t queue = 0; status == 0 && queue < port->queues; queue++) {
		status = rte_eth_rx_queue_setup(
			port->ethdev_id, queue, rx_count, (unsigned)socket, NULL, mbufs);
		if (status == 0)
			status = rte_eth_tx_queue_setup(
				port->ethdev_id, queue, tx_count, (unsigned)socket, NULL);
	}
	return status;
}

/*
 * What a device may lack without harm: virtual ones often know no filters and no MTU. A bond has a
 * filter of its own, and passes on no group's frames, broadcast neither, unless one of the two is
 * on.
 */
static void filters_set(struct port *port)
{
	uint16_t mtu;
	/* Neighbor discovery comes by multicast. */
	bool is_open = rte_eth_allmulticast_enable(port->ethdev_id) == 0;

	if (port->config->promiscuous || (port->is_bond && !is_open))
		(void)rte_eth_promiscuous_enable(port->ethdev_id);
	/* It sets its members' when it starts. */
	if (port->is_bond)
		return;
	if (rte_eth_dev_set_mtu(port->ethdev_id, port->mtu) != 0 &&
		rte_eth_dev_get_mtu(port->ethdev_id, &mtu) == 0 && mtu >= RTE_ETHER_MIN_MTU)
		port->mtu = RTE_MIN(port->mtu, mtu);
}

static int device_start(struct port *port, const char *name, const struct rte_eth_dev_info *info,
	struct rte_mempool *mbufs, struct err *err)
{
	struct rte_eth_conf conf = device_conf(port, info);
	struct rte_ether_addr mac;
	int status;

	status = rte_eth_dev_configure(port->ethdev_id, port->queues, port->queues, &conf);
	if (status != 0)
		return err_set(err, -status, "port %s: %s cannot be configured: %s",
			port->config->name, name, strerror(-status));
	status = queues_set(port, mbufs);
	if (status != 0)
		return err_set(err, -status, "port %s: its queues cannot be set up: %s",
			port->config->name, strerror(-status));
	filters_set(port);
	if (port->is_bond && rte_eth_allmulticast_get(port->ethdev_id) != 1 &&
		rte_eth_promiscuous_get(port->ethdev_id) != 1)
		return err_set(err, ENOTSUP,
			"port %s: no member can receive what is sent to groups, ARP among it",
			port->config->name);
	status = rte_eth_dev_start(port->ethdev_id);
	/* net_bond's only number, which is no errno. */
	if (status == -1 && port->is_bond)
		status = -EIO;
	if (status != 0)
		return err_set(err, -status, "port %s: %s does not start: %s", port->config->name,
			name, strerror(-status));
	spread_learn(&port->rss, port->ethdev_id, info, port->queues);
	rte_eth_macaddr_get(port->ethdev_id, &mac);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	return 0;
}

/* Cutting up TCP packets, checksums and chains go together. Of a bond nobody knows what the members
 * would refuse. */
static uint16_t segments_taken(const struct port *port, const struct rte_eth_dev_info *info)
{
	uint16_t limit = info->tx_desc_lim.nb_seg_max;

	if (port->is_bond || !port->has_tx_checksum || !port->has_tx_chains ||
		(info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO) == 0)
		return 0;
	return limit == 0 ? UINT16_MAX : limit;
}

int port_device_open(struct port *port, const struct port_device *device, unsigned worker_count,
	struct rte_mempool *mbufs, struct err *err)
{
	const struct config_port *config = device->config;
	struct rte_eth_dev_info info;
	int status;

	*port = (struct port){
		.config = config,
		.ethdev_id = device->ethdev_id,
		.mtu = (uint16_t)RTE_MIN(config->mtu, device->max_mtu),
		.is_bond = device->is_bond,
		.is_lacp = device->is_bond && config->bond.mode == CONFIG_BOND_LACP,
	};
	status = rte_eth_dev_info_get(port->ethdev_id, &info);
	if (status != 0)
		return err_set(err, -status, "port %s: %s tells nothing of itself: %s",
			config->name, device->name, strerror(-status));
	port->driver = info.driver_name;
	port->is_finite = strcmp(info.driver_name, "net_pcap") == 0 &&
		strstr(device->name, "rx_pcap=") != NULL &&
		strstr(device->name, "infinite_rx=1") == NULL;
	port->queues = (uint16_t)RTE_MIN(
		worker_count, (unsigned)RTE_MIN(info.max_rx_queues, info.max_tx_queues));
	port->has_tx_checksum = (info.tx_offload_capa & TX_CHECKSUMS) == TX_CHECKSUMS;
	port->has_tx_chains = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	port->tx_segments = segments_taken(port, &info);
	/* net_tap's driver takes the Ethernet header for a part of the MTU, and refuses the rest.
	 */
	port->tx_segment_bytes = strcmp(info.driver_name, "net_tap") == 0 ? port->mtu : UINT16_MAX;
	port->has_tx_tag = config->is_trunk &&
		(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0;
	if (config->is_trunk) {
		port->vlans = calloc(VLANS_MAX, sizeof(port->vlans[0]));
		if (port->vlans == NULL)
			return err_set(err, ENOMEM, "no memory for VLANs");
	}
	if (port->queues == 0)
		return err_set(err, EINVAL, "port %s: %s has no queue to receive and send on",
			config->name, device->name);
	status = port_pool_check(config, info.driver_name, mbufs, err);
	return status < 0 ? status : device_start(port, device->name, &info, mbufs, err);
}

int port_open(struct port *port, const struct config_port *config, unsigned worker_count,
	struct rte_mempool *mbufs, struct err *err)
{
	struct port_device device = {
		.config = config,
		.name = config->device,
		.max_mtu = UINT16_MAX,
	};
	int status = port_ethdev_find(config, &device.ethdev_id, err);

	if (status == 0)
		status = port_device_open(port, &device, worker_count, mbufs, err);
	return status;
}

bool port_interface_find(const struct port *port, char name[PORT_INTERFACE_MAX])
{
	const char *at;

	if (port->config->device == NULL ||
		(strcmp(port->driver, "net_af_xdp") != 0 &&
			strcmp(port->driver, "net_af_packet") != 0))
		return false;
	at = strstr(port->config->device, "iface=");
	if (at == NULL)
		return false;
	at += strlen("iface=");
	snprintf(name, PORT_INTERFACE_MAX, "%.*s", (int)strcspn(at, ","), at);
	return true;
}

bool port_link_is_up(const struct port *port)
{
	char interface[PORT_INTERFACE_MAX];
	struct rte_eth_link link = { 0 };

	if (port->is_bond)
		return atomic_load_explicit(&port->members_in_use, memory_order_relaxed) > 0;
	if (port_interface_find(port, interface))
		return netlink_link_is_up(interface);
	return rte_eth_link_get_nowait(port->ethdev_id, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

void port_close(struct port *port)
{
	if (port->config == NULL)
		return;
	port->config = NULL;
	if (port->vlan != 0)
		return;
	free(port->vlans);
	if (port->is_bond)
		(void)rte_eth_promiscuous_disable(port->ethdev_id);
	(void)rte_eth_dev_stop(port->ethdev_id);
	(void)rte_eth_dev_close(port->ethdev_id);
}

void port_vlan_open(
	struct port *port, const struct config_port *config, struct port *carrier, unsigned number)
{
	*port = *carrier;
	port->config = config;
	port->vlan = (uint16_t)config->vlan;
	port->parent = config->parent;
	port->vlans = NULL;
	port->is_bond = port->is_lacp = false;
	/* The device may have a smaller one than was asked for. */
	port->mtu = (uint16_t)RTE_MIN(config->mtu, (unsigned)carrier->mtu);
	carrier->vlans[config->vlan] = (uint8_t)(number + 1);
}

bool port_vlan_tag(const struct port *port, struct rte_mbuf *frame)
{
	if (!port->has_tx_tag)
		return packet_tag(frame, port->vlan);
	frame->vlan_tci = port->vlan;
	frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
	return true;
}

uint16_t port_rx(
	const struct port *port, uint16_t queue, struct core *core, struct rte_mbuf **frames)
{
	uint16_t count = rte_eth_rx_burst(port->ethdev_id, queue, frames, PORT_BURST);
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < count; i++)
		bytes += frames[i]->pkt_len;
	core->counters.rx_packets += count;
	core->counters.rx_bytes += bytes;
	return count;
}

/* Makes a frame fit for a device without chains or checksums. false: no room to join the chain. */
static __rte_noinline bool frame_prepare(const struct port *port, struct rte_mbuf *frame)
{
	if (!port->has_tx_chains && frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0)
		return false;
	if (!port->has_tx_checksum)
		packet_checksum_complete(frame);
	return true;
}

static void frame_put(struct port_tx *tx, struct rte_mbuf *frame)
{
	if (frame->nb_segs > 1 || (frame->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) != 0) {
		if (!frame_prepare(tx->port, frame)) {
			core_drop(tx->core, frame, DROP_mbuf_exhausted);
			return;
		}
	}
	tx->frames[tx->count++] = frame;
	if (tx->count == PORT_BURST)
		port_tx_flush(tx);
}

static bool is_for_device(const struct port *port, const struct rte_mbuf *frame)
{
	return frame->nb_segs <= port->tx_segments &&
		(uint32_t)(frame->l2_len + frame->l3_len + frame->l4_len + frame->tso_segsz) <=
		port->tx_segment_bytes;
}

/* Several TCP segments as one: the device cuts them, or they are cut here. */
static __rte_noinline void large_put(struct port_tx *tx, struct rte_mbuf *frame)
{
	struct rte_mbuf *pieces[PACKET_SEGMENTS_MAX];
	uint16_t count;

	if (is_for_device(tx->port, frame)) {
		tx->has_large = true;
		frame_put(tx, frame);
		return;
	}
	count = packet_cut(frame, pieces);
	if (count == 0)
		core_drop(tx->core, frame, DROP_mbuf_exhausted);
	tx->core->counters.tx_cut += count;
	for (uint16_t i = 0; i < count; i++)
		frame_put(tx, pieces[i]);
}

void port_tx_put(struct port_tx *tx, struct rte_mbuf *frame)
{
	if ((frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		large_put(tx, frame);
	else
		frame_put(tx, frame);
}

/* Some drivers want their own touch on headers of what the device cuts. What they find wrong goes.
 */
static __rte_noinline void large_prepare(struct port_tx *tx)
{
	uint16_t done = 0;

	while (done < tx->count) {
		done = (uint16_t)(done +
			rte_eth_tx_prepare(tx->port->ethdev_id, tx->queue, tx->frames + done,
				(uint16_t)(tx->count - done)));
		if (done == tx->count)
			break;
		core_drop(tx->core, tx->frames[done], DROP_tx_refused);
		tx->count--;
		memmove(tx->frames + done, tx->frames + done + 1,
			(tx->count - done) * sizeof(tx->frames[0]));
	}
	tx->has_large = false;
}

static enum drop_reason refusal_of(const struct port *port)
{
	if (port->is_bond && atomic_load_explicit(&port->members_in_use, memory_order_relaxed) == 0)
		return DROP_bond_down;
	return DROP_tx_full;
}

void port_tx_flush(struct port_tx *tx)
{
	uint64_t bytes = 0;
	uint16_t sent;

	if (tx->has_large)
		large_prepare(tx);
	if (tx->count == 0) {
		/* net_bond's LACPDUs leave by calls, not by themselves. */
		if (tx->port->is_lacp)
			(void)rte_eth_tx_burst(tx->port->ethdev_id, tx->queue, tx->frames, 0);
		return;
	}
	/* Before the burst: the device may free what it takes. */
	for (uint16_t i = 0; i < tx->count; i++)
		bytes += tx->frames[i]->pkt_len;
	sent = rte_eth_tx_burst(tx->port->ethdev_id, tx->queue, tx->frames, tx->count);
	for (uint16_t i = sent; i < tx->count; i++) {
		bytes -= tx->frames[i]->pkt_len;
		core_drop(tx->core, tx->frames[i], refusal_of(tx->port));
	}
	tx->core->counters.tx_packets += sent;
	tx->core->counters.tx_bytes += bytes;
	tx->count = 0;
}
