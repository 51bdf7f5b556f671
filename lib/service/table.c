/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "identity.h"
#include "ranges.h"

#define SLOTS_MIN 16

/* Which service, and enough of its hash that a wrong one is hardly ever looked at. */
struct slot {
	uint32_t hash;
	uint32_t service; /* index + 1; 0: empty */
};

/*
 * Open addressing with linear probing, at most half full, immutable once built: a search ends at
 * the first empty slot.
 */
struct service_table {
	struct slot *slots;
	uint32_t mask;
	unsigned count;
	bool has_nat;
	struct service_ranges *ranges; /* NULL: all services have one port each */
	struct service services[];
};

static inline const struct service *port_find(const struct service_table *table,
	const struct ip_addr *address, uint16_t port_be, uint8_t protocol)
{
	uint32_t hash = service_hash(address, port_be, protocol);

	for (uint32_t at = hash & table->mask; table->slots[at].service != 0;
		at = (at + 1) & table->mask) {
		const struct service *service;

		if (table->slots[at].hash != hash)
			continue;
		service = &table->services[table->slots[at].service - 1];
		if (service->port_be == port_be && service->protocol == protocol &&
			ip_equal(&service->address, address))
			return service;
	}
	return NULL;
}

const struct service *service_find(const struct service_table *table, const struct ip_addr *address,
	uint16_t port_be, uint8_t protocol)
{
	const struct service *service = port_find(table, address, port_be, protocol);

	if (service != NULL || table->ranges == NULL)
		return service;
	return service_ranges_find(table->ranges, address, port_be, protocol);
}

unsigned service_table_count(const struct service_table *table)
{
	return table->count;
}

const struct service *service_table_at(const struct service_table *table, unsigned index)
{
	return index < table->count ? &table->services[index] : NULL;
}

bool service_table_has_nat(const struct service_table *table)
{
	return table->has_nat;
}

void service_table_destroy(struct service_table *table)
{
	if (table == NULL)
		return;
	service_ranges_destroy(table->ranges);
	free(table->slots);
	free(table);
}

static struct service_table *table_alloc(unsigned count)
{
	struct service_table *table = calloc(
		1, sizeof(*table) + count * sizeof(table->services[0]));
	uint32_t slots = RTE_MAX((uint32_t)SLOTS_MIN, rte_align32pow2(2 * count));

	if (table == NULL)
		return NULL;
	table->slots = calloc(slots, sizeof(table->slots[0]));
	if (table->slots == NULL) {
		free(table);
		return NULL;
	}
	table->mask = slots - 1;
	return table;
}

static void slot_insert(struct service_table *table, const struct service *service)
{
	uint32_t hash = service_hash(&service->address, service->port_be, service->protocol);
	uint32_t at = hash & table->mask;

	while (table->slots[at].service != 0)
		at = (at + 1) & table->mask;
	table->slots[at] = (struct slot){ .hash = hash, .service = service->index + 1 };
}

/* A scheduler by source address decides over the hash, too. */
static enum config_hash hash_of_service(
	const struct config *config, const struct config_service *service)
{
	if (service->mode == CONFIG_MODE_L4 && service->hash == CONFIG_HASH_FIVE_TUPLE &&
		service->pool < config->pool_count &&
		config->pools[service->pool].balance == CONFIG_BALANCE_SOURCE_HASH)
		return CONFIG_HASH_SOURCE_IP;
	return service->hash;
}

static struct service service_make(const struct config *all, unsigned index, void *listener)
{
	const struct config_service *config = &all->services[index];

	return (struct service){
		.address = config->address,
		.port = config->port,
		.port_be = rte_cpu_to_be_16(config->port),
		.port_max = RTE_MAX(config->port, config->port_max),
		.protocol = config->protocol,
		.mode = config->mode,
		.forward = config->forward,
		.oversize = config->oversize,
		.is_stateless = config->is_stateless,
		.syn_proxy = config->syn_proxy.when,
		.syns_per_s = config->syn_proxy.syns_per_s,
		.client_address = config->client_address,
		.gue_variant = (uint8_t)config->gue_variant,
		.gue_port_be = rte_cpu_to_be_16((uint16_t)config->gue_port),
		.outer_source = config->outer_source,
		.hash = hash_of_service(all, config),
		.affinity = config->affinity,
		.quic = {
			.kind = config->quic.layout == CONFIG_QUIC_LB ? QUIC_LAYOUT_LB
								      : QUIC_LAYOUT_KATRAN,
			.server_id_len = (uint8_t)config->quic.server_id_bytes,
			.config_id = (uint8_t)config->quic.config_id,
		},
		.tcp_idle_timeout_ms = config->tcp_idle_timeout_ms,
		.udp_idle_timeout_ms = config->udp_idle_timeout_ms,
		.sctp_idle_timeout_ms = config->sctp_idle_timeout_ms,
		.pool = config->pool,
		.index = index,
		.listener = listener,
		.config = config,
	};
}

/* 0, -EEXIST or -ENOMEM. */
static int service_add(struct service_table *table, struct service_registry *registry,
	const struct service *made, struct err *err)
{
	struct service *service = &table->services[table->count];
	const struct service *other = port_find(
		table, &made->address, made->port_be, made->protocol);
	char text[IP_ENDPOINT_MAX];

	if (other != NULL)
		return err_set(err, EEXIST, "services %s and %s both listen on %s",
			other->config->name, made->config->name,
			ip_endpoint_format(&made->address, made->port, text));
	*service = *made;
	service->identity = registry_identity_get(registry, made->config->name);
	if (service->identity == NULL)
		return err_set(err, ENOMEM, "no memory for service %s", made->config->name);
	table->count++;
	table->has_nat |= made->mode == CONFIG_MODE_L4 && made->forward == CONFIG_FORWARD_NAT;
	if (service->port == service->port_max)
		slot_insert(table, service);
	return 0;
}

struct service_table *service_table_create(struct service_registry *registry,
	const struct config *config, void *const *listeners, struct err *err)
{
	struct service_table *table = table_alloc((unsigned)config->service_count);

	if (table == NULL) {
		err_set(err, ENOMEM, "no memory for %zu services", config->service_count);
		return NULL;
	}
	for (unsigned i = 0; i < config->service_count; i++) {
		struct service made = service_make(
			config, i, listeners == NULL ? NULL : listeners[i]);

		if (service_add(table, registry, &made, err) < 0) {
			service_table_destroy(table);
			return NULL;
		}
	}
	if (service_ranges_create(table->services, table->count, &table->ranges, err) < 0) {
		service_table_destroy(table);
		return NULL;
	}
	return table;
}
