/* SPDX-License-Identifier: Apache-2.0 */
#include "pcapng.h"

#include <string.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u

#define MAGIC         0x1a2b3c4du /* tells the reader our byte order */
#define LINK_ETHERNET 1u
#define FLAG_INBOUND  1u

#define OPTION_END      0
#define OPTION_COMMENT  1
#define OPTION_IF_NAME  2 /* of an interface */
#define OPTION_EPB_FLAG 2 /* of a packet */
#define OPTION_USERAPPL 4 /* of a section */

#define FRAME_BYTES 12 /* type, and the length twice */

static uint32_t padded(size_t len)
{
	return (uint32_t)((len + 3) & ~(size_t)3);
}

static void word_write(FILE *out, uint32_t word)
{
	fwrite(&word, sizeof(word), 1, out);
}

static void bytes_write(FILE *out, const void *bytes, size_t len)
{
	static const uint8_t zeros[4];

	fwrite(bytes, 1, len, out);
	fwrite(zeros, 1, padded(len) - len, out);
}

static uint32_t option_size(size_t len)
{
	return 4 + padded(len);
}

static void option_write(FILE *out, uint16_t code, const void *value, size_t len)
{
	uint16_t head[2] = { code, (uint16_t)len };

	fwrite(head, sizeof(head), 1, out);
	bytes_write(out, value, len);
}

void pcapng_section(FILE *out, const char *application)
{
	static const uint16_t version[2] = { 1, 0 };
	size_t len = strlen(application);
	uint32_t total = FRAME_BYTES + 16 + option_size(len) + option_size(0);

	word_write(out, BLOCK_SECTION);
	word_write(out, total);
	word_write(out, MAGIC);
	fwrite(version, sizeof(version), 1, out);
	/* The section's length is not known. */
	word_write(out, UINT32_MAX);
	word_write(out, UINT32_MAX);
	option_write(out, OPTION_USERAPPL, application, len);
	option_write(out, OPTION_END, "", 0);
	word_write(out, total);
}

void pcapng_interface(FILE *out, const char *name, uint32_t snap_len)
{
	size_t len = strlen(name);
	uint32_t total = FRAME_BYTES + 8 + option_size(len) + option_size(0);

	word_write(out, BLOCK_INTERFACE);
	word_write(out, total);
	word_write(out, LINK_ETHERNET);
	word_write(out, snap_len);
	/* Times are in microseconds unless an option says otherwise. */
	option_write(out, OPTION_IF_NAME, name, len);
	option_write(out, OPTION_END, "", 0);
	word_write(out, total);
}

void pcapng_packet(FILE *out, const struct pcapng_packet *packet)
{
	static const uint32_t flags = FLAG_INBOUND;
	size_t len = strlen(packet->comment);
	uint32_t total = FRAME_BYTES + 20 + padded(packet->len) + option_size(sizeof(flags)) +
		option_size(len) + option_size(0);

	word_write(out, BLOCK_PACKET);
	word_write(out, total);
	word_write(out, packet->interface);
	word_write(out, (uint32_t)(packet->time_us >> 32));
	word_write(out, (uint32_t)packet->time_us);
	word_write(out, packet->len);
	word_write(out, packet->wire_len);
	bytes_write(out, packet->bytes, packet->len);
	option_write(out, OPTION_EPB_FLAG, &flags, sizeof(flags));
	option_write(out, OPTION_COMMENT, packet->comment, len);
	option_write(out, OPTION_END, "", 0);
	word_write(out, total);
}
