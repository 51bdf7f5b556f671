/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers of certificates, and new ones while running, as in HAProxy's runtime API. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <mbedtls/base64.h>

#include "commands.h"
#include "tls/ocsp.h"
#include "tls/tls.h"

static const struct table_column columns[] = {
	{ .name = "name" },
	{ .name = "status" },
	{ .name = "this_update" },
	{ .name = "next_update" },
	{ .name = "revoked" },
	{ .name = "stapled" },
	{ .name = "handshakes", .is_number = true },
};

static const struct tls_store *store_of(const struct request *request)
{
	return request->params->ops->certificates(request->params->ctx);
}

static void time_cell(struct table *table, int64_t seconds)
{
	char text[TLS_OCSP_TIME_BYTES] = "";

	if (seconds != 0)
		tls_ocsp_time(text, seconds);
	table_cell(table, "%s", text);
}

static bool is_stapled(const struct tls_ocsp_facts *facts)
{
	return tls_can_staple() && facts->status == TLS_OCSP_GOOD &&
		facts->next_update_s > time(NULL);
}

static void row(struct table *table, const struct request *request, size_t index)
{
	static const char *const words[] = { "good", "revoked", "unknown" };
	struct tls_ocsp_facts facts = { 0 };
	uint64_t stapled;
	const char *name;
	bool has_answer = tls_certificate_ocsp(
		tls_store_at(store_of(request), index, &name), &facts, &stapled);

	table_cell(table, "%s", name);
	table_cell(table, "%s", has_answer ? words[facts.status] : "");
	time_cell(table, facts.this_update_s);
	time_cell(table, facts.next_update_s);
	time_cell(table, facts.revoked_s);
	table_cell(table, "%s", has_answer && is_stapled(&facts) ? "yes" : "no");
	table_cell(table, "%llu", (unsigned long long)stapled);
}

int command_show_ssl_ocsp_response(struct request *request)
{
	struct table table;
	size_t first = 0, end = tls_store_count(store_of(request));
	int index;

	if (request->count > 1)
		return request_fail(request, EINVAL, "one name at most");
	if (request->count == 1) {
		index = request_certificate_find(request, request->words[0]);
		if (index < 0)
			return index;
		first = (size_t)index;
		end = first + 1;
	}
	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	table_columns(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = first; i < end; i++)
		row(&table, request, i);
	return request_table_end(request, &table);
}

/* Base64 as it comes, line ends and blanks included: the length, or 0. */
static size_t decode(const char *text, unsigned char out[TLS_OCSP_MOST_BYTES])
{
	static const char blanks[] = " \t\r\n";
	char joined[TLS_OCSP_MOST_BYTES / 3 * 4 + 8];
	size_t len = 0, got = 0;

	for (; *text != '\0'; text++) {
		if (strchr(blanks, *text) != NULL)
			continue;
		if (len == sizeof(joined))
			return 0;
		joined[len++] = *text;
	}
	if (mbedtls_base64_decode(
		    out, TLS_OCSP_MOST_BYTES, &got, (const unsigned char *)joined, len) != 0)
		return 0;
	return got;
}

/* Several certificates may be one and the same file: each of them gets it. */
static int apply(struct request *request, const unsigned char *data, size_t len)
{
	const struct tls_store *store = store_of(request);
	unsigned taken = 0;

	for (size_t i = 0; i < tls_store_count(store); i++) {
		const char *name;
		struct tls_certificate *certificate = tls_store_at(store, i, &name);
		struct tls_staple *old;
		struct err err = { .text = "" };
		int result = tls_certificate_set_ocsp(certificate, data, len, &old, &err);

		if (result == -ENOENT)
			continue;
		if (result < 0)
			return request_fail(request, EBADMSG, "%s", err.text);
		request->params->ops->staple_retire(request->params->ctx, old);
		if (result > 0)
			return request_fail(request, EBADMSG,
				"certificate %.80s gets no staple any more: %s", name, err.text);
		fprintf(request->out, "OCSP Response updated for %s!\n", name);
		taken++;
	}
	return taken > 0 ? 0
			 : request_fail(request, ENOENT,
				   "the answer is about none of the certificates, or nothing says "
				   "who signed them");
}

int command_set_ssl_ocsp_response(struct request *request)
{
	unsigned char data[TLS_OCSP_MOST_BYTES];
	const char *payload = request->session->payload;
	size_t len;

	if (request->count != (payload == NULL ? 1u : 0u))
		return request_fail(request, EINVAL,
			"expected an OCSP answer as base64, on the line or behind \"<<\"");
	len = decode(payload != NULL ? payload : request->words[0], data);
	if (len == 0)
		return request_fail(request, EBADMSG, "this is no base64, or of more than %d bytes",
			TLS_OCSP_MOST_BYTES);
	return apply(request, data, len);
}
