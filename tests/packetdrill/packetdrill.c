/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "base/clock.h"
#include "interface.h"
#include "lab.h"
#include "refused.h"

#define SPANS 8

/* <netinet/tcp.h> has a struct tcp_info of its own. */
#define OPTION_NODELAY 1
#define OPTION_MAXSEG  2

/* As long as a script may wait for a packet that does not come. */
#define RECEIVE_LIMIT_US (10 * CLOCK_US_PER_S)

/* -1 with errno, for what cannot be done here. */
static int fail(int code)
{
	errno = code;
	return -1;
}

static bool address_get(const struct sockaddr *in, struct ip_addr *address, uint16_t *port_be)
{
	if (in->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)in;

		*address = ip_from_v4(v4->sin_addr.s_addr);
		*port_be = v4->sin_port;
		return true;
	}
	if (in->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)in;

		*address = ip_from_v6(v6->sin6_addr.s6_addr);
		*port_be = v6->sin6_port;
		return true;
	}
	return false;
}

static void address_put(const struct lab_socket *s, struct sockaddr *out, socklen_t *len)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = s->remote_port_be };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = s->remote_port_be };

	if (out == NULL || len == NULL)
		return;
	if (ip_is_v4(&s->remote)) {
		v4.sin_addr.s_addr = ip_v4_be(&s->remote);
		memcpy(out, &v4, RTE_MIN((size_t)*len, sizeof(v4)));
		*len = sizeof(v4);
	} else {
		memcpy(&v6.sin6_addr, s->remote.bytes, sizeof(v6.sin6_addr));
		memcpy(out, &v6, RTE_MIN((size_t)*len, sizeof(v6)));
		*len = sizeof(v6);
	}
}

/* Takes the lock; NULL: no such descriptor, and the lock is not held. */
static struct lab_socket *enter(struct lab *lab, int fd)
{
	struct lab_socket *s;

	pthread_mutex_lock(&lab->lock);
	s = lab_socket_find(lab, fd);
	if (s == NULL)
		pthread_mutex_unlock(&lab->lock);
	return s;
}

static int leave(struct lab *lab, int result)
{
	tcp_advance(lab->stack, lab->now_us);
	pthread_mutex_unlock(&lab->lock);
	return result;
}

static int closed_errno(const struct lab_socket *s)
{
	if (s->reason == TCP_CLOSED_RESET)
		return ECONNRESET;
	return s->reason == TCP_CLOSED_TIMEOUT ? ETIMEDOUT : ENOTCONN;
}

static void free_run(void *userdata)
{
	lab_destroy(userdata);
}

static int socket_run(void *userdata, int domain, int type, int protocol)
{
	struct lab *lab = userdata;
	struct lab_socket *s;
	int fd;

	RTE_SET_USED(protocol);
	if ((domain != AF_INET && domain != AF_INET6) || (type & 0xf) != SOCK_STREAM)
		return fail(EPROTONOSUPPORT);
	pthread_mutex_lock(&lab->lock);
	s = lab_socket_open(lab);
	if (s != NULL)
		s->is_nonblocking = type & SOCK_NONBLOCK;
	fd = s != NULL ? s->fd : -1;
	pthread_mutex_unlock(&lab->lock);
	return fd;
}

static int bind_run(void *userdata, int fd, const struct sockaddr *address, socklen_t len)
{
	struct lab_socket *s = enter(userdata, fd);

	RTE_SET_USED(len);
	if (s == NULL)
		return -1;
	if (!address_get(address, &s->address, &s->port_be))
		return leave(userdata, fail(EAFNOSUPPORT));
	return leave(userdata, 0);
}

static int listen_run(void *userdata, int fd, int backlog)
{
	struct lab_socket *s = enter(userdata, fd);

	RTE_SET_USED(backlog);
	if (s == NULL)
		return -1;
	s->is_listening = true;
	return leave(userdata, 0);
}

static int accept_run(void *userdata, int fd, struct sockaddr *address, socklen_t *len)
{
	struct lab *lab = userdata;
	struct lab_socket *listener = enter(lab, fd);
	struct lab_socket *s;

	if (listener == NULL)
		return -1;
	while (listener->pending_count == 0 && !listener->is_nonblocking)
		pthread_cond_wait(&lab->state, &lab->lock);
	if (listener->pending_count == 0)
		return leave(lab, fail(EAGAIN));
	s = lab_socket_open(lab);
	if (s == NULL)
		return leave(lab, -1);
	lab_socket_attach(s, listener->pending[0]);
	listener->pending_count--;
	memmove(listener->pending, listener->pending + 1,
		listener->pending_count * sizeof(listener->pending[0]));
	address_put(s, address, len);
	return leave(lab, s->fd);
}

