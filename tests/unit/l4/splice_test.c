/* SPDX-License-Identifier: Apache-2.0 */
/* SYN proxy, PROXY headers and the address option, segment by segment and against the clock. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "path.h"
#include "support/support.h"

#define SYN RTE_TCP_SYN_FLAG
#define ACK RTE_TCP_ACK_FLAG
#define RST RTE_TCP_RST_FLAG
#define PSH RTE_TCP_PSH_FLAG

#define CLIENT     "203.0.113.7"
#define VIP        "192.0.2.100"
#define LOCAL      "192.0.2.2"
#define MEMBER     "198.51.100.1"
#define ISN        0xfffffffeu /* numbers soon begin anew */
#define MEMBER_ISN 0xffffff00u
#define V1         "PROXY TCP4 203.0.113.7 192.0.2.100 5000 80\r\n"
#define V1_BYTES   (sizeof(V1) - 1)

struct ways {
	enum config_syn_proxy syn_proxy;
	enum config_client_address client_address;
};

/* What came out, read. */
struct seen {
	uint16_t count;
	struct {
		bool is_to_member;
		uint8_t flags;
		uint32_t seq, ack;
		uint8_t options_len;
		uint8_t options[40];
		uint16_t payload_len;
		uint8_t payload[200];
	} segments[4];
};

static void ways_set(struct harness *h, const void *arg)
{
	const struct ways *ways = arg;

	h->services[HARNESS_TCP4].syn_proxy.when = ways->syn_proxy;
	h->services[HARNESS_TCP4].syn_proxy.syns_per_s = 3;
	h->services[HARNESS_TCP4].client_address = ways->client_address;
}

static void start(struct harness *h, const struct ways *ways)
{
	h->member_count = 1;
	h->slice = (struct steer_slice){ 40000, 40000 };
	h->adjust = ways_set;
	h->adjust_arg = ways;
	harness_start(h);
}

static struct seen seen_read(struct path_outcome *outcome)
{
	struct seen seen = { .count = outcome->count };

	assert_true(outcome->count <= 4);
	for (unsigned i = 0; i < outcome->count; i++) {
		const uint8_t *ip = rte_pktmbuf_mtod(outcome->pkts[i], const uint8_t *);
		const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 20);
		uint32_t len = rte_pktmbuf_pkt_len(outcome->pkts[i]);
		unsigned header = (unsigned)tcp->data_off >> 4 << 2;

		assert_true(frame_sums_ok(ip, len));
		seen.segments[i].is_to_member = rte_be_to_cpu_16(tcp->dst_port) == 8080;
		seen.segments[i].flags = tcp->tcp_flags;
		seen.segments[i].seq = rte_be_to_cpu_32(tcp->sent_seq);
		seen.segments[i].ack = rte_be_to_cpu_32(tcp->recv_ack);
		seen.segments[i].options_len = (uint8_t)(header - 20);
		memcpy(seen.segments[i].options, ip + 40, header - 20);
		seen.segments[i].payload_len = (uint16_t)(len - 20 - header);
		memcpy(seen.segments[i].payload, ip + 20 + header,
			RTE_MIN(seen.segments[i].payload_len, (uint16_t)200));
	}
	path_free(outcome);
	return seen;
}

static struct seen side_send(struct harness *h, bool is_client, uint8_t flags, uint32_t seq,
	uint32_t ack, const void *payload, size_t len)
{
	const struct frame_spec spec = {
		.src = is_client ? CLIENT : MEMBER,
		.dst = is_client ? VIP : LOCAL,
		.src_port = is_client ? 5000 : 8080,
		.dst_port = is_client ? 80 : 40000,
		.protocol = IPPROTO_TCP,
		.tcp_flags = flags,
		.seq = seq,
		.ack = ack,
		.payload = payload,
		.payload_len = len,
	};
	struct path_outcome outcome = path_run(h, frame_mbuf(&spec));

	return seen_read(&outcome);
}

static struct seen client_send(
	struct harness *h, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
	return side_send(h, true, flags, seq, ack, text, strlen(text));
}

static struct seen member_send(
	struct harness *h, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
	return side_send(h, false, flags, seq, ack, text, strlen(text));
}

