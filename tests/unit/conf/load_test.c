/* SPDX-License-Identifier: Apache-2.0 */
/* Good configurations: every field, and every default. */
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_support.h"

static void assert_address(const struct ip_addr *addr, const char *expected)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_format(addr, text), expected);
}

static void test_full_system(void **state)
{
	struct config *config = conf_load(conf_full);

	(void)state;
	assert_string_equal(config->path, "c.json");
	assert_int_equal(strlen(config->text), strlen(conf_full));
	assert_string_equal(config->seed, "blue");
	assert_int_equal(config->cores.control, 7);
	assert_int_equal(config->cores.l4_count, 2);
	assert_int_equal(config->cores.l4[1], 2);
	assert_int_equal(config->cores.l7_count, 3);
	assert_int_equal(config->cores.l7[2], 4);
	assert_int_equal(config->cores.idle, CONFIG_IDLE_POLL);
	assert_int_equal(config->cores.idle_after_us, 5);
	assert_int_equal(config->cores.idle_sleep_us, 6);
	assert_int_equal(config->memory.pages, CONFIG_MEMORY_NORMAL);
	assert_int_equal(config->memory.size_mb, 512);
	assert_int_equal(config->memory.packet_buffers, 8192);
	assert_int_equal(config->tcp.congestion, CONFIG_CONGESTION_NEWRENO);
	assert_int_equal(config->tcp.ecn, CONFIG_ECN_REQUEST);
	assert_true(config->tcp.nagle && config->tcp.pacing);
	assert_int_equal(config->tcp.user_timeout_ms, 1001);
	assert_int_equal(config->tcp.keepalive_ms, 1002);
	assert_int_equal(config->tcp.keepalive_interval_ms, 1003);
	assert_int_equal(config->tcp.keepalive_count, 4);
	assert_int_equal(config->tcp.time_wait_ms, 1005);
	assert_int_equal(config->tcp.send_buffer, 16386);
	assert_int_equal(config->tcp.receive_window, 16387);
	assert_int_equal(config->tcp.receive_window_max, 16389);
	assert_int_equal(config->tcp.max_half_open, 68);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_string_equal(config->stats.socket, "/tmp/p.sock");
	assert_int_equal(config->stats.socket_mode, 0600);
	assert_string_equal(config->stats.socket_group, "adm");
	assert_int_equal(config->local_port_min, 20000);
	assert_int_equal(config->local_port_max, 30000);
	assert_int_equal(config->max_connections, 4096);
	assert_int_equal(config->maglev_size, 4093);
	assert_int_equal(config->drain_timeout_ms, 0);
	assert_true(config->has_announce);
	assert_int_equal(config->announce.table, 7);
	assert_int_equal(config->announce.protocol, 99);
	assert_int_equal(config->announce.when, CONFIG_ANNOUNCE_ANY);
	config_destroy(config);
}

static void test_full_network(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0x0a, 0x0b, 0xff };
	struct config *config = conf_load(conf_full);
	const struct config_port *wan = &config->ports[0];

	(void)state;
	assert_int_equal(config->port_count, 9);
	assert_string_equal(wan->name, "wan");
	assert_string_equal(wan->device, "0000:3b:00.0");
	assert_int_equal(wan->address_count, 2);
	assert_address(&wan->addresses[1].addr, "2001:db8::2");
	assert_int_equal(wan->addresses[1].prefix_len, 64);
	assert_int_equal(wan->mtu, 9000);
	assert_int_equal(wan->rx_descriptors, 512);
	assert_int_equal(wan->tx_descriptors, 256);
	assert_true(wan->promiscuous);
	assert_string_equal(wan->kernel_interface, "kwan");
	assert_null(config->ports[1].kernel_interface);
	assert_null(config->ports[2].device);
	assert_string_equal(config->ports[2].parent_name, "wan");
	assert_int_equal(config->ports[2].parent, 0);
	assert_int_equal(config->ports[2].vlan, 30);
	assert_int_equal(config->ports[2].mtu, 9000);
	assert_true(config->ports[0].is_trunk && !config->ports[1].is_trunk);
	assert_int_equal(wan->line, 9);
	assert_int_equal(config->ports[1].line, 12);
	assert_int_equal(config->route_count, 3);
	assert_int_equal(config->routes[0].port, 0);
	assert_int_equal(config->routes[1].port, 1);
	assert_int_equal(config->routes[2].port, 0);
	assert_int_equal(config->routes[1].to.prefix_len, 24);
	assert_address(&config->routes[1].to.addr, "203.0.113.0");
	assert_address(&config->routes[1].via, "198.51.100.9");
	assert_int_equal(config->routes[1].line, 14);
	assert_int_equal(config->neighbor_count, 1);
	assert_int_equal(config->neighbors[0].port, 1);
	assert_address(&config->neighbors[0].address, "198.51.100.10");
	assert_memory_equal(config->neighbors[0].mac, mac, sizeof(mac));
	assert_int_equal(config->neighbor_timeout_ms, 1000);
	assert_int_equal(config->local_address_count, 2);
	assert_address(&config->local_addresses[0], "198.51.100.2");
	config_destroy(config);
}

