/* SPDX-License-Identifier: Apache-2.0 */
#include "h1_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(const struct http_head *head)
{
	static const struct http_extra_field extra = {
		.name = "X-Forwarded-For",
		.value = { "192.0.2.1", 9 },
	};
	const struct http_write_options options = { .minor = 1, .extra = &extra, .extra_count = 1 };
	char out[H1_FUZZ_BUFFER];
	int len = h1_write_request(out, sizeof(out), head, &options);

	if (len <= 0)
		abort();
	/* A request of HTTP/1.0 without Host gets an empty one, which we would refuse ourselves. */
	if (head->authority.len > 0)
		h1_reread(H1_REQUEST, false, out, len, head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h1_run run = { .role = H1_REQUEST, .on_head = rewrite };

	h1_run_cuts(&run, data, size);
	return 0;
}
