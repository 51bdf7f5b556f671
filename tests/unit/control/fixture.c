/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doubles.h"
#include "tls/ocsp.h"
#include "tls/tls.h"

struct fixture fixture;

static char *answer;

static const struct config_pool pool_configs[2] = {
	{ .name = "postgres",
		.balance = CONFIG_BALANCE_MAGLEV,
		.health = { .type = CONFIG_HEALTH_TCP, .rise = 2, .fall = 3 } },
	{ .name = "payments", .balance = CONFIG_BALANCE_LEAST_REQUESTS },
};
static struct member *postgres_members[] = { &fixture.members[0], &fixture.members[1] };
static struct member *payments_members[] = { &fixture.members[2] };
static struct pool_core pool_cores[2] = {
	{ .counters = { .tries = 0 } },
	{ .counters = { .tries = 44,
		  .tries_done = 40,
		  .queued = 3,
		  .queued_done = 2,
		  .queue_full = 2,
		  .retries = 7,
		  .retries_good = 5,
		  .limit_budget = 2,
		  .retries_unsafe = 1 } },
};
static struct pool_identity identities[2] = {
	{ .name = "postgres", .core_count = 1, .cores = &pool_cores[0] },
	{ .name = "payments", .core_count = 1, .cores = &pool_cores[1] },
};
static struct pool pools[2] = {
	{ .config = &pool_configs[0],
		.identity = &identities[0],
		.name = "postgres",
		.members = postgres_members,
		.count = 2,
		.usable = 1 },
	{ .config = &pool_configs[1],
		.identity = &identities[1],
		.name = "payments",
		.members = payments_members,
		.count = 1,
		.usable = 1 },
};
static struct pool *pool_list[] = { &pools[0], &pools[1] };
static const struct backend_set backends = { .pools = pool_list, .count = 2 };
static char config_text[] = "{\n\n  \"pools\": {}\n\r\n}\n";
static struct config_port config_ports[] = { { .name = "wan" } };
static struct config config = { .path = "penstock.json",
	.text = config_text,
	.ports = config_ports,
	.port_count = 1,
	.max_connections = 1000,
	.memory = { .packet_buffers = 65536 } };
static struct snapshot snapshot = { .generation = 7, .config = &config, .backends = &backends };

static const struct snapshot *take_snapshot(void *ctx)
{
	assert_ptr_equal(ctx, &fixture);
	snapshot.config_generation = fixture.config_generation;
	snapshot.services = doubles_services();
	return &snapshot;
}

static int reload(void *ctx, struct config_errors *errors)
{
	assert_ptr_equal(ctx, &fixture);
	if (fixture.reload_result < 0) {
		config_error(errors, "penstock.json", 14, "services[2].listen",
			"port 70000 is out of range (1-65535)");
		config_error(errors, "penstock.json", 20, "pools.a", "no members");
		return fixture.reload_result;
	}
	fixture.config_generation++;
	return 0;
}

/* A file with the running services' "db", and pools of which one is new. */
static struct config *config_read(void *ctx, const char *path, struct config_errors *errors)
{
	static struct config_pool pools_next[] = {
		{ .name = "postgres", .balance = CONFIG_BALANCE_MAGLEV },
		{ .name = "fresh", .balance = CONFIG_BALANCE_LEAST_REQUESTS },
	};
	static struct config_service services_next[] = {
		{ .name = "db", .port = 5432, .protocol = 6, .mode = CONFIG_MODE_L4 },
	};
	static struct config next = {
		.seed = "",
		.pools = pools_next,
		.pool_count = 2,
		.services = services_next,
	};

	assert_ptr_equal(ctx, &fixture);
	if (strcmp(path, "/bad.json") == 0) {
		config_error(errors, path, 3, "pools.a", "no members");
		return NULL;
	}
	assert_string_equal(path, "/next.json");
	assert_int_equal(ip_parse("192.0.2.100", &services_next[0].address), 0);
	next.service_count = fixture.is_plan_empty ? 0 : 1;
	return &next;
}

static int pool_changed(void *ctx, unsigned pool_index)
{
	assert_ptr_equal(ctx, &fixture);
	fixture.pool_changed_count++;
	fixture.pool_changed_index = pool_index;
	return fixture.pool_changed_result;
}

static const struct core *core_at(void *ctx, unsigned index)
{
	assert_ptr_equal(ctx, &fixture);
	return index < FIXTURE_CORES ? &fixture.cores[index] : NULL;
}