static struct seen time_pass(struct harness *h, uint64_t ms)
{
	struct path_outcome outcome = { .count = 0 };
	struct rte_mbuf *out[L4_OUT_MAX];

	harness_pass(h, ms);
	outcome.count = l4_advance(h->l4, &h->snapshot, out, h->now_us);
	assert_true(outcome.count <= RTE_DIM(outcome.pkts));
	memcpy(outcome.pkts, out, outcome.count * sizeof(out[0]));
	return seen_read(&outcome);
}

/* SYN, cookie, ACK; returns the cookie. The member has got a SYN. */
static uint32_t cookie_prove(struct harness *h, uint32_t member_seq)
{
	struct seen seen = client_send(h, SYN, ISN, 0, "");
	uint32_t cookie = seen.segments[0].seq;

	assert_int_equal(seen.count, 1);
	assert_false(seen.segments[0].is_to_member);
	assert_int_equal(seen.segments[0].flags, SYN | ACK);
	assert_int_equal(seen.segments[0].ack, ISN + 1);
	assert_int_equal(l4_conn_count(h->l4), 0);
	seen = client_send(h, ACK, ISN + 1, cookie + 1, "");
	assert_int_equal(seen.count, 1);
	assert_true(seen.segments[0].is_to_member);
	assert_int_equal(seen.segments[0].flags, SYN);
	assert_int_equal(seen.segments[0].seq, member_seq);
	assert_int_equal(l4_conn_count(h->l4), 1);
	return cookie;
}

static void a_proxied_connection_is_translated(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_ALWAYS, CONFIG_CLIENT_ADDRESS_NONE };
	struct harness h = { 0 };
	struct seen seen;
	uint32_t cookie;

	(void)state;
	start(&h, &ways);
	cookie = cookie_prove(&h, ISN);
	/* Nobody gets what the member could not take yet. */
	assert_int_equal(client_send(&h, ACK, ISN + 1, cookie + 1, "x").count, 0);
	assert_int_equal(h.core.drops.counts[DROP_splice_waiting], 1);
	assert_int_equal(member_send(&h, SYN | ACK, MEMBER_ISN, ISN + 9, "").count, 0);
	assert_int_equal(h.core.drops.counts[DROP_splice_invalid], 1);
	seen = member_send(&h, SYN | ACK, MEMBER_ISN, ISN + 1, "");
	assert_int_equal(seen.count, 2);
	assert_false(seen.segments[0].is_to_member);
	assert_int_equal(seen.segments[0].seq, cookie + 1);
	assert_int_equal(seen.segments[1].flags, ACK);
	assert_int_equal(seen.segments[1].seq, ISN + 1);
	assert_int_equal(seen.segments[1].ack, MEMBER_ISN + 1);
	for (uint32_t at = 0; at < 1024; at += 5) {
		seen = client_send(&h, ACK | PSH, ISN + 1 + at, cookie + 1 + at, "hello");
		assert_int_equal(seen.segments[0].seq, ISN + 1 + at);
		assert_int_equal(seen.segments[0].ack, MEMBER_ISN + 1 + at);
		seen = member_send(&h, ACK | PSH, MEMBER_ISN + 1 + at, ISN + 6 + at, "hallo");
		assert_int_equal(seen.segments[0].seq, cookie + 1 + at);
		assert_int_equal(seen.segments[0].ack, ISN + 6 + at);
	}
	/* The member has not heard our ACK. */
	seen = member_send(&h, SYN | ACK, MEMBER_ISN, ISN + 1, "");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.segments[0].ack, MEMBER_ISN + 1);
	assert_true(seen.segments[0].is_to_member);
	assert_int_equal(time_pass(&h, 60000).count, 0);
	assert_int_equal(l4_counters(h.l4)->syn_proxy_opened, 1);
	harness_stop(&h);
}

