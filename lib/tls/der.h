/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DER_H
#define DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/asn1.h>

/* A piece of DER that is read from its beginning. */
struct der {
	unsigned char *at;
	const unsigned char *end;
};

#define DER_SEQUENCE    (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define DER_EXPLICIT(n) (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | (n))
#define DER_IMPLICIT(n) (MBEDTLS_ASN1_CONTEXT_SPECIFIC | (n))

static inline struct der der_of(const void *data, size_t len)
{
	unsigned char *at = (unsigned char *)(uintptr_t)data;

	return (struct der){ .at = at, .end = at + len };
}

static inline size_t der_left(const struct der *der)
{
	return (size_t)(der->end - der->at);
}

static inline bool der_is_next(const struct der *der, int tag)
{
	return der_left(der) > 0 && *der->at == tag;
}

/* Passes over an element with this tag; inside: what is in it. False: there is none. */
static inline bool der_take(struct der *der, int tag, struct der *inside)
{
	size_t len;

	if (mbedtls_asn1_get_tag(&der->at, der->end, &len, tag) != 0)
		return false;
	*inside = der_of(der->at, len);
	der->at += len;
	return true;
}

/* The same for any tag. */
static inline bool der_take_any(struct der *der, struct der *inside)
{
	return der_left(der) > 0 && der_take(der, *der->at, inside);
}

/* It must be all that is left. */
static inline bool der_take_last(struct der *der, int tag, struct der *inside)
{
	return der_take(der, tag, inside) && der_left(der) == 0;
}

static inline mbedtls_asn1_buf der_buf(const struct der *der)
{
	return (mbedtls_asn1_buf){ .p = der->at, .len = der_left(der) };
}

bool der_is_same(const struct der *der, const void *data, size_t len);

#endif
