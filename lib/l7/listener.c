/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/log.h"
#include "tls/ocsp.h"

/* By CONFIG_ALPN_* or-ed: what is offered, in our order. */
static const char *const alpn[][3] = {
	[0] = { NULL },
	[CONFIG_ALPN_HTTP1] = { "http/1.1", NULL },
	[CONFIG_ALPN_H2] = { "h2", NULL },
	[CONFIG_ALPN_H2 | CONFIG_ALPN_HTTP1] = { "h2", "http/1.1", NULL },
};

static int contexts_create(
	struct l7_listener *listener, const struct tls_context_params *params, struct err *err)
{
	for (unsigned i = 0; i < listener->worker_count; i++) {
		listener->workers[i].tls = tls_context_create(params, err);
		if (listener->workers[i].tls == NULL)
			return -EINVAL;
	}
	return 0;
}

static_assert(CONFIG_CIPHERS_ALL == TLS_SUITES_ALL, "one order of suites");
static_assert((int)CONFIG_CLIENT_AUTH_REQUIRED == TLS_CLIENT_AUTH_REQUIRED, "one order");

/* Made keys outlive a new configuration: its clients resume what they have. */
static int ticket_keys_create(struct l7_listener *listener, const struct config_service *service,
	const struct l7_listener *before, struct err *err)
{
	listener->has_key_file = service->tls_ticket_keys != NULL;
	if (listener->has_key_file)
		listener->ticket_keys = tls_ticket_keys_load(service->tls_ticket_keys, err);
	else if (before != NULL && before->ticket_keys != NULL && !before->has_key_file)
		listener->ticket_keys = tls_ticket_keys_hold(before->ticket_keys);
	else
		listener->ticket_keys = tls_ticket_keys_random(err);
	return listener->ticket_keys == NULL ? -EINVAL : 0;
}

static struct tls_policy_params policy_of(const struct config_tls_policy *policy)
{
	return (struct tls_policy_params){
		.min_version = policy->min_version,
		.max_version = policy->max_version,
		.suites = policy->ciphers,
		.client = { .auth = (enum tls_client_auth)policy->client_auth,
			.ca_path = policy->client_ca,
			.crl_path = policy->client_crl,
			.depth = policy->client_depth },
		.alpn = alpn[policy->alpn % RTE_DIM(alpn)],
	};
}

static int hosts_fill(
	struct tls_host_params *hosts, const struct config_service *service, struct err *err)
{
	for (size_t i = 0; i < service->tls_host_count; i++)
		hosts[i] = (struct tls_host_params){
			.names = service->tls_hosts[i].joined_names,
			.policy = policy_of(&service->tls_hosts[i].policy),
		};
	return hosts == NULL ? err_set(err, ENOMEM, "no memory for a listener") : 0;
}

static int tls_create(struct l7_listener *listener, const struct config_service *service,
	const struct tls_store *store, struct err *err)
{
	size_t count = service->certificate_count;
	struct tls_certificate **certificates = calloc(count + 1, sizeof(void *));
	struct tls_host_params *hosts = calloc(service->tls_host_count + 1, sizeof(*hosts));
	struct tls_context_params params = {
		.certificates = certificates,
		.certificate_count = count,
		.refuse_unknown_names = service->tls_unknown_names != 0,
		.policy = policy_of(&service->tls_policy),
		.hosts = hosts,
		.host_count = service->tls_host_count,
		.ticket_scope = service->name,
		.key_log_path = service->tls_key_log,
	};
	int result = -ENOMEM;

	for (size_t i = 0; certificates != NULL && i < count; i++)
		certificates[i] = tls_store_at(store, service->certificates[i], NULL);
	if (certificates == NULL)
		err_set(err, ENOMEM, "no memory for a listener");
	else
		result = hosts_fill(hosts, service, err);
	params.ticket_keys = listener->ticket_keys;
	if (result == 0)
		result = contexts_create(listener, &params, err);
	free(certificates);
	free(hosts);
	return result;
}

/* The path that is said, or else the chain's with a suffix where there is such a file; or NULL. */
static const char *path_beside(
	const char *said, const char *chain, const char *suffix, char room[PATH_MAX])
{
	if (said != NULL)
		return said;
	if (snprintf(room, PATH_MAX, "%s%s", chain, suffix) >= PATH_MAX || access(room, F_OK) != 0)
		return NULL;
	return room;
}

static int ocsp_load(
	struct tls_certificate *certificate, const struct config_certificate *from, struct err *err)
{
	char room[PATH_MAX];
	const char *path = path_beside(from->ocsp_issuer, from->chain_path, ".issuer", room);
	struct err warning = { .text = "" };
	int result;

	if (path != NULL && tls_certificate_load_issuer(certificate, path, err) < 0)
		return -EINVAL;
	path = path_beside(from->ocsp_path, from->chain_path, ".ocsp", room);
	if (path == NULL)
		return 0;
	result = tls_certificate_load_ocsp(certificate, path, &warning);
	if (result < 0)
		return err_set(err, EINVAL, "%s", warning.text);
	if (result > 0)
		log_warning("certificate %s gets no OCSP staple: %s", from->name, warning.text);
	else if (!tls_can_staple())
		log_warning("certificate %s gets no OCSP staple: this build has the plain TLS "
			    "library",
			from->name);
	return 0;
}

