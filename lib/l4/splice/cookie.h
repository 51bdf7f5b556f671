/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_SPLICE_COOKIE_H
#define L4_SPLICE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "options.h"
#include "packet/packet.h"

/*
 * SYN cookies (RFC 4987 3.6) of one L4 worker. The number of our SYN|ACK is 29 bits of SipHash over
 * tuple, client's number and MSS class, then the class. Scale and SACK ride in the low bits of our
 * timestamp; without timestamps there are neither. The key is good for one epoch and made of the
 * one before by SipHash, so that one which leaks tells nothing of those before it; a cookie is good
 * for its epoch and the next.
 */
#define COOKIE_EPOCH_US 64000000ull

struct cookies {
	struct hash_key keys[2]; /* of this epoch, and of the last */
	uint64_t epoch;
	uint64_t sent_us; /* when the last cookie was; 0: never */
	uint32_t times_offset;
};

/* secret: from getrandom(2). */
void syn_cookies_init(struct cookies *cookies, struct hash_key secret, uint64_t now_us);

/* Our number in answer to a SYN. client: as it came. */
uint32_t syn_cookie_make(struct cookies *cookies, const struct packet_tuple *client, uint32_t isn,
	const struct tcp_options *options, uint64_t now_us);

/* True when the number is a cookie that is still good, for this client and its number; *mss is
 * what the client can take, or a little less. */
bool syn_cookie_check(struct cookies *cookies, const struct packet_tuple *client, uint32_t isn,
	uint32_t cookie, uint64_t now_us, uint16_t *mss);

/* Our clock of timestamps: milliseconds from a secret start. */
static inline uint32_t syn_cookies_times(const struct cookies *cookies, uint32_t now_ms)
{
	return now_ms + cookies->times_offset;
}

/* Our timestamp with the client's options in it, never ahead of the clock. */
uint32_t syn_cookie_times_make(
	const struct cookies *cookies, const struct tcp_options *options, uint32_t now_ms);

/* The options again, out of the timestamp that the client echoes. Adds to options->present. */
void syn_cookie_times_read(uint32_t tsecr, struct tcp_options *options);

#endif
