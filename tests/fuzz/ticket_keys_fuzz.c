/* SPDX-License-Identifier: Apache-2.0 */
/* A file of ticket keys: keys or an error with words, never neither. */
#include <stdlib.h>

#include "tls/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { "" };
	struct tls_ticket_keys *keys = tls_ticket_keys_parse(
		(const char *)data, size, "keys", &err);

	if ((keys == NULL) != (err.text[0] != '\0'))
		abort();
	tls_ticket_keys_destroy(keys);
	return 0;
}
