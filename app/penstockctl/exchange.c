/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "penstockctl.h"

static int fail(const struct options *options, const char *what)
{
	int code = errno;

	fprintf(stderr, "penstockctl: %s: %s%s\n", options->socket, what, strerror(code));
	if (code == ENOENT || code == ECONNREFUSED)
		fputs("penstockctl: is penstock running? -s PATH names another socket\n", stderr);
	if (code == EACCES)
		fputs("penstockctl: the socket's mode and group are in the configuration, "
		      "\"stats\"\n",
			stderr);
	return -1;
}

static int connect_to(const struct options *options)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = (time_t)options->timeout_s };
	int fd;

	if (strlen(options->socket) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return fail(options, "");
	}
	memcpy(address.sun_path, options->socket, strlen(options->socket) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(options, "");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fail(options, "");
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		}
	}
	return true;
}

static bool wants_payload(const char *line)
{
	size_t len = strlen(line), mark = strlen(CONTROL_PAYLOAD_MARK);

	return len >= mark && strcmp(line + len - mark, CONTROL_PAYLOAD_MARK) == 0;
}

/* Standard input's lines but for empty ones, the first of which would end it; then one. */
static bool send_payload(int fd)
{
	char line[CONTROL_LINE_MAX + 2];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t len = strcspn(line, "\r\n");

		if (len == 0)
			continue;
		line[len++] = '\n';
		if (!send_all(fd, line, len))
			return false;
	}
	return send_all(fd, "\n", 1);
}

static int send_line(int fd, const struct options *options, const char *line)
{
	char bytes[CONTROL_LINE_MAX + 2];
	int len = snprintf(bytes, sizeof(bytes), "%s\n", line);

	if (send_all(fd, bytes, (size_t)len) && (!wants_payload(line) || send_payload(fd)))
		return 0;
	return fail(options, "sending: ");
}

static enum exit_code receive(int fd, const struct options *options)
{
	struct answer answer;
	char bytes[16384];
	ssize_t got;

	answer_init(&answer);
	for (;;) {
		got = recv(fd, bytes, sizeof(bytes), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		answer_take(&answer, bytes, (size_t)got);
	}
	if (got == 0)
		return answer_end(&answer);
	if (errno == EAGAIN)
		errno = ETIMEDOUT;
	fflush(stdout);
	fail(options, "no answer: ");
	return EXIT_NO_CONNECTION;
}

enum exit_code exchange(const struct options *options, const char *line)
{
	enum exit_code code = EXIT_NO_CONNECTION;
	int fd = connect_to(options);

	if (fd < 0)
		return code;
	if (send_line(fd, options, line) == 0)
		code = receive(fd, options);
	close(fd);
	return code;
}
