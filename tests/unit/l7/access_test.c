/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "l7/access_log.h"

/* Records of requests, lines made of them, and what happens when nobody takes them. */

#define ALL ((1u << CONFIG_ACCESS_COUNT) - 1)

struct logged {
	struct access_log *log;
	struct world *world;
	char path[64];
	char text[65536]; /* of the file */
};

static struct logged logged;

static void configure(const struct config_access_log *config)
{
	struct err err;

	logged.world->config.access_log = *config;
	assert_int_equal(access_log_configure(logged.log, config, &err), 0);
}

static int setup(void **state)
{
	int fd;

	strcpy(logged.path, "/tmp/penstock-access-XXXXXX");
	fd = mkstemp(logged.path);
	assert_true(fd >= 0);
	close(fd);
	logged.log = access_log_create(1);
	logged.world = world_create(
		&(struct world_options){ .access = access_log_ring(logged.log, 0) });
	configure(&(struct config_access_log){
		.to = CONFIG_ACCESS_TO_FILE, .file = logged.path, .fields = ALL, .slow_ms = 1000 });
	*state = logged.world;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(logged.world);
	access_log_destroy(logged.log);
	unlink(logged.path);
	return 0;
}

static const char *lines(const char *path)
{
	FILE *in = fopen(path, "r");
	size_t len;

	access_log_poll(logged.log, logged.world->now_us);
	assert_non_null(in);
	len = fread(logged.text, 1, sizeof(logged.text) - 1, in);
	logged.text[len] = '\0';
	fclose(in);
	return logged.text;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("%s is not in %s", part, text);
}

static void writes_what_a_request_was(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *text;

	world_exchange(client,
		"POST /one?q=\"x HTTP/1.1\r\nHost: A.test:80\r\nUser-Agent: u\\a\r\n"
		"Referer: r\xe9\r\nContent-Length: 3\r\n\r\nabc",
		"\nC\n");
	world_run(world, 5);
	text = lines(logged.path);
	assert_has(text, "\"client\":\"" WORLD_CLIENT ":");
	assert_has(text,
		"\"vip\":\"" WORLD_VIP ":80\",\"service\":\"web\",\"method\":\"POST\","
		"\"host\":\"a.test\",\"target\":\"/one?q=\\u0022x\",\"version\":\"1.1\","
		"\"status\":200,\"bytes_in\":3,\"bytes_out\":2,\"ending\":\"complete\","
		"\"code\":\"--\",\"refusal\":\"\",\"route\":\"/one\",\"pool\":\"other\","
		"\"member\":\"192.0.2.13\",\"tries\":1,\"hedge\":\"\",\"handshake_us\":null,\"header_us\":0,"
		"\"queue_us\":0,\"connect_us\":2");
	assert_has(text, "\"user_agent\":\"u\\u005ca\",\"referer\":\"r\\u00e9\"");
	assert_int_equal(text[strlen(text) - 1], '\n');
	client_free(client);
}

static void has_other_formats(void **state)
{
	static const struct {
		enum config_access_format format;
		const char *line;
	} rows[] = {
		{ CONFIG_ACCESS_HAPROXY,
			" web other/192.0.2.13 0/0/0/0/0 200 2 - - ---- "
			"0/0/0/0/0 0/0 \"GET /one HTTP/1.1\"\n" },
		{ CONFIG_ACCESS_COMBINED, " +0000] \"GET /one HTTP/1.1\" 200 2 \"-\" \"agent\"\n" },
		{ CONFIG_ACCESS_JSON, "{\"status\":200}\n" },
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client *client = client_open(world, 80);

		configure(&(struct config_access_log){ .to = CONFIG_ACCESS_TO_FILE,
			.file = logged.path,
			.format = rows[i].format,
			.fields = 1u << CONFIG_ACCESS_status,
			.slow_ms = 1000 });
		world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\nUser-Agent: agent\r\n\r\n",
			"\nC\n");
		world_run(world, 5);
		assert_has(lines(logged.path), rows[i].line);
		client_free(client);
	}
}

