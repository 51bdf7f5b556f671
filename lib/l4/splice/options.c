/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <string.h>

#include <rte_byteorder.h>

uint8_t *tcp_option_next(uint8_t **at, const uint8_t *end)
{
	uint8_t *option;

	while (*at < end && **at == TCP_OPTION_NOP)
		(*at)++;
	option = *at;
	if (option >= end || *option == TCP_OPTION_END)
		return NULL;
	if (end - option < 2 || option[1] < 2 || end - option < option[1])
		return NULL;
	*at = option + option[1];
	return option;
}

static uint32_t word_read(const uint8_t *at)
{
	uint32_t word_be;

	memcpy(&word_be, at, sizeof(word_be));
	return rte_be_to_cpu_32(word_be);
}

static void word_write(uint8_t *at, uint32_t word)
{
	uint32_t word_be = rte_cpu_to_be_32(word);

	memcpy(at, &word_be, sizeof(word_be));
}

void syn_options_parse(struct rte_mbuf *m, struct tcp_options *options)
{
	uint8_t *option;
	uint8_t *at;
	const uint8_t *end = packet_tcp_options(m, &at);

	*options = (struct tcp_options){ .mss = TCP_MSS_DEFAULT };
	while ((option = tcp_option_next(&at, end)) != NULL) {
		if (option[0] == TCP_OPTION_MSS && option[1] == 4) {
			options->present |= TCP_HAS_MSS;
			options->mss = (uint16_t)(option[2] << 8 | option[3]);
		} else if (option[0] == TCP_OPTION_SCALE && option[1] == 3) {
			options->present |= TCP_HAS_SCALE;
			options->scale = RTE_MIN(option[2], (uint8_t)TCP_SCALE_MAX);
		} else if (option[0] == TCP_OPTION_SACK_OK && option[1] == 2) {
			options->present |= TCP_HAS_SACK_OK;
		} else if (option[0] == TCP_OPTION_TIMES && option[1] == TCP_OPTION_TIMES_BYTES) {
			options->present |= TCP_HAS_TIMES;
			options->tsval = word_read(option + 2);
			options->tsecr = word_read(option + 6);
		}
	}
}

unsigned syn_options_write(const struct tcp_options *options, uint8_t *out)
{
	uint8_t *at = out;

	if (options->present & TCP_HAS_MSS) {
		*at++ = TCP_OPTION_MSS;
		*at++ = 4;
		*at++ = (uint8_t)(options->mss >> 8);
		*at++ = (uint8_t)options->mss;
	}
	if (options->present & (TCP_HAS_SACK_OK | TCP_HAS_TIMES)) {
		bool has_sack = (options->present & TCP_HAS_SACK_OK) != 0;

		*at++ = has_sack ? TCP_OPTION_SACK_OK : TCP_OPTION_NOP;
		*at++ = has_sack ? 2 : TCP_OPTION_NOP;
		if ((options->present & TCP_HAS_TIMES) == 0) {
			*at++ = TCP_OPTION_NOP;
			*at++ = TCP_OPTION_NOP;
		}
	}
	if (options->present & TCP_HAS_TIMES) {
		*at++ = TCP_OPTION_TIMES;
		*at++ = TCP_OPTION_TIMES_BYTES;
		word_write(at, options->tsval);
		word_write(at + 4, options->tsecr);
		at += 8;
	}
	if (options->present & TCP_HAS_SCALE) {
		*at++ = TCP_OPTION_NOP;
		*at++ = TCP_OPTION_SCALE;
		*at++ = 3;
		*at++ = options->scale;
	}
	return (unsigned)(at - out);
}

/* At an odd offset all words count in swapped places (RFC 1071 2B). */
void tcp_word_replace(struct rte_tcp_hdr *tcp, uint8_t *at, uint32_t word_be)
{
	bool is_odd = ((at - (uint8_t *)tcp) & 1) != 0;
	uint16_t sum = is_odd ? rte_bswap16(tcp->cksum) : tcp->cksum;
	uint32_t old_be;

	memcpy(&old_be, at, sizeof(old_be));
	memcpy(at, &word_be, sizeof(word_be));
	sum = packet_checksum_fix32(sum, old_be, word_be);
	tcp->cksum = is_odd ? rte_bswap16(sum) : sum;
}

void tcp_number_add(struct rte_tcp_hdr *tcp, uint8_t *at, uint32_t shift)
{
	tcp_word_replace(tcp, at, rte_cpu_to_be_32(word_read(at) + shift));
}