static void a_forged_ack_opens_nothing(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_ALWAYS, CONFIG_CLIENT_ADDRESS_NONE };
	struct harness h = { 0 };
	uint32_t cookie;

	(void)state;
	start(&h, &ways);
	assert_int_equal(client_send(&h, ACK, ISN + 1, 5, "").count, 0);
	assert_int_equal(h.core.drops.counts[DROP_no_conn], 1);
	cookie = client_send(&h, SYN, ISN, 0, "").segments[0].seq;
	assert_int_equal(client_send(&h, ACK, ISN + 1, cookie + 2, "").count, 0);
	assert_int_equal(client_send(&h, ACK, ISN + 5, cookie + 1, "").count, 0);
	assert_int_equal(h.core.drops.counts[DROP_cookie_invalid], 2);
	harness_pass(&h, 200000);
	assert_int_equal(client_send(&h, ACK, ISN + 1, cookie + 1, "").count, 0);
	assert_int_equal(l4_conn_count(h.l4), 0);
	/* The probe of a shut window proves as much as the ACK that was lost. */
	cookie = client_send(&h, SYN, ISN, 0, "").segments[0].seq;
	assert_int_equal(client_send(&h, ACK, ISN, cookie + 1, "").segments[0].seq, ISN);
	assert_int_equal(l4_conn_count(h.l4), 1);
	harness_stop(&h);
}

static void a_silent_member_is_asked_again_and_given_up(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_ALWAYS, CONFIG_CLIENT_ADDRESS_NONE };
	static const uint64_t pauses[] = { 1000, 2000, 4000 };
	struct harness h = { 0 };
	struct seen seen;
	uint32_t cookie;

	(void)state;
	start(&h, &ways);
	cookie = cookie_prove(&h, ISN);
	for (unsigned i = 0; i < RTE_DIM(pauses); i++) {
		assert_int_equal(time_pass(&h, pauses[i] - 1).count, 0);
		seen = time_pass(&h, 1);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.segments[0].flags, SYN);
		assert_int_equal(seen.segments[0].seq, ISN);
	}
	seen = time_pass(&h, 8000);
	assert_int_equal(seen.count, 1);
	assert_false(seen.segments[0].is_to_member);
	assert_int_equal(seen.segments[0].flags, RST | ACK);
	assert_int_equal(seen.segments[0].seq, cookie + 1);
	assert_int_equal(l4_counters(h.l4)->syn_proxy_timeouts, 1);
	/* Too late. */
	seen = member_send(&h, SYN | ACK, MEMBER_ISN, ISN + 1, "");
	assert_int_equal(seen.segments[0].flags, RST);
	assert_int_equal(seen.segments[0].seq, ISN + 1);
	harness_pass(&h, 20000);
	assert_int_equal(l4_conn_count(h.l4), 0);
	harness_stop(&h);
}

static void either_side_can_refuse(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_ALWAYS, CONFIG_CLIENT_ADDRESS_NONE };
	struct harness h = { 0 };
	struct seen seen;
	uint32_t cookie;

	(void)state;
	start(&h, &ways);
	cookie = cookie_prove(&h, ISN);
	seen = member_send(&h, RST | ACK, 0, ISN + 1, "");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.segments[0].flags, RST | ACK);
	assert_int_equal(seen.segments[0].seq, cookie + 1);
	assert_int_equal(l4_counters(h.l4)->syn_proxy_refused, 1);
	/* The port's next connection, and its client gives up. */
	cookie = client_send(&h, SYN, ISN, 0, "").segments[0].seq;
	assert_int_equal(client_send(&h, ACK, ISN + 1, cookie + 1, "").segments[0].flags, SYN);
	assert_int_equal(client_send(&h, RST, ISN + 7, 0, "").count, 0);
	seen = client_send(&h, RST, ISN + 1, 0, "");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.segments[0].flags, RST);
	assert_true(seen.segments[0].is_to_member);
	assert_int_equal(l4_counters(h.l4)->syn_proxy_aborts, 1);
	harness_stop(&h);
}

