/* SPDX-License-Identifier: Apache-2.0 */
#include "cookie.h"

#include <string.h>

#include <rte_common.h>

#define CLASS_BITS  3
#define CLASS_MASK  ((1u << CLASS_BITS) - 1)
#define TIMES_BITS  5
#define TIMES_MASK  ((1u << TIMES_BITS) - 1)
#define TIMES_SCALE 0x0fu
#define TIMES_SACK  0x10u
#define NO_SCALE    0x0fu

static const uint16_t classes[1 << CLASS_BITS] = { 216, 536, 1024, 1220, 1360, 1400, 1440, 1460 };

static struct hash_key key_next(struct hash_key key)
{
	return (struct hash_key){
		.k0 = hash_bytes(key, "next key, first", 15),
		.k1 = hash_bytes(key, "next key, second", 16),
	};
}

void syn_cookies_init(struct cookies *cookies, struct hash_key secret, uint64_t now_us)
{
	*cookies = (struct cookies){
		.epoch = now_us / COOKIE_EPOCH_US,
		.times_offset = (uint32_t)hash_bytes(secret, "timestamps", 10),
	};
	cookies->keys[1] = key_next(secret);
	cookies->keys[0] = key_next(cookies->keys[1]);
}

/* After a pause, neither key has been in use. */
static void epoch_follow(struct cookies *cookies, uint64_t now_us)
{
	uint64_t epoch = now_us / COOKIE_EPOCH_US;
	unsigned steps = (unsigned)RTE_MIN(epoch - cookies->epoch, (uint64_t)2);

	for (; steps > 0; steps--) {
		cookies->keys[1] = cookies->keys[0];
		cookies->keys[0] = key_next(cookies->keys[0]);
	}
	cookies->epoch = epoch;
}

static uint32_t cookie_of(
	struct hash_key key, const struct packet_tuple *client, uint32_t isn, uint32_t class)
{
	struct {
		struct ip_addr src, dst;
		uint16_t ports_be[2];
		uint32_t isn;
		uint32_t class;
	} words = {
		.src = client->src,
		.dst = client->dst,
		.ports_be = { client->src_port_be, client->dst_port_be },
		.isn = isn,
		.class = class,
	};
	/* No padding: every byte is one that was set. */
	const size_t bytes = 2 * sizeof(struct ip_addr) + 3 * sizeof(uint32_t);

	return (uint32_t)hash_bytes(key, &words, bytes) << CLASS_BITS | class;
}

static uint32_t class_of(const struct tcp_options *options)
{
	uint32_t class = 0;

	while (class + 1 < RTE_DIM(classes) && classes[class + 1] <= options->mss)
		class ++;
	return class;
}

uint32_t syn_cookie_make(struct cookies *cookies, const struct packet_tuple *client, uint32_t isn,
	const struct tcp_options *options, uint64_t now_us)
{
	epoch_follow(cookies, now_us);
	cookies->sent_us = now_us;
	return cookie_of(cookies->keys[0], client, isn, class_of(options));
}

bool syn_cookie_check(struct cookies *cookies, const struct packet_tuple *client, uint32_t isn,
	uint32_t cookie, uint64_t now_us, uint16_t *mss)
{
	uint32_t class = cookie & CLASS_MASK;

	/* Nobody may guess while none are out. */
	if (cookies->sent_us == 0 || now_us - cookies->sent_us > 2 * COOKIE_EPOCH_US)
		return false;
	epoch_follow(cookies, now_us);
	*mss = classes[class];
	return cookie == cookie_of(cookies->keys[0], client, isn, class) ||
		cookie == cookie_of(cookies->keys[1], client, isn, class);
}

uint32_t syn_cookie_times_make(
	const struct cookies *cookies, const struct tcp_options *options, uint32_t now_ms)
{
	uint32_t now = syn_cookies_times(cookies, now_ms);
	uint32_t bits = (options->present & TCP_HAS_SCALE) != 0 ? options->scale : NO_SCALE;
	uint32_t times;

	if ((options->present & TCP_HAS_SACK_OK) != 0)
		bits |= TIMES_SACK;
	times = (now & ~TIMES_MASK) | bits;
	return (int32_t)(times - now) > 0 ? times - (TIMES_MASK + 1) : times;
}

void syn_cookie_times_read(uint32_t tsecr, struct tcp_options *options)
{
	uint32_t scale = tsecr & TIMES_SCALE;

	if ((tsecr & TIMES_SACK) != 0)
		options->present |= TCP_HAS_SACK_OK;
	if (scale == NO_SCALE)
		return;
	options->present |= TCP_HAS_SCALE;
	options->scale = (uint8_t)scale;
}