static void test_full_bonds(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_port *pair = &config->ports[7];
	const struct config_port *lag = &config->ports[8];

	(void)state;
	assert_false(config->ports[0].has_bond || config->ports[0].is_member);
	for (unsigned i = 3; i <= 6; i++) {
		assert_true(config->ports[i].is_member && !config->ports[i].has_bond);
		assert_int_equal(config->ports[i].bond_index, i < 5 ? 7 : 8);
	}
	assert_true(pair->has_bond && !pair->is_member);
	assert_null(pair->device);
	assert_int_equal(pair->bond.mode, CONFIG_BOND_ACTIVE_BACKUP);
	assert_int_equal(pair->bond.member_count, 2);
	assert_int_equal(pair->bond.members[0], 4);
	assert_int_equal(pair->bond.members[1], 3);
	assert_int_equal(pair->bond.primary, 1);
	assert_int_equal(pair->bond.up_delay_ms, 70);
	assert_int_equal(lag->bond.mode, CONFIG_BOND_LACP);
	assert_int_equal(lag->bond.primary, -1);
	assert_int_equal(lag->bond.hash, CONFIG_BOND_LAYER23);
	assert_int_equal(lag->bond.lacp_rate, CONFIG_LACP_SLOW);
	config_destroy(config);
}

static void test_full_pools(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_pool *pool = &config->pools[1];

	(void)state;
	assert_int_equal(config->pool_count, 4);
	assert_string_equal(pool->name, "postgres");
	assert_int_equal(pool->balance, CONFIG_BALANCE_SOURCE_HASH);
	assert_int_equal(pool->member_count, 2);
	assert_string_equal(pool->members[0].name, "198.51.100.10:5432");
	assert_int_equal(pool->members[0].weight, 1);
	assert_int_equal(pool->members[0].port, 5432);
	assert_address(&pool->members[0].address, "198.51.100.10");
	assert_string_equal(pool->members[1].name, "pg-b");
	assert_int_equal(pool->members[1].weight, 2);
	assert_int_equal(pool->members[1].line, 31);
	assert_int_equal(pool->health.type, CONFIG_HEALTH_HTTP);
	assert_int_equal(pool->health.interval_ms, 900);
	assert_int_equal(pool->health.timeout_ms, 800);
	assert_int_equal(pool->health.rise, 4);
	assert_int_equal(pool->health.fall, 5);
	assert_string_equal(pool->health.path, "/health?x");
	assert_string_equal(pool->health.host, "pg:80");
	assert_int_equal(pool->health.expect, 0);
	assert_int_equal(pool->connect_timeout_ms, 1);
	assert_int_equal(pool->response_timeout_ms, 2);
	assert_int_equal(pool->idle_timeout_ms, 3);
	assert_int_equal(pool->max_idle_connections, 0);
	assert_int_equal(pool->slow_start_ms, 7);
	assert_int_equal(pool->second_chance_ms, 8);
	assert_int_equal(pool->members[0].quic_id.len, 0);
	assert_int_equal(pool->members[1].quic_id.len, 2);
	assert_int_equal(pool->members[1].quic_id.bytes[0], 0x0a);
	assert_int_equal(pool->members[1].quic_id.bytes[1], 0xf1);
	assert_string_equal(config->pools[2].members[0].name, "[2001:db8::10]:80");
	/* The default time-out gives way to a shorter interval. */
	assert_int_equal(config->pools[2].health.timeout_ms, 50);
	config_destroy(config);
}

