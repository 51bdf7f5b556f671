/* SPDX-License-Identifier: Apache-2.0 */
/* Wires the modules together, in the order of their needs; app_release() goes the same way back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "base/clock.h"
#include "base/log.h"
#include "packet/packet.h"
#include "port/kernel.h"
#include "tls/tls.h"
#include "worker.h"

#define FIRST_WORKER_LCORE 1

unsigned app_worker_cpus(const struct config_cores *cores, unsigned cpus[RUNTIME_WORKERS_MAX])
{
	unsigned count = cores->l4_count;

	memcpy(cpus, cores->l4, count * sizeof(cpus[0]));
	for (unsigned i = 0; i < cores->l7_count; i++) {
		bool is_shared = false;

		for (unsigned j = 0; j < cores->l4_count; j++)
			is_shared |= cores->l4[j] == cores->l7[i];
		if (!is_shared && count < RUNTIME_WORKERS_MAX)
			cpus[count++] = cores->l7[i];
	}
	return count;
}

/* Once the ports that carry them are open. */
static void vlans_open(struct app *app)
{
	const struct config *config = app->boot;

	for (unsigned i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];

		if (port->parent_name != NULL)
			port_vlan_open(&app->ports[i], port, &app->ports[port->parent], i);
	}
}

static void port_log(const struct app *app, const struct port *port)
{
	const struct config_port *config = port->config;

	if (port->is_bond)
		log_info("port %s: %s of %zu members, %u queue%s, MTU %u", config->name,
			port->is_lacp ? "LACP" : "active-backup", config->bond.member_count,
			port->queues, port->queues == 1 ? "" : "s", port->mtu);
	else if (config->is_member)
		log_info("port %s: %s, driver %s, member of port %s", config->name, config->device,
			port->driver, app->ports[config->bond_index].config->name);
	else if (port->vlan != 0)
		log_info("port %s: VLAN %u of port %s, MTU %u", config->name, port->vlan,
			app->ports[port->parent].config->name, port->mtu);
	else
		log_info("port %s: %s, driver %s, %u queue%s, MTU %u", config->name, config->device,
			port->driver, port->queues, port->queues == 1 ? "" : "s", port->mtu);
}

static int ports_open(struct app *app, struct err *err)
{
	const struct config *config = app->boot;

	for (size_t i = 0; i < config->port_count; i++) {
		int status = config->ports[i].device == NULL || config->ports[i].is_member
			? 0
			: port_open(&app->ports[i], &config->ports[i], config->cores.l4_count,
				  app->mbufs, err);

		if (status < 0)
			return status;
	}
	if (app_bonds_open(app, err) < 0)
		return -EIO;
	vlans_open(app);
	for (size_t i = 0; i < config->port_count; i++) {
		const struct port *port = &app->ports[i];

		app->port_facts[i].mtu = port->mtu;
		memcpy(app->port_facts[i].mac, port->mac, sizeof(port->mac));
		port_log(app, port);
	}
	app->port_count = (unsigned)config->port_count;
	return 0;
}

/* Kernel interfaces, each a port of its own behind the configuration's. */
static int kernel_ports_open(struct app *app, struct err *err)
{
	app->device_count = app->port_count;
	for (unsigned i = 0; i < app->port_count; i++) {
		const struct config_port *wire = app->ports[i].config;
		unsigned at = app->device_count;
		struct app_kernel *kernel = &app->kernels[i];
		int status;

		app->partner[i] = APP_NO_DEVICE;
		if (wire->kernel_interface == NULL)
			continue;
		snprintf(kernel->name, sizeof(kernel->name), "%s/%s", wire->name,
			wire->kernel_interface);
		snprintf(kernel->device, sizeof(kernel->device), PORT_KERNEL_DEVICE, i);
		kernel->config = (struct config_port){
			.name = kernel->name,
			.device = kernel->device,
			.mtu = app->ports[i].mtu,
			.rx_descriptors = wire->rx_descriptors,
			.tx_descriptors = wire->tx_descriptors,
		};
		status = port_kernel_open(
			&app->ports[at], &kernel->config, &app->ports[i], app->mbufs, err);
		if (status < 0)
			return status;
		app->partner[i] = at;
		app->partner[at] = i;
		app->device_count++;
		log_info("port %s: kernel interface %s", wire->name, wire->kernel_interface);
	}
	return 0;
}

