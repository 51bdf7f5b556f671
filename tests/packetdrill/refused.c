/* SPDX-License-Identifier: Apache-2.0 */
#include "refused.h"

#include <errno.h>

#include <rte_common.h>

static int refuse(void)
{
	errno = EOPNOTSUPP;
	return -1;
}

int refused_ioctl(void *userdata, int fd, unsigned long request, ...)
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(fd);
	RTE_SET_USED(request);
	return refuse();
}

int refused_epoll_create(void *userdata, int size)
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(size);
	return refuse();
}

int refused_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event)
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(epfd);
	RTE_SET_USED(op);
	RTE_SET_USED(fd);
	RTE_SET_USED(event);
	return refuse();
}

int refused_epoll_wait(
	void *userdata, int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(epfd);
	RTE_SET_USED(events);
	RTE_SET_USED(max);
	RTE_SET_USED(timeout_ms);
	return refuse();
}

int refused_pipe(void *userdata, int fds[2])
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(fds);
	return refuse();
}

int refused_splice(void *userdata, int in, loff_t *in_offset, int out, loff_t *out_offset,
	size_t len, unsigned flags)
{
	RTE_SET_USED(userdata);
	RTE_SET_USED(in);
	RTE_SET_USED(in_offset);
	RTE_SET_USED(out);
	RTE_SET_USED(out_offset);
	RTE_SET_USED(len);
	RTE_SET_USED(flags);
	return refuse();
}