/* What they do not say is as the service has it; a CRL goes with its authorities. */
static void check_hosts(const struct config_service *web)
{
	const struct config_tls_host *old = &web->tls_hosts[0], *x = &web->tls_hosts[1];

	assert_int_equal(web->tls_host_count, 2);
	assert_string_equal(old->joined_names, "old.example *.old.example");
	assert_int_equal(old->policy.min_version, 0x0303);
	assert_int_equal(old->policy.max_version, 0x0304);
	assert_int_equal(old->policy.ciphers, 2);
	assert_int_equal(old->policy.alpn, CONFIG_ALPN_HTTP1);
	assert_int_equal(old->policy.client_auth, CONFIG_CLIENT_AUTH_REQUIRED);
	assert_string_equal(strrchr(old->policy.client_ca, '/'), "/other.pem");
	assert_null(old->policy.client_crl);
	assert_int_equal(old->policy.client_depth, 3);
	assert_string_equal(x->joined_names, "x");
	assert_int_equal(x->policy.min_version, 0x0304);
	assert_int_equal(x->policy.client_auth, CONFIG_CLIENT_AUTH_NONE);
}

static void test_full_services(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_service *db = &config->services[0];
	const struct config_service *web = &config->services[1];
	const struct config_service *dns = &config->services[2];

	(void)state;
	assert_int_equal(config->service_count, 4);
	assert_string_equal(db->name, "db");
	assert_address(&db->address, "192.0.2.100");
	assert_int_equal(db->port, 5432);
	assert_int_equal(db->protocol, IPPROTO_UDP);
	assert_int_equal(db->mode, CONFIG_MODE_L4);
	assert_int_equal(db->forward, CONFIG_FORWARD_FULL_NAT);
	assert_int_equal(db->hash, CONFIG_HASH_QUIC_CID);
	assert_int_equal(db->affinity.timeout_ms, 1003);
	assert_int_equal(db->affinity.prefix4, 24);
	assert_int_equal(db->affinity.prefix6, 64);
	assert_int_equal(db->quic.layout, CONFIG_QUIC_LB);
	assert_int_equal(db->quic.server_id_bytes, 2);
	assert_int_equal(db->quic.config_id, 3);
	assert_int_equal(db->pool, 1);
	assert_int_equal(db->tcp_idle_timeout_ms, 1001);
	assert_int_equal(db->udp_idle_timeout_ms, 1002);
	assert_int_equal(db->sctp_idle_timeout_ms, 1003);
	assert_false(db->is_tls);
	assert_false(db->is_stateless);
	assert_int_equal(db->oversize, CONFIG_OVERSIZE_FRAGMENT);
	assert_int_equal(db->gue_port, 6080);
	assert_int_equal(db->outer_source.addr.halves[1], 0);
	assert_int_equal(dns->forward, CONFIG_FORWARD_DSR_GUE);
	assert_true(dns->is_stateless);
	assert_int_equal(dns->oversize, CONFIG_OVERSIZE_DROP);
	assert_int_equal(dns->gue_variant, 1);
	assert_int_equal(dns->gue_port, 6081);
	assert_address(&dns->outer_source.addr, "198.51.100.128");
	assert_int_equal(dns->outer_source.prefix_len, 25);
	assert_address(&web->address, "2001:db8::100");
	assert_int_equal(web->protocol, IPPROTO_TCP);
	assert_int_equal(web->mode, CONFIG_MODE_L7);
	assert_int_equal(web->pool, 2);
	assert_true(web->is_tls);
	assert_int_equal(web->certificate_count, 2);
	assert_int_equal(web->certificates[0], 1);
	assert_int_equal(web->certificates[1], 0);
	assert_int_equal(web->tls_policy.min_version, 0x0304);
	assert_int_equal(web->tls_policy.alpn, CONFIG_ALPN_HTTP1);
	assert_int_equal(web->tls_policy.max_version, 0x0304);
	assert_int_equal(web->tls_policy.ciphers, 2);
	assert_int_equal(web->tls_unknown_names, 1);
	assert_int_equal(web->tls_policy.client_auth, CONFIG_CLIENT_AUTH_REQUIRED);
	assert_string_equal(strrchr(web->tls_policy.client_ca, '/'), "/ca.pem");
	assert_string_equal(web->tls_policy.client_crl, "/etc/crl.pem");
	assert_int_equal(web->tls_policy.client_depth, 3);
	assert_string_equal(strrchr(web->tls_ticket_keys, '/'), "/tickets");
	assert_string_equal(web->tls_key_log, "/tmp/log");
	check_hosts(web);
	assert_int_equal(web->route_count, 11);
	assert_string_equal(web->routes[0].host, "*.example.com");
	assert_string_equal(web->routes[0].path, "/a");
	assert_int_equal(web->routes[0].path_kind, CONFIG_PATH_PREFIX);
	assert_int_equal(web->routes[0].pool, 2);
	assert_null(web->routes[1].host);
	assert_int_equal(web->routes[1].path_kind, CONFIG_PATH_EXACT);
	assert_int_equal(web->routes[1].pool, 0);
	assert_int_equal(web->http.header_timeout_ms, 1);
	assert_int_equal(web->http.max_target_bytes, 70);
	assert_true(web->http.max_body_bytes == INT64_MAX);
	assert_true(web->trust_forwarded);
	assert_int_equal(web->request_id.mode, CONFIG_REQUEST_ID_TRUST);
	assert_string_equal(web->request_id.header, "X-Id");
	assert_int_equal(web->request_id.from_count, 1);
	assert_int_equal(web->trace_context, CONFIG_TRACE_CONTEXT_MAKE);
	assert_int_equal(web->accept_proxy.from_count, 2);
	assert_int_equal(web->accept_proxy.from[0].prefix_len, 25);
	assert_int_equal(web->accept_proxy.from[1].prefix_len, 32);
	assert_int_equal(web->accept_proxy.others, CONFIG_PROXY_OTHERS_DIRECT);
	config_destroy(config);
}

