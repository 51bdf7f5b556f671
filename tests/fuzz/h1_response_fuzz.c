/* SPDX-License-Identifier: Apache-2.0 */
#include "h1_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(const struct http_head *head)
{
	char out[H1_FUZZ_BUFFER];

	for (unsigned minor = 0; minor < 2; minor++) {
		const struct http_write_options options = { .minor = minor };
		int len = h1_write_response(out, sizeof(out), head, &options);

		if (len <= 0)
			abort();
		h1_reread(H1_RESPONSE, head->is_head, out, len, head);
	}
}

/* The first byte says whether the request was HEAD. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h1_run run = { .role = H1_RESPONSE, .on_head = rewrite };

	if (size == 0)
		return 0;
	run.to_head_request = data[0] & 1;
	h1_run_cuts(&run, data + 1, size - 1);
	return 0;
}
