/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>
#include <string.h>

#include "packet/proxy_header.h"

/* The PROXY protocol in front of clients' connections. */

#define GET "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
#define V1  "PROXY TCP4 192.0.2.9 203.0.113.99 4711 8080\r\n"

static struct ip_prefix from;

static void expect_from(struct world *world, const char *network, enum config_proxy_others others)
{
	assert_int_equal(ip_prefix_parse(network, &from), 0);
	world->services[0].accept_proxy = (struct config_accept_proxy){
		.from = &from,
		.from_count = 1,
		.others = others,
	};
}

static int setup(void **state)
{
	world_setup(state);
	expect_from(*state, "198.51.100.0/24", CONFIG_PROXY_OTHERS_REFUSE);
	return 0;
}

static const struct l7_counters *counters(const struct world *world)
{
	return l7_counters(world->l7);
}

static void takes_the_address_of_version_1(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	const char *head = world->servers[MEMBER_C].head;

	world_exchange(client, V1 GET, "\nC\n");
	assert_non_null(strstr(head, "X-Forwarded-For: 192.0.2.9\r\n"));
	assert_null(strstr(head, WORLD_CLIENT));
	/* Once a connection: the next request is one. */
	world_exchange(client, GET, "\nC\n");
	assert_non_null(strstr(head, "X-Forwarded-For: 192.0.2.9\r\n"));
	assert_int_equal(counters(world)->proxy_accepted, 1);
	client_free(client);
}

static void takes_the_address_of_version_2(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);
	struct proxy_header header = { .tuple = { .protocol = IPPROTO_TCP } };
	uint8_t bytes[PROXY_HEADER_MAX];
	struct ip_prefix address;
	size_t len;

	assert_int_equal(ip_prefix_parse("2001:db8::77/128", &address), 0);
	header.tuple.src = address.addr;
	assert_int_equal(ip_prefix_parse("2001:db8::1/128", &address), 0);
	header.tuple.dst = address.addr;
	len = proxy_header_write(&header, 2, bytes, sizeof(bytes));
	assert_true(len > 0);
	client_send_bytes(client, bytes, len);
	world_exchange(client, GET, "\nC\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: 2001:db8::77\r\n"));
	client_free(client);
}

/* A health check of the proxy ahead, or a request of its own. */
static void keeps_the_senders_address_when_it_is_local(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	world_exchange(client, "PROXY UNKNOWN\r\n" GET, "\nC\n");
	assert_non_null(
		strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: " WORLD_CLIENT "\r\n"));
	assert_int_equal(counters(world)->proxy_accepted, 1);
	client_free(client);
}

static void takes_a_header_byte_by_byte(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	for (const char *c = V1; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		client_send(client, one);
		world_run(world, 1);
	}
	world_exchange(client, GET, "\nC\n");
	assert_non_null(strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: 192.0.2.9\r\n"));
	client_free(client);
}

static void cuts_without_a_header(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, GET);
	world_run(world, 50);
	assert_true(client->is_closed);
	assert_int_equal(client->reason, TCP_CLOSED_RESET);
	assert_int_equal(client->total, 0);
	assert_int_equal(counters(world)->proxy_missing, 1);
	assert_int_equal(counters(world)->proxy_malformed, 0);
	assert_int_equal(counters(world)->requests, 0);
	client_free(client);
}

static void cuts_a_broken_header(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "PROXY TCP4 192.0.2.999 203.0.113.99 4711 8080\r\n" GET);
	world_run(world, 50);
	assert_true(client->is_closed);
	assert_int_equal(counters(world)->proxy_malformed, 1);
	assert_int_equal(counters(world)->proxy_missing, 0);
	assert_int_equal(counters(world)->requests, 0);
	client_free(client);
}

static void cuts_a_header_that_does_not_come(void **state)
{
	struct world *world = *state;
	struct client *client = client_open(world, 80);

	client_send(client, "PROXY TCP4 192.0.2.9");
	world_run(world, 900);
	assert_false(client->is_closed);
	world_run(world, 300);
	assert_true(client->is_closed);
	assert_int_equal(counters(world)->proxy_timeout, 1);
	client_free(client);
}

static void refuses_others(void **state)
{
	struct world *world = *state;
	struct client *client;

	expect_from(world, "192.0.2.0/24", CONFIG_PROXY_OTHERS_REFUSE);
	client = client_open(world, 80);
	client_send(client, V1 GET);
	world_run(world, 50);
	assert_true(client->is_closed);
	assert_int_equal(counters(world)->proxy_refused, 1);
	assert_int_equal(counters(world)->conns_refused, 1);
	assert_int_equal(counters(world)->requests, 0);
	client_free(client);
}

/* The client cannot choose its address: to us its header is a request, and none that is valid. */
static void serves_others_directly(void **state)
{
	struct world *world = *state;
	struct client *client;

	expect_from(world, "192.0.2.0/24", CONFIG_PROXY_OTHERS_DIRECT);
	client = client_open(world, 80);
	world_exchange(client, GET, "\nC\n");
	assert_non_null(
		strstr(world->servers[MEMBER_C].head, "X-Forwarded-For: " WORLD_CLIENT "\r\n"));
	world_exchange(client, V1 GET, "HTTP/1.1 400 ");
	assert_int_equal(counters(world)->proxy_accepted, 0);
	client_free(client);
}

#define PROXY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROXY_TEST(takes_the_address_of_version_1),
		PROXY_TEST(takes_the_address_of_version_2),
		PROXY_TEST(keeps_the_senders_address_when_it_is_local),
		PROXY_TEST(takes_a_header_byte_by_byte),
		PROXY_TEST(cuts_without_a_header),
		PROXY_TEST(cuts_a_broken_header),
		PROXY_TEST(cuts_a_header_that_does_not_come),
		PROXY_TEST(refuses_others),
		PROXY_TEST(serves_others_directly),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
