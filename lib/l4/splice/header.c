/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"

unsigned splice_header_write(enum config_client_address way, const struct packet_tuple *client,
	uint8_t out[SPLICE_HEADER_MAX])
{
	const struct proxy_header header = { .tuple = *client };

	if (way != CONFIG_CLIENT_ADDRESS_PROXY_V1 && way != CONFIG_CLIENT_ADDRESS_PROXY_V2)
		return 0;
	return (unsigned)proxy_header_write(
		&header, way == CONFIG_CLIENT_ADDRESS_PROXY_V1 ? 1 : 2, out, SPLICE_HEADER_MAX);
}
