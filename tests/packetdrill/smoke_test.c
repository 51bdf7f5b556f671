/* SPDX-License-Identifier: Apache-2.0 */
/* A script's life through the shared object, as the runner would load it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "interface.h"
#include "support/support.h"

#define PEER_V4  0xc0000201u
#define OUR_V4   0xc0000202u
#define PEER_ISN 5000u

struct packet4 {
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	char payload[1000];
} __attribute__((packed, aligned(2)));

static const char *library;
static struct packetdrill_interface pd;
static long long last_us;

static int init(void **state)
{
	typedef void interface_init(const char *flags, struct packetdrill_interface *interface);
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	interface_init *fn;

	(void)state;
	assert_non_null(handle);
	*(void **)&fn = dlsym(handle, "packetdrill_interface_init");
	assert_non_null(fn);
	fn("", &pd);
	assert_non_null(pd.userdata);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pd.free(pd.userdata);
	return 0;
}

/* A segment from the script to port 8080; numbers are absolute. */
static void inject(uint8_t flags, uint32_t seq, uint32_t ack, const char *payload)
{
	size_t len = strlen(payload);
	struct packet4 p = {
		.ip = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16((uint16_t)(40 + len)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
			.src_addr = rte_cpu_to_be_32(PEER_V4),
			.dst_addr = rte_cpu_to_be_32(OUR_V4),
		},
		.tcp = {
			.src_port = rte_cpu_to_be_16(40000),
			.dst_port = rte_cpu_to_be_16(8080),
			.sent_seq = rte_cpu_to_be_32(seq),
			.recv_ack = rte_cpu_to_be_32(ack),
			.data_off = 5 << 4,
			.tcp_flags = flags,
			.rx_win = rte_cpu_to_be_16(60000),
		},
	};

	memcpy(p.payload, payload, len);
	p.ip.hdr_checksum = rte_ipv4_cksum(&p.ip);
	p.tcp.cksum = rte_ipv4_udptcp_cksum(&p.ip, &p.tcp);
	assert_int_equal(pd.netdev_send(pd.userdata, &p, 40 + len), 0);
}

/* The next packet out of the stack must have these; its ISN or number is returned. */
static uint32_t expect(uint8_t flags, uint32_t ack, size_t len)
{
	struct packet4 p;
	size_t room = sizeof(p);
	long long at_us;
	unsigned header;

	assert_int_equal(pd.netdev_receive(pd.userdata, &p, &room, &at_us), 0);
	assert_true(at_us >= last_us);
	last_us = at_us;
	header = 20 + (p.tcp.data_off >> 4) * 4u;
	assert_int_equal(p.tcp.tcp_flags & ~RTE_TCP_PSH_FLAG, flags);
	assert_int_equal(rte_be_to_cpu_32(p.tcp.recv_ack), ack);
	assert_int_equal(room, header + len);
	assert_int_equal(rte_be_to_cpu_16(p.tcp.dst_port), 40000);
	return rte_be_to_cpu_32(p.tcp.sent_seq);
}

static int listener_open(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(8080) };
	int fd = pd.socket(pd.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);

	/* A real descriptor, which the system knows. */
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(pd.bind(pd.userdata, fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(pd.listen(pd.userdata, fd, 1), 0);
	return fd;
}

static void test_handshake_data_and_close(void **state)
{
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	char bytes[100];
	int listener = listener_open();
	uint32_t iss;
	int fd;

	(void)state;
	assert_int_equal(pd.fcntl(pd.userdata, listener, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pd.accept(pd.userdata, listener, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	inject(RTE_TCP_SYN_FLAG, PEER_ISN, 0, "");
	iss = expect(RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, PEER_ISN + 1, 0);
	inject(RTE_TCP_ACK_FLAG, PEER_ISN + 1, iss + 1, "");
	fd = pd.accept(pd.userdata, listener, (struct sockaddr *)&peer, &peer_len);
	assert_true(fd >= 0);
	assert_int_equal(peer.sin_port, htons(40000));
	assert_int_equal(peer.sin_addr.s_addr, htonl(PEER_V4));
	inject(RTE_TCP_ACK_FLAG, PEER_ISN + 1, iss + 1, "hello");
	assert_int_equal(pd.read(pd.userdata, fd, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(pd.write(pd.userdata, fd, "answer", 6), 6);
	assert_int_equal(expect(RTE_TCP_ACK_FLAG, PEER_ISN + 6, 6), iss + 1);
	inject(RTE_TCP_ACK_FLAG, PEER_ISN + 6, iss + 7, "");
	assert_int_equal(pd.close(pd.userdata, fd), 0);
	assert_int_equal(expect(RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, PEER_ISN + 6, 0), iss + 7);
	inject(RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, PEER_ISN + 6, iss + 8, "");
	assert_int_equal(expect(RTE_TCP_ACK_FLAG, PEER_ISN + 7, 0), iss + 8);
	assert_int_equal(pd.close(pd.userdata, listener), 0);
	assert_int_equal(pd.read(pd.userdata, fd, bytes, 1), -1);
	assert_int_equal(errno, EBADF);
}

static void test_time(void **state)
{
	struct timeval first, second;
	size_t room = 100;
	char bytes[100];
	long long at_us;

	(void)state;
	assert_int_equal(pd.gettimeofday(pd.userdata, &first, NULL), 0);
	assert_int_equal(pd.gettimeofday(pd.userdata, &second, NULL), 0);
	assert_true(timercmp(&second, &first, >));
	assert_int_equal(pd.usleep(pd.userdata, 2500000), 0);
	assert_int_equal(pd.gettimeofday(pd.userdata, &first, NULL), 0);
	assert_true(first.tv_sec - second.tv_sec >= 2);
	/* Nothing is on its way: the call comes back all the same. */
	assert_int_equal(pd.netdev_receive(pd.userdata, bytes, &room, &at_us), -1);
	assert_int_equal(errno, ETIMEDOUT);
}

static void test_syn_ack_again(void **state)
{
	int listener = listener_open();
	uint32_t iss;
	long long first_us;

	(void)state;
	inject(RTE_TCP_SYN_FLAG, PEER_ISN, 0, "");
	iss = expect(RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, PEER_ISN + 1, 0);
	first_us = last_us;
	assert_int_equal(expect(RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, PEER_ISN + 1, 0), iss);
	assert_in_range(last_us - first_us, 999000, 1002000);
	assert_int_equal(pd.close(pd.userdata, listener), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handshake_data_and_close, init, end),
		cmocka_unit_test_setup_teardown(test_time, init, end),
		cmocka_unit_test_setup_teardown(test_syn_ack_again, init, end),
	};

	if (argc != 2)
		return 2;
	library = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
