/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to the snapshot that workers see, and back to free memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"
#include "base/log.h"
#include "l4/guard.h"
#include "l7/l7.h"
#include "tls/tls.h"

/* A snapshot with what it owns. Workers see 'view' only. */
struct publication {
	struct snapshot view;
	struct app *app;
	struct generation *generation;
	struct backend_set *backends;
};

static bool generation_is_idle(void *object)
{
	const struct generation *generation = object;

	for (size_t i = 0; i < generation->config->service_count; i++) {
		if (generation->listeners[i] != NULL &&
			!l7_listener_is_idle(generation->listeners[i]))
			return false;
	}
	for (size_t i = 0; i < generation->config->pool_count; i++) {
		if (generation->pool_tls[i] != NULL &&
			!l7_pool_tls_is_idle(generation->pool_tls[i]))
			return false;
	}
	return true;
}

/* The boot configuration belongs to the app. users NULL: nobody else has it. */
static void config_release(struct app *app, struct config *config, unsigned *users)
{
	if (users != NULL && --*users > 0)
		return;
	free(users);
	if (config != app->boot)
		config_destroy(config);
}

/* Accepts a half-built one. */
static void generation_destroy(struct app *app, struct generation *generation)
{
	if (generation == NULL)
		return;
	service_table_destroy(generation->services);
	guard_destroy(generation->guard);
	for (size_t i = 0; generation->listeners != NULL && i < generation->config->service_count;
		i++)
		l7_listener_destroy(generation->listeners[i]);
	free(generation->listeners);
	for (size_t i = 0; generation->pool_tls != NULL && i < generation->config->pool_count; i++)
		l7_pool_tls_destroy(generation->pool_tls[i]);
	free(generation->pool_tls);
	tls_store_destroy(generation->certificates);
	neigh_net_destroy(generation->net);
	config_release(app, generation->config, generation->config_users);
	free(generation);
}

/* The running listener of that name, or NULL. */
static const struct l7_listener *listener_before(const struct app *app, const char *name)
{
	const struct generation *now = app->generation;

	for (size_t i = 0; now != NULL && i < now->config->service_count; i++)
		if (strcmp(now->config->services[i].name, name) == 0)
			return now->listeners[i];
	return NULL;
}

static int listeners_create(struct app *app, struct generation *generation, struct err *err)
{
	const struct config *config = generation->config;

	generation->listeners = calloc(config->service_count + 1, sizeof(void *));
	if (generation->listeners == NULL)
		return err_set(err, ENOMEM, "no memory for listeners");
	for (size_t i = 0; i < config->service_count; i++) {
		if (!config_mode_is_l7(config->services[i].mode))
			continue;
		generation->listeners[i] = l7_listener_create(&config->services[i],
			generation->certificates, app->l7_count,
			listener_before(app, config->services[i].name), err);
		if (generation->listeners[i] == NULL)
			return -EINVAL;
	}
	return 0;
}

static int pool_tls_create(struct app *app, struct generation *generation, struct err *err)
{
	const struct config *config = generation->config;

	generation->pool_tls = calloc(config->pool_count + 1, sizeof(generation->pool_tls[0]));
	if (generation->pool_tls == NULL)
		return err_set(err, ENOMEM, "no memory for TLS of pools");
	for (size_t i = 0; i < config->pool_count; i++) {
		if (!config->pools[i].has_tls)
			continue;
		generation->pool_tls[i] = l7_pool_tls_create(
			config, &config->pools[i], app->l7_count, err);
		if (generation->pool_tls[i] == NULL)
			return -EINVAL;
	}
	return 0;
}

/* Workers that packets arrive at: as many as the port with the most queues has. */
static unsigned receivers_count(const struct app *app)
{
	unsigned most = 1;

	for (unsigned i = 0; i < app->port_count; i++)
		most = app->ports[i].queues > most ? app->ports[i].queues : most;
	return most;
}

static int generation_build(struct app *app, struct generation *generation, struct err *err)
{
	const struct config *config = generation->config;
	struct guard_params guard_params = {
		.config = config,
		.core_count = app->worker_count,
		.receivers = receivers_count(app),
		.seed = app->secret[0] + generation->number,
	};

	generation->net = neigh_net_create(config, app->port_facts, err);
	if (generation->net == NULL || listeners_create(app, generation, err) < 0 ||
		pool_tls_create(app, generation, err) < 0)
		return -EINVAL;
	generation->services = service_table_create(
		app->services, config, generation->listeners, err);
	if (generation->services == NULL)
		return -EINVAL;
	generation->guard = guard_create(&guard_params, err);
	return generation->guard == NULL ? -EINVAL : 0;
}

/*
 * Takes config and certificates over, also on failure. users: of a configuration that others have
 * as well, else NULL.
 */
