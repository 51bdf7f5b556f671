/* SPDX-License-Identifier: Apache-2.0 */
/* What the stats socket may see of the process and do to it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <rte_ethdev.h>

#include "base/clock.h"
#include "base/log.h"
#include "tls/ocsp.h"
#include "worker.h"

static const struct snapshot *snapshot_get(void *ctx)
{
	struct app *app = ctx;

	return atomic_load(&app->snapshot);
}

static int reload(void *ctx, struct config_errors *errors)
{
	return app_reload(ctx, errors);
}

static struct config *config_read(void *ctx, const char *path, struct config_errors *errors)
{
	return app_config_read(ctx, path, errors);
}

static const struct tls_store *certificates_get(void *ctx)
{
	struct app *app = ctx;

	return app->generation->certificates;
}

static int certificates_replace(void *ctx, struct tls_store *store, struct err *err)
{
	return app_publish_certificates(ctx, store, err);
}

static void staple_destroy(void *staple)
{
	tls_staple_destroy(staple);
}

/* Without memory for the book-keeping it is lost, never freed too early. */
static void staple_retire(void *ctx, struct tls_staple *staple)
{
	struct app *app = ctx;

	if (staple != NULL && rcu_defer(app->rcu, staple, NULL, staple_destroy) < 0)
		log_warning("out of memory: an old OCSP answer's memory is not given back");
}

static int pool_changed(void *ctx, unsigned pool_index)
{
	return app_publish_pool(ctx, pool_index);
}

static const struct core *core_get(void *ctx, unsigned index)
{
	struct app *app = ctx;

	return index < app->worker_count ? &app->workers[index]->core : NULL;
}

static int call(void *ctx, unsigned core, void (*fn)(struct control_worker *worker, void *arg),
	void *arg, unsigned timeout_ms)
{
	struct app *app = ctx;

	return core < app->worker_count ? worker_run(app->workers[core], fn, arg, timeout_ms)
					: -ENOENT;
}

/* The device counts all of its VLANs together: the workers tell what was of this one. */
static void vlan_get(const struct app *app, unsigned index, struct control_port_info *info)
{
	info->parent = app->ports[app->ports[index].parent].config->name;
	info->vlan = app->ports[index].vlan;
	info->rx_packets = info->rx_bytes = info->rx_missed = info->rx_errors = 0;
	info->tx_packets = info->tx_bytes = info->tx_errors = 0;
	for (unsigned i = 0; i < app->worker_count; i++) {
		const struct worker_vlan *vlan = &app->workers[i]->vlans[index];

		info->rx_packets += vlan->rx_packets;
		info->rx_bytes += vlan->rx_bytes;
		info->tx_packets += vlan->tx_packets;
		info->tx_bytes += vlan->tx_bytes;
	}
}

static bool port_get(void *ctx, unsigned index, struct control_port_info *info)
{
	struct app *app = ctx;
	const struct port *port = &app->ports[index];
	struct rte_eth_stats stats = { 0 };

	if (index >= app->device_count)
		return false;
	if (rte_eth_stats_get(port->ethdev_id, &stats) != 0)
		memset(&stats, 0, sizeof(stats));
	*info = (struct control_port_info){
		.name = port->config->name,
		.device = port->config->device,
		.driver = port->driver,
		.mtu = port->mtu,
		.is_up = port_link_is_up(port->vlan != 0 ? &app->ports[port->parent] : port),
		.rx_packets = stats.ipackets,
		.rx_bytes = stats.ibytes,
		.rx_missed = stats.imissed + stats.rx_nombuf,
		.rx_errors = stats.ierrors,
		.tx_packets = stats.opackets,
		.tx_bytes = stats.obytes,
		.tx_errors = stats.oerrors,
	};
	memcpy(info->mac, port->mac, sizeof(info->mac));
	if (port->vlan != 0)
		vlan_get(app, index, info);
	app_bond_get(app, index, info);
	return true;
}

static uint64_t now_us(void *ctx)
{
	(void)ctx;
	return clock_now_us();
}

/* Never through a link, never over what is there. */
static int file_create(void *ctx, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static void shutdown_request(void *ctx)
{
	struct app *app = ctx;

	app->shutdown_requested = true;
}

const struct control_ops app_control_ops = {
	.snapshot = snapshot_get,
	.reload = reload,
	.config_read = config_read,
	.certificates = certificates_get,
	.certificates_replace = certificates_replace,
	.staple_retire = staple_retire,
	.pool_changed = pool_changed,
	.core = core_get,
	.call = call,
	.port = port_get,
	.now_us = now_us,
	.file_create = file_create,
	.shutdown = shutdown_request,
};
