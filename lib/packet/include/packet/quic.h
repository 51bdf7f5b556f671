/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKET_QUIC_H
#define PACKET_QUIC_H

#include <stdint.h>

/*
 * Server IDs in the connection IDs of QUIC, which the servers put there so that packets find them
 * whatever address the client has now. Connection IDs that the client made up name nobody.
 */
#define QUIC_SERVER_ID_MAX 15

enum quic_layout_kind {
	/*
	 * draft-ietf-quic-load-balancers-21, plain text: three bits of configuration ID (7: not to
	 * be routed), five bits that do not matter here, the server ID, the nonce.
	 */
	QUIC_LAYOUT_LB,
	/*
	 * Katran's: two bits of version, then 1: the 16 bits that follow; 2: three bytes from the
	 * second; 3: four bytes from the second.
	 */
	QUIC_LAYOUT_KATRAN,
};

struct quic_layout {
	uint8_t kind;          /* enum quic_layout_kind */
	uint8_t server_id_len; /* quic-lb: 1 to QUIC_SERVER_ID_MAX */
	uint8_t config_id;     /* quic-lb: 0 to 6 */
};

/*
 * Takes the server ID out of a UDP payload of len bytes that may be anything. Returns how many
 * bytes of id were written, or 0 where the packet has none: it is too short, an Initial or 0-RTT
 * packet (whose connection ID is the client's), of an unknown version with a long header, of
 * another configuration ID or layout. Any worker.
 */
unsigned quic_server_id(const struct quic_layout *layout, const uint8_t *payload, unsigned len,
	uint8_t id[QUIC_SERVER_ID_MAX]);

#endif
