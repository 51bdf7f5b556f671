/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKETDRILL_INTERFACE_H
#define PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * What a script runner that is given a shared object (packetdrill's --so_filename) calls instead of
 * the system: the socket calls, two for packets on the wire, two for time. Written from the public
 * description of that option; docs/contribute/packetdrill.md says how to check it against the
 * runner at hand. userdata is passed back in every call. Calls may come from two threads: a script
 * runs a call that blocks on a thread of its own.
 */
struct packetdrill_interface {
	void *userdata;
	void (*free)(void *userdata);
	int (*socket)(void *userdata, int domain, int type, int protocol);
	int (*bind)(void *userdata, int fd, const struct sockaddr *address, socklen_t len);
	int (*listen)(void *userdata, int fd, int backlog);
	int (*accept)(void *userdata, int fd, struct sockaddr *address, socklen_t *len);
	int (*connect)(void *userdata, int fd, const struct sockaddr *address, socklen_t len);
	ssize_t (*read)(void *userdata, int fd, void *bytes, size_t len);
	ssize_t (*readv)(void *userdata, int fd, const struct iovec *parts, int count);
	ssize_t (*recv)(void *userdata, int fd, void *bytes, size_t len, int flags);
	ssize_t (*recvfrom)(void *userdata, int fd, void *bytes, size_t len, int flags,
		struct sockaddr *address, socklen_t *address_len);
	ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *message, int flags);
	ssize_t (*write)(void *userdata, int fd, const void *bytes, size_t len);
	ssize_t (*writev)(void *userdata, int fd, const struct iovec *parts, int count);
	ssize_t (*send)(void *userdata, int fd, const void *bytes, size_t len, int flags);
	ssize_t (*sendto)(void *userdata, int fd, const void *bytes, size_t len, int flags,
		const struct sockaddr *address, socklen_t address_len);
	ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *message, int flags);
	int (*fcntl)(void *userdata, int fd, int command, ...);
	int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
	int (*close)(void *userdata, int fd);
	int (*shutdown)(void *userdata, int fd, int how);
	int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
	int (*setsockopt)(
		void *userdata, int fd, int level, int name, const void *value, socklen_t len);
	int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms);
	/* An IP packet arrives. 0 or -1. */
	int (*netdev_send)(void *userdata, const void *packet, size_t len);
	/* The next IP packet that leaves: *len is the room, then the length. 0 or -1. */
	int (*netdev_receive)(void *userdata, void *packet, size_t *len, long long *time_us);
	int (*usleep)(void *userdata, useconds_t us);
	int (*gettimeofday)(void *userdata, struct timeval *now, struct timezone *zone);
	int (*epoll_create)(void *userdata, int size);
	int (*epoll_ctl)(void *userdata, int epfd, int op, int fd, struct epoll_event *event);
	int (*epoll_wait)(
		void *userdata, int epfd, struct epoll_event *events, int max, int timeout_ms);
	int (*pipe)(void *userdata, int fds[2]);
	int (*splice)(void *userdata, int in, loff_t *in_offset, int out, loff_t *out_offset,
		size_t len, unsigned flags);
};

/* flags: what the runner was given for us, unused. Fills the table. */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);

#endif
