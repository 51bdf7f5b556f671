/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "listen.h"
#include "reader.h"
#include "text.h"

/* Fewer source ports than these leave a worker without room toward a busy member. */
#define SLICE_PORTS_MIN 64

/* An address or a prefix has many spellings and one meaning; other names stay as they are. */
static const char *canonical_name(struct reader *reader, const char *name)
{
	struct ip_prefix prefix;
	char text[IP_TEXT_MAX];

	if (name == NULL || ip_prefix_parse(name, &prefix) < 0)
		return name;
	ip_format(&prefix.addr, text);
	if (strchr(name, '/') == NULL)
		return arena_copy(reader->arena, text, strlen(text));
	return arena_format(reader->arena, "%s/%u", text, prefix.prefix_len);
}

/* A table of the names that the items of a list have, each with its node. */
static struct names item_names(struct reader *reader, const struct node *list, const char *key)
{
	struct names names = names_create(reader->arena, list->count);

	for (const struct node *item = list->children; item != NULL; item = item->next) {
		const struct node *child = node_get(item, key);

		if (child != NULL)
			names_add(&names, canonical_name(reader, node_text(child)), child,
				item->index);
	}
	return names;
}

static void list_names_check(struct reader *reader, const struct node *root, const char *list_key,
	const char *key, const char *what)
{
	const struct node *list = node_get(root, list_key);
	struct names names;

	if (list == NULL || !json_is_array(list->json))
		return;
	names = item_names(reader, list, key);
	names_check(&names, &reader->problems, what);
}

static void names_of_lists_check(struct reader *reader, const struct node *root)
{
	static const struct {
		const char *list;
		const char *key;
		const char *what;
	} rows[] = {
		{ .list = "ports", .key = "name", .what = "port name" },
		{ .list = "ports", .key = "device", .what = "device" },
		{ .list = "ports", .key = "kernel_interface", .what = "kernel interface" },
		{ .list = "certificates", .key = "name", .what = "certificate name" },
		{ .list = "services", .key = "name", .what = "service name" },
		{ .list = "routes", .key = "to", .what = "a route to" },
		{ .list = "neighbors", .key = "address", .what = "neighbor" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		list_names_check(reader, root, rows[i].list, rows[i].key, rows[i].what);
}

static size_t port_addresses_count(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->port_count; i++)
		count += config->ports[i].address_count;
	return count;
}

static const char *address_words(struct reader *reader, const struct ip_addr *addr)
{
	char text[IP_TEXT_MAX];

	if (!text_is_read(addr))
		return NULL;
	ip_format(addr, text);
	return arena_copy(reader->arena, text, strlen(text));
}

static void port_addresses_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	struct names names = names_create(reader->arena, port_addresses_count(config));
	const struct node *item;
	unsigned count = 0;

	if (config->port_count == 0)
		return;
	item = node_get(root, "ports")->children;
	for (size_t i = 0; i < config->port_count; i++, item = item->next) {
		const struct node *list = node_get(item, "addresses");
		const struct node *node = list != NULL ? list->children : NULL;

		for (size_t j = 0; node != NULL && j < config->ports[i].address_count;
			j++, node = node->next)
			names_add(&names,
				address_words(reader, &config->ports[i].addresses[j].addr), node,
				count++);
	}
	names_check(&names, &reader->problems, "address");
}

static void local_addresses_fill(struct reader *reader)
{
	struct config *config = reader->config;
	size_t count = 0;

	config->local_address_count = port_addresses_count(config);
	config->local_addresses = arena_array(
		reader->arena, config->local_address_count, sizeof(*config->local_addresses));
	for (size_t i = 0; i < config->port_count; i++) {
		for (size_t j = 0; j < config->ports[i].address_count; j++)
			config->local_addresses[count++] = config->ports[i].addresses[j].addr;
	}
}

static void local_addresses_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	const struct node *list = node_get(root, "local_addresses");
	const struct node *node;
	struct names names;

	if (list == NULL) {
		local_addresses_fill(reader);
		return;
	}
	names = names_create(reader->arena, config->local_address_count);
	node = list->children;
	for (unsigned i = 0; i < config->local_address_count; i++, node = node->next)
		names_add(&names, address_words(reader, &config->local_addresses[i]), node, i);
	names_check(&names, &reader->problems, "local address");
}

static void cores_fill(struct config *config, const struct node *root)
{
	const struct node *cores = node_get(root, "cores");

	if (config->cores.l4_count == 0) {
		config->cores.l4[0] = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
		config->cores.l4_count = 1;
	}
	if (cores == NULL || node_get(cores, "l7") == NULL) {
		memcpy(config->cores.l7, config->cores.l4, sizeof(config->cores.l7));
		config->cores.l7_count = config->cores.l4_count;
	}
}

static bool is_prime(unsigned number)
{
	for (unsigned divisor = 2; (uint64_t)divisor * divisor <= number; divisor++) {
		if (number % divisor == 0)
			return false;
	}
	return number > 1;
}

static void maglev_size_check(struct reader *reader, const struct node *root)
{
	const struct node *node = node_get(root, "maglev_size");
	unsigned size = reader->config->maglev_size;
	unsigned next = size;

	if (node == NULL || is_prime(size))
		return;
	while (!is_prime(next))
		next++;
	problem_add(&reader->problems, node, "%u is not a prime; the next one is %u", size, next);
}