static struct generation *generation_create(struct app *app, struct config *config, unsigned *users,
	struct tls_store *certificates, struct err *err)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (users == NULL)
		users = calloc(1, sizeof(*users));
	if (users != NULL)
		++*users;
	if (generation == NULL || users == NULL) {
		err_set(err, ENOMEM, "no memory for a configuration");
		config_release(app, config, users);
		tls_store_destroy(certificates);
		free(generation);
		return NULL;
	}
	generation->config = config;
	generation->config_users = users;
	generation->certificates = certificates;
	generation->number = app->generation == NULL ? 1 : app->generation->number + 1;
	if (certificates != NULL && generation_build(app, generation, err) == 0)
		return generation;
	generation_destroy(app, generation);
	return NULL;
}

/* After the grace period and the listeners' last connection. */
static void publication_destroy(void *object)
{
	struct publication *publication = object;

	backend_set_destroy(publication->backends);
	if (--publication->generation->references == 0)
		generation_destroy(publication->app, publication->generation);
	free(publication);
}

static bool publication_is_idle(void *object)
{
	const struct publication *publication = object;

	return publication->generation->references > 1 ||
		generation_is_idle(publication->generation);
}

/* Swaps the pointer. Takes backends over; generation's reference is counted here. */
static int swap(
	struct app *app, struct generation *generation, struct backend_set *backends, bool is_step)
{
	const struct config *config = generation->config;
	struct publication *publication = calloc(1, sizeof(*publication));
	const struct snapshot *old = atomic_load(&app->snapshot);

	if (publication == NULL)
		return -ENOMEM;
	*publication = (struct publication){
		.view = {
			.generation = ++app->published,
			.config_generation = generation->number,
			.config = config,
			.net = generation->net,
			.services = generation->services,
			.backends = backends,
			.guard = generation->guard,
			.pool_tls = generation->pool_tls,
			.key = hash_key_from_seed(config->seed),
			.steer = steer_create(app->boot->local_port_min, app->boot->local_port_max,
				app->l4_count, app->l7_count),
		},
		.app = app,
		.generation = generation,
		.backends = backends,
	};
	generation->references++;
	if (old != NULL)
		backend_set_follow(backends, old->backends, is_step, clock_now_us());
	atomic_store_explicit(&app->snapshot, &publication->view, memory_order_release);
	backend_registry_commit(app->backends, backends);
	/* Without memory for the book-keeping the old snapshot is lost, never freed too early. */
	if (old != NULL &&
		rcu_defer(app->rcu, (void *)(uintptr_t)old, publication_is_idle,
			publication_destroy) < 0)
		log_warning("out of memory: an old configuration's memory is not given back");
	return 0;
}

/* Takes generation over; NULL: there is a reason in err already. */
static int generation_publish(struct app *app, struct generation *generation, struct err *err)
{
	struct backend_set *backends;

	if (generation == NULL)
		return -EINVAL;
	backends = backend_set_create(app->backends, generation->config, err);
	if (backends == NULL) {
		generation_destroy(app, generation);
		return -EINVAL;
	}
	if (access_log_configure(app->access, &generation->config->access_log, err) < 0) {
		backend_set_destroy(backends);
		generation_destroy(app, generation);
		return -EINVAL;
	}
	if (swap(app, generation, backends, false) < 0) {
		backend_set_destroy(backends);
		generation_destroy(app, generation);
		return err_set(err, ENOMEM, "no memory for a snapshot");
	}
	app->generation = generation;
	app_announce(app);
	return 0;
}

int app_publish(struct app *app, struct config *config, struct err *err)
{
	struct tls_store *certificates = l7_certificates_load(config, err);

	return generation_publish(
		app, generation_create(app, config, NULL, certificates, err), err);
}

int app_publish_certificates(struct app *app, struct tls_store *certificates, struct err *err)
{
	struct generation *now = app->generation;

	return generation_publish(app,
		generation_create(app, now->config, now->config_users, certificates, err), err);
}

static int pool_publish(struct app *app, unsigned pool_index, bool is_step)
{
	const struct snapshot *now = atomic_load(&app->snapshot);
	struct backend_set *backends = backend_set_rebuild(now->backends, pool_index, now->config);

	if (backends == NULL)
		return -ENOMEM;
	if (swap(app, app->generation, backends, is_step) < 0) {
		backend_set_destroy(backends);
		return -ENOMEM;
	}
	app_announce(app);
	return 0;
}

int app_publish_pool(struct app *app, unsigned pool_index)
{
	return pool_publish(app, pool_index, false);
}

