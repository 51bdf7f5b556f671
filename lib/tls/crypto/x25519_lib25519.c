/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 by lib25519, which is twice as fast as libcrypto's. */
#include "provider.h"

#include <string.h>

#include <lib25519.h>

void x25519_thread_finish(void)
{
}

/* RFC 7748 5: decodeScalar25519 */
static void scalar_decode(const uint8_t private[X25519_BYTES], uint8_t scalar[X25519_BYTES])
{
	memcpy(scalar, private, X25519_BYTES);
	scalar[0] &= 248;
	scalar[31] = (uint8_t)((scalar[31] & 127) | 64);
}

int x25519_public(const uint8_t private[X25519_BYTES], uint8_t public[X25519_BYTES])
{
	uint8_t scalar[X25519_BYTES];

	scalar_decode(private, scalar);
	lib25519_nG_montgomery25519(public, scalar);
	explicit_bzero(scalar, sizeof(scalar));
	return 0;
}

int x25519_agree(const uint8_t private[X25519_BYTES], const uint8_t peer[X25519_BYTES],
	uint8_t secret[X25519_BYTES])
{
	uint8_t scalar[X25519_BYTES], point[X25519_BYTES], any = 0;

	scalar_decode(private, scalar);
	memcpy(point, peer, sizeof(point));
	point[31] &= 127;
	lib25519_nP_montgomery25519(secret, scalar, point);
	explicit_bzero(scalar, sizeof(scalar));
	/* RFC 7748 6.1: zero comes from a peer's point of small order. */
	for (unsigned i = 0; i < X25519_BYTES; i++)
		any |= secret[i];
	return any == 0 ? -1 : 0;
}