static void cookies_begin_above_the_threshold(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_FLOOD, CONFIG_CLIENT_ADDRESS_NONE };
	struct harness h = { 0 };

	(void)state;
	start(&h, &ways);
	for (unsigned i = 0; i < 10; i++) {
		const struct frame_spec spec = {
			.src = CLIENT,
			.dst = VIP,
			.src_port = (uint16_t)(6000 + i),
			.dst_port = 80,
			.protocol = IPPROTO_TCP,
			.tcp_flags = SYN,
		};
		struct path_outcome outcome = path_run(&h, frame_mbuf(&spec));

		path_free(&outcome);
	}
	/* Three may; the one local port lets one. */
	assert_int_equal(l4_conn_count(h.l4), 1);
	assert_int_equal(h.core.drops.counts[DROP_no_local_port], 2);
	assert_int_equal(l4_counters(h.l4)->cookies_sent, 7);
	/* The second after it is still counted as one of the flood, the one after that is not. */
	harness_pass(&h, 1000);
	client_send(&h, SYN, ISN, 0, "");
	assert_int_equal(l4_counters(h.l4)->cookies_sent, 8);
	harness_pass(&h, 2000);
	client_send(&h, SYN, ISN, 0, "");
	assert_int_equal(l4_counters(h.l4)->cookies_sent, 8);
	harness_stop(&h);
}

/* SYN, SYN|ACK, and the client's ACK, in front of which the header goes. */
static void header_open(struct harness *h)
{
	struct seen seen = client_send(h, SYN, ISN, 0, "");

	assert_int_equal(seen.segments[0].seq, ISN - V1_BYTES);
	seen = member_send(h, SYN | ACK, MEMBER_ISN, ISN - V1_BYTES + 1, "");
	assert_int_equal(seen.segments[0].ack, ISN + 1);
	seen = client_send(h, ACK, ISN + 1, MEMBER_ISN + 1, "");
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.segments[0].seq, ISN - V1_BYTES + 1);
	assert_int_equal(seen.segments[0].ack, MEMBER_ISN + 1);
	assert_int_equal(seen.segments[0].payload_len, V1_BYTES);
	assert_memory_equal(seen.segments[0].payload, V1, V1_BYTES);
	assert_int_equal(seen.segments[1].seq, ISN + 1);
}

static void a_header_that_is_lost_is_sent_again(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_OFF, CONFIG_CLIENT_ADDRESS_PROXY_V1 };
	struct harness h = { 0 };
	struct seen seen;

	(void)state;
	start(&h, &ways);
	header_open(&h);
	seen = client_send(&h, ACK | PSH, ISN + 1, MEMBER_ISN + 1, "hello");
	assert_int_equal(seen.count, 1);
	/* The member asks for what it has not got; the client has sent all of it. */
	seen = member_send(&h, ACK, MEMBER_ISN + 1, ISN - V1_BYTES + 1, "");
	assert_int_equal(seen.segments[0].ack, ISN + 1);
	seen = member_send(&h, ACK, MEMBER_ISN + 1, ISN - 3, "");
	assert_int_equal(seen.segments[0].ack, ISN + 1);
	assert_int_equal(time_pass(&h, 249).count, 0);
	seen = time_pass(&h, 1);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.segments[0].payload_len, V1_BYTES);
	assert_int_equal(seen.segments[0].seq, ISN - V1_BYTES + 1);
	seen = member_send(&h, ACK, MEMBER_ISN + 1, ISN + 6, "");
	assert_int_equal(seen.segments[0].ack, ISN + 6);
	assert_int_equal(time_pass(&h, 60000).count, 0);
	assert_int_equal(l4_counters(h.l4)->proxy_headers_sent, 2);
	assert_int_equal(l4_counters(h.l4)->proxy_headers_resent, 1);
	harness_stop(&h);
}

static void a_header_that_is_never_taken_ends_the_connection(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_OFF, CONFIG_CLIENT_ADDRESS_PROXY_V1 };
	struct harness h = { 0 };
	struct seen seen;

	(void)state;
	start(&h, &ways);
	header_open(&h);
	for (uint64_t pause = 250; pause <= 4000; pause *= 2)
		assert_int_equal(time_pass(&h, pause).count, 1);
	seen = time_pass(&h, 8000);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.segments[0].flags & RST, RST);
	assert_int_equal(seen.segments[0].seq, MEMBER_ISN + 1);
	assert_int_equal(seen.segments[1].flags, RST);
	assert_int_equal(seen.segments[1].seq, ISN - V1_BYTES + 1);
	assert_int_equal(l4_counters(h.l4)->proxy_headers_failed, 1);
	harness_stop(&h);
}

