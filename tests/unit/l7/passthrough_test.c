/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <limits.h>
#include <string.h>

/* Connections that are passed on as they are, by their ClientHello or without a look. */

#define NAME_A "other.test"

static const char *alpns[] = { "h2" };
static struct config_l7_route by_alpn;

struct hello {
	uint8_t bytes[512];
	size_t len;
};

static void put(struct hello *hello, const void *bytes, size_t len)
{
	memcpy(hello->bytes + hello->len, bytes, len);
	hello->len += len;
}

static void put_u16(struct hello *hello, size_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(hello, bytes, sizeof(bytes));
}

/* A record with a ClientHello for a name, and for a protocol of ALPN or NULL. */
static struct hello hello_make(const char *name, const char *alpn)
{
	struct hello hello = { .len = 0 };
	size_t name_len = strlen(name), alpn_len = alpn == NULL ? 0 : strlen(alpn);
	size_t extensions = 9 + name_len + (alpn == NULL ? 0 : 7 + alpn_len);
	size_t message = 2 + 32 + 1 + 4 + 2 + 2 + extensions;
	const uint8_t zeros[33] = { 0 }, alpn_byte = (uint8_t)alpn_len;

	put(&hello, "\x16\x03\x01", 3);
	put_u16(&hello, 4 + message);
	put(&hello, "\x01\x00", 2);
	put_u16(&hello, message);
	put_u16(&hello, 0x0303);
	put(&hello, zeros, sizeof(zeros));
	put(&hello, "\x00\x02\x13\x01\x01\x00", 6);
	put_u16(&hello, extensions);
	put_u16(&hello, 0);
	put_u16(&hello, 5 + name_len);
	put_u16(&hello, 3 + name_len);
	put(&hello, "", 1);
	put_u16(&hello, name_len);
	put(&hello, name, name_len);
	if (alpn == NULL)
		return hello;
	put_u16(&hello, 16);
	put_u16(&hello, 3 + alpn_len);
	put_u16(&hello, 1 + alpn_len);
	put(&hello, &alpn_byte, 1);
	put(&hello, alpn, alpn_len);
	return hello;
}

static void mode_set(struct world *world, enum config_mode mode)
{
	struct config_service *service = &world->services[0];

	service->mode = mode;
	service->passthrough = (struct config_passthrough){
		.hello_timeout_ms = 1000,
		.max_hello_bytes = 1024,
		.idle_timeout_ms = 3000,
		.half_closed_timeout_ms = 1000,
		.close_timeout_ms = 300,
	};
	world->routes[0] = (struct config_l7_route){ .host = NAME_A, .pool = POOL_OTHER };
	by_alpn = (struct config_l7_route){ .host = "alpn.test", .pool = POOL_OTHER };
	by_alpn.alpns = alpns;
	by_alpn.alpn_count = 1;
	world->routes[1] = by_alpn;
	world->routes[2] = (struct config_l7_route){ .host = "*.empty.test", .pool = POOL_EMPTY };
	service->route_count = 3;
	for (unsigned i = 0; i < MEMBER_COUNT; i++)
		world->servers[i].is_raw = true;
	world_publish(world, true);
}

static int setup(void **state)
{
	world_setup(state);
	mode_set(*state, CONFIG_MODE_TLS_PASSTHROUGH);
	return 0;
}

static int setup_tcp(void **state)
{
	struct world *world;

	world_setup(state);
	world = *state;
	world->services[0].pool = POOL_OTHER;
	mode_set(world, CONFIG_MODE_TCP);
	world->services[0].route_count = 0;
	world_publish(world, true);
	return 0;
}

static const struct l7_counters *counters(const struct world *world)
{
	return l7_counters(world->l7);
}

static uint64_t ended(const struct world *world, enum l7_ending ending)
{
	return l7_ending_counts(world->l7)[ending];
}

/* All of the hello comes back: nothing was added, lost or changed. */
static void expect_echo(struct client *client, const struct hello *hello)
{
	for (unsigned i = 0; i < 100 && client->received_len < hello->len; i++)
		world_run(client->world, 1);
	assert_int_equal(client->received_len, hello->len);
	assert_memory_equal(client->received, hello->bytes, hello->len);
}

static void expect_alert(struct client *client, uint8_t description)
{
	const uint8_t alert[] = { 21, 3, 1, 0, 2, 2, description };

	world_run(client->world, 50);
	assert_int_equal(client->received_len, sizeof(alert));
	assert_memory_equal(client->received, alert, sizeof(alert));
	assert_true(client->is_eof);
}

static void routes_by_name(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make(NAME_A, NULL);
	struct client *client = client_open(world, 80);

	client_send_bytes(client, hello.bytes, hello.len);
	expect_echo(client, &hello);
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	client_clear(client);
	world_exchange(client, "what follows", "what follows");
	client_free(client);
	assert_int_equal(counters(world)->passthrough_opened, 1);
	assert_int_equal(counters(world)->passthrough_closed, 1);
	assert_int_equal(counters(world)->requests, 0);
}