static void test_full_h2(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_service *web = &config->services[1];

	(void)state;
	assert_int_equal(config->pools[0].protocol, CONFIG_PROTOCOL_H1);
	assert_int_equal(config->pools[2].protocol, CONFIG_PROTOCOL_H2);
	assert_false(web->prior_knowledge);
	assert_int_equal(web->h2.max_streams, 1);
	assert_int_equal(config->access_log.to, CONFIG_ACCESS_TO_FILE);
	assert_string_equal(config->access_log.file, "/var/log/penstock.log");
	assert_int_equal(config->access_log.format, CONFIG_ACCESS_HAPROXY);
	assert_int_equal(config->access_log.fields,
		1u << CONFIG_ACCESS_status | 1u << CONFIG_ACCESS_total_us);
	assert_int_equal(config->access_log.slow_ms, 9);
	assert_int_equal(config->access_log.syslog.port, 5514);
	assert_false(ip_is_v4(&config->access_log.syslog.address));
	assert_int_equal(config->access_log.syslog.format, CONFIG_SYSLOG_RFC3164);
	assert_int_equal(config->access_log.syslog.facility, 17);
	assert_string_equal(config->access_log.syslog.tag, "edge");
	assert_int_equal(web->json_body.max_bytes, 9);
	assert_int_equal(web->json_body.max_depth, 8);
	assert_int_equal(web->json_body.max_values, 7);
	assert_int_equal(web->json_body.timeout_ms, 6);
	assert_int_equal(web->json_body.unreadable, CONFIG_UNREADABLE_NO_MATCH);
	assert_false(web->tunnels.websocket);
	assert_int_equal(web->tunnels.idle_timeout_ms, 7);
	assert_int_equal(web->tunnels.close_timeout_ms, 8);
	assert_int_equal(web->h2.stream_window_bytes, 65536);
	assert_int_equal(web->h2.connection_window_bytes, 65537);
	assert_int_equal(web->h2.max_memory_bytes, 262145);
	assert_int_equal(web->h2.max_resets, 2);
	assert_int_equal(web->h2.max_errors, 3);
	assert_int_equal(web->h2.max_continuations, 4);
	assert_int_equal(web->h2.max_settings, 5);
	assert_int_equal(web->h2.max_pings, 6);
	assert_int_equal(web->h2.max_priorities, 7);
	assert_int_equal(web->h2.max_window_updates, 8);
	assert_int_equal(web->h2.max_empty_frames, 9);
	config_destroy(config);
}