static void a_syn_with_data_waits_for_the_header(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_OFF, CONFIG_CLIENT_ADDRESS_PROXY_V1 };
	struct harness h = { 0 };

	(void)state;
	start(&h, &ways);
	assert_int_equal(client_send(&h, SYN, ISN, 0, "early").count, 0);
	assert_int_equal(h.core.drops.counts[DROP_syn_with_data], 1);
	header_open(&h);
	/* The client ends before the member has taken the header: nothing is sent again. */
	assert_int_equal(client_send(&h, RST, ISN + 1, 0, "").count, 1);
	assert_int_equal(time_pass(&h, 20000).count, 0);
	harness_stop(&h);
}

static void a_cookie_and_a_header_go_together(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_ALWAYS, CONFIG_CLIENT_ADDRESS_PROXY_V1 };
	struct harness h = { 0 };
	struct seen seen;
	uint32_t cookie;

	(void)state;
	start(&h, &ways);
	cookie = cookie_prove(&h, ISN - V1_BYTES);
	seen = member_send(&h, SYN | ACK, MEMBER_ISN, ISN - V1_BYTES + 1, "");
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.segments[1].payload_len, V1_BYTES);
	assert_int_equal(time_pass(&h, 250).segments[0].payload_len, V1_BYTES);
	seen = member_send(&h, ACK, MEMBER_ISN + 1, ISN + 1, "");
	assert_int_equal(seen.segments[0].seq, cookie + 1);
	assert_int_equal(time_pass(&h, 20000).count, 0);
	seen = client_send(&h, ACK | PSH, ISN + 1, cookie + 1, "hello");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.segments[0].seq, ISN + 1);
	harness_stop(&h);
}

static void the_address_goes_as_an_option_until_it_is_there(void **state)
{
	static const struct ways ways = { CONFIG_SYN_PROXY_OFF, CONFIG_CLIENT_ADDRESS_TOA };
	static const uint8_t option[] = { 254, 8, 0x13, 0x88, 203, 0, 113, 7 };
	static const uint8_t full[1460];
	struct harness h = { 0 };
	struct seen seen;

	(void)state;
	start(&h, &ways);
	seen = client_send(&h, SYN, ISN, 0, "");
	assert_int_equal(seen.segments[0].options_len, 8);
	assert_memory_equal(seen.segments[0].options, option, 8);
	member_send(&h, SYN | ACK, MEMBER_ISN, ISN + 1, "");
	seen = client_send(&h, ACK, ISN + 1, MEMBER_ISN + 1, "hello");
	assert_memory_equal(seen.segments[0].options, option, 8);
	assert_memory_equal(seen.segments[0].payload, "hello", 5);
	/* That was lost, and now there is no room. */
	seen = side_send(&h, true, ACK, ISN + 1, MEMBER_ISN + 1, full, sizeof(full));
	assert_int_equal(seen.count, 2);
	assert_memory_equal(seen.segments[0].options, option, 8);
	assert_int_equal(seen.segments[0].payload_len, 0);
	assert_int_equal(seen.segments[1].options_len, 0);
	assert_int_equal(seen.segments[1].payload_len, 1460);
	assert_int_equal(l4_counters(h.l4)->toa_apart, 1);
	member_send(&h, ACK, MEMBER_ISN + 1, ISN + 6, "");
	assert_int_equal(
		client_send(&h, ACK, ISN + 6, MEMBER_ISN + 1, "").segments[0].options_len, 0);
	harness_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_proxied_connection_is_translated, support_mbufs_check),
		cmocka_unit_test_teardown(a_forged_ack_opens_nothing, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_silent_member_is_asked_again_and_given_up, support_mbufs_check),
		cmocka_unit_test_teardown(either_side_can_refuse, support_mbufs_check),
		cmocka_unit_test_teardown(cookies_begin_above_the_threshold, support_mbufs_check),
		cmocka_unit_test_teardown(a_header_that_is_lost_is_sent_again, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_header_that_is_never_taken_ends_the_connection, support_mbufs_check),
		cmocka_unit_test_teardown(
			a_syn_with_data_waits_for_the_header, support_mbufs_check),
		cmocka_unit_test_teardown(a_cookie_and_a_header_go_together, support_mbufs_check),
		cmocka_unit_test_teardown(
			the_address_goes_as_an_option_until_it_is_there, support_mbufs_check),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