/* Of every cut, and in single bytes. */
static void takes_a_hello_in_pieces(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make(NAME_A, "h2");

	for (size_t cut = 0; cut < hello.len; cut++) {
		struct client *client = client_open(world, 80);

		if (cut > 0)
			client_send_bytes(client, hello.bytes, cut);
		world_run(world, 2);
		assert_int_equal(client->received_len, 0);
		client_send_bytes(client, hello.bytes + cut, hello.len - cut);
		expect_echo(client, &hello);
		client_free(client);
	}
	for (unsigned i = 0; i < 1; i++) {
		struct client *client = client_open(world, 80);

		for (size_t at = 0; at < hello.len; at++) {
			client_send_bytes(client, hello.bytes + at, 1);
			world_run(world, 1);
		}
		expect_echo(client, &hello);
		client_free(client);
	}
}

static void routes_by_protocol(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make("alpn.test", "h2");
	struct client *client = client_open(world, 80);

	client_send_bytes(client, hello.bytes, hello.len);
	expect_echo(client, &hello);
	client_free(client);
	hello = hello_make("alpn.test", "http/1.1");
	client = client_open(world, 80);
	client_send_bytes(client, hello.bytes, hello.len);
	expect_alert(client, 120);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_no_route), 1);
}

static void refuses_unknown_names(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make("nobody.test", NULL);
	struct client *client = client_open(world, 80);

	client_send_bytes(client, hello.bytes, hello.len);
	expect_alert(client, 112);
	client_free(client);
	assert_int_equal(counters(world)->no_route, 1);
}

static void sends_others_to_the_default(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make("nobody.test", NULL);
	struct client *client;

	world->services[0].pool = POOL_MAIN;
	world_publish(world, true);
	client = client_open(world, 80);
	client_send_bytes(client, hello.bytes, hello.len);
	expect_echo(client, &hello);
	client_free(client);
	assert_int_equal(world->servers[MEMBER_A].accepted + world->servers[MEMBER_B].accepted, 1);
}

static void tells_of_no_member(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make("x.empty.test", NULL);
	struct client *client = client_open(world, 80);

	client_send_bytes(client, hello.bytes, hello.len);
	expect_alert(client, 80);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_no_member), 1);
}

static void tries_another_member(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make("nobody.test", NULL);

	world->services[0].pool = POOL_MAIN;
	world->servers[MEMBER_A].is_refusing = true;
	world_publish(world, true);
	for (unsigned i = 0; i < 4; i++) {
		struct client *client = client_open(world, 80);

		client_send_bytes(client, hello.bytes, hello.len);
		expect_echo(client, &hello);
		client_free(client);
	}
	assert_int_equal(world->servers[MEMBER_B].accepted, 4);
	assert_true(world_member_counters(world, MEMBER_A).connect_failures > 0);
	world->servers[MEMBER_B].is_refusing = true;
	{
		struct client *client = client_open(world, 80);

		client_send_bytes(client, hello.bytes, hello.len);
		expect_alert(client, 80);
		client_free(client);
	}
	assert_int_equal(ended(world, L7_ENDED_connect_refused), 1);
}

static void refuses_what_is_no_hello(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_alert(client, 50);
	client_free(client);
	assert_int_equal(counters(world)->hello_invalid, 1);
	assert_int_equal(ended(world, L7_ENDED_hello), 1);
	assert_int_equal(world->servers[MEMBER_C].accepted, 0);
}

static void refuses_what_is_too_long(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	uint8_t bytes[2000] = { 0x16, 3, 1, 0x20, 0, 1, 0, 0x1f, 0xfc };

	client_send_bytes(client, bytes, 1023);
	world_run(world, 20);
	assert_int_equal(client->received_len, 0);
	client_send_bytes(client, bytes + 1023, 1);
	expect_alert(client, 50);
	client_free(client);
	assert_int_equal(counters(world)->hello_too_long, 1);
}

static void refuses_half_a_hello(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make(NAME_A, NULL);
	struct client *client = client_open(world, 80);

	client->is_closing = true;
	client_send_bytes(client, hello.bytes, hello.len - 1);
	expect_alert(client, 50);
	client_free(client);
	assert_int_equal(counters(world)->hello_truncated, 1);
}

static void cuts_a_slow_hello(void **state)
{
	struct world *world = *state;
	struct hello hello = hello_make(NAME_A, NULL);
	struct client *client = client_open(world, 80);

	client_send_bytes(client, hello.bytes, 20);
	world_run(world, 950);
	assert_false(client->is_closed);
	world_run(world, 100);
	assert_true(client->is_closed);
	client_free(client);
	assert_int_equal(counters(world)->hello_timeout, 1);
	assert_int_equal(ended(world, L7_ENDED_client_slow), 1);
}

/* A look at whether somebody is there. */
static void thinks_nothing_of_a_client_that_says_nothing(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_run(world, 5);
	client->is_closing = true;
	client_send(client, "");
	world_run(world, 50);
	assert_true(client->is_closed || client->is_eof);
	client_free(client);
	assert_int_equal(counters(world)->passthrough_opened, 0);
	assert_int_equal(counters(world)->hello_timeout, 0);
}