static int connect_run(void *userdata, int fd, const struct sockaddr *address, socklen_t len)
{
	struct lab *lab = userdata;
	struct lab_socket *s = enter(lab, fd);
	struct tcp_connect_args args = { .handler = &lab_handler, .ctx = s };
	int error;

	RTE_SET_USED(len);
	if (s == NULL)
		return -1;
	if (!address_get(address, &s->remote, &s->remote_port_be))
		return leave(lab, fail(EAFNOSUPPORT));
	args.src = s->port_be != 0 ? &s->address : &lab->local;
	args.dst = &s->remote;
	args.dst_port = ntohs(s->remote_port_be);
	s->conn = tcp_connect(lab->stack, &args, &error, lab->now_us);
	if (s->conn == NULL)
		return leave(lab, fail(-error));
	s->is_connecting = true;
	if (s->is_nonblocking)
		return leave(lab, fail(EINPROGRESS));
	while (s->is_connecting)
		pthread_cond_wait(&lab->state, &lab->lock);
	if (s->is_closed)
		return leave(
			lab, fail(s->reason == TCP_CLOSED_RESET ? ECONNREFUSED : closed_errno(s)));
	return leave(lab, 0);
}

/* Waits until there is something to read or the stream has ended. */
static bool read_await(struct lab *lab, struct lab_socket *s, int flags)
{
	bool may_wait = !s->is_nonblocking && !(flags & MSG_DONTWAIT);

	while (s->conn != NULL && tcp_readable(s->conn) == 0 && !tcp_is_eof(s->conn)) {
		if (!may_wait)
			return false;
		pthread_cond_wait(&lab->state, &lab->lock);
	}
	return true;
}

static ssize_t recv_run(void *userdata, int fd, void *bytes, size_t len, int flags)
{
	struct lab *lab = userdata;
	struct lab_socket *s = enter(lab, fd);
	struct tcp_span spans[SPANS];
	size_t taken = 0;
	unsigned count;

	if (s == NULL)
		return -1;
	if (!read_await(lab, s, flags))
		return leave(lab, fail(EAGAIN));
	if (s->conn == NULL)
		return leave(lab, s->reason == TCP_CLOSED_DONE ? 0 : fail(closed_errno(s)));
	while (taken < len && (count = tcp_peek(s->conn, spans, SPANS)) > 0) {
		size_t part = RTE_MIN(spans[0].len, len - taken);

		memcpy((char *)bytes + taken, spans[0].data, part);
		tcp_consume(s->conn, part);
		taken += part;
	}
	return leave(lab, (int)taken);
}

static ssize_t read_run(void *userdata, int fd, void *bytes, size_t len)
{
	return recv_run(userdata, fd, bytes, len, 0);
}

static ssize_t recvfrom_run(void *userdata, int fd, void *bytes, size_t len, int flags,
	struct sockaddr *address, socklen_t *address_len)
{
	RTE_SET_USED(address);
	if (address_len != NULL)
		*address_len = 0;
	return recv_run(userdata, fd, bytes, len, flags);
}

/* The parts one after the other, as far as there are bytes without waiting again. */
static ssize_t readv_run(void *userdata, int fd, const struct iovec *parts, int count)
{
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		ssize_t got = recv_run(userdata, fd, parts[i].iov_base, parts[i].iov_len,
			i == 0 ? 0 : MSG_DONTWAIT);

		if (got <= 0)
			return total > 0 ? total : got;
		total += got;
		if ((size_t)got < parts[i].iov_len)
			break;
	}
	return total;
}

static ssize_t recvmsg_run(void *userdata, int fd, struct msghdr *message, int flags)
{
	RTE_SET_USED(flags);
	return readv_run(userdata, fd, message->msg_iov, (int)message->msg_iovlen);
}

static ssize_t send_run(void *userdata, int fd, const void *bytes, size_t len, int flags)
{
	struct lab *lab = userdata;
	struct lab_socket *s = enter(lab, fd);
	size_t taken = 0;

	if (s == NULL)
		return -1;
	while (s->conn != NULL && taken < len) {
		taken += tcp_write(s->conn, (const char *)bytes + taken, len - taken);
		tcp_advance(lab->stack, lab->now_us);
		if (taken == len || s->is_nonblocking || flags & MSG_DONTWAIT)
			break;
		pthread_cond_wait(&lab->state, &lab->lock);
	}
	if (taken > 0)
		return leave(lab, (int)taken);
	return leave(lab, fail(s->conn == NULL ? EPIPE : EAGAIN));
}