struct tls_certificate *l7_certificate_load(const struct config_certificate *from, struct err *err)
{
	struct tls_certificate *certificate = tls_certificate_load(
		from->chain_path, from->key_path, err);

	if (certificate == NULL || ocsp_load(certificate, from, err) == 0)
		return certificate;
	tls_certificate_destroy(certificate);
	return NULL;
}

struct tls_store *l7_certificates_load(const struct config *config, struct err *err)
{
	struct tls_store *store = tls_store_create(config->certificate_count, err);

	for (size_t i = 0; store != NULL && i < config->certificate_count; i++) {
		const struct config_certificate *from = &config->certificates[i];
		struct tls_certificate *certificate = l7_certificate_load(from, err);

		if (certificate != NULL && tls_store_add(store, from->name, certificate) == 0)
			continue;
		if (certificate != NULL)
			err_set(err, ENOMEM, "no memory for certificates");
		tls_store_destroy(store);
		return NULL;
	}
	return store;
}

/* What is a request elsewhere is a whole connection here. */
static void raw_configure(
	struct l7_listener *listener, const struct config_passthrough *passthrough)
{
	listener->max_hello_bytes = passthrough->max_hello_bytes;
	listener->limits.header_timeout_ms = passthrough->hello_timeout_ms;
	listener->limits.body_timeout_ms = passthrough->half_closed_timeout_ms;
	listener->tunnels = (struct config_tunnels){
		.idle_timeout_ms = passthrough->idle_timeout_ms,
		.close_timeout_ms = passthrough->close_timeout_ms,
	};
}

struct l7_listener *l7_listener_create(const struct config_service *service,
	const struct tls_store *certificates, unsigned worker_count,
	const struct l7_listener *before, struct err *err)
{
	size_t bytes = sizeof(struct l7_listener) + worker_count * sizeof(struct listener_worker);
	struct l7_listener *listener;

	bytes = RTE_ALIGN_CEIL(bytes, (size_t)RTE_CACHE_LINE_SIZE);
	listener = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (listener == NULL) {
		err_set(err, ENOMEM, "no memory for a listener");
		return NULL;
	}
	memset(listener, 0, bytes);
	listener->name = service->name;
	listener->limits = service->http;
	listener->h2 = service->h2;
	listener->tunnels = service->tunnels;
	listener->json_body = service->json_body;
	listener->json_limits = (struct json_limits){
		.max_depth = service->json_body.max_depth,
		.max_values = service->json_body.max_values,
	};
	listener->prior_knowledge = service->prior_knowledge;
	listener->trust_forwarded = service->trust_forwarded;
	listener->accept_proxy = &service->accept_proxy;
	listener->request_id = &service->request_id;
	listener->trace_context = service->trace_context;
	listener->is_tls = service->is_tls;
	listener->mode = service->mode;
	if (config_mode_is_raw(service->mode))
		raw_configure(listener, &service->passthrough);
	listener->worker_count = worker_count;
	listener->routes = route_table_create(
		service->routes, service->route_count, service->pool, err);
	if (listener->routes == NULL)
		goto fail;
	if (service->is_tls &&
		(ticket_keys_create(listener, service, before, err) < 0 ||
			tls_create(listener, service, certificates, err) < 0))
		goto fail;
	return listener;
fail:
	l7_listener_destroy(listener);
	return NULL;
}

void l7_listener_destroy(struct l7_listener *listener)
{
	if (listener == NULL)
		return;
	for (unsigned i = 0; i < listener->worker_count; i++)
		tls_context_destroy(listener->workers[i].tls);
	tls_ticket_keys_destroy(listener->ticket_keys);
	route_table_destroy(listener->routes);
	free(listener);
}

bool l7_listener_is_idle(const struct l7_listener *listener)
{
	uint64_t users = 0;

	for (unsigned i = 0; i < listener->worker_count; i++)
		users += stats_read(&listener->workers[i].opened) -
			stats_read(&listener->workers[i].closed);
	return users == 0;
}

/* The route with that split, numbered over all routes; *split: within it. */
static const struct route *split_find(
	const struct l7_listener *listener, unsigned index, unsigned *row, size_t *split)
{
	const struct route *route;

	for (*row = 0; (route = route_table_at(listener->routes, *row)) != NULL; (*row)++) {
		size_t count = route->config == NULL ? 0 : route->config->split_count;

		if (index < count) {
			*split = index;
			return route;
		}
		index -= (unsigned)count;
	}
	return NULL;
}

bool l7_split_at(const struct l7_listener *listener, unsigned index, struct l7_split *split)
{
	size_t at;
	unsigned row;
	const struct route *route = split_find(listener, index, &row, &at);

	if (route == NULL)
		return false;
	if (route->config->name != NULL)
		snprintf(split->route, sizeof(split->route), "%s", route->config->name);
	else
		snprintf(split->route, sizeof(split->route), "#%u", row + 1);
	split->pool = route->config->splits[at].pool;
	split->weight = route_weight(route, at);
	split->file_weight = route->config->splits[at].weight;
	return true;
}

void l7_split_set(struct l7_listener *listener, unsigned index, uint32_t weight)
{
	size_t at;
	unsigned row;
	const struct route *route = split_find(listener, index, &row, &at);

	if (route != NULL)
		route_weight_set(route, at, weight);
}
