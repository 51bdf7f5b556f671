/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_APP_H
#define APP_APP_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/config.h"
#include "control/control.h"
#include "l7/access_log.h"
#include "neigh/net.h"
#include "port/bond.h"
#include "port/port.h"
#include "runtime/rcu.h"
#include "service/snapshot.h"
#include "stats/stats.h"

#define APP_DEVICES_MAX (2 * NEIGH_PORTS_MAX)
#define APP_NO_DEVICE   UINT_MAX
#define APP_NAME_MAX    96

struct tls_store;
struct worker;
struct health_results;

/*
 * What one configuration file became: everything that stays as it is until the next file. Shared
 * by the snapshots that differ in the state of members only. Control thread.
 */
struct generation {
	uint64_t number;
	unsigned references; /* snapshots */
	struct config *config;
	unsigned *config_users; /* generations that have this configuration */
	struct neigh_net *net;
	struct service_table *services;
	struct guard *guard;
	struct tls_store *certificates; /* in the configuration's order */
	void **listeners;               /* [config->service_count], NULL for L4 */
	struct l7_pool_tls **pool_tls;  /* [config->pool_count], NULL without */
};

/* The process. Written by the control thread; workers read ports, rings and the snapshot pointer.
 */
struct app {
	const char *config_path;
	struct config *boot; /* the first configuration's: cores, ports, memory, sizes */
	struct rte_mempool *mbufs;
	/* The configuration's ports, in its order; then the kernel interfaces beside some of them.
	 */
	struct port ports[APP_DEVICES_MAX];
	unsigned port_count;
	unsigned device_count;
	unsigned partner[APP_DEVICES_MAX]; /* port <-> kernel interface, or APP_NO_DEVICE */
	struct app_kernel {
		struct config_port config;
		char name[APP_NAME_MAX];
		char device[APP_NAME_MAX];
	} kernels[NEIGH_PORTS_MAX];
	struct port_bond *bonds[NEIGH_PORTS_MAX];
	unsigned bond_count;
	atomic_uint announce_ports; /* bits: neighbors are to be told again what is behind them */
	struct neigh_port port_facts[NEIGH_PORTS_MAX];
	struct worker *workers[RUNTIME_WORKERS_MAX];
	unsigned worker_count;
	unsigned l4_count; /* workers with an L4 loop, and with an L7 loop */
	unsigned l7_count;
	struct worker *l4_workers[RUNTIME_WORKERS_MAX];
	struct worker *l7_workers[RUNTIME_WORKERS_MAX];
	struct rcu *rcu;
	struct stats_registry *stats;
	struct backend_registry *backends;
	struct service_registry *services;
	struct generation *generation;
	_Atomic(const struct snapshot *) snapshot;
	struct control *control;
	struct access_log *access;
	struct rte_ring *datagrams; /* of our own, from control to the first L4 worker */
	uint64_t published;         /* snapshots so far */
	uint64_t secret[2];
	uint64_t started_us;
	size_t announced; /* service addresses, as of the last app_announce() */
	int results_fd;   /* eventfd: probe results wait */
	atomic_bool is_draining;
	atomic_bool must_stop; /* workers return */
	bool shutdown_requested;
};

/* check.c: reads the files that a start would read, and says what is wrong with them. */
void app_check(const struct config *config, struct config_errors *errors);

/* eal.c: starts DPDK with arguments derived from the configuration. */
int eal_start(const struct config *config, bool is_verbose, struct err *err);

/* compose.c: makes everything that the configuration asks for, and takes it apart again. Takes
 * config over. app_release() also ends what a failed app_compose() left half done. */
int app_compose(struct app *app, struct config *config, struct err *err);
void app_release(struct app *app);

/* CPUs in the order of the workers: L4 workers first, then L7 workers with a CPU of their own. */
unsigned app_worker_cpus(const struct config_cores *cores, unsigned cpus[RUNTIME_WORKERS_MAX]);

/*
 * publish.c: builds a generation aside and swaps the snapshot; the old one goes after a grace
 * period. On failure nothing changed. app_publish() takes config over in both cases; only the
 * boot configuration lives on, until app_release().
 */
int app_publish(struct app *app, struct config *config, struct err *err);
void app_unpublish(struct app *app);
int app_publish_pool(struct app *app, unsigned pool_index);
/* The running configuration with other certificates, which it takes over, also on failure. */
int app_publish_certificates(struct app *app, struct tls_store *certificates, struct err *err);
int app_reload(struct app *app, struct config_errors *errors);

/* A file as a reload would take it; the caller's. NULL with words in errors. */
struct config *app_config_read(
	const struct app *app, const char *path, struct config_errors *errors);

/* Lets time pass for members that start slowly. */
void app_warm(struct app *app, uint64_t now_us);

/* eject.c: leaves members out whose answers fail, and takes them back. */
void app_eject(struct app *app, uint64_t now_us);

/* announce.c: tells the kernel, and so routing daemons, which VIPs are usable now. */
void app_announce(struct app *app);

/*
 * datagram.c: UDP of the control thread's own. Datagrams wait in a ring for the first L4 worker,
 * which routes and sends them. 0 or -ENOMEM; the ring is app_datagrams_close()'s to free.
 */
int app_datagrams_open(struct app *app, struct err *err);
void app_datagrams_close(struct app *app);

/*
 * The access log's records as far as there are any, and to syslog by the workers, which run still:
 * waits for them, a fifth of a second at most. Fine when app is only half made.
 */
void app_datagrams_flush(struct app *app);

/* The workers are gone: takes their last records. What no receiver gets is told in the log. */
void app_access_finish(struct app *app);

/* verdict.c: takes probe results from the workers' rings to the members. */
void app_take_results(struct app *app);

/* bridge.c: what the stats socket may do to the process. */
extern const struct control_ops app_control_ops;

/* supervise.c: the control thread's loop, until the process is to end. */
int app_supervise(struct app *app, struct err *err);

/* bonds.c: opens the ports that are made of others, and sees to them while they work. */
int app_bonds_open(struct app *app, struct err *err);
void app_bonds_close(struct app *app);
void app_bonds_poll(struct app *app, uint64_t now_us);
void app_bond_get(const struct app *app, unsigned port, struct control_port_info *info);

/* notify.c: tells systemd of a state ("READY=1"), when it asked to be told. */
void notify_systemd(const char *state);

#endif
