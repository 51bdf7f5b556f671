/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/quic.h"

#include <stddef.h>
#include <string.h>

/* RFC 8999 5.1, RFC 9000 17.2 and 17.3. */
#define LONG_HEADER        0x80
#define LONG_TYPE_SHIFT    4
#define LONG_TYPE_MASK     3
#define LONG_CID_LEN_AT    5
#define LONG_CID_AT        6
#define SHORT_CID_AT       1
#define VERSION_1          0x00000001u
#define VERSION_2          0x6b3343cfu /* RFC 9369 */
#define TYPE_1_HANDSHAKE   2
#define TYPE_2_HANDSHAKE   3
#define KATRAN_CID_LEN_MIN 8

struct cid {
	const uint8_t *bytes;
	unsigned len; /* at least; a short header does not tell where its connection ID ends */
};

/* Of the long headers that clients send, only a handshake's has a connection ID from the server. */
static int is_handshake(const uint8_t *payload)
{
	uint32_t version = (uint32_t)payload[1] << 24 | (uint32_t)payload[2] << 16 |
		(uint32_t)payload[3] << 8 | payload[4];
	unsigned type = payload[0] >> LONG_TYPE_SHIFT & LONG_TYPE_MASK;

	return (version == VERSION_1 && type == TYPE_1_HANDSHAKE) ||
		(version == VERSION_2 && type == TYPE_2_HANDSHAKE);
}

static struct cid cid_find(const uint8_t *payload, unsigned len)
{
	const struct cid none = { .bytes = NULL };

	if (len <= SHORT_CID_AT)
		return none;
	/* The fixed bit is not looked at: RFC 9287 lets it be anything. */
	if ((payload[0] & LONG_HEADER) == 0)
		return (struct cid){ .bytes = payload + SHORT_CID_AT, .len = len - SHORT_CID_AT };
	if (len <= LONG_CID_AT || !is_handshake(payload) ||
		payload[LONG_CID_LEN_AT] > len - LONG_CID_AT)
		return none;
	return (struct cid){ .bytes = payload + LONG_CID_AT, .len = payload[LONG_CID_LEN_AT] };
}

static unsigned lb_read(const struct quic_layout *layout, const struct cid *cid, uint8_t *id)
{
	unsigned len = layout->server_id_len;

	if (len == 0 || len > QUIC_SERVER_ID_MAX || cid->len <= len ||
		cid->bytes[0] >> 5 != layout->config_id)
		return 0;
	memcpy(id, cid->bytes + 1, len);
	return len;
}

static unsigned katran_read(const struct cid *cid, uint8_t *id)
{
	const uint8_t *bytes = cid->bytes;

	if (cid->len < KATRAN_CID_LEN_MIN)
		return 0;
	switch (bytes[0] >> 6) {
	case 1:
		id[0] = (uint8_t)(bytes[0] << 2 | bytes[1] >> 6);
		id[1] = (uint8_t)(bytes[1] << 2 | bytes[2] >> 6);
		return 2;
	case 2:
		memcpy(id, bytes + 1, 3);
		return 3;
	case 3:
		memcpy(id, bytes + 1, 4);
		return 4;
	default:
		return 0;
	}
}

unsigned quic_server_id(const struct quic_layout *layout, const uint8_t *payload, unsigned len,
	uint8_t id[QUIC_SERVER_ID_MAX])
{
	struct cid cid = cid_find(payload, len);

	if (cid.bytes == NULL || cid.len == 0)
		return 0;
	return layout->kind == QUIC_LAYOUT_LB ? lb_read(layout, &cid, id) : katran_read(&cid, id);
}
