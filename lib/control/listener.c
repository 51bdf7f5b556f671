/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 16

static int address_fill(struct listener *listener, const char *path, struct err *err)
{
	listener->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(listener->address.sun_path))
		return err_set(err, ENAMETOOLONG,
			"stats socket %s: the path is longer than %zu bytes", path,
			sizeof(listener->address.sun_path) - 1);
	memcpy(listener->address.sun_path, path, strlen(path) + 1);
	return 0;
}

/* The last folder of the path, which /run loses at every boot. Its parents must exist. */
static int folder_make(const char *path, struct err *err)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;

	memcpy(folder, path, strlen(path) + 1);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return err_set(err, errno, "stats socket folder %s: %s", folder, strerror(errno));
	return 0;
}

/* Does anybody answer on the file? A full backlog is an answer too. */
static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool is_alive;

	if (fd < 0)
		return true;
	is_alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		(errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return is_alive;
}

static int stale_remove(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT
			? 0
			: err_set(err, errno, "stats socket %s: %s", path, strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return err_set(
			err, EEXIST, "stats socket %s: the file exists and is no socket", path);
	if (is_answered(address))
		return err_set(
			err, EADDRINUSE, "stats socket %s: another process answers on it", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "stats socket %s: %s", path, strerror(errno));
	return 0;
}

static int owner_set(const char *path, const struct config_stats *config, struct err *err)
{
	const struct group *group = NULL;

	if (config->socket_group != NULL) {
		group = getgrnam(config->socket_group);
		if (group == NULL)
			return err_set(err, ENOENT, "stats socket: there is no group \"%s\"",
				config->socket_group);
	}
	if (group != NULL && chown(path, (uid_t)-1, group->gr_gid) < 0)
		return err_set(err, errno, "stats socket %s: group %s: %s", path,
			config->socket_group, strerror(errno));
	if (chmod(path, config->socket_mode) < 0)
		return err_set(err, errno, "stats socket %s: mode: %s", path, strerror(errno));
	return 0;
}

/* Mode and group are set before listen(): nobody gets in through the umask's mode. */
static int bind_and_listen(
	struct listener *listener, const struct config_stats *config, struct err *err)
{
	const char *path = listener->address.sun_path;
	struct stat status;
	int ret;

	if (bind(listener->fd, (const struct sockaddr *)&listener->address,
		    sizeof(listener->address)) < 0)
		return err_set(err, errno, "stats socket %s: %s", path, strerror(errno));
	if (stat(path, &status) < 0)
		return err_set(err, errno, "stats socket %s: %s", path, strerror(errno));
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	ret = owner_set(path, config, err);
	if (ret < 0)
		return ret;
	if (listen(listener->fd, BACKLOG) < 0)
		return err_set(err, errno, "stats socket %s: %s", path, strerror(errno));
	return 0;
}

int listener_open(struct listener *listener, const struct config_stats *config, struct err *err)
{
	int ret;

	*listener = (struct listener){ .fd = -1 };
	ret = address_fill(listener, config->socket, err);
	if (ret == 0)
		ret = folder_make(config->socket, err);
	if (ret == 0)
		ret = stale_remove(&listener->address, err);
	if (ret < 0)
		return ret;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return err_set(err, errno, "stats socket: %s", strerror(errno));
	ret = bind_and_listen(listener, config, err);
	if (ret < 0)
		listener_close(listener);
	return ret;
}

void listener_close(struct listener *listener)
{
	const char *path = listener->address.sun_path;
	struct stat status;

	if (listener->fd < 0)
		return;
	if (listener->inode != 0 && lstat(path, &status) == 0 &&
		status.st_dev == listener->device && status.st_ino == listener->inode)
		unlink(path);
	close(listener->fd);
	listener->fd = -1;
}
