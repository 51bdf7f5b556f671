/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bad wire between two devices: frames that come in on one leave on the other, late, in another
 * order, or not at all. Usage: penstock-impair DEVICE DEVICE [--loss PERMILLE] [--delay US]
 * [--reorder PERMILLE] [--reorder-by US] [--seed N]; prints "ready" and runs until SIGTERM, then
 * says how many frames it passed and lost.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"

#define FRAME_BYTES  2048
#define SLOTS        8192u /* frames under way, at most */
#define BURST        64
#define SOCKET_BYTES (8 << 20)
#define NS_PER_US    1000ull

struct frame {
	uint64_t at_us;
	uint64_t order; /* of arrival, for frames that are due at the same time */
	int to;
	uint32_t len;
	uint8_t bytes[FRAME_BYTES];
};

struct wire {
	int sockets[2];
	uint32_t loss_permille;
	uint32_t delay_us;
	uint32_t reorder_permille;
	uint32_t reorder_us;
	struct rng rng;
	struct frame *heap[SLOTS]; /* the next due in front */
	struct frame *idle[SLOTS];
	unsigned count;
	unsigned idle_count;
	uint64_t arrivals;
	uint64_t lost;
};

static volatile sig_atomic_t must_stop;

static void signal_note(int number)
{
	must_stop = number;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / NS_PER_US;
}

static int device_open(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int size = SOCKET_BYTES;
	int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0 &&
		bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool is_before(const struct frame *a, const struct frame *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_put(struct wire *wire, struct frame *frame)
{
	unsigned at = wire->count++;

	while (at > 0 && is_before(frame, wire->heap[(at - 1) / 2])) {
		wire->heap[at] = wire->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	wire->heap[at] = frame;
}

static struct frame *heap_take(struct wire *wire)
{
	struct frame *first = wire->heap[0];
	struct frame *last = wire->heap[--wire->count];
	unsigned at = 0;

	for (unsigned child = 1; child < wire->count; child = 2 * at + 1) {
		if (child + 1 < wire->count && is_before(wire->heap[child + 1], wire->heap[child]))
			child++;
		if (!is_before(wire->heap[child], last))
			break;
		wire->heap[at] = wire->heap[child];
		at = child;
	}
	wire->heap[at] = last;
	return first;
}

/* One frame from a side into the heap. False: nothing waits there. */
static bool frame_take(struct wire *wire, int from)
{
	struct frame *frame = wire->idle[wire->idle_count - 1];
	ssize_t len = recv(wire->sockets[from], frame->bytes, sizeof(frame->bytes), 0);

	if (len <= 0)
		return false;
	if (rng_below(&wire->rng, 1000) < wire->loss_permille) {
		wire->lost++;
		return true;
	}
	wire->idle_count--;
	frame->len = (uint32_t)len;
	frame->to = 1 - from;
	frame->order = wire->arrivals++;
	frame->at_us = now_us() + wire->delay_us;
	if (rng_below(&wire->rng, 1000) < wire->reorder_permille)
		frame->at_us += rng_below(&wire->rng, wire->reorder_us + 1);
	heap_put(wire, frame);
	return true;
}

static void frames_send(struct wire *wire)
{
	uint64_t now = now_us();

	while (wire->count > 0 && wire->heap[0]->at_us <= now) {
		struct frame *frame = heap_take(wire);

		if (send(wire->sockets[frame->to], frame->bytes, frame->len, 0) < 0)
			wire->lost++;
		wire->idle[wire->idle_count++] = frame;
	}
}

static void wait(struct wire *wire)
{
	struct pollfd fds[2] = {
		{ .fd = wire->sockets[0], .events = POLLIN },
		{ .fd = wire->sockets[1], .events = POLLIN },
	};
	struct timespec timeout = { .tv_sec = 1 };
	uint64_t now = now_us();

	if (wire->count > 0) {
		uint64_t at_us = wire->heap[0]->at_us;

		timeout.tv_sec = 0;
		timeout.tv_nsec = at_us > now ? (long)((at_us - now) * NS_PER_US) : 0;
		if (at_us > now + 999999)
			timeout = (struct timespec){ .tv_sec = 1 };
	}
	ppoll(fds, 2, &timeout, NULL);
}

static void wire_run(struct wire *wire)
{
	while (!must_stop) {
		for (int from = 0; from < 2; from++) {
			for (int i = 0; i < BURST && wire->idle_count > 0; i++) {
				if (!frame_take(wire, from))
					break;
			}
		}
		frames_send(wire);
		wait(wire);
	}
	printf("passed %lu lost %lu\n", (unsigned long)wire->arrivals, (unsigned long)wire->lost);
}

static bool options_read(struct wire *wire, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "loss", required_argument, NULL, 'l' },
		{ "delay", required_argument, NULL, 'd' },
		{ "reorder", required_argument, NULL, 'r' },
		{ "reorder-by", required_argument, NULL, 'b' },
		{ "seed", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		uint32_t value = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

		if (option == 'l')
			wire->loss_permille = value;
		else if (option == 'd')
			wire->delay_us = value;
		else if (option == 'r')
			wire->reorder_permille = value;
		else if (option == 'b')
			wire->reorder_us = value;
		else if (option == 's')
			wire->rng.state = value;
		else
			return false;
	}
	return optind == argc - 2;
}

int main(int argc, char **argv)
{
	static struct wire wire;
	struct sigaction action = { .sa_handler = signal_note };
	struct frame *frames = calloc(SLOTS, sizeof(*frames));

	if (frames == NULL || !options_read(&wire, argc, argv)) {
		fprintf(stderr,
			"usage: %s DEVICE DEVICE [--loss PERMILLE] [--delay US] "
			"[--reorder PERMILLE] [--reorder-by US] [--seed N]\n",
			argv[0]);
		return 2;
	}
	for (unsigned i = 0; i < SLOTS; i++)
		wire.idle[wire.idle_count++] = &frames[i];
	for (int i = 0; i < 2; i++) {
		wire.sockets[i] = device_open(argv[optind + i]);
		if (wire.sockets[i] < 0) {
			fprintf(stderr, "impair: %s: %s\n", argv[optind + i], strerror(errno));
			return 1;
		}
	}
	sigaction(SIGTERM, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	wire_run(&wire);
	free(frames);
	return 0;
}