static void test_full_matches(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_l7_route *route = &config->services[1].routes[2];
	static const enum config_text_test tests[] = {
		CONFIG_TEXT_EXACT,
		CONFIG_TEXT_PREFIX,
		CONFIG_TEXT_SUFFIX,
		CONFIG_TEXT_CONTAINS,
		CONFIG_TEXT_ABSENT,
	};

	(void)state;
	assert_int_equal(route->path_kind, CONFIG_PATH_TEMPLATE);
	assert_int_equal(route->method_count, 1);
	assert_string_equal(route->methods[0], "GET");
	assert_int_equal(route->headers.count, 5);
	assert_string_equal(route->headers.items[0].name, "x-e");
	assert_string_equal(route->headers.items[0].text, "f");
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(route->headers.items[i].test, tests[i]);
	assert_int_equal(route->query.count, 1);
	assert_int_equal(route->query.items[0].test, CONFIG_TEXT_RANGE);
	assert_int_equal(route->query.items[0].max, 2);
	assert_int_equal(route->cookies.count, 1);
	assert_int_equal(route->cookies.items[0].test, CONFIG_TEXT_EXACT);
	assert_int_equal(route->source_count, 1);
	assert_int_equal(route->sources[0].prefix_len, 24);
	assert_int_equal(route->split_count, 2);
	assert_int_equal(route->splits[0].pool, 2);
	assert_int_equal(route->splits[0].weight, 9);
	assert_int_equal(route->splits[1].weight, 1);
	config_destroy(config);
}

static void test_full_guard(void **state)
{
	struct config *config = conf_load(conf_full);
	const struct config_service *db = &config->services[0];

	(void)state;
	assert_int_equal(config->guard.acl.allow_count, 0);
	assert_int_equal(config->guard.acl.deny_count, 2);
	assert_address(&config->guard.acl.deny[1].addr, "2001:db8:bad::");
	assert_int_equal(config->guard.acl.deny[1].prefix_len, 48);
	assert_int_equal(config->guard.source_check, CONFIG_SOURCE_CHECK_STRICT);
	assert_int_equal(config->guard.ip_options, CONFIG_IP_OPTIONS_PASS);
	assert_int_equal(config->guard.sources, 100);
	assert_int_equal(config->guard.icmp_per_s, 0);
	assert_int_equal(db->acl.allow_count, 1);
	assert_int_equal(db->acl.deny_count, 1);
	assert_int_equal(db->limits.packets_per_s, 1);
	assert_int_equal(db->limits.connections_per_s, 0);
	assert_int_equal(db->limits.source_packets_per_s, 3);
	assert_int_equal(db->limits.burst_ms, 5);
	assert_int_equal(config->services[1].limits.burst_ms, 1000);
	assert_int_equal(config->services[1].limits.connections_per_s, 7);
	assert_int_equal(config->services[1].limits.source_connections_per_s, 8);
	config_destroy(config);
}

/* Inline and by file, in one list; blanks, comments and a missing last newline. */
static void test_acl_files(void **state)
{
	static const char deny[] = "# bad ones\n\n 203.0.113.0/24\r\n\t198.51.100.7 # one\n"
				   "2001:db8::/32#end\n10.0.0.0/8";
	struct config *config;

	(void)state;
	conf_file_write("deny.txt", deny, sizeof(deny) - 1);
	conf_file_write("allow.txt", "", 0);
	config = conf_load("{" CONF_PORTS ", 'guard': {'acl': {'deny': ['192.0.2.128/25'],\n"
			   "'deny_file': 'deny.txt', 'allow_file': 'allow.txt'}}}");
	assert_int_equal(config->guard.acl.allow_count, 0);
	assert_int_equal(config->guard.acl.deny_count, 5);
	assert_address(&config->guard.acl.deny[0].addr, "192.0.2.128");
	assert_address(&config->guard.acl.deny[2].addr, "198.51.100.7");
	assert_int_equal(config->guard.acl.deny[2].prefix_len, 32);
	assert_address(&config->guard.acl.deny[3].addr, "2001:db8::");
	assert_address(&config->guard.acl.deny[4].addr, "10.0.0.0");
	config_destroy(config);
}

