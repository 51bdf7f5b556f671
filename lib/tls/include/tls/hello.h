/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks at a ClientHello without taking part in TLS: to choose how a session is set up, or where a
 * connection goes that is passed through. Keeps no state: what came so far is given anew each time.
 */

#define TLS_NAME_MAX 255 /* RFC 1035 2.3.4 */

/* Of the stream; the message itself may have 16384, as mbedTLS takes. Fragments have their heads.
 */
#define TLS_HELLO_MOST_BYTES 20480
#define TLS_HELLO_ALPN_MAX   255

enum tls_hello_result {
	TLS_HELLO_COMPLETE,
	TLS_HELLO_MORE,     /* so far it is the beginning of one */
	TLS_HELLO_INVALID,  /* it is none, or a broken one */
	TLS_HELLO_TOO_LONG, /* longer than any that is looked at */
};

struct tls_hello {
	size_t sni_len;
	char sni[TLS_NAME_MAX + 1]; /* lower case; "": none, or no host name */
	bool offers_1_2, offers_1_3;
	size_t alpn_len;
	uint8_t alpn[TLS_HELLO_ALPN_MAX]; /* as on the wire, as many as fit */
};

/*
 * data: the stream's first bytes, in records of any cut (RFC 8446 5.1). hello is filled when
 * COMPLETE, and empty otherwise. Any thread.
 */
enum tls_hello_result tls_hello_parse(const uint8_t *data, size_t len, struct tls_hello *hello);

/* Does the client offer this protocol by ALPN? */
bool tls_hello_offers(const struct tls_hello *hello, const char *protocol);

/*
 * Into lower case, when the bytes are a host name's and at most TLS_NAME_MAX: their number, else 0.
 * out: room for TLS_NAME_MAX bytes.
 */
size_t tls_name_lower(char *out, const uint8_t *name, size_t len);

#endif
