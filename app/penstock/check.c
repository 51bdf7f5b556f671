/* SPDX-License-Identifier: Apache-2.0 */
/* penstock --check: what a start would refuse besides the text of the configuration. */
#include "app.h"
#include "l7/l7.h"
#include "tls/tls.h"

/* Each with a reason of its own, so that all that is wrong is told at once. */
static struct tls_store *certificates_check(
	const struct config *config, struct config_errors *errors)
{
	struct tls_store *store = tls_store_create(config->certificate_count, NULL);
	struct err err = { .text = "" };

	for (size_t i = 0; store != NULL && i < config->certificate_count; i++) {
		const struct config_certificate *from = &config->certificates[i];
		struct tls_certificate *certificate = l7_certificate_load(from, &err);

		if (certificate == NULL)
			config_error(
				errors, config->path, from->line, "certificates", "%s", err.text);
		else if (tls_store_add(store, from->name, certificate) < 0)
			config_error(errors, config->path, 0, NULL, "out of memory");
	}
	return store;
}

static void listener_check(const struct config *config, const struct config_service *given,
	const struct tls_store *store, struct config_errors *errors)
{
	struct config_service service = *given;
	struct l7_listener *listener;
	struct err err = { .text = "" };

	/* That file would be made. */
	service.tls_key_log = NULL;
	listener = l7_listener_create(&service, store, 1, NULL, &err);
	if (listener == NULL)
		config_error(errors, config->path, service.line, "services", "%s", err.text);
	l7_listener_destroy(listener);
}

/* Certificates that members are to be verified by, and the one that is shown to them. */
static void pool_tls_check(
	const struct config *config, const struct config_pool *pool, struct config_errors *errors)
{
	struct err err = { .text = "" };
	struct l7_pool_tls *tls = l7_pool_tls_create(config, pool, 1, &err);

	if (tls == NULL)
		config_error(errors, config->path, pool->line, "pools", "%s", err.text);
	l7_pool_tls_destroy(tls);
}

void app_check(const struct config *config, struct config_errors *errors)
{
	struct err err = { .text = "" };
	struct tls_store *store;

	if (tls_global_init(&err) < 0) {
		config_error(errors, config->path, 0, NULL, "%s", err.text);
		return;
	}
	store = certificates_check(config, errors);
	/* Listeners need the certificates by their place. */
	for (size_t i = 0; store != NULL && errors->count == 0 && i < config->service_count; i++)
		if (config_mode_is_l7(config->services[i].mode))
			listener_check(config, &config->services[i], store, errors);
	for (size_t i = 0; i < config->pool_count; i++)
		if (config->pools[i].has_tls)
			pool_tls_check(config, &config->pools[i], errors);
	tls_store_destroy(store);
	tls_thread_finish();
}
