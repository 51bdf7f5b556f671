/* SPDX-License-Identifier: Apache-2.0 */
/* Which VIPs routers may send clients to: those whose services have usable members. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/log.h"
#include "port/kernel.h"

static bool is_pool_usable(const struct snapshot *snapshot, unsigned pool)
{
	return pool < snapshot->backends->count && snapshot->backends->pools[pool]->usable > 0;
}

static bool is_route_usable(const struct snapshot *snapshot, const struct config_l7_route *route)
{
	for (size_t i = 0; i < route->split_count; i++) {
		if (is_pool_usable(snapshot, route->splits[i].pool))
			return true;
	}
	return is_pool_usable(snapshot, route->pool);
}

static bool has_pool(const struct config_l7_route *route)
{
	return !route->actions.has_redirect && !route->actions.has_respond;
}

/* An L7 service is of use while one of its pools is, and where it needs none. */
static bool is_service_usable(const struct snapshot *snapshot, const struct config_service *service)
{
	bool needs_pool = service->route_count == 0 || service->pool != UINT_MAX;

	if (is_pool_usable(snapshot, service->pool))
		return true;
	for (size_t i = 0; i < service->route_count; i++) {
		needs_pool |= has_pool(&service->routes[i]);
		if (is_route_usable(snapshot, &service->routes[i]))
			return true;
	}
	return !needs_pool;
}

/* A service, by its address. */
struct row {
	struct ip_addr vip;
	bool is_usable;
};

static int row_compare(const void *a, const void *b)
{
	const struct row *first = a;
	const struct row *second = b;

	return memcmp(&first->vip, &second->vip, sizeof(first->vip));
}

/* Rows of one address side by side. NULL when memory is short. */
static struct row *rows_make(const struct snapshot *snapshot)
{
	const struct config *config = snapshot->config;
	struct row *rows = calloc(config->service_count + 1, sizeof(rows[0]));

	if (rows == NULL)
		return NULL;
	for (size_t i = 0; i < config->service_count; i++)
		rows[i] = (struct row){
			.vip = config->services[i].address,
			.is_usable = is_service_usable(snapshot, &config->services[i]),
		};
	qsort(rows, config->service_count, sizeof(rows[0]), row_compare);
	return rows;
}

/* Writes the addresses to announce to vips: sorted, each once. */
static size_t vips_find(const struct config *config, const struct row *rows, struct ip_addr *vips)
{
	bool needs_all = config->announce.when == CONFIG_ANNOUNCE_ALL;
	size_t count = 0;

	for (size_t i = 0, next; i < config->service_count; i = next) {
		bool is_usable = needs_all;

		for (next = i;
			next < config->service_count && ip_equal(&rows[next].vip, &rows[i].vip);
			next++)
			is_usable = needs_all ? is_usable && rows[next].is_usable
					      : is_usable || rows[next].is_usable;
		if (is_usable)
			vips[count++] = rows[i].vip;
	}
	return count;
}

static const char *device_of(const struct config *config)
{
	for (size_t i = 0; i < config->port_count; i++) {
		if (config->ports[i].kernel_interface != NULL)
			return config->ports[i].kernel_interface;
	}
	return "";
}

/* Makes the kernel's routes those of the rows. Takes over neither. */
static void routes_publish(
	struct app *app, const struct config *config, const struct ip_addr *vips, size_t count)
{
	struct port_routes routes = {
		.interface = device_of(config),
		.table = config->announce.table,
		.protocol = config->announce.protocol,
		.addresses = vips,
		.count = count,
	};
	struct err err = { .text = "" };

	if (port_routes_sync(&routes, &err) < 0)
		log_error("%s", err.text);
	else if (count != app->announced)
		log_notice("%zu service address%s announced in table %u", count,
			count == 1 ? " is" : "es are", routes.table);
	app->announced = count;
}

void app_announce(struct app *app)
{
	const struct snapshot *snapshot = atomic_load(&app->snapshot);
	const struct config *config = snapshot->config;
	struct ip_addr *vips;
	struct row *rows;
	size_t count = 0;

	if (!config->has_announce)
		return;
	vips = calloc(config->service_count + 1, sizeof(vips[0]));
	rows = rows_make(snapshot);
	if (vips != NULL && rows != NULL) {
		if (!atomic_load(&app->is_draining))
			count = vips_find(config, rows, vips);
		routes_publish(app, config, vips, count);
	} else {
		log_error("out of memory: announced addresses stay as they are");
	}
	free(vips);
	free(rows);
}