static int call(void *ctx, unsigned core, void (*fn)(struct control_worker *worker, void *arg),
	void *arg, unsigned timeout_ms)
{
	/* Only their being there counts. */
	struct control_worker worker = {
		.core = &fixture.cores[core],
		.l4 = core == 0 ? (const void *)&fixture : NULL,
		.l7 = core == 1 ? (const void *)&fixture : NULL,
		.neigh = core == 0 ? (const void *)&fixture : NULL,
		.now_us = fixture.now_us,
	};

	assert_ptr_equal(ctx, &fixture);
	assert_true(core < FIXTURE_CORES);
	assert_true(timeout_ms > 0 && timeout_ms <= 1000);
	if (core == fixture.silent_core)
		return -ETIMEDOUT;
	fn(&worker, arg);
	return 0;
}

static bool port_at(void *ctx, unsigned index, struct control_port_info *info)
{
	assert_ptr_equal(ctx, &fixture);
	*info = (struct control_port_info){ .name = "wan",
		.device = "net_af_xdp0,iface=lb0",
		.driver = "net_af_xdp",
		.mac = { 2, 0, 0, 0, 0, 0xaa },
		.mtu = 1500,
		.is_up = true,
		.rx_packets = 10,
		.rx_bytes = 640,
		.rx_missed = 1,
		.rx_errors = 2,
		.tx_packets = 20,
		.tx_bytes = 1280,
		.tx_errors = 3,
		.bond = "pair",
		.role = "active",
		.lacp = "distributing",
		.partner = { 2, 0, 0, 0, 0, 0xbb },
		.failovers = 4 };
	return index == 0;
}

static uint64_t now_us(void *ctx)
{
	assert_ptr_equal(ctx, &fixture);
	return fixture.now_us;
}

static void shut_down(void *ctx)
{
	assert_ptr_equal(ctx, &fixture);
	fixture.shutdown_count++;
}

/* Nowhere but in the fixture's folder: fuzzers call this. */
static int file_create(void *ctx, const char *path)
{
	int fd;

	assert_ptr_equal(ctx, &fixture);
	if (fixture.capture_path[0] == '\0' || strcmp(path, fixture.capture_path) != 0)
		return -EACCES;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -errno : fd;
}

static const struct tls_store *certificates(void *ctx)
{
	assert_ptr_equal(ctx, &fixture);
	return fixture.certificates;
}

static int certificates_replace(void *ctx, struct tls_store *store, struct err *err)
{
	assert_ptr_equal(ctx, &fixture);
	(void)err;
	tls_store_destroy(fixture.certificates);
	fixture.certificates = store;
	fixture.certificates_replaced++;
	return 0;
}

/* No worker runs. */
static void staple_retire(void *ctx, struct tls_staple *staple)
{
	assert_ptr_equal(ctx, &fixture);
	tls_staple_destroy(staple);
}

static const struct control_ops ops = {
	.staple_retire = staple_retire,
	.snapshot = take_snapshot,
	.certificates = certificates,
	.certificates_replace = certificates_replace,
	.reload = reload,
	.config_read = config_read,
	.pool_changed = pool_changed,
	.core = core_at,
	.call = call,
	.port = port_at,
	.now_us = now_us,
	.file_create = file_create,
	.shutdown = shut_down,
};

static void member_make(unsigned index, const char *pool, const char *name)
{
	struct member *member = &fixture.members[index];

	*member = (struct member){ .name = name,
		.pool_name = pool,
		.id = index + 1,
		.weight = 1,
		.config_weight = 1,
		.core_count = 1,
		.cores = &fixture.member_counters[index] };
	assert_int_equal(ip_endpoint_parse(name, &member->address, &member->port), 0);
}

