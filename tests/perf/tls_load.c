/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that makes a TLS connection for each request, with a full or a resumed handshake: what
 * wrk (full only) and h2load (neither) cannot do. OpenSSL, one thread, epoll. One line of JSON:
 * {"requests","resumed","failed","seconds"}. An answer counts when it says 200 and the server
 * closed after it. Usage: penstock-tls-load full|resumed ADDRESS PORT PATH CONNECTIONS SECONDS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define NAME         "shop.example"
#define MOST_SLOTS   1024
#define MOST_EVENTS  256
#define REQUEST_MAX  512
#define WAIT_MS      100
#define CHUNK        16384
#define FAILED_LIMIT 1000 /* then the server is not worth measuring */
#define STATUS_LINE  "HTTP/1.1 200"

/* One connection at a time, and the session that the next one offers. */
struct slot {
	SSL *tls;
	SSL_SESSION *session;
	int fd;
	bool is_sent;
	size_t head_len; /* of STATUS_LINE, received */
	bool is_wrong;
};

struct load {
	struct sockaddr_storage to;
	socklen_t to_len;
	bool is_resuming;
	char request[REQUEST_MAX];
	size_t request_len;
	SSL_CTX *context;
	int epoll;
	unsigned int slots;
	struct slot slot[MOST_SLOTS];
	uint64_t requests, resumed, failed;
};

static struct load load;

static void die(const char *what)
{
	fprintf(stderr, "tls-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A ticket arrived: the newest is kept, since servers prefer that each is used once. */
static int on_session(SSL *tls, SSL_SESSION *session)
{
	struct slot *slot = SSL_get_app_data(tls);

	SSL_SESSION_free(slot->session);
	slot->session = session;
	return 1;
}

static void open_slot(struct slot *slot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = slot };

	slot->fd = socket(load.to.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (slot->fd < 0)
		die("socket");
	if (connect(slot->fd, (struct sockaddr *)&load.to, load.to_len) && errno != EINPROGRESS)
		die("connect");
	slot->tls = SSL_new(load.context);
	if (!slot->tls || !SSL_set_fd(slot->tls, slot->fd))
		die("SSL_new");
	SSL_set_app_data(slot->tls, slot);
	SSL_set_tlsext_host_name(slot->tls, NAME);
	if (load.is_resuming && slot->session)
		SSL_set_session(slot->tls, slot->session);
	SSL_set_connect_state(slot->tls);
	slot->is_sent = false;
	slot->is_wrong = false;
	slot->head_len = 0;
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, slot->fd, &event))
		die("epoll_ctl");
}

static void close_slot(struct slot *slot)
{
	/* Without this mark, OpenSSL would take the session for a broken one. */
	SSL_set_shutdown(slot->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(slot->tls);
	slot->tls = NULL;
	close(slot->fd);
}

static void end_slot(struct slot *slot)
{
	if (slot->head_len == sizeof(STATUS_LINE) - 1 && !slot->is_wrong) {
		load.requests++;
		load.resumed += (uint64_t)SSL_session_reused(slot->tls);
	} else if (++load.failed > FAILED_LIMIT) {
		errno = EPROTO;
		die("too many connections failed");
	}
	close_slot(slot);
	open_slot(slot);
}

/* Looks at the first bytes of an answer only. */
static void take(struct slot *slot, const char *data, size_t len)
{
	size_t rest = sizeof(STATUS_LINE) - 1 - slot->head_len;
	size_t n = len < rest ? len : rest;

	if (memcmp(data, &STATUS_LINE[slot->head_len], n) != 0)
		slot->is_wrong = true;
	slot->head_len += n;
}

/* Goes on as far as it goes. The server closes: only that ends a connection. */
static void drive(struct slot *slot)
{
	char data[CHUNK];
	int n;

	ERR_clear_error();
	if (!slot->is_sent) {
		n = SSL_write(slot->tls, load.request, (int)load.request_len);
		slot->is_sent = n > 0;
	}
	if (slot->is_sent)
		while ((n = SSL_read(slot->tls, data, sizeof(data))) > 0)
			take(slot, data, (size_t)n);
	switch (SSL_get_error(slot->tls, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return;
	case SSL_ERROR_ZERO_RETURN:
		break;
	default:
		slot->is_wrong = true;
	}
	end_slot(slot);
}

static void run(double seconds)
{
	struct epoll_event events[MOST_EVENTS];
	double begin = now();
	double end = begin + seconds;
	unsigned int i;
	int n;

	for (i = 0; i < load.slots; i++)
		open_slot(&load.slot[i]);
	while (now() < end) {
		n = epoll_wait(load.epoll, events, MOST_EVENTS, WAIT_MS);
		for (int e = 0; e < n; e++)
			drive(events[e].data.ptr);
	}
	for (i = 0; i < load.slots; i++) {
		close_slot(&load.slot[i]);
		SSL_SESSION_free(load.slot[i].session);
	}
	printf("{\"requests\":%llu,\"resumed\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n",
		(unsigned long long)load.requests, (unsigned long long)load.resumed,
		(unsigned long long)load.failed, now() - begin);
}

static void address(const char *host, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&load.to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&load.to;
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));

	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		load.to_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		load.to_len = sizeof(*v6);
	} else {
		errno = EINVAL;
		die(host);
	}
}

static void context(void)
{
	load.context = SSL_CTX_new(TLS_client_method());
	if (!load.context)
		die("SSL_CTX_new");
	SSL_CTX_set_verify(load.context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(
		load.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(load.context, on_session);
	/* Benign: servers that close with a FIN alone. Their answers are counted by the status. */
	SSL_CTX_set_options(load.context, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

int main(int argc, char **argv)
{
	if (argc != 7 || (strcmp(argv[1], "full") != 0 && strcmp(argv[1], "resumed") != 0)) {
		fprintf(stderr,
			"Usage: penstock-tls-load full|resumed ADDRESS PORT PATH CONNECTIONS "
			"SECONDS\n");
		return 2;
	}
	load.is_resuming = strcmp(argv[1], "resumed") == 0;
	address(argv[2], argv[3]);
	load.request_len = (size_t)snprintf(load.request, sizeof(load.request),
		"GET %s HTTP/1.1\r\nHost: " NAME "\r\nConnection: close\r\n\r\n", argv[4]);
	load.slots = (unsigned int)strtoul(argv[5], NULL, 10);
	if (load.request_len >= sizeof(load.request) || load.slots == 0 ||
		load.slots > MOST_SLOTS) {
		errno = E2BIG;
		die("path or connections");
	}
	context();
	load.epoll = epoll_create1(0);
	if (load.epoll < 0)
		die("epoll_create1");
	run(strtod(argv[6], NULL));
	close(load.epoll);
	SSL_CTX_free(load.context);
	return 0;
}
