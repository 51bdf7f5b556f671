/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GRPC_CHECK_H
#define GRPC_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prober.h"

/* What grpc.health.v1.HealthCheckResponse says; unknown values of its enum are as they come. */
#define GRPC_SERVING     1
#define GRPC_NOT_SERVING 2

/* The message behind its five bytes of framing. -EBADMSG: malformed; else the status, 0: unset. */
int grpc_health_parse(const uint8_t *data, size_t len);

/* The connection is there: writes the call. False: no memory, or the service's name is too long. */
bool grpc_check_ask(struct check *check);

enum grpc_check_result { GRPC_CHECK_MORE, GRPC_CHECK_UP, GRPC_CHECK_DOWN };

/* Bytes of the member: all are taken. detail: words for what came of it, unless it goes on. */
enum grpc_check_result grpc_check_read(
	struct check *check, const char *data, size_t len, const char **detail);

/* The bytes that are to go to the member now, in one piece; 0: none. */
size_t grpc_check_output(struct check *check, const char **data);

/* Twice is fine. */
void grpc_check_free(struct check *check);

#endif
