/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCESS_SYSLOG_H
#define ACCESS_SYSLOG_H

#include <stdint.h>
#include <stdio.h>

#include "conf/config.h"

#define SYSLOG_HOST_MAX 256 /* RFC 5424 6: 255 characters */

/* This machine's name as messages have it; "-" where it has none. Control thread. */
void syslog_host(char host[SYSLOG_HOST_MAX]);

/*
 * What stands ahead of a line in its datagram: RFC 5424 6, or RFC 3164 4.1. unix_us: when what the
 * line is about has ended. Control thread.
 */
void syslog_head(FILE *out, const struct config_syslog *config, const char *host, uint64_t unix_us);

#endif
