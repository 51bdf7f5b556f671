/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: what they are, and a change of one while running, as in HAProxy's runtime API. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../nearest.h"
#include "../ssl_update.h"
#include "commands.h"
#include "tls/tls.h"

static const struct table_column list_columns[] = {
	{ .name = "name" },
	{ .name = "key" },
	{ .name = "not_after" },
	{ .name = "names" },
	{ .name = "issuer" },
	{ .name = "fingerprint" },
	{ .name = "pending" },
};

static const struct table_column one_columns[] = {
	{ .name = "name" },
	{ .name = "key" },
	{ .name = "not_before" },
	{ .name = "not_after" },
	{ .name = "names" },
	{ .name = "subject" },
	{ .name = "issuer" },
	{ .name = "serial" },
	{ .name = "fingerprint" },
	{ .name = "chain", .is_number = true },
	{ .name = "pending" },
};

void ssl_update_clear(struct ssl_update *update)
{
	free(update->name);
	tls_certificate_destroy(update->certificate);
	*update = (struct ssl_update){ .name = NULL };
}

static const struct tls_store *store_of(const struct request *request)
{
	return request->params->ops->certificates(request->params->ctx);
}

static const char *pending_word(const struct request *request, const char *name)
{
	const struct ssl_update *update = request->session->update;

	return update->name != NULL && strcmp(update->name, name) == 0 ? "yes" : "";
}

/* is_whole: by one_columns, else by list_columns. */
static void row(struct table *table, const struct request *request, size_t index, bool is_whole)
{
	struct tls_certificate_info info;
	const char *name;

	tls_certificate_info(tls_store_at(store_of(request), index, &name), &info);
	table_cell(table, "%s", name);
	table_cell(table, "%s", info.key);
	if (is_whole)
		table_cell(table, "%s", info.not_before);
	table_cell(table, "%s", info.not_after);
	table_cell(table, "%s", info.names);
	if (is_whole)
		table_cell(table, "%s", info.subject);
	table_cell(table, "%s", info.issuer);
	if (is_whole)
		table_cell(table, "%s", info.serial);
	table_cell(table, "%s", info.fingerprint);
	if (is_whole)
		table_cell(table, "%u", info.chain_count);
	table_cell(table, "%s", pending_word(request, name));
}

int request_certificate_find(struct request *request, const char *name)
{
	const struct tls_store *store = store_of(request);
	int index = tls_store_find(store, name);
	struct nearest nearest;

	if (index >= 0)
		return index;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < tls_store_count(store); i++) {
		const char *other;

		tls_store_at(store, i, &other);
		nearest_offer(&nearest, other);
	}
	if (nearest.best != NULL)
		return request_fail(request, ENOENT,
			"there is no certificate \"%.80s\"; did you mean \"%.80s\"?", name,
			nearest.best);
	return request_fail(request, ENOENT, "there is no certificate \"%.80s\"", name);
}