static ssize_t write_run(void *userdata, int fd, const void *bytes, size_t len)
{
	return send_run(userdata, fd, bytes, len, 0);
}

static ssize_t sendto_run(void *userdata, int fd, const void *bytes, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	RTE_SET_USED(address);
	RTE_SET_USED(address_len);
	return send_run(userdata, fd, bytes, len, flags);
}

static ssize_t writev_run(void *userdata, int fd, const struct iovec *parts, int count)
{
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		ssize_t sent = send_run(userdata, fd, parts[i].iov_base, parts[i].iov_len, 0);

		if (sent < 0)
			return total > 0 ? total : sent;
		total += sent;
	}
	return total;
}

static ssize_t sendmsg_run(void *userdata, int fd, const struct msghdr *message, int flags)
{
	RTE_SET_USED(flags);
	return writev_run(userdata, fd, message->msg_iov, (int)message->msg_iovlen);
}

static int fcntl_run(void *userdata, int fd, int command, ...)
{
	struct lab_socket *s = enter(userdata, fd);
	va_list words;
	int flags;

	if (s == NULL)
		return -1;
	va_start(words, command);
	flags = command == F_SETFL ? va_arg(words, int) : 0;
	va_end(words);
	if (command == F_GETFL)
		return leave(userdata, O_RDWR | (s->is_nonblocking ? O_NONBLOCK : 0));
	if (command != F_SETFL)
		return leave(userdata, fail(EINVAL));
	s->is_nonblocking = flags & O_NONBLOCK;
	return leave(userdata, 0);
}

static int close_run(void *userdata, int fd)
{
	struct lab_socket *s = enter(userdata, fd);

	if (s == NULL)
		return -1;
	lab_socket_release(s);
	return leave(userdata, 0);
}

static int shutdown_run(void *userdata, int fd, int how)
{
	struct lab_socket *s = enter(userdata, fd);

	if (s == NULL)
		return -1;
	if (s->conn == NULL)
		return leave(userdata, fail(ENOTCONN));
	if (how != SHUT_RD)
		tcp_shutdown(s->conn);
	return leave(userdata, 0);
}

static int error_take(struct lab_socket *s)
{
	return s->is_closed && s->reason != TCP_CLOSED_DONE ? closed_errno(s) : 0;
}

static int getsockopt_run(void *userdata, int fd, int level, int name, void *value, socklen_t *len)
{
	struct lab_socket *s = enter(userdata, fd);
	struct tcp_info info;
	int number;

	if (s == NULL)
		return -1;
	if (*len < sizeof(number))
		return leave(userdata, fail(EINVAL));
	if (level == SOL_SOCKET && name == SO_ERROR) {
		number = error_take(s);
	} else if (level == IPPROTO_TCP && name == OPTION_MAXSEG && s->conn != NULL) {
		tcp_conn_info(s->conn, &info);
		number = (int)info.mss;
	} else {
		return leave(userdata, fail(ENOPROTOOPT));
	}
	memcpy(value, &number, sizeof(number));
	*len = sizeof(number);
	return leave(userdata, 0);
}

/* What scripts set by habit and what changes nothing here; a script that depends on anything else
 * should fail where it asks for it. */
static int setsockopt_run(
	void *userdata, int fd, int level, int name, const void *value, socklen_t len)
{
	struct lab_socket *s = enter(userdata, fd);
	bool is_known = (level == SOL_SOCKET && (name == SO_REUSEADDR || name == SO_REUSEPORT)) ||
		(level == IPPROTO_TCP && name == OPTION_NODELAY);

	RTE_SET_USED(value);
	RTE_SET_USED(len);
	if (s == NULL)
		return -1;
	return leave(userdata, is_known ? 0 : fail(ENOPROTOOPT));
}

static short events_of(const struct lab_socket *s)
{
	short events = 0;

	if (s->is_listening)
		return s->pending_count > 0 ? POLLIN : 0;
	if (s->is_closed)
		return (short)(POLLIN | POLLOUT | POLLHUP |
			(s->reason != TCP_CLOSED_DONE ? POLLERR : 0));
	if (s->conn == NULL || s->is_connecting)
		return 0;
	if (tcp_readable(s->conn) > 0 || tcp_is_eof(s->conn))
		events |= POLLIN;
	if (tcp_write_space(s->conn) > 0)
		events |= POLLOUT;
	return events;
}

