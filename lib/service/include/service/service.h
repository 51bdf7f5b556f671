/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdint.h>

#include "backend/backend.h"
#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"
#include "packet/packet.h"
#include "packet/quic.h"

struct service_counters {
#define COUNTER(name, help) uint64_t name;
#include "service/service.def"
#undef COUNTER
} __rte_cache_aligned;
extern const struct stats_set service_stats_set;

/* Counters outlive configurations, by the service's name. Kept by the registry. */
struct service_identity {
	const char *name;
	uint32_t id;
	unsigned core_count;
	struct service_counters *cores; /* [core_count] */
};

/* One VIP, protocol and port, or range of ports. Immutable, a part of the snapshot. */
struct service {
	struct ip_addr address;
	uint16_t port; /* the first, as port_be */
	uint16_t port_be;
	uint16_t port_max; /* the last: the same of a single port */
	uint8_t protocol;
	enum config_mode mode;
	enum config_forward forward;
	enum config_oversize oversize;
	bool is_stateless;
	enum config_syn_proxy syn_proxy;
	uint32_t syns_per_s;
	enum config_client_address client_address;
	uint8_t gue_variant;
	uint16_t gue_port_be;
	struct ip_prefix outer_source; /* all zero: a local address */
	enum config_hash hash; /* by source address also where the pool's scheduler wants that */
	struct config_affinity affinity;
	struct quic_layout quic;
	uint32_t tcp_idle_timeout_ms;
	uint32_t udp_idle_timeout_ms;
	uint32_t sctp_idle_timeout_ms;
	unsigned pool;  /* index into the snapshot's pools; UINT_MAX: none (L7) */
	unsigned index; /* in the table, and in config->services */
	struct service_identity *identity;
	void *listener; /* L7: struct l7_listener, owned by the composer */
	const struct config_service *config;
};

struct service_table;
struct service_registry;

struct service_registry *service_registry_create(unsigned core_count);
void service_registry_destroy(struct service_registry *registry);

/*
 * listeners[i] is config->services[i]'s, or NULL for L4; listeners itself is NULL when all are L4.
 * NULL on error. Control thread.
 */
struct service_table *service_table_create(struct service_registry *registry,
	const struct config *config, void *const *listeners, struct err *err);
void service_table_destroy(struct service_table *table);

/*
 * The service at an address, or NULL: of the port itself, else of the range that it is in, else of
 * all ports. By hash: the same cost for ten and ten thousand; ranges are searched by halves among
 * those of the address.
 */
const struct service *service_find(const struct service_table *table, const struct ip_addr *address,
	uint16_t port_be, uint8_t protocol);

/* What the service's pool is asked with for a client's packet. Same on every appliance. */
uint32_t service_balance_hash(
	const struct service *service, const struct packet *p, struct hash_key key);

/* The client, or its network, as the service's affinity tells clients apart. */
struct ip_addr service_affinity_source(const struct service *service, const struct ip_addr *client);

unsigned service_table_count(const struct service_table *table);
const struct service *service_table_at(const struct service_table *table, unsigned index);

/* True when some service forwards by "nat": what goes to clients may be a member's reply. */
bool service_table_has_nat(const struct service_table *table);
void service_counters_sum(const struct service_identity *identity, struct service_counters *sum);

#endif
