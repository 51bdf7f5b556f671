/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers: any bytes, in pieces; what is read is written again and read alike. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "packet/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(const struct proxy_value *value, const uint8_t *data, size_t len)
{
	return value->len == 0 || (value->data >= data && value->data + value->len <= data + len);
}

static void write_again(const struct proxy_header *header, unsigned version)
{
	uint8_t out[PROXY_HEADER_MAX];
	struct proxy_header again;
	size_t len = proxy_header_write(header, version, out, sizeof(out));

	if (len == 0 || proxy_header_parse(out, len, &again) != (int)len)
		abort();
	if (version == 1 && !header->is_local && header->tuple.protocol != IPPROTO_TCP)
		return;
	if (again.is_local != header->is_local ||
		memcmp(&again.tuple, &header->tuple, sizeof(again.tuple)) != 0)
		abort();
}

/* Exactly as long as it says, so that the sanitizer sees every byte too far. */
static int parse(const uint8_t *data, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	struct proxy_header header;
	int result;

	if (bytes == NULL)
		abort();
	memcpy(bytes + 1, data, len);
	result = proxy_header_parse(bytes + 1, len, &header);
	if (result > (int)len || (result == PROXY_HEADER_INCOMPLETE && len >= PROXY_HEADER_MAX))
		abort();
	if (result > 0) {
		if (!is_inside(&header.alpn, bytes + 1, (size_t)result) ||
			!is_inside(&header.authority, bytes + 1, (size_t)result))
			abort();
		write_again(&header, 1);
		write_again(&header, 2);
	}
	free(bytes);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int last;

	if (size > 2 * PROXY_HEADER_MAX)
		return 0;
	last = parse(data, size);
	/* A decision stands, however the bytes come. */
	for (size_t len = 0; len < size; len++) {
		int result = parse(data, len);

		if (result != PROXY_HEADER_INCOMPLETE && result != last)
			abort();
	}
	return 0;
}