void app_warm(struct app *app, uint64_t now_us)
{
	const struct snapshot *now = atomic_load(&app->snapshot);
	unsigned count = now->backends->count;

	for (unsigned i = 0; i < count; i++) {
		/* After a failure the next step or change of the pool brings its weights. */
		if (pool_warm(atomic_load(&app->snapshot)->backends->pools[i], now_us) &&
			pool_publish(app, i, true) < 0)
			log_error("out of memory: pool %s keeps its old weights",
				now->config->pools[i].name);
	}
}

void app_unpublish(struct app *app)
{
	const struct snapshot *last = atomic_load(&app->snapshot);

	if (last != NULL)
		publication_destroy((void *)(uintptr_t)last);
	atomic_store(&app->snapshot, NULL);
}

static bool is_same_cores(const struct config_cores *a, const struct config_cores *b)
{
	return a->control == b->control && a->l4_count == b->l4_count &&
		a->l7_count == b->l7_count && a->idle == b->idle &&
		a->idle_after_us == b->idle_after_us && a->idle_sleep_us == b->idle_sleep_us &&
		memcmp(a->l4, b->l4, a->l4_count * sizeof(a->l4[0])) == 0 &&
		memcmp(a->l7, b->l7, a->l7_count * sizeof(a->l7[0])) == 0;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_bond(const struct config_port *a, const struct config_port *b)
{
	if (a->has_bond != b->has_bond)
		return false;
	return !a->has_bond ||
		(a->bond.mode == b->bond.mode && a->bond.member_count == b->bond.member_count &&
			memcmp(a->bond.members, b->bond.members, sizeof(a->bond.members)) == 0 &&
			a->bond.primary == b->bond.primary && a->bond.hash == b->bond.hash &&
			a->bond.lacp_rate == b->bond.lacp_rate &&
			a->bond.up_delay_ms == b->bond.up_delay_ms);
}

static bool is_same_port(const struct config_port *a, const struct config_port *b)
{
	return is_same_bond(a, b) && strcmp(a->name, b->name) == 0 &&
		is_same_text(a->device, b->device) &&
		is_same_text(a->parent_name, b->parent_name) && a->vlan == b->vlan &&
		a->mtu == b->mtu && a->rx_descriptors == b->rx_descriptors &&
		a->tx_descriptors == b->tx_descriptors && a->promiscuous == b->promiscuous &&
		is_same_text(a->kernel_interface, b->kernel_interface);
}

static bool is_same_ports(const struct config *a, const struct config *b)
{
	if (a->port_count != b->port_count)
		return false;
	for (size_t i = 0; i < a->port_count; i++) {
		if (!is_same_port(&a->ports[i], &b->ports[i]))
			return false;
	}
	return true;
}

/* What a running process cannot change is refused, not ignored. */
static void fixed_check(
	const struct app *app, const struct config *config, struct config_errors *errors)
{
	const struct config *boot = app->boot;
	const struct {
		const char *path;
		bool is_same;
	} rows[] = {
		{ "cores", is_same_cores(&boot->cores, &config->cores) },
		{ "memory",
			boot->memory.pages == config->memory.pages &&
				boot->memory.size_mb == config->memory.size_mb &&
				boot->memory.packet_buffers == config->memory.packet_buffers },
		{ "ports", is_same_ports(boot, config) },
		{ "local_ports",
			boot->local_port_min == config->local_port_min &&
				boot->local_port_max == config->local_port_max },
		{ "announce",
			boot->has_announce == config->has_announce &&
				boot->announce.table == config->announce.table &&
				boot->announce.protocol == config->announce.protocol },
		{ "max_connections", boot->max_connections == config->max_connections },
		{ "neighbor_timeout_ms", boot->neighbor_timeout_ms == config->neighbor_timeout_ms },
		{ "stats.socket", strcmp(boot->stats.socket, config->stats.socket) == 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].is_same)
			config_error(errors, config->path, 1, rows[i].path,
				"a change here needs a restart, not a reload");
	}
}

struct config *app_config_read(
	const struct app *app, const char *path, struct config_errors *errors)
{
	struct config *config = config_load(path, errors);

	if (config == NULL)
		return NULL;
	fixed_check(app, config, errors);
	if (errors->count == 0)
		return config;
	config_destroy(config);
	return NULL;
}

int app_reload(struct app *app, struct config_errors *errors)
{
	struct config *config = app_config_read(app, app->config_path, errors);
	struct err err = { .text = "" };

	if (config == NULL)
		return -EINVAL;
	for (size_t i = 0; i < config->warnings.count; i++)
		log_warning("%s", config->warnings.lines[i]);
	if (app_publish(app, config, &err) < 0) {
		config_error(errors, app->config_path, 1, "", "%s", err.text);
		return -EINVAL;
	}
	log_notice("configuration %s loaded, generation %llu", app->config_path,
		(unsigned long long)app->generation->number);
	return 0;
}
