/* SPDX-License-Identifier: Apache-2.0 */
/* Server IDs of QUIC: the first bytes are the layout, the rest a datagram. */
#include <stdlib.h>
#include <string.h>

#include "packet/quic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as long as it says, so that the sanitizer sees every byte too far. */
static void datagram_try(const struct quic_layout *layout, const uint8_t *data, unsigned len)
{
	uint8_t *payload = malloc(len + 1);
	uint8_t *id = malloc(QUIC_SERVER_ID_MAX);
	unsigned id_len;

	if (payload == NULL || id == NULL)
		abort();
	memcpy(payload + 1, data, len);
	id_len = quic_server_id(layout, payload + 1, len, id);
	if (id_len > QUIC_SERVER_ID_MAX || (id_len > 0 && id_len + 2 > len))
		abort();
	if (layout->kind == QUIC_LAYOUT_LB && id_len != 0 && id_len != layout->server_id_len)
		abort();
	free(payload);
	free(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quic_layout layout;

	if (size < 3 || size > 2048)
		return 0;
	layout = (struct quic_layout){
		.kind = data[0] & 1,
		.server_id_len = data[1],
		.config_id = data[2],
	};
	for (unsigned len = 0; len <= size - 3; len++)
		datagram_try(&layout, data + 3, len);
	return 0;
}