static void opens_the_file_anew(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	char moved[80];
	struct err err;

	world_exchange(client, "GET /one?1 HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_run(world, 5);
	access_log_poll(logged.log, world->now_us);
	snprintf(moved, sizeof(moved), "%s.1", logged.path);
	assert_int_equal(rename(logged.path, moved), 0);
	assert_int_equal(access_log_reopen(logged.log, &err), 0);
	world_exchange(client, "GET /one?2 HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_run(world, 5);
	assert_has(lines(logged.path), "?2");
	assert_null(strstr(lines(logged.path), "?1"));
	assert_has(lines(moved), "?1");
	unlink(moved);
	client_free(client);
}

static void a_bad_file_changes_nothing(void **state)
{
	const struct config_access_log bad = { .to = CONFIG_ACCESS_TO_FILE, .file = "/none/x" };
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct err err;

	assert_true(access_log_configure(logged.log, &bad, &err) < 0);
	assert_non_null(strstr(err.text, "/none/x"));
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_run(world, 5);
	assert_has(lines(logged.path), "/one");
	client_free(client);
}

/* Malformed and slow ones are kept without any lines; fast ones make no records then. */
static void keeps_the_malformed_and_the_slow(void **state)
{
	static const char bad[] = "GET /one HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n";
	const struct access_record *record;
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	uint64_t unix_us;

	configure(&(struct config_access_log){ .slow_ms = 300 });
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_exchange(client, bad, "HTTP/1.1 400 ");
	world_run(world, 10);
	client_free(client);
	client = client_open(world, 80);
	world->servers[MEMBER_C].is_holding = true;
	client_send(client, "GET /one/slow HTTP/1.1\r\nHost: a\r\n\r\n");
	world_run(world, 1500);
	access_log_poll(logged.log, world->now_us);
	record = access_log_kept(logged.log, ACCESS_ERRORS, 0, &unix_us);
	assert_non_null(record);
	assert_int_equal(record->refusal, HTTP_REFUSED_header_name);
	assert_int_equal(record->status, 400);
	assert_int_equal(access_text(record, ACCESS_RAW).data[record->raw_at], ' ');
	assert_int_equal(record->raw_at, strchr(strstr(bad, "X Y"), ' ') - bad);
	assert_null(access_log_kept(logged.log, ACCESS_ERRORS, 1, &unix_us));
	record = access_log_kept(logged.log, ACCESS_SLOW, 0, &unix_us);
	assert_non_null(record);
	assert_int_equal(record->ending, L7_ENDED_member_timeout);
	assert_int_equal(record->first_us, ACCESS_NEVER);
	assert_in_range(record->total_us, 1000000, 1100000);
	assert_null(access_log_kept(logged.log, ACCESS_SLOW, 1, &unix_us));
	client_free(client);
}

static void loses_and_counts_when_nobody_reads(void **state)
{
	struct world *world = *state;
	struct access_ring *ring = access_log_ring(logged.log, 0);
	struct access_record *record = calloc(1, ACCESS_RECORD_MAX);
	struct client *client = client_open(world, 80);
	unsigned filled = 0, taken = 0;

	*record = (struct access_record){ .bytes = 1000, .total_us = 5 };
	while (access_ring_put(ring, record))
		filled++;
	assert_true(filled > 1000);
	record->bytes = 200;
	while (access_ring_put(ring, record))
		filled++;
	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_run(world, 5);
	assert_int_equal(l7_counters(world->l7)->access_lost, 1);
	configure(&(struct config_access_log){ .slow_ms = 1 });
	access_log_poll(logged.log, world->now_us);
	/* It goes on around the end of the memory, with all sizes. */
	for (record->bytes = sizeof(*record); taken < 20000; taken++) {
		assert_true(access_ring_put(ring, record));
		record->bytes = record->bytes < 4000 ? record->bytes + 8 : sizeof(*record);
		if (taken % 64 == 0)
			access_log_poll(logged.log, world->now_us);
	}
	free(record);
	client_free(client);
}

/* What came out of the log as datagrams. */
static struct {
	size_t room;
	bool is_refusing;
	unsigned count;
	uint16_t port;
	struct ip_addr dst;
	char text[8192];
} carried;

static size_t carry_room(void *ctx, const struct ip_addr *dst)
{
	(void)ctx;
	carried.dst = *dst;
	return carried.room;
}

static bool carry(void *ctx, const struct ip_addr *dst, uint16_t port, const char *data, size_t len)
{
	(void)ctx;
	(void)dst;
	assert_true(len < sizeof(carried.text));
	memcpy(carried.text, data, len);
	carried.text[len] = '\0';
	carried.port = port;
	carried.count += !carried.is_refusing;
	return !carried.is_refusing;
}

static void ask_once(struct world *world)
{
	struct client *client = client_open(world, 80);

	world_exchange(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n", "\nC\n");
	world_run(world, 5);
	access_log_poll(logged.log, world->now_us);
	client_free(client);
}

static void sends_datagrams_to_syslog(void **state)
{
	struct config_access_log config = {
		.to = CONFIG_ACCESS_TO_SYSLOG,
		.fields = 1u << CONFIG_ACCESS_status | 1u << CONFIG_ACCESS_target,
		.slow_ms = 1000,
		.syslog = { .port = 5514, .facility = 17, .tag = "edge" },
	};
	const struct access_counters *counters = access_log_counters(logged.log);
	struct world *world = *state;
	char process[80];

	assert_int_equal(ip_parse("192.0.2.9", &config.syslog.address), 0);
	configure(&config);
	ask_once(world);
	assert_int_equal(counters->lines_lost, 1);
	memset(&carried, 0, sizeof(carried));
	access_log_carry(logged.log, &(struct access_carrier){ .room = carry_room, .send = carry });
	ask_once(world);
	assert_int_equal(counters->lines_lost, 2);
	carried.room = 1400;
	ask_once(world);
	assert_int_equal(carried.count, 1);
	assert_int_equal(carried.port, 5514);
	assert_true(ip_equal(&carried.dst, &config.syslog.address));
	assert_true(strncmp(carried.text, "<142>1 ", 7) == 0);
	snprintf(process, sizeof(process), " edge %d access - {\"target\":\"/one\",\"status\":200}",
		(int)getpid());
	assert_has(carried.text, process);
	assert_int_equal(carried.text[strlen(carried.text) - 1], '}');
	carried.is_refusing = true;
	ask_once(world);
	assert_int_equal(counters->lines_lost, 3);
	carried.is_refusing = false;
	carried.room = 20;
	ask_once(world);
	assert_int_equal(strlen(carried.text), 20);
	assert_int_equal(counters->lines_cut, 1);
	config.syslog.format = CONFIG_SYSLOG_RFC3164;
	carried.room = 1400;
	configure(&config);
	ask_once(world);
	snprintf(process, sizeof(process), " edge[%d]: {\"target\"", (int)getpid());
	assert_has(carried.text, process);
	assert_int_equal(counters->lines, 3);
}

#define LONG_LINE (2990 * 6 + sizeof("{\"target\":\"\"}\n") - 1)

/* A pipe that has room for a part of a line must not stop anybody, nor mix lines. */
static void a_full_pipe_costs_lines_and_no_time(void **state)
{
	struct world *world = *state;
	const struct access_counters *counters = access_log_counters(logged.log);
	struct access_ring *ring = access_log_ring(logged.log, 0);
	struct access_record *record = calloc(1, ACCESS_RECORD_MAX);
	int saved = dup(STDOUT_FILENO), ends[2];
	size_t len = 0;
	ssize_t got;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	configure(&(struct config_access_log){ .to = CONFIG_ACCESS_TO_STDOUT,
		.fields = 1u << CONFIG_ACCESS_target,
		.slow_ms = 1000 });
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(ends[1]);
	/* 2990 bytes, each written as six: 64 KB have room for three such lines and a part. */
	record->lens[ACCESS_TARGET] = 2990;
	memset(record->texts, 1, 2990);
	record->bytes = (uint32_t)((sizeof(*record) + 2990 + 7) / 8 * 8);
	for (unsigned i = 0; i < 8; i++)
		assert_true(access_ring_put(ring, record));
	access_log_poll(logged.log, world->now_us);
	assert_int_equal(counters->lines, 4);
	assert_int_equal(counters->lines_lost, 4);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		while ((got = read(ends[0], logged.text, sizeof(logged.text))) > 0) {
			for (ssize_t i = 0; i < got; i++, len++)
				assert_int_equal(
					logged.text[i] == '\n', len % LONG_LINE == LONG_LINE - 1);
		}
		if (turn == 0)
			assert_true(access_ring_put(ring, record));
		access_log_poll(logged.log, world->now_us);
	}
	assert_int_equal(counters->lines, 5);
	assert_int_equal(len, 5 * LONG_LINE);
	configure(&(struct config_access_log){ .to = CONFIG_ACCESS_TO_NONE, .slow_ms = 1000 });
	close(ends[0]);
	free(record);
}

#define ACCESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACCESS_TEST(writes_what_a_request_was),
		ACCESS_TEST(has_other_formats),
		ACCESS_TEST(opens_the_file_anew),
		ACCESS_TEST(a_bad_file_changes_nothing),
		ACCESS_TEST(keeps_the_malformed_and_the_slow),
		ACCESS_TEST(loses_and_counts_when_nobody_reads),
		ACCESS_TEST(sends_datagrams_to_syslog),
		ACCESS_TEST(a_full_pipe_costs_lines_and_no_time),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
