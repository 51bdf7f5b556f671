/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of RFC 7915 4.2 and 5.2. */
#include "icmp_translate.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>

#include <rte_common.h>

#define HEADERS_DIFFER   20 /* an IPv6 header is longer by so much */
#define FRAGMENT_BYTES   8  /* and a fragment header by that */
#define V6_MTU_MIN       1280
#define V4_POINTER_SHIFT 24
#define NONE             0xff /* no such code or field */
#define V4_BAD_LENGTH    2    /* RFC 1122 3.2.2.5: code of a parameter problem */
#define V6_NEXT_HEADER   6    /* where that field is */

/* Codes of "destination unreachable"; 2 and 4 are other types in ICMPv6. */
static const uint8_t unreachable_to_v6[] = {
	[ICMP_NET_UNREACH] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNREACH] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_PROT_UNREACH] = NONE,
	[ICMP_PORT_UNREACH] = ICMP6_DST_UNREACH_NOPORT,
	[ICMP_FRAG_NEEDED] = NONE,
	[ICMP_SR_FAILED] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_NET_UNKNOWN] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNKNOWN] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_ISOLATED] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_NET_ANO] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_HOST_ANO] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_NET_UNR_TOS] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_HOST_UNR_TOS] = ICMP6_DST_UNREACH_NOROUTE,
	[ICMP_PKT_FILTERED] = ICMP6_DST_UNREACH_ADMIN,
	[ICMP_PREC_VIOLATION] = NONE,
	[ICMP_PREC_CUTOFF] = ICMP6_DST_UNREACH_ADMIN,
};

static const uint8_t unreachable_to_v4[] = {
	[ICMP6_DST_UNREACH_NOROUTE] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_ADMIN] = ICMP_HOST_ANO,
	[ICMP6_DST_UNREACH_BEYONDSCOPE] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_ADDR] = ICMP_HOST_UNREACH,
	[ICMP6_DST_UNREACH_NOPORT] = ICMP_PORT_UNREACH,
};

/* RFC 7915 figure 3: where the field is in IPv6 that a byte of an IPv4 header belongs to. */
static const uint8_t pointer_to_v6[] = { 0, 1, 4, 4, NONE, NONE, NONE, NONE, 7, 6, NONE, NONE, 8, 8,
	8, 8, 24, 24, 24, 24 };

/* RFC 7915 figure 6. */
static const uint8_t pointer_to_v4[] = { 0, 1, NONE, NONE, 2, 2, 9, 8, 12, 12, 12, 12, 12, 12, 12,
	12, 12, 12, 12, 12, 12, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
	16, 16 };

/* RFC 1191 7.1: what an MTU may have been below a packet's length; smaller ones end as 1280. */
static uint32_t plateau_below(uint32_t len)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492 };

	for (size_t i = 0; i < RTE_DIM(plateaus); i++) {
		if (plateaus[i] < len)
			return plateaus[i];
	}
	return 0;
}

static bool entry_find(const uint8_t *table, size_t count, uint32_t index, uint8_t *entry)
{
	if (index >= count || table[index] == NONE)
		return false;
	*entry = table[index];
	return true;
}

static uint32_t mtu_bound(uint32_t mtu, uint32_t link)
{
	return link == 0 ? mtu : RTE_MIN(mtu, link);
}

static uint32_t headers_differ(const struct icmp_mtus *mtus)
{
	return HEADERS_DIFFER + (mtus->is_fragment ? FRAGMENT_BYTES : 0);
}

static void too_big_to_v6(struct icmp_head *head, const struct icmp_mtus *mtus, uint32_t quoted_len)
{
	uint32_t told = head->rest & UINT16_MAX;
	uint32_t mtu = mtu_bound(told != 0 ? told : plateau_below(quoted_len), mtus->v4);

	mtu = mtu_bound(mtu + headers_differ(mtus), mtus->v6);
	*head = (struct icmp_head){ ICMP6_PACKET_TOO_BIG, 0, RTE_MAX(mtu, V6_MTU_MIN) };
}

static bool unreachable_head_to_v6(
	struct icmp_head *head, const struct icmp_mtus *mtus, uint32_t quoted_len)
{
	if (head->code == ICMP_FRAG_NEEDED) {
		too_big_to_v6(head, mtus, quoted_len);
		return true;
	}
	if (head->code == ICMP_PROT_UNREACH) {
		*head = (struct icmp_head){ ICMP6_PARAM_PROB, ICMP6_PARAMPROB_NEXTHEADER,
			V6_NEXT_HEADER };
		return true;
	}
	head->type = ICMP6_DST_UNREACH;
	head->rest = 0;
	return entry_find(unreachable_to_v6, RTE_DIM(unreachable_to_v6), head->code, &head->code);
}

static bool problem_to_v6(struct icmp_head *head)
{
	uint8_t pointer;

	if (head->code != 0 && head->code != V4_BAD_LENGTH)
		return false;
	if (!entry_find(pointer_to_v6, RTE_DIM(pointer_to_v6), head->rest >> V4_POINTER_SHIFT,
		    &pointer))
		return false;
	*head = (struct icmp_head){ ICMP6_PARAM_PROB, ICMP6_PARAMPROB_HEADER, pointer };
	return true;
}

bool icmp_head_to_v6(struct icmp_head *head, const struct icmp_mtus *mtus, uint32_t quoted_len)
{
	switch (head->type) {
	case ICMP_DEST_UNREACH:
		return unreachable_head_to_v6(head, mtus, quoted_len);
	case ICMP_TIME_EXCEEDED:
		*head = (struct icmp_head){ ICMP6_TIME_EXCEEDED, head->code, 0 };
		return true;
	case ICMP_PARAMETERPROB:
		return problem_to_v6(head);
	default:
		return false;
	}
}

static bool too_big_to_v4(struct icmp_head *head, const struct icmp_mtus *mtus)
{
	uint32_t mtu = RTE_MIN(head->rest, (uint32_t)UINT16_MAX);

	/* RFC 8201 4: one who tells less lies. */
	if (mtu < V6_MTU_MIN)
		return false;
	mtu = mtu_bound(mtu_bound(mtu, mtus->v6) - headers_differ(mtus), mtus->v4);
	*head = (struct icmp_head){ ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu };
	return true;
}

static bool problem_to_v4(struct icmp_head *head)
{
	uint8_t pointer;

	if (head->code == ICMP6_PARAMPROB_NEXTHEADER) {
		*head = (struct icmp_head){ ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0 };
		return true;
	}
	if (head->code != ICMP6_PARAMPROB_HEADER ||
		!entry_find(pointer_to_v4, RTE_DIM(pointer_to_v4), head->rest, &pointer))
		return false;
	*head = (struct icmp_head){ ICMP_PARAMETERPROB, 0, (uint32_t)pointer << V4_POINTER_SHIFT };
	return true;
}

bool icmp_head_to_v4(struct icmp_head *head, const struct icmp_mtus *mtus)
{
	switch (head->type) {
	case ICMP6_DST_UNREACH:
		head->type = ICMP_DEST_UNREACH;
		head->rest = 0;
		return entry_find(
			unreachable_to_v4, RTE_DIM(unreachable_to_v4), head->code, &head->code);
	case ICMP6_PACKET_TOO_BIG:
		return too_big_to_v4(head, mtus);
	case ICMP6_TIME_EXCEEDED:
		*head = (struct icmp_head){ ICMP_TIME_EXCEEDED, head->code, 0 };
		return true;
	case ICMP6_PARAM_PROB:
		return problem_to_v4(head);
	default:
		return false;
	}
}
