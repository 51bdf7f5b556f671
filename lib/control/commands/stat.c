/* SPDX-License-Identifier: Apache-2.0 */
/* show stat: rows as CSV in HAProxy's dialect, or as JSON. */
#include "stat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define STAT(name, help) #name,
#include "control/stat.def"
#undef STAT
};

/* Which rows are wanted; HAProxy's numbers. */
#define WANT_FRONTENDS 1
#define WANT_BACKENDS  2
#define WANT_SERVERS   4
#define WANT_ALL       7

struct printer {
	FILE *out;
	bool is_json;
	bool has_rows;
	const char *name; /* of a service or pool; NULL: any */
	long iid, sid;    /* -1: any */
	long types;
};

/* RFC 4180, as HAProxy does it: quotes only where they are needed. */
static void csv_text(FILE *out, const char *text)
{
	if (text[strcspn(text, ",\"\n\r")] == '\0') {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
	}
	fputc('"', out);
}

/* Every column ends in a comma, the last one too. */
static void csv_row(struct printer *printer, const struct stat_row *row)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const struct stat_value *value = &row->values[i];

		if (value->kind == STAT_NUMBER)
			fprintf(printer->out, "%" PRIu64, value->number);
		else if (value->kind == STAT_TEXT)
			csv_text(printer->out, value->text);
		fputc(',', printer->out);
	}
	fputc('\n', printer->out);
}

static void json_row(struct printer *printer, const struct stat_row *row)
{
	bool is_first = true;

	fputs(printer->has_rows ? ",\n  {" : "\n  {", printer->out);
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const struct stat_value *value = &row->values[i];

		if (value->kind == STAT_EMPTY)
			continue;
		fprintf(printer->out, "%s\"%s\": ", is_first ? "" : ", ", names[i]);
		if (value->kind == STAT_NUMBER)
			fprintf(printer->out, "%" PRIu64, value->number);
		else
			table_json_string(printer->out, value->text);
		is_first = false;
	}
	fputc('}', printer->out);
}

static void row_print(struct printer *printer, const struct stat_row *row)
{
	if (printer->sid >= 0 && row->values[STAT_sid].number != (uint64_t)printer->sid)
		return;
	if (printer->is_json)
		json_row(printer, row);
	else
		csv_row(printer, row);
	printer->has_rows = true;
}

static bool is_wanted(const struct printer *printer, const char *name, unsigned iid)
{
	if (printer->name != NULL)
		return strcmp(printer->name, name) == 0;
	return printer->iid < 0 || (unsigned long)printer->iid == iid;
}

static void services_print(struct printer *printer, const struct service_table *services)
{
	unsigned count = service_table_count(services);
	struct stat_row row;

	for (unsigned i = 0; i < count && (printer->types & WANT_FRONTENDS) != 0; i++) {
		const struct service *service = service_table_at(services, i);

		if (!is_wanted(printer, service->identity->name, i + 1))
			continue;
		stat_service_fill(&row, service, i + 1);
		row_print(printer, &row);
	}
}

static void pool_print(
	struct printer *printer, const struct pool *pool, unsigned iid, uint64_t now_us)
{
	struct stat_row row;

	for (unsigned i = 0; i < pool->count && (printer->types & WANT_SERVERS) != 0; i++) {
		stat_member_fill(&row, pool, i, iid, now_us);
		row_print(printer, &row);
	}
	if ((printer->types & WANT_BACKENDS) == 0)
		return;
	stat_pool_fill(&row, pool, iid, now_us);
	row_print(printer, &row);
}

static void header_print(FILE *out)
{
	fputs("# ", out);
	for (unsigned i = 0; i < STAT_COUNT; i++)
		fprintf(out, "%s,", names[i]);
	fputc('\n', out);
}

static int long_parse(const char *text, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || *value < -1 ? -EINVAL : 0;
}

static int arguments_parse(struct request *request, struct printer *printer)
{
	if (request->count == 0)
		return 0;
	if (request->count != 3)
		return request_fail(request, EINVAL, "name or id, type and server id; -1 for all");
	if (long_parse(request->words[0], &printer->iid) < 0)
		printer->name = request->words[0];
	if (long_parse(request->words[1], &printer->types) < 0)
		return request_fail(
			request, EINVAL, "a type is a number, not \"%.40s\"", request->words[1]);
	if (long_parse(request->words[2], &printer->sid) < 0)
		return request_fail(request, EINVAL, "a server id is a number, not \"%.40s\"",
			request->words[2]);
	return 0;
}

int command_show_stat(struct request *request)
{
	struct printer printer = { .out = request->out,
		.is_json = request->is_json,
		.iid = -1,
		.sid = -1,
		.types = WANT_ALL };
	const struct snapshot *snapshot = request_snapshot(request);
	unsigned service_count = service_table_count(snapshot->services);
	int ret = arguments_parse(request, &printer);

	if (ret < 0)
		return ret;
	if (request->is_json)
		fputc('[', request->out);
	else
		header_print(request->out);
	services_print(&printer, snapshot->services);
	for (unsigned i = 0; i < snapshot->backends->count; i++) {
		const struct pool *pool = snapshot->backends->pools[i];

		if (is_wanted(&printer, pool->name, service_count + i + 1))
			pool_print(&printer, pool, service_count + i + 1, request_now_us(request));
	}
	if (request->is_json)
		fputs(printer.has_rows ? "\n]\n" : "]\n", request->out);
	return 0;
}