int command_show_ssl_cert(struct request *request)
{
	struct table table;
	int index = 0;

	if (request->count > 1)
		return request_fail(request, EINVAL, "one name at most");
	if (request->count == 1)
		index = request_certificate_find(request, request->words[0]);
	if (index < 0)
		return index;
	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	if (request->count == 1) {
		table_columns(&table, one_columns, sizeof(one_columns) / sizeof(one_columns[0]));
		row(&table, request, (size_t)index, true);
	} else {
		table_columns(&table, list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
		for (size_t i = 0; i < tls_store_count(store_of(request)); i++)
			row(&table, request, i, false);
	}
	return request_table_end(request, &table);
}

/* The name's place, when there is one word and no update of another certificate. */
static int take_name(struct request *request)
{
	const struct ssl_update *update = request->session->update;

	if (request->count != 1)
		return request_fail(request, EINVAL, "expected the name of a certificate");
	if (update->name != NULL && strcmp(update->name, request->words[0]) != 0)
		return request_fail(request, EBUSY,
			"certificate \"%.80s\" is being changed: commit or abort that first",
			update->name);
	return request_certificate_find(request, request->words[0]);
}

/* What the payload lacks stays as it was: a new chain for the key, or the other way round. */
static int source_make(struct request *request, size_t index, struct tls_certificate_source *source)
{
	const struct ssl_update *update = request->session->update;
	const char *payload = request->session->payload;
	bool has_chain, has_key;

	if (payload == NULL)
		return request_fail(request, EINVAL, "expected \"<<\", PEM and an empty line");
	has_chain = strstr(payload, "-----BEGIN CERTIFICATE-----") != NULL;
	has_key = strstr(payload, "PRIVATE KEY-----") != NULL;
	if (!has_chain && !has_key)
		return request_fail(
			request, EBADMSG, "there is neither a certificate nor a key in it");
	tls_certificate_source(update->name != NULL ? update->certificate
						    : tls_store_at(store_of(request), index, NULL),
		source);
	source->chain_path = source->key_path = request->words[0];
	if (has_chain) {
		source->chain = payload;
		source->chain_len = strlen(payload);
	}
	if (has_key) {
		source->key = payload;
		source->key_len = strlen(payload);
	}
	return 0;
}

int command_set_ssl_cert(struct request *request)
{
	struct ssl_update *update = request->session->update;
	struct tls_certificate_source source;
	struct tls_certificate *certificate;
	bool is_first = update->name == NULL;
	int index = take_name(request);
	char *name;

	if (index >= 0)
		index = source_make(request, (size_t)index, &source);
	if (index < 0)
		return index;
	certificate = tls_certificate_parse(&source, &request->err);
	if (certificate == NULL)
		return -EBADMSG;
	name = strdup(request->words[0]);
	if (name == NULL) {
		tls_certificate_destroy(certificate);
		return request_fail(request, ENOMEM, "out of memory");
	}
	ssl_update_clear(update);
	update->name = name;
	update->certificate = certificate;
	fprintf(request->out, "Transaction %s for certificate %s!\n",
		is_first ? "created" : "updated", name);
	return 0;
}

static int check_open(struct request *request)
{
	if (request->session->update->name == NULL)
		return request_fail(
			request, ENOENT, "no certificate is being changed: \"set ssl cert\" first");
	return take_name(request);
}

/* The certificates of now, but for one. */
static struct tls_store *store_with(struct request *request, size_t changed)
{
	const struct tls_store *now = store_of(request);
	struct tls_store *store = tls_store_create(tls_store_count(now), &request->err);

	for (size_t i = 0; store != NULL && i < tls_store_count(now); i++) {
		const char *name;
		struct tls_certificate *certificate = tls_store_at(now, i, &name);

		if (i == changed)
			certificate = request->session->update->certificate;
		if (tls_store_add(store, name, tls_certificate_hold(certificate)) < 0) {
			tls_store_destroy(store);
			request_fail(request, ENOMEM, "out of memory");
			return NULL;
		}
	}
	return store;
}

int command_commit_ssl_cert(struct request *request)
{
	int index = check_open(request);
	struct tls_store *store;

	if (index < 0)
		return index;
	store = store_with(request, (size_t)index);
	if (store == NULL)
		return -ENOMEM;
	if (request->params->ops->certificates_replace(request->params->ctx, store, &request->err) <
		0)
		return -EBADMSG;
	fprintf(request->out, "Committing %s\nSuccess!\n", request->words[0]);
	ssl_update_clear(request->session->update);
	return 0;
}

int command_abort_ssl_cert(struct request *request)
{
	int index = check_open(request);

	/* One that a reload took away can be given up as well. */
	if (index < 0 && index != -ENOENT)
		return index;
	if (request->session->update->name == NULL)
		return index;
	request->err.text[0] = '\0';
	fprintf(request->out, "Transaction aborted for certificate %s!\n", request->words[0]);
	ssl_update_clear(request->session->update);
	return 0;
}
