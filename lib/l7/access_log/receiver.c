/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void begin(struct receiver *receiver, int fd, bool is_socket)
{
	receiver_close(receiver);
	receiver->fd = fd;
	receiver->is_socket = is_socket;
}

/*
 * O_NONBLOCK belongs to what was opened, which others have too: so it is opened once more. That is
 * not possible with a socket, which has a way of its own to write without waiting.
 */
int receiver_open_stdout(struct receiver *receiver, struct err *err)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	bool is_socket = fd < 0 && errno == ENXIO;

	if (is_socket)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set(
			err, errno, "the standard output cannot be opened: %s", strerror(errno));
	begin(receiver, fd, is_socket);
	return 0;
}

int receiver_open_file(struct receiver *receiver, const char *path, struct err *err)
{
	int fd = open(
		path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);

	if (fd < 0)
		return err_set(err, errno, "the access log %s cannot be opened: %s", path,
			strerror(errno));
	begin(receiver, fd, false);
	return 0;
}

void receiver_close(struct receiver *receiver)
{
	if (receiver->fd >= 0)
		close(receiver->fd);
	receiver->fd = -1;
	receiver->rest_at = receiver->rest_len = 0;
}

static size_t put(const struct receiver *receiver, const char *text, size_t len)
{
	ssize_t put = receiver->is_socket
		? send(receiver->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL)
		: write(receiver->fd, text, len);

	return put < 0 ? 0 : (size_t)put;
}

bool receiver_write(struct receiver *receiver, const char *text, size_t len)
{
	size_t taken;

	receiver->rest_at += receiver->rest_at < receiver->rest_len
		? put(receiver, receiver->rest + receiver->rest_at,
			  receiver->rest_len - receiver->rest_at)
		: 0;
	if (receiver->rest_at < receiver->rest_len)
		return false;
	taken = put(receiver, text, len);
	if (taken == 0)
		return false;
	receiver->rest_at = 0;
	receiver->rest_len = len - taken;
	memcpy(receiver->rest, text + taken, len - taken);
	return true;
}
