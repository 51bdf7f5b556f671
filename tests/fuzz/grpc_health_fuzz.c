/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of grpc.health.v1.Health as members send them: the input as it is, and behind framing
 * that fits its length, so that fields are reached at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grpc.h"

#define FRAME_BYTES 5
#define STATUS_MAX  127

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From memory of its own size: reading behind it is seen. */
static int parse(const uint8_t *frame, size_t frame_len, const uint8_t *data, size_t size)
{
	size_t len = frame_len + size;
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int status;

	if (copy == NULL)
		abort();
	if (frame_len > 0)
		memcpy(copy, frame, frame_len);
	if (size > 0)
		memcpy(copy + frame_len, data, size);
	status = grpc_health_parse(copy, len);
	free(copy);
	if (status != -EBADMSG && (status < 0 || status > STATUS_MAX))
		abort();
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t frame[FRAME_BYTES] = { 0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
		(uint8_t)(size >> 8), (uint8_t)size };
	const uint8_t wrong[FRAME_BYTES] = { 0, frame[1], frame[2], frame[3],
		(uint8_t)(frame[4] + 1) };
	int status = parse(frame, sizeof(frame), data, size);

	parse(NULL, 0, data, size);
	if (parse(wrong, sizeof(wrong), data, size) != -EBADMSG)
		abort();
	if (size == 0 && status != 0)
		abort();
	return 0;
}