static void test_defaults_system(void **state)
{
	struct config *config = conf_load("{" CONF_PORTS "}");
	unsigned first = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;

	(void)state;
	assert_int_equal(config->cores.control, 0);
	assert_int_equal(config->cores.l4_count, 1);
	assert_int_equal(config->cores.l4[0], first);
	assert_int_equal(config->cores.l7_count, 1);
	assert_int_equal(config->cores.l7[0], first);
	assert_int_equal(config->cores.idle, CONFIG_IDLE_ADAPTIVE);
	assert_int_equal(config->cores.idle_after_us, 100);
	assert_int_equal(config->cores.idle_sleep_us, 50);
	assert_int_equal(config->memory.pages, CONFIG_MEMORY_AUTO);
	assert_int_equal(config->memory.size_mb, 0);
	assert_int_equal(config->memory.packet_buffers, 65536);
	assert_int_equal(config->tcp.congestion, CONFIG_CONGESTION_CUBIC);
	assert_int_equal(config->tcp.ecn, CONFIG_ECN_ACCEPT);
	assert_false(config->tcp.nagle || config->tcp.pacing);
	assert_int_equal(config->tcp.user_timeout_ms, 120000);
	assert_int_equal(config->tcp.keepalive_ms, 0);
	assert_int_equal(config->tcp.keepalive_interval_ms, 75000);
	assert_int_equal(config->tcp.keepalive_count, 9);
	assert_int_equal(config->tcp.time_wait_ms, 60000);
	assert_int_equal(config->tcp.send_buffer, 262144);
	assert_int_equal(config->tcp.receive_window, 262144);
	assert_int_equal(config->tcp.receive_window_max, 4194304);
	assert_int_equal(config->tcp.max_half_open, 16384);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_string_equal(config->stats.socket, "/run/penstock/penstock.sock");
	assert_int_equal(config->stats.socket_mode, 0660);
	assert_null(config->stats.socket_group);
	assert_string_equal(config->seed, "");
	assert_int_equal(config->ports[0].mtu, 1500);
	assert_int_equal(config->ports[0].rx_descriptors, 2048);
	assert_int_equal(config->ports[0].tx_descriptors, 1024);
	assert_false(config->ports[0].promiscuous);
	assert_int_equal(config->local_address_count, 1);
	assert_address(&config->local_addresses[0], "192.0.2.2");
	assert_int_equal(config->local_port_min, 1024);
	assert_int_equal(config->local_port_max, 65535);
	assert_int_equal(config->max_connections, 1048576);
	assert_int_equal(config->maglev_size, 65537);
	assert_int_equal(config->drain_timeout_ms, 10000);
	assert_false(config->has_announce);
	assert_int_equal(config->neighbor_timeout_ms, 30000);
	assert_int_equal(config->guard.acl.allow_count + config->guard.acl.deny_count, 0);
	assert_int_equal(config->guard.source_check, CONFIG_SOURCE_CHECK_NONE);
	assert_int_equal(config->guard.ip_options, CONFIG_IP_OPTIONS_DROP);
	assert_int_equal(config->guard.sources, 65536);
	assert_int_equal(config->guard.icmp_per_s, 10000);
	assert_int_equal(config->route_count + config->neighbor_count + config->certificate_count +
			config->pool_count + config->service_count,
		0);
	config_destroy(config);
}