static void figures_make(void)
{
	member_make(0, "postgres", "198.51.100.10:5432");
	member_make(1, "postgres", "198.51.100.11:5432");
	member_make(2, "payments", "198.51.100.20:8080");
	fixture.members[0].health = MEMBER_UP;
	fixture.members[0].checks = 50;
	fixture.members[0].weight = 4;
	fixture.members[0].config_weight = 4;
	fixture.members[0].changed_at_us = fixture.now_us - 90000000;
	strcpy(fixture.members[0].check_detail, "connected");
	fixture.members[1].health = MEMBER_DOWN;
	fixture.members[1].checks = 50;
	fixture.members[1].checks_failed = 3;
	fixture.members[1].downs = 1;
	fixture.members[1].changed_at_us = fixture.now_us - 5000000;
	strcpy(fixture.members[1].check_detail, "connection refused");
	fixture.member_counters[0] = (struct member_counters){
		.conns_opened = 12, .conns_closed = 2, .bytes_in = 1000, .bytes_out = 9000
	};
	fixture.member_counters[1] = (struct member_counters){ .conns_opened = 5,
		.conns_closed = 5,
		.bytes_in = 10,
		.bytes_out = 20,
		.connect_failures = 1 };
	fixture.member_counters[2] = (struct member_counters){ .conns_opened = 3,
		.conns_closed = 1,
		.requests = 40,
		.requests_done = 39,
		.responses_2xx = 30,
		.responses_4xx = 8,
		.responses_5xx = 1,
		.response_failures = 1,
		.retries = 2,
		.bytes_in = 70,
		.bytes_out = 80 };
	fixture.service_counters[0] = (struct service_counters){ .conns_opened = 17,
		.conns_closed = 7,
		.bytes_in = 1010,
		.bytes_out = 9020,
		.drops = 4 };
	fixture.service_counters[1] = (struct service_counters){ .conns_opened = 6,
		.conns_closed = 5,
		.requests = 44,
		.responses_2xx = 30,
		.responses_4xx = 12,
		.responses_5xx = 2,
		.denied_requests = 3,
		.tls_handshakes = 6,
		.bytes_in = 71,
		.bytes_out = 81 };
	fixture.cores[0] = (struct core){ .index = 0,
		.cpu = 1,
		.l4_index = 0,
		.l7_index = -1,
		.counters = { .busy_cycles = 2500,
			.idle_cycles = 7500,
			.loops = 100,
			.sleeps = 9,
			.rx_packets = 10,
			.tx_packets = 11,
			.ring_out_packets = 5 } };
	fixture.cores[1] = (struct core){ .index = 1,
		.cpu = 2,
		.l4_index = -1,
		.l7_index = 0,
		.counters = { .ring_in_packets = 5 } };
	fixture.cores[0].drops.counts[DROP_no_service] = 3;
	fixture.cores[1].drops.counts[DROP_no_service] = 4;
	fixture.cores[1].drops.counts[DROP_tcp_invalid] = 70;
}

int fixture_setup(void **state)
{
	struct config with_socket = { .stats = { .socket = fixture.socket, .socket_mode = 0600 } };
	struct control_params params = { .ops = &ops, .ctx = &fixture, .started_us = 1000000 };
	struct err err;

	(void)state;
	fixture = (struct fixture){ .now_us = 93784000000ull,
		.config_generation = 2,
		.silent_core = UINT32_MAX,
		.l4_conn_count = 2 };
	strcpy(fixture.folder, "/tmp/penstock-control-XXXXXX");
	assert_non_null(mkdtemp(fixture.folder));
	snprintf(fixture.socket, sizeof(fixture.socket), "%s/s.sock", fixture.folder);
	figures_make();
	fixture.stats = stats_registry_create();
	fixture.access = access_log_create(1);
	params.access = fixture.access;
	assert_non_null(fixture.stats);
	for (unsigned i = 0; i < FIXTURE_CORES; i++)
		assert_int_equal(stats_registry_add(fixture.stats, &core_stats_set, i,
					 &fixture.cores[i].counters),
			0);
	params.stats = fixture.stats;
	fixture.certificates = tls_store_create(4, NULL);
	fixture.control = control_create(&params, &with_socket, &err);
	return fixture.control != NULL ? 0 : -1;
}

int fixture_teardown(void **state)
{
	(void)state;
	control_destroy(fixture.control);
	tls_store_destroy(fixture.certificates);
	stats_registry_destroy(fixture.stats);
	access_log_destroy(fixture.access);
	free(answer);
	answer = NULL;
	if (fixture.capture_path[0] != '\0')
		unlink(fixture.capture_path);
	/* The socket file is gone: the folder is empty. */
	return rmdir(fixture.folder);
}

const char *fixture_ask(const char *line)
{
	size_t len;
	FILE *out;

	free(answer);
	answer = NULL;
	out = open_memstream(&answer, &len);
	assert_non_null(out);
	control_run(fixture.control, line, out);
	assert_int_equal(fclose(out), 0);
	assert_true(len > 0);
	assert_int_equal(answer[len - 1], '\n');
	answer[len - 1] = '\0';
	return answer;
}

void fixture_answer(const char *line, const char *expected)
{
	assert_string_equal(fixture_ask(line), expected);
}

void fixture_answer_has(const char *line, const char *part)
{
	const char *text = fixture_ask(line);

	if (strstr(text, part) == NULL)
		fail_msg("%s: \"%s\" is not in: %s", line, part, text);
}
