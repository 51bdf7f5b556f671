/* SPDX-License-Identifier: Apache-2.0 */
/* What the control thread kept of the access log: slow requests and malformed ones. */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "commands.h"
#include "l7/access_log.h"

#define US_PER_S  1000000
#define TEXT_MAX  2048
#define TEXT_SHOW 96 /* of what stands on either side of the offending byte */

static const struct table_column slow_columns[] = {
	{ .name = "time" },
	{ .name = "client" },
	{ .name = "service" },
	{ .name = "request" },
	{ .name = "status", .is_number = true },
	{ .name = "ending" },
	{ .name = "pool" },
	{ .name = "member" },
	{ .name = "tries", .is_number = true },
	{ .name = "handshake_us", .is_number = true },
	{ .name = "header_us", .is_number = true },
	{ .name = "queue_us", .is_number = true },
	{ .name = "connect_us", .is_number = true },
	{ .name = "first_us", .is_number = true },
	{ .name = "total_us", .is_number = true },
};

static const struct table_column error_columns[] = {
	{ .name = "time" },
	{ .name = "client" },
	{ .name = "service" },
	{ .name = "rule" },
	{ .name = "status", .is_number = true },
	{ .name = "offset", .is_number = true },
	{ .name = "ahead" },
	{ .name = "from" },
};

static void time_add(struct table *table, uint64_t unix_us)
{
	time_t seconds = (time_t)(unix_us / US_PER_S);
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	table_cell(table, "%s.%06uZ", text, (unsigned)(unix_us % US_PER_S));
}

/* What clients sent, with all that is no visible ASCII as \xNN. */
static void text_add(struct table *table, struct http_span span)
{
	char text[TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < span.len && used + 5 < sizeof(text); i++) {
		unsigned char c = (unsigned char)span.data[i];
		bool is_plain = c >= 0x20 && c < 0x7f && c != '\\';

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, is_plain ? "%c" : "\\x%02x", c);
	}
	text[used] = '\0';
	table_cell(table, "%s", text);
}

static void name_add(struct table *table, const struct access_record *record, enum access_text text)
{
	text_add(table, access_text(record, text));
}

static void client_add(struct table *table, const struct access_record *record)
{
	char text[IP_ENDPOINT_MAX];

	table_cell(table, "%s", ip_endpoint_format(&record->client, record->client_port, text));
}

static void duration_add(struct table *table, uint32_t us)
{
	if (us == ACCESS_NEVER)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%" PRIu32, us);
}

static void request_add(struct table *table, const struct access_record *record)
{
	struct http_span method = access_text(record, ACCESS_METHOD);
	struct http_span host = access_text(record, ACCESS_HOST);
	struct http_span target = access_text(record, ACCESS_TARGET);
	char text[TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%.*s %.*s%.*s", (int)method.len, method.data,
		(int)host.len, host.data, (int)target.len, target.data);

	text_add(table, (struct http_span){ .data = text, .len = (size_t)len });
}

static void slow_add(struct table *table, const struct access_record *record, uint64_t unix_us)
{
	time_add(table, unix_us);
	client_add(table, record);
	name_add(table, record, ACCESS_SERVICE);
	request_add(table, record);
	table_cell(table, "%u", record->status);
	table_cell(table, "%s", l7_ending_name(record->ending));
	name_add(table, record, ACCESS_POOL);
	name_add(table, record, ACCESS_MEMBER);
	table_cell(table, "%u", record->tries);
	duration_add(table, record->handshake_us);
	duration_add(table, record->header_us);
	duration_add(table, record->queue_us);
	duration_add(table, record->connect_us);
	duration_add(table, record->first_us);
	duration_add(table, record->total_us);
}

static void error_add(struct table *table, const struct access_record *record, uint64_t unix_us)
{
	struct http_span raw = access_text(record, ACCESS_RAW);
	size_t at = record->raw_at < raw.len ? record->raw_at : raw.len;
	size_t ahead = at < TEXT_SHOW ? at : TEXT_SHOW;
	size_t from = raw.len - at < TEXT_SHOW ? raw.len - at : TEXT_SHOW;

	time_add(table, unix_us);
	client_add(table, record);
	name_add(table, record, ACCESS_SERVICE);
	table_cell(table, "%s", http_refusal_name(record->refusal));
	table_cell(table, "%u", record->status);
	table_cell(table, "%" PRIu64, record->refused_at);
	text_add(table, (struct http_span){ .data = raw.data + at - ahead, .len = ahead });
	text_add(table, (struct http_span){ .data = raw.data + at, .len = from });
}

/* The youngest first. */
static int book_show(struct request *request, enum access_book book)
{
	const struct access_log *log = request->params->access;
	const struct access_record *record;
	struct table table;
	uint64_t unix_us;

	if (request->count > 0)
		return request_fail(request, EINVAL, "this command takes no arguments");
	if (table_init(&table, request->is_json) < 0)
		return -ENOMEM;
	if (book == ACCESS_SLOW)
		table_columns(&table, slow_columns, sizeof(slow_columns) / sizeof(slow_columns[0]));
	else
		table_columns(
			&table, error_columns, sizeof(error_columns) / sizeof(error_columns[0]));
	for (unsigned i = 0;
		log != NULL && (record = access_log_kept(log, book, i, &unix_us)) != NULL; i++) {
		if (book == ACCESS_SLOW)
			slow_add(&table, record, unix_us);
		else
			error_add(&table, record, unix_us);
	}
	if (table_end(&table, request->out) < 0) {
		table_destroy(&table);
		return -ENOMEM;
	}
	table_destroy(&table);
	return 0;
}

int command_show_slow(struct request *request)
{
	return book_show(request, ACCESS_SLOW);
}

int command_show_errors(struct request *request)
{
	return book_show(request, ACCESS_ERRORS);
}
