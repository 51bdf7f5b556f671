/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of 802.1Q: four bytes between the Ethernet addresses and the type of what follows. */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "parse.h"

#define TAG_BYTES       4
#define ADDRESSES_BYTES 12
#define VLAN_MASK       0x0fff

static bool is_tag(uint16_t type_be)
{
	return type_be == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ||
		type_be == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ);
}

bool packet_has_tag(const struct rte_mbuf *m)
{
	return m->data_len >= ETHER_BYTES &&
		is_tag(rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type);
}

enum drop_reason packet_untag(struct rte_mbuf *m, uint16_t *vlan)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint16_t tci_be;
	uint8_t *start;

	*vlan = 0;
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		*vlan = m->vlan_tci & VLAN_MASK;
		m->ol_flags &= ~RTE_MBUF_F_RX_VLAN_STRIPPED;
		return packet_has_tag(m) ? DROP_vlan_stacked : DROP_NONE;
	}
	if (!packet_has_tag(m))
		return DROP_NONE;
	if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ))
		return DROP_vlan_stacked;
	if (m->data_len < ETHER_BYTES + TAG_BYTES)
		return DROP_parse_short;
	start = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(&tci_be, start + ETHER_BYTES, sizeof(tci_be));
	memmove(start + TAG_BYTES, start, ADDRESSES_BYTES);
	rte_pktmbuf_adj(m, TAG_BYTES);
	*vlan = rte_be_to_cpu_16(tci_be) & VLAN_MASK;
	return packet_has_tag(m) ? DROP_vlan_stacked : DROP_NONE;
}

bool packet_tag(struct rte_mbuf *m, uint16_t vlan)
{
	const uint16_t tag_be[2] = { rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN),
		rte_cpu_to_be_16(vlan) };
	uint8_t *start = (uint8_t *)rte_pktmbuf_prepend(m, TAG_BYTES);

	if (start == NULL)
		return false;
	memmove(start, start + TAG_BYTES, ADDRESSES_BYTES);
	memcpy(start + ADDRESSES_BYTES, tag_be, sizeof(tag_be));
	if (m->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK))
		m->l2_len += TAG_BYTES;
	return true;
}
