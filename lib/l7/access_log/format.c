/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log. What clients sent is escaped: it cannot become a line or a field more.
 */
#include <inttypes.h>
#include <time.h>

#include "l7/access_log.h"

#define US_PER_S 1000000

struct line {
	FILE *out;
	const struct access_record *record;
	uint64_t unix_us;
};

static void put_escaped(FILE *out, struct http_span text, const char *form)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(out, form, c);
		else
			fputc(c, out);
	}
}

static void put_text(const struct line *line, enum access_text text)
{
	fputc('"', line->out);
	put_escaped(line->out, access_text(line->record, text), "\\u%04x");
	fputc('"', line->out);
}

static void put_endpoint(const struct line *line, const struct ip_addr *address, uint16_t port)
{
	char text[IP_ENDPOINT_MAX];

	fprintf(line->out, "\"%s\"", ip_endpoint_format(address, port, text));
}

static void put_duration(const struct line *line, uint32_t us)
{
	if (us == ACCESS_NEVER)
		fputs("null", line->out);
	else
		fprintf(line->out, "%" PRIu32, us);
}

static void put_time(const struct line *line)
{
	time_t seconds = (time_t)(line->unix_us / US_PER_S);
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	fprintf(line->out, "\"%s.%06uZ\"", text, (unsigned)(line->unix_us % US_PER_S));
}

static void put_version(const struct line *line)
{
	unsigned version = line->record->version;

	if (version == 0)
		fputs("\"\"", line->out);
	else if (version == 20)
		fputs("\"2\"", line->out);
	else
		fprintf(line->out, "\"%u.%u\"", version / 10, version % 10);
}

static const char *const hedge_words[] = { "", "lost", "won" };

static void put_field(const struct line *line, enum config_access_field field)
{
	const struct access_record *record = line->record;

	switch (field) {
	case CONFIG_ACCESS_time:
		put_time(line);
		break;
	case CONFIG_ACCESS_client:
		put_endpoint(line, &record->client, record->client_port);
		break;
	case CONFIG_ACCESS_vip:
		put_endpoint(line, &record->vip, record->vip_port);
		break;
	case CONFIG_ACCESS_version:
		put_version(line);
		break;
	case CONFIG_ACCESS_status:
		fprintf(line->out, "%u", record->status);
		break;
	case CONFIG_ACCESS_bytes_in:
		fprintf(line->out, "%" PRIu64, record->bytes_in);
		break;
	case CONFIG_ACCESS_bytes_out:
		fprintf(line->out, "%" PRIu64, record->bytes_out);
		break;
	case CONFIG_ACCESS_ending:
		fprintf(line->out, "\"%s\"", l7_ending_name(record->ending));
		break;
	case CONFIG_ACCESS_code:
		fprintf(line->out, "\"%s\"", l7_ending_code(record->ending));
		break;
	case CONFIG_ACCESS_refusal:
		fprintf(line->out, "\"%s\"",
			record->refusal == 0 ? "" : http_refusal_name(record->refusal));
		break;
	case CONFIG_ACCESS_tries:
		fprintf(line->out, "%u", record->tries);
		break;
	case CONFIG_ACCESS_hedge:
		fprintf(line->out, "\"%s\"", hedge_words[record->hedge]);
		break;
	default:
		break;
	}
}

static bool put_duration_field(const struct line *line, enum config_access_field field)
{
	const struct access_record *record = line->record;

	switch (field) {
	case CONFIG_ACCESS_handshake_us:
		put_duration(line, record->handshake_us);
		return true;
	case CONFIG_ACCESS_header_us:
		put_duration(line, record->header_us);
		return true;
	case CONFIG_ACCESS_queue_us:
		put_duration(line, record->queue_us);
		return true;
	case CONFIG_ACCESS_connect_us:
		put_duration(line, record->connect_us);
		return true;
	case CONFIG_ACCESS_first_us:
		put_duration(line, record->first_us);
		return true;
	case CONFIG_ACCESS_total_us:
		put_duration(line, record->total_us);
		return true;
	default:
		return false;
	}
}

/* Fields that are texts of the record, plus one; 0: another kind. */
static const uint8_t texts[CONFIG_ACCESS_COUNT] = {
	[CONFIG_ACCESS_service] = ACCESS_SERVICE + 1,
	[CONFIG_ACCESS_method] = ACCESS_METHOD + 1,
	[CONFIG_ACCESS_host] = ACCESS_HOST + 1,
	[CONFIG_ACCESS_target] = ACCESS_TARGET + 1,
	[CONFIG_ACCESS_route] = ACCESS_ROUTE + 1,
	[CONFIG_ACCESS_pool] = ACCESS_POOL + 1,
	[CONFIG_ACCESS_member] = ACCESS_MEMBER + 1,
	[CONFIG_ACCESS_user_agent] = ACCESS_USER_AGENT + 1,
	[CONFIG_ACCESS_referer] = ACCESS_REFERER + 1,
	[CONFIG_ACCESS_sni] = ACCESS_SNI + 1,
	[CONFIG_ACCESS_tls] = ACCESS_TLS + 1,
	[CONFIG_ACCESS_request_id] = ACCESS_REQUEST_ID + 1,
	[CONFIG_ACCESS_trace_id] = ACCESS_TRACE_ID + 1,
};