static void test_defaults_services(void **state)
{
	struct config *config = conf_load(
		"{" CONF_PORTS ", 'certificates': [{'name': 'c', 'chain': 'c', 'key': 'k'}],"
		"'pools': {'a': {'members': ['198.51.100.1:80'], 'health': {'type': 'http'}}},"
		"'services': [{'name': 's', 'listen': '192.0.2.9:443/tcp', 'mode': 'l7',"
		"'routes': [{'pool': 'a'}], 'tls': {'certificates': ['c']}}]}");
	const struct config_pool *pool = &config->pools[0];
	const struct config_service *service = &config->services[0];

	(void)state;
	assert_int_equal(pool->balance, CONFIG_BALANCE_MAGLEV);
	assert_int_equal(pool->slow_start_ms, 0);
	assert_int_equal(pool->second_chance_ms, 60000);
	assert_int_equal(pool->health.interval_ms, 2000);
	assert_int_equal(pool->health.timeout_ms, 1000);
	assert_int_equal(pool->health.rise, 2);
	assert_int_equal(pool->health.fall, 3);
	assert_string_equal(pool->health.path, "/");
	assert_null(pool->health.host);
	assert_int_equal(pool->health.expect, 200);
	assert_int_equal(pool->connect_timeout_ms, 3000);
	assert_int_equal(pool->response_timeout_ms, 30000);
	assert_int_equal(pool->idle_timeout_ms, 60000);
	assert_int_equal(pool->max_idle_connections, 64);
	assert_int_equal(service->pool, UINT_MAX);
	assert_int_equal(service->hash, CONFIG_HASH_FIVE_TUPLE);
	assert_int_equal(service->affinity.timeout_ms, 0);
	assert_int_equal(service->tcp_idle_timeout_ms, 900000);
	assert_int_equal(service->udp_idle_timeout_ms, 30000);
	assert_int_equal(service->tls_policy.min_version, 0x0303);
	assert_int_equal(service->tls_policy.max_version, 0x0304);
	assert_int_equal(service->tls_policy.ciphers, CONFIG_CIPHERS_ALL);
	assert_int_equal(service->tls_unknown_names, 0);
	assert_int_equal(service->tls_policy.client_auth, CONFIG_CLIENT_AUTH_NONE);
	assert_null(service->tls_policy.client_ca);
	assert_null(service->tls_ticket_keys);
	assert_null(service->tls_key_log);
	assert_int_equal(service->tls_policy.alpn, CONFIG_ALPN_HTTP1 | CONFIG_ALPN_H2);
	assert_null(service->routes[0].host);
	assert_null(service->routes[0].path);
	assert_int_equal(service->http.header_timeout_ms, 10000);
	assert_int_equal(service->http.idle_timeout_ms, 60000);
	assert_int_equal(service->http.body_timeout_ms, 30000);
	assert_int_equal(service->http.max_header_bytes, 16384);
	assert_int_equal(service->http.max_header_fields, 100);
	assert_int_equal(service->http.max_target_bytes, 8192);
	assert_true(service->http.max_body_bytes == 0);
	assert_false(service->trust_forwarded);
	assert_int_equal(service->accept_proxy.from_count, 0);
	assert_int_equal(service->accept_proxy.others, CONFIG_PROXY_OTHERS_REFUSE);
	assert_true(service->prior_knowledge);
	assert_int_equal(service->h2.max_streams, 100);
	assert_int_equal(service->h2.max_memory_bytes, 8388608);
	assert_int_equal(service->h2.max_resets, 200);
	assert_int_equal(service->h2.max_continuations, 8);
	config_destroy(config);
}

static void test_l7_workers(void **state)
{
	struct config *config = conf_load("{" CONF_PORTS ", 'cores': {'l4': [5, 6]}}");

	(void)state;
	/* As many as L4 workers, unless told otherwise. */
	assert_int_equal(config->cores.l7_count, 2);
	assert_int_equal(config->cores.l7[1], 6);
	config_destroy(config);
	config = conf_load("{" CONF_PORTS ", 'cores': {'l4': [5, 6], 'l7': []}}");
	assert_int_equal(config->cores.l7_count, 0);
	config_destroy(config);
}

static void test_routes_file(void **state)
{
	static const char text[] =
		"{" CONF_PORTS ", 'pools': {'a': {'members': ['198.51.100.1:80']}}, 'services': ["
		"{'name': 's', 'listen': '192.0.2.9:80/tcp', 'mode': 'l7', 'routes': 'r.json'},"
		"{'name': 't', 'listen': '192.0.2.9:81/tcp', 'mode': 'l7', 'routes': 'r.json'}]}";
	struct config *config;

	(void)state;
	conf_json_write("r.json",
		"{'$schema': 'x',\n'routes': [\n{'pool': 'a', 'match': {'host': '[2001:DB8::1]'}},\n"
		"{'pool': 'a', 'match': {'path': {'prefix': '/'}}}]}");
	config = conf_load(text);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(config->services[i].route_count, 2);
		assert_string_equal(config->services[i].routes[0].host, "[2001:db8::1]");
		assert_int_equal(config->services[i].routes[1].line, 4);
	}
	config_destroy(config);
	conf_json_write("r.json", "{'routes': []}");
	config = conf_load(text);
	assert_int_equal(config->services[0].route_count, 0);
	config_destroy(config);
}

static void test_destroy_null(void **state)
{
	(void)state;
	config_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_system),
		cmocka_unit_test(test_full_network),
		cmocka_unit_test(test_full_bonds),
		cmocka_unit_test(test_full_pools),
		cmocka_unit_test(test_full_services),
		cmocka_unit_test(test_full_h2),
		cmocka_unit_test(test_full_matches),
		cmocka_unit_test(test_full_guard),
		cmocka_unit_test(test_acl_files),
		cmocka_unit_test(test_defaults_system),
		cmocka_unit_test(test_defaults_services),
		cmocka_unit_test(test_l7_workers),
		cmocka_unit_test(test_routes_file),
		cmocka_unit_test(test_destroy_null),
	};

	return cmocka_run_group_tests_name("load", tests, conf_folder_enter, conf_folder_leave);
}
