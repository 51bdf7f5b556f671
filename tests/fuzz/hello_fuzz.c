/* SPDX-License-Identifier: Apache-2.0 */
/* A ClientHello: what a part of it gives is never more than the whole, and nothing is half filled.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tls_hello *hello, enum tls_hello_result result)
{
	if (strlen(hello->sni) != hello->sni_len || hello->alpn_len > sizeof(hello->alpn))
		abort();
	if (result != TLS_HELLO_COMPLETE && (hello->sni_len > 0 || hello->alpn_len > 0))
		abort();
	(void)tls_hello_offers(hello, "h2");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello whole, part;
	enum tls_hello_result result = tls_hello_parse(data, size, &whole);

	check(&whole, result);
	for (size_t len = size; len > 0; len -= 1 + len / 8) {
		/* A copy of its own: reading behind it is seen. */
		uint8_t *copy = malloc(len);
		enum tls_hello_result partly;

		if (copy == NULL)
			abort();
		memcpy(copy, data, len);
		partly = tls_hello_parse(copy, len, &part);
		check(&part, partly);
		if (partly != TLS_HELLO_MORE &&
			(partly != result || strcmp(part.sni, whole.sni) != 0))
			abort();
		free(copy);
	}
	return 0;
}
