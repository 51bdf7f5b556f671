/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LISTENER_H
#define LISTENER_H

#include <sys/stat.h>
#include <sys/un.h>

#include "base/err.h"
#include "conf/config.h"

/* The socket file that clients connect to. Control thread. */
struct listener {
	int fd;
	struct sockaddr_un address;
	dev_t device; /* with inode: the file that we made */
	ino_t inode;
};

/*
 * Binds and listens, with mode and group as configured. A socket file that nobody answers on is
 * replaced; one that is answered, or a file of another kind, is an error. 0 or -errno.
 */
int listener_open(struct listener *listener, const struct config_stats *config, struct err *err);

/* Closes, and removes the file if it is still ours. */
void listener_close(struct listener *listener);

#endif
