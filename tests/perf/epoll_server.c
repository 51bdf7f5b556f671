/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's stack in the part of penstock-tcp-peer's server: echoes what comes on one port with
 * a single thread and epoll. SIGUSR1 prints the operations so far as one line of JSON.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS  256
#define BACKLOG 4096

static volatile sig_atomic_t must_report;
static volatile sig_atomic_t must_stop;

static void signal_note(int number)
{
	if (number == SIGUSR1)
		must_report = 1;
	else
		must_stop = 1;
}

static int listener_open(uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static void connections_accept(int epoll, int listener)
{
	int on = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			close(fd);
	}
}

/* One read and one write: a request of 64 bytes needs no more. Returns the requests answered. */
static unsigned connection_serve(int fd)
{
	char bytes[4096];
	ssize_t len = read(fd, bytes, sizeof(bytes));

	if (len > 0 && write(fd, bytes, (size_t)len) == len)
		return 1;
	if (len < 0 && errno == EAGAIN)
		return 0;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = signal_note };
	struct epoll_event events[EVENTS];
	int listener = listener_open((uint16_t)(argc > 1 ? atoi(argv[1]) : 7));
	int epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	unsigned long operations = 0;

	if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
		fprintf(stderr, "epoll-server: %s\n", strerror(errno));
		return 1;
	}
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!must_stop) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				connections_accept(epoll, listener);
			else
				operations += connection_serve(events[i].data.fd);
		}
		if (must_report) {
			must_report = 0;
			printf("{\"operations\": %lu}\n", operations);
			fflush(stdout);
		}
	}
	return 0;
}