static void local_ports_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	const struct node *node = node_get(root, "local_ports");
	unsigned workers = config->cores.l4_count + config->cores.l7_count;
	unsigned ports = config->local_port_max - config->local_port_min + 1;

	if (node != NULL && ports / workers < SLICE_PORTS_MIN)
		problem_add(&reader->problems, node,
			"%u ports are too few for %u workers: each needs at least %d", ports,
			workers, SLICE_PORTS_MIN);
}

static bool is_local_address(const struct config *config, const struct ip_addr *addr)
{
	for (size_t i = 0; i < config->local_address_count; i++) {
		if (ip_equal(&config->local_addresses[i], addr))
			return true;
	}
	return false;
}

/* Packets to a local address and port belong to the worker that chose the port as a source. */
static void local_port_clash_check(
	struct reader *reader, const struct node *listen, const struct config_service *service)
{
	const struct config *config = reader->config;
	char text[IP_TEXT_MAX];

	if (service->port_max < config->local_port_min || service->port > config->local_port_max ||
		!is_local_address(config, &service->address))
		return;
	if (service->port != service->port_max)
		problem_add(&reader->problems, listen,
			"ports %u-%u of %s overlap local_ports (%u-%u), where members' replies "
			"arrive; narrow local_ports, or use another address",
			service->port, service->port_max, ip_format(&service->address, text),
			config->local_port_min, config->local_port_max);
	else
		problem_add(&reader->problems, listen,
			"port %u of %s lies in local_ports (%u-%u), where members' replies arrive; "
			"narrow local_ports, or use another address",
			service->port, ip_format(&service->address, text), config->local_port_min,
			config->local_port_max);
}

static void listeners_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	struct names names = names_create(reader->arena, config->service_count);
	const struct node **listens;
	const struct node *item;

	if (config->service_count == 0)
		return;
	listens = arena_array(reader->arena, config->service_count, sizeof(*listens));
	item = node_get(root, "services")->children;
	for (unsigned i = 0; i < config->service_count; i++, item = item->next) {
		const struct config_service *service = &config->services[i];
		const struct node *listen = node_get(item, "listen");

		listens[i] = listen;
		names_add(&names, listen_words(reader, service), listen, i);
		if (listen != NULL && text_is_read(&service->address))
			local_port_clash_check(reader, listen, service);
	}
	names_check(&names, &reader->problems, "listener");
	listen_ranges_check(reader, listens);
}

/* Health probes and L7 upstream connections leave from L7 workers. */
static void l7_workers_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	const char *user = NULL;
	const char *name = "";

	for (size_t i = 0; i < config->service_count && user == NULL; i++) {
		if (config->services[i].mode != CONFIG_MODE_L7)
			continue;
		user = "service";
		name = config->services[i].name;
	}
	for (size_t i = 0; i < config->pool_count && user == NULL; i++) {
		if (config->pools[i].health.type == CONFIG_HEALTH_NONE)
			continue;
		user = "the health check of pool";
		name = config->pools[i].name;
	}
	if (config->cores.l7_count == 0 && user != NULL)
		problem_add(&reader->problems, node_get(node_get(root, "cores"), "l7"),
			"%s \"%s\" needs at least one L7 worker", user, name != NULL ? name : "");
}

static bool has_local_address(const struct config *config, bool is_v4)
{
	for (size_t i = 0; i < config->local_address_count; i++) {
		const struct ip_addr *addr = &config->local_addresses[i];

		/* One that could not be read may be of either family. */
		if (!text_is_read(addr) || ip_is_v4(addr) == is_v4)
			return true;
	}
	return false;
}

/* Says of the first member of each address family without a local address that it has none. */
static void member_families_check(struct reader *reader, const struct node *root)
{
	const struct config *config = reader->config;
	bool is_fine[2] = { has_local_address(config, false), has_local_address(config, true) };
	const struct node *pool;

	if (config->pool_count == 0)
		return;
	pool = node_get(root, "pools")->children;
	for (size_t i = 0; i < config->pool_count; i++, pool = pool->next) {
		const struct node *list = node_get(pool, "members");
		const struct node *node = list != NULL ? list->children : NULL;

		for (size_t j = 0; node != NULL && j < config->pools[i].member_count;
			j++, node = node->next) {
			const struct ip_addr *addr = &config->pools[i].members[j].address;
			bool is_v4 = ip_is_v4(addr);

			if (!text_is_read(addr) || is_fine[is_v4])
				continue;
			is_fine[is_v4] = true;
			problem_add(&reader->problems, node,
				"an %s member needs an %s address in local_addresses or on a port",
				is_v4 ? "IPv4" : "IPv6", is_v4 ? "IPv4" : "IPv6");
		}
	}
}

void config_check(struct reader *reader, const struct node *root, void *object)
{
	cores_fill(object, root);
	names_of_lists_check(reader, root);
	port_parents_check(reader, root);
	port_bonds_check(reader, root);
	port_addresses_check(reader, root);
	local_addresses_check(reader, root);
	local_ports_check(reader, root);
	maglev_size_check(reader, root);
	listeners_check(reader, root);
	l7_workers_check(reader, root);
	member_families_check(reader, root);
}