static int ready_count(struct lab *lab, struct pollfd *fds, nfds_t count)
{
	int ready = 0;

	for (nfds_t i = 0; i < count; i++) {
		const struct lab_socket *s = lab_socket_find(lab, fds[i].fd);
		short always = POLLERR | POLLHUP;

		fds[i].revents = s == NULL ? POLLNVAL
					   : (short)(events_of(s) & (fds[i].events | always));
		ready += fds[i].revents != 0;
	}
	return ready;
}

static int poll_run(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct lab *lab = userdata;
	uint64_t end_us;
	int ready;

	pthread_mutex_lock(&lab->lock);
	end_us = timeout_ms < 0 ? UINT64_MAX : lab->now_us + (uint64_t)timeout_ms * CLOCK_US_PER_MS;
	while ((ready = ready_count(lab, fds, count)) == 0 && lab->now_us < end_us)
		pthread_cond_wait(&lab->state, &lab->lock);
	return leave(lab, ready);
}

static int netdev_send_run(void *userdata, const void *packet, size_t len)
{
	struct lab *lab = userdata;

	pthread_mutex_lock(&lab->lock);
	return leave(lab, lab_input(lab, packet, len));
}

/* Lets time go to the next timer, and the next, until a packet leaves: bounded in virtual time. */
static struct lab_packet *packet_await(struct lab *lab)
{
	uint64_t end_us = lab->now_us + RECEIVE_LIMIT_US;

	tcp_advance(lab->stack, lab->now_us);
	while (STAILQ_EMPTY(&lab->out) && lab->now_us < end_us) {
		uint64_t next = RTE_MAX(tcp_next_us(lab->stack), lab->now_us + 1);

		lab_advance(lab, RTE_MIN(next, end_us));
		pthread_cond_broadcast(&lab->state);
	}
	return STAILQ_FIRST(&lab->out);
}

static int netdev_receive_run(void *userdata, void *packet, size_t *len, long long *time_us)
{
	struct lab *lab = userdata;
	struct lab_packet *found;

	pthread_mutex_lock(&lab->lock);
	found = packet_await(lab);
	if (found == NULL || found->len > *len)
		return leave(lab, fail(found == NULL ? ETIMEDOUT : EMSGSIZE));
	STAILQ_REMOVE_HEAD(&lab->out, link);
	memcpy(packet, found->bytes, found->len);
	*len = found->len;
	*time_us = (long long)found->at_us;
	free(found);
	return leave(lab, 0);
}

static int usleep_run(void *userdata, useconds_t us)
{
	struct lab *lab = userdata;

	pthread_mutex_lock(&lab->lock);
	lab_advance(lab, lab->now_us + us);
	pthread_cond_broadcast(&lab->state);
	return leave(lab, 0);
}

/* Time moves with every look at it: who polls for a time to come will see it. */
static int gettimeofday_run(void *userdata, struct timeval *now, struct timezone *zone)
{
	struct lab *lab = userdata;

	RTE_SET_USED(zone);
	pthread_mutex_lock(&lab->lock);
	lab_advance(lab, lab->now_us + 1);
	now->tv_sec = (time_t)(lab->now_us / CLOCK_US_PER_S);
	now->tv_usec = (suseconds_t)(lab->now_us % CLOCK_US_PER_S);
	return leave(lab, 0);
}

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface)
{
	RTE_SET_USED(flags);
	*interface = (struct packetdrill_interface){
		.userdata = lab_create(),
		.free = free_run,
		.socket = socket_run,
		.bind = bind_run,
		.listen = listen_run,
		.accept = accept_run,
		.connect = connect_run,
		.read = read_run,
		.readv = readv_run,
		.recv = recv_run,
		.recvfrom = recvfrom_run,
		.recvmsg = recvmsg_run,
		.write = write_run,
		.writev = writev_run,
		.send = send_run,
		.sendto = sendto_run,
		.sendmsg = sendmsg_run,
		.fcntl = fcntl_run,
		.ioctl = refused_ioctl,
		.close = close_run,
		.shutdown = shutdown_run,
		.getsockopt = getsockopt_run,
		.setsockopt = setsockopt_run,
		.poll = poll_run,
		.netdev_send = netdev_send_run,
		.netdev_receive = netdev_receive_run,
		.usleep = usleep_run,
		.gettimeofday = gettimeofday_run,
		.epoll_create = refused_epoll_create,
		.epoll_ctl = refused_epoll_ctl,
		.epoll_wait = refused_epoll_wait,
		.pipe = refused_pipe,
		.splice = refused_splice,
	};
}