static int workers_create(struct app *app, struct err *err)
{
	unsigned cpus[RUNTIME_WORKERS_MAX];
	unsigned count = app_worker_cpus(&app->boot->cores, cpus);

	app->l4_count = app->boot->cores.l4_count;
	app->l7_count = app->boot->cores.l7_count;
	for (unsigned i = 0; i < count; i++) {
		struct worker *w = worker_create(app, i, err);

		if (w == NULL)
			return -ENOMEM;
		app->workers[app->worker_count++] = w;
		if (w->core.l4_index >= 0)
			app->l4_workers[w->core.l4_index] = w;
		if (w->core.l7_index >= 0)
			app->l7_workers[w->core.l7_index] = w;
	}
	return workers_connect(app, err);
}

static int books_create(struct app *app, struct err *err)
{
	unsigned cpus[RUNTIME_WORKERS_MAX];
	unsigned count = app_worker_cpus(&app->boot->cores, cpus);

	app->rcu = rcu_create(count);
	app->stats = stats_registry_create();
	app->services = service_registry_create(count);
	app->access = access_log_create((unsigned)app->boot->cores.l7_count);
	if (app->rcu == NULL || app->stats == NULL || app->services == NULL || app->access == NULL)
		return err_set(err, ENOMEM, "no memory to start");
	if (stats_registry_add(app->stats, &access_stats_set, 0, access_log_counters(app->access)) <
		0)
		return err_set(err, ENOMEM, "no memory for counters");
	app->backends = backend_registry_create(count, app->rcu);
	if (app->backends == NULL)
		return err_set(err, ENOMEM, "no memory to start");
	if (getrandom(app->secret, sizeof(app->secret), 0) != (ssize_t)sizeof(app->secret))
		return err_set(err, errno, "no random numbers: %s", strerror(errno));
	app->results_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (app->results_fd < 0)
		return err_set(err, errno, "no eventfd: %s", strerror(errno));
	return 0;
}

static int workers_launch(struct app *app, struct err *err)
{
	for (unsigned i = 0; i < app->worker_count; i++) {
		int status = rte_eal_remote_launch(
			worker_main, app->workers[i], FIRST_WORKER_LCORE + i);

		if (status != 0)
			return err_set(err, -status, "worker %u does not start on CPU %u", i,
				app->workers[i]->core.cpu);
	}
	return 0;
}

int app_compose(struct app *app, struct config *config, struct err *err)
{
	struct control_params control_params = {
		.ops = &app_control_ops,
		.ctx = app,
	};
	int status;

	app->boot = config;
	app->results_fd = -1;
	app->started_us = clock_now_us();
	status = books_create(app, err);
	if (status == 0)
		status = tls_global_init(err);
	if (status < 0)
		return status;
	app->mbufs = packet_pool_create(
		"packets", config->memory.packet_buffers, (int)rte_socket_id());
	if (app->mbufs == NULL)
		return err_set(err, ENOMEM, "no memory for %u packet buffers",
			config->memory.packet_buffers);
	status = app_datagrams_open(app, err);
	if (status == 0)
		status = ports_open(app, err);
	if (status == 0)
		status = kernel_ports_open(app, err);
	if (status == 0)
		status = workers_create(app, err);
	if (status == 0)
		status = app_publish(app, config, err);
	if (status == 0)
		status = workers_launch(app, err);
	if (status < 0)
		return status;
	control_params.stats = app->stats;
	control_params.access = app->access;
	control_params.mbufs = app->mbufs;
	control_params.started_us = app->started_us;
	app->control = control_create(&control_params, config, err);
	return app->control == NULL ? -EIO : 0;
}

void app_release(struct app *app)
{
	app_datagrams_flush(app);
	atomic_store(&app->must_stop, true);
	rte_eal_mp_wait_lcore();
	/* A capture's taps go with the control module. */
	for (unsigned i = 0; i < app->worker_count; i++)
		app->workers[i]->core.tap = NULL;
	control_destroy(app->control);
	for (unsigned i = 0; i < app->worker_count; i++)
		if (app->workers[i] != NULL)
			worker_cut(app->workers[i]);
	for (unsigned i = 0; i < app->worker_count; i++)
		worker_destroy(app->workers[i]);
	app_access_finish(app);
	access_log_destroy(app->access);
	app_datagrams_close(app);
	app_bonds_close(app);
	for (unsigned i = 0; i < APP_DEVICES_MAX; i++)
		port_close(&app->ports[i]);
	app_unpublish(app);
	rcu_destroy(app->rcu);
	backend_registry_destroy(app->backends);
	service_registry_destroy(app->services);
	stats_registry_destroy(app->stats);
	rte_mempool_free(app->mbufs);
	if (app->results_fd >= 0)
		close(app->results_fd);
	config_destroy(app->boot);
}
