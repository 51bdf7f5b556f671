/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rss.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_thash.h>

/* Words that the hash is over: source, destination, both ports. */
#define V4_WORDS      3
#define V6_WORDS      9
#define V6_ADDR_WORDS 4

/* The hash of one word at the end of an input that is zero otherwise: Toeplitz hashes add up. */
static uint32_t last_word_hash(const struct rss *rss, unsigned words, uint32_t value)
{
	uint32_t input[V6_WORDS] = { 0 };

	input[words - 1] = value;
	return rte_softrss(input, words, rss->key);
}

void rss_init(struct rss *rss, unsigned kinds, const uint8_t *key, size_t key_len,
	const uint16_t *reta, size_t reta_count)
{
	static const unsigned words[2] = { V4_WORDS, V6_WORDS };

	memset(rss, 0, sizeof(*rss));
	if (key_len < RSS_KEY_MIN || key_len > RSS_KEY_MAX || reta_count == 0 ||
		reta_count > RSS_RETA_MAX || !rte_is_power_of_2((uint32_t)reta_count))
		return;
	rss->kinds = kinds;
	rss->reta_count = (uint16_t)reta_count;
	memcpy(rss->reta, reta, reta_count * sizeof(*reta));
	memcpy(rss->key, key, key_len);
	for (unsigned is_v6 = 0; is_v6 < 2; is_v6++) {
		for (unsigned value = 0; value < RSS_PORT_HALF; value++) {
			rss->port_parts[is_v6][0][value] = last_word_hash(
				rss, words[is_v6], value << 8);
			rss->port_parts[is_v6][1][value] = last_word_hash(rss, words[is_v6], value);
		}
	}
}

static unsigned kind_of(bool is_v6, uint8_t protocol)
{
	if (protocol == IPPROTO_TCP)
		return is_v6 ? RSS_TCP6 : RSS_TCP4;
	if (protocol == IPPROTO_UDP)
		return is_v6 ? RSS_UDP6 : RSS_UDP4;
	return 0;
}

struct rss_search rss_begin(const struct rss *rss, const struct rss_flow *flow)
{
	bool is_v6 = !ip_is_v4(&flow->src);
	uint32_t ports = (uint32_t)rte_be_to_cpu_16(flow->src_port_be) << 16;
	uint32_t input[V6_WORDS];

	if (rss == NULL || (rss->kinds & kind_of(is_v6, flow->protocol)) == 0)
		return (struct rss_search){ .rss = NULL };
	if (!is_v6) {
		input[0] = rte_be_to_cpu_32(ip_v4_be(&flow->src));
		input[1] = rte_be_to_cpu_32(ip_v4_be(&flow->dst));
		input[2] = ports;
	} else {
		for (unsigned i = 0; i < V6_ADDR_WORDS; i++) {
			input[i] = rte_be_to_cpu_32(flow->src.words_be[i]);
			input[V6_ADDR_WORDS + i] = rte_be_to_cpu_32(flow->dst.words_be[i]);
		}
		input[2 * V6_ADDR_WORDS] = ports;
	}
	return (struct rss_search){
		.rss = rss,
		.hash = rte_softrss(input, is_v6 ? V6_WORDS : V4_WORDS, rss->key),
		.is_v6 = is_v6,
	};
}
