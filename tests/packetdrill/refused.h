/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKETDRILL_REFUSED_H
#define PACKETDRILL_REFUSED_H

#include <sys/epoll.h>
#include <sys/types.h>

/* Calls of the table that end in EOPNOTSUPP: a script that needs one fails where it asks for it. */
int refused_ioctl(void *userdata, int fd, unsigned long request, ...);
int refused_epoll_create(void *userdata, int size);
int refused_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event);
int refused_epoll_wait(
	void *userdata, int epfd, struct epoll_event *events, int max, int timeout_ms);
int refused_pipe(void *userdata, int fds[2]);
int refused_splice(void *userdata, int in, loff_t *in_offset, int out, loff_t *out_offset,
	size_t len, unsigned flags);

#endif
