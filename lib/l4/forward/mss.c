/* SPDX-License-Identifier: Apache-2.0 */
#include "mss.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_tcp.h>

#include "packet/packet.h"

#define OPTION_END     0
#define OPTION_NOP     1
#define OPTION_MSS     2
#define OPTION_MSS_LEN 4

/* The value of the option, or NULL. Options whose lengths lie end the search. */
static uint8_t *mss_find(uint8_t *option, const uint8_t *end)
{
	while (option < end && *option != OPTION_END) {
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || end - option < option[1])
			return NULL;
		if (option[0] == OPTION_MSS)
			return option[1] == OPTION_MSS_LEN ? option + 2 : NULL;
		option += option[1];
	}
	return NULL;
}

/* At an odd offset the word's bytes count in swapped places (RFC 1071 2B). */
static uint16_t sum_fix(uint16_t sum_be, uint16_t old_be, uint16_t new_be, bool is_odd)
{
	if (is_odd)
		return packet_checksum_fix16(sum_be, rte_bswap16(old_be), rte_bswap16(new_be));
	return packet_checksum_fix16(sum_be, old_be, new_be);
}

bool mss_clamp(struct rte_mbuf *m, uint16_t limit)
{
	const struct packet *p = packet_of(m);
	uint8_t *header = rte_pktmbuf_mtod_offset(m, uint8_t *, p->l4_offset);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)header;
	uint8_t *value = mss_find(
		header + sizeof(*tcp), header + (p->payload_offset - p->l4_offset));
	uint16_t limit_be = rte_cpu_to_be_16(limit);
	uint16_t old_be;

	if (value == NULL)
		return false;
	memcpy(&old_be, value, sizeof(old_be));
	if (rte_be_to_cpu_16(old_be) <= limit)
		return false;
	tcp->cksum = sum_fix(tcp->cksum, old_be, limit_be, ((value - header) & 1) != 0);
	memcpy(value, &limit_be, sizeof(limit_be));
	return true;
}