static const char *const names[CONFIG_ACCESS_COUNT] = {
#define ACCESS_FIELD(name, help) [CONFIG_ACCESS_##name] = #name,
#include "conf/access_field.def"
#undef ACCESS_FIELD
};

static void format_json(const struct line *line, unsigned fields)
{
	const char *comma = "{";

	for (unsigned i = 0; i < CONFIG_ACCESS_COUNT; i++) {
		if ((fields & 1u << i) == 0)
			continue;
		fprintf(line->out, "%s\"%s\":", comma, names[i]);
		comma = ",";
		if (texts[i] > 0)
			put_text(line, (enum access_text)(texts[i] - 1));
		else if (!put_duration_field(line, (enum config_access_field)i))
			put_field(line, (enum config_access_field)i);
	}
	fputc('}', line->out);
}

/* A text in quotes of its own, or "-". */
static void put_log_text(const struct line *line, enum access_text text)
{
	struct http_span span = access_text(line->record, text);

	if (span.len == 0)
		fputc('-', line->out);
	else
		put_escaped(line->out, span, "\\x%02x");
}

static void put_request(const struct line *line)
{
	unsigned version = line->record->version;

	if (version == 0) {
		fputs("\"-\"", line->out);
		return;
	}
	if (line->record->lens[ACCESS_METHOD] == 0) {
		fputs("\"<BADREQ>\"", line->out);
		return;
	}
	fputc('"', line->out);
	put_log_text(line, ACCESS_METHOD);
	fputc(' ', line->out);
	put_log_text(line, ACCESS_TARGET);
	fprintf(line->out, " HTTP/%u.%u\"", version / 10, version % 10);
}

static int ms(uint32_t us)
{
	return us == ACCESS_NEVER ? -1 : (int)(us / 1000);
}

/* What `option tcplog` has behind the member: waited, connected, total. */
static void put_connection(const struct line *line)
{
	const struct access_record *record = line->record;

	fprintf(line->out, " %d/%d/%d %" PRIu64 " %s 0/0/0/0/%u 0/0", ms(record->queue_us),
		ms(record->connect_us), ms(record->total_us), record->bytes_out,
		l7_ending_code(record->ending), record->tries > 0 ? record->tries - 1u : 0u);
}

/* As `option httplog` has it; counts of connections and queues are not kept here, and 0. */
static void format_haproxy(const struct line *line)
{
	const struct access_record *record = line->record;
	time_t seconds = (time_t)(line->unix_us / US_PER_S);
	char address[IP_TEXT_MAX], date[40];
	struct tm tm;

	strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S", gmtime_r(&seconds, &tm));
	fprintf(line->out, "%s:%u [%s.%03u] ", ip_format(&record->client, address),
		record->client_port, date, (unsigned)(line->unix_us % US_PER_S / 1000));
	put_log_text(line, ACCESS_SERVICE);
	fputc(' ', line->out);
	put_log_text(line, ACCESS_POOL);
	fputc('/', line->out);
	put_log_text(line, ACCESS_MEMBER);
	if (record->version == 0) {
		put_connection(line);
		return;
	}
	fprintf(line->out, " %d/%d/%d/%d/%d %u %" PRIu64 " - - %s-- 0/0/0/0/%u 0/0 ",
		ms(record->header_us), ms(record->queue_us), ms(record->connect_us),
		ms(record->first_us), ms(record->total_us), record->status, record->bytes_out,
		l7_ending_code(record->ending), record->tries > 0 ? record->tries - 1u : 0u);
	put_request(line);
}

/* Apache's and nginx's "combined". */
static void format_combined(const struct line *line)
{
	const struct access_record *record = line->record;
	time_t seconds = (time_t)(line->unix_us / US_PER_S);
	char address[IP_TEXT_MAX], date[40];
	struct tm tm;

	strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&seconds, &tm));
	fprintf(line->out, "%s - - [%s] ", ip_format(&record->client, address), date);
	put_request(line);
	fprintf(line->out, " %u %" PRIu64 " \"", record->status, record->bytes_out);
	put_log_text(line, ACCESS_REFERER);
	fputs("\" \"", line->out);
	put_log_text(line, ACCESS_USER_AGENT);
	fputc('"', line->out);
}

void access_format(FILE *out, const struct config_access_log *config,
	const struct access_record *record, uint64_t unix_us)
{
	const struct line line = { .out = out, .record = record, .unix_us = unix_us };

	switch (config->format) {
	case CONFIG_ACCESS_HAPROXY:
		format_haproxy(&line);
		break;
	case CONFIG_ACCESS_COMBINED:
		format_combined(&line);
		break;
	default:
		format_json(&line, config->fields);
	}
}
