/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "key_log.h"
#include "own.h"
#include "policy.h"
#include "tls_internal.h"

#define SCOPE_BYTES 512

static int fail(struct err *err, int error)
{
	char text[160];

	tls_error_text(text, sizeof(text), error);
	return err_set(err, EINVAL, "TLS: %s", text);
}

static int open_key_log(struct tls_context *context, const char *path, struct err *err)
{
	if (path == NULL)
		return 0;
	context->key_log = key_log_open(path, err);
	return context->key_log < 0 ? context->key_log : 0;
}

static int set_keys(
	struct tls_context *context, const struct tls_ticket_keys *keys, struct err *err)
{
	if (keys == NULL)
		keys = context->own_keys = tls_ticket_keys_random(err);
	context->keys = keys;
	return keys == NULL ? -EIO : 0;
}

/* The names of all hosts one behind the other: what their index points to. */
static int index_hosts(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	size_t total = 0, bytes = 1;
	char *at;

	for (size_t i = 0; i < params->host_count; i++) {
		total += name_count(params->hosts[i].names);
		bytes += strlen(params->hosts[i].names) + 1;
	}
	at = context->host_names = malloc(bytes);
	if (at == NULL || name_index_create(&context->hosts, total) < 0)
		return err_set(err, ENOMEM, "TLS: out of memory");
	for (size_t i = 0; i < params->host_count; i++) {
		const char *names = at;

		at = stpcpy(at, params->hosts[i].names) + 1;
		name_index_add(&context->hosts, names, context->policies[i + 1]);
	}
	return 0;
}

/* Each policy's tickets are its own: the next one may ask clients for more. */
static int make_policies(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	const char *listener = params->ticket_scope != NULL ? params->ticket_scope : "";
	size_t count = params->host_count + 1;

	context->policies = calloc(count, sizeof(struct tls_policy *));
	if (context->policies == NULL)
		return err_set(err, ENOMEM, "TLS: out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct tls_host_params *host = i == 0 ? NULL : &params->hosts[i - 1];
		char scope[SCOPE_BYTES];

		snprintf(scope, sizeof(scope), "%s/%s", listener, host == NULL ? "" : host->names);
		context->policies[i] = policy_create(
			context, host == NULL ? &params->policy : &host->policy, scope, err);
		if (context->policies[i] == NULL)
			return -EINVAL;
		context->policy_count++;
	}
	return index_hosts(context, params, err);
}

static int set_up(
	struct tls_context *context, const struct tls_context_params *params, struct err *err)
{
	context->refuse_unknown_names = params->refuse_unknown_names;
	if (set_keys(context, params->ticket_keys, err) < 0 ||
		make_policies(context, params, err) < 0 || own_create(context, params, err) < 0 ||
		open_key_log(context, params->key_log_path, err) < 0)
		return -EINVAL;
	return 0;
}

struct tls_context *context_begin(struct err *err)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int error;

	if (context == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	context->key_log = -1;
	mbedtls_ctr_drbg_init(&context->random);
	mbedtls_entropy_init(&context->entropy);
	error = mbedtls_ctr_drbg_seed(
		&context->random, mbedtls_entropy_func, &context->entropy, NULL, 0);
	if (error == 0)
		return context;
	fail(err, error);
	tls_context_destroy(context);
	return NULL;
}

struct tls_context *tls_context_create(const struct tls_context_params *params, struct err *err)
{
	struct tls_context *context = context_begin(err);

	if (context != NULL && set_up(context, params, err) == 0)
		return context;
	tls_context_destroy(context);
	return NULL;
}

void tls_context_destroy(struct tls_context *context)
{
	if (context == NULL)
		return;
	for (size_t i = 0; i < context->policy_count; i++)
		policy_destroy(context->policies[i]);
	free(context->policies);
	name_index_destroy(&context->hosts);
	free(context->host_names);
	own_destroy(context);
	client_context_destroy(context->client);
	tls_ticket_keys_destroy(context->own_keys);
	mbedtls_ctr_drbg_free(&context->random);
	mbedtls_entropy_free(&context->entropy);
	crypto_buffers_free(&context->buffers);
	if (context->key_log >= 0)
		close(context->key_log);
	free(context);
}

uint32_t tls_context_sessions(const struct tls_context *context)
{
	return __atomic_load_n(&context->sessions, __ATOMIC_ACQUIRE);
}