static struct client *tcp_client(struct world *world)
{
	struct client *client = client_open(world, 80);

	world_exchange(client, "ping", "ping");
	return client;
}

static void connects_without_a_word(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_run(world, 20);
	assert_int_equal(world->servers[MEMBER_C].accepted, 1);
	client_free(client);
}

/* The client has ended; what is on its way back still comes. */
static void halves_close_by_themselves(void **state)
{
	struct world *world = *state;
	struct client *client = tcp_client(world);

	client_clear(client);
	client->is_closing = true;
	client_send(client, "last words");
	assert_true(world_expect(client, "last words", 50));
	world_run(world, 50);
	assert_true(client->is_eof);
	assert_int_equal(world->servers[MEMBER_C].eofs, 1);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_complete), 1);
}

static void holds_back_for_a_reader_that_stands_still(void **state)
{
	struct world *world = *state;
	struct client *client = tcp_client(world);
	struct tcp_usage usage;
	uint64_t total;

	client->total = 0;
	client->is_paused = true;
	client_generate(client, 3000000);
	world_run(world, 500);
	tcp_usage(l7_tcp(world->l7), &usage);
	assert_true(usage.mbufs_held * 1448ull < 2000000);
	assert_true(client->generate_left > 0);
	client_resume(client);
	for (unsigned i = 0; i < 100 && client->total < 3000000; i++)
		world_run(world, 100);
	total = client->total;
	client_free(client);
	assert_int_equal(total, 3000000);
}

static void ends_what_is_idle(void **state)
{
	struct world *world = *state;
	struct client *client = tcp_client(world);

	world_run(world, 2900);
	assert_false(client->is_eof);
	world_run(world, 200);
	assert_true(client->is_eof);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_tunnel_idle), 1);
}

static void passes_resets_on(void **state)
{
	struct world *world = *state;
	struct client *client = tcp_client(world);

	client_abort(client);
	world_run(world, 20);
	assert_int_equal(world->servers[MEMBER_C].open, 0);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_client_aborted), 1);
}

static void resets_without_a_member(void **state)
{
	struct world *world = *state;
	struct client *client;

	world->servers[MEMBER_C].is_refusing = true;
	client = client_open(world, 80);
	world_run(world, 50);
	assert_true(client->is_closed);
	assert_int_equal(client->reason, TCP_CLOSED_RESET);
	client_free(client);
}

/* The service has gone: what moves may go on, what is quiet ends. */
static void leaves_when_it_is_quiet(void **state)
{
	struct world *world = *state;
	struct client *client = tcp_client(world);

	world->config.service_count = 0;
	world_publish(world, true);
	for (unsigned i = 0; i < 5; i++) {
		world_run(world, 200);
		world_exchange(client, "still", "still");
	}
	assert_false(client->is_eof);
	world_run(world, 400);
	assert_true(client->is_eof);
	client_free(client);
	assert_int_equal(ended(world, L7_ENDED_drained), 1);
	world->config.service_count = 1;
	world_publish(world, true);
}

/* What waits for a member when another configuration comes is not taken for requests. */
static void does_not_go_on_as_something_else(void **state)
{
	struct world *world = *state;
	struct client *client;

	world->servers[MEMBER_C].is_silent = true;
	client = client_open(world, 80);
	client_send(client, "bytes");
	world_run(world, 50);
	world->services[0].mode = CONFIG_MODE_L7;
	world_publish(world, true);
	world_run(world, 2000);
	assert_true(client->is_closed);
	client_free(client);
	assert_int_equal(counters(world)->requests, 0);
	assert_int_equal(ended(world, L7_ENDED_no_service), 1);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
#define TCP_TEST(name) cmocka_unit_test_setup_teardown(name, setup_tcp, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(routes_by_name),
		TLS_TEST(takes_a_hello_in_pieces),
		TLS_TEST(routes_by_protocol),
		TLS_TEST(refuses_unknown_names),
		TLS_TEST(sends_others_to_the_default),
		TLS_TEST(tells_of_no_member),
		TLS_TEST(tries_another_member),
		TLS_TEST(refuses_what_is_no_hello),
		TLS_TEST(refuses_what_is_too_long),
		TLS_TEST(refuses_half_a_hello),
		TLS_TEST(cuts_a_slow_hello),
		TLS_TEST(thinks_nothing_of_a_client_that_says_nothing),
		TCP_TEST(connects_without_a_word),
		TCP_TEST(halves_close_by_themselves),
		TCP_TEST(holds_back_for_a_reader_that_stands_still),
		TCP_TEST(ends_what_is_idle),
		TCP_TEST(passes_resets_on),
		TCP_TEST(resets_without_a_member),
		TCP_TEST(leaves_when_it_is_quiet),
		TCP_TEST(does_not_go_on_as_something_else),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
