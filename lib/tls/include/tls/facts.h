/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_FACTS_H
#define TLS_FACTS_H

#include <stdbool.h>

struct tls_session;

/* What became of the client's certificate. */
enum tls_peer {
	TLS_PEER_NONE, /* not asked for, or the client has none */
	TLS_PEER_GOOD,
	TLS_PEER_BAD, /* "client_certificates": "optional" lets it in all the same */
};

/*
 * What a session is like, for routing, header fields and logs. Strings have printable ASCII alone,
 * so that they fit into a header field as they are; those of the peer are "" without a certificate.
 */
struct tls_facts {
	const char *version; /* "TLSv1.3" */
	const char *cipher;  /* IANA's name: "TLS_AES_128_GCM_SHA256" */
	const char *sni;     /* lower case; "": none */
	const char *alpn;    /* "h2"; "": none */
	bool is_resumed;
	enum tls_peer peer;
	const char *peer_error;       /* TLS_PEER_BAD: why */
	const char *peer_subject;     /* "CN=client, O=Example" */
	const char *peer_issuer;      /* likewise */
	const char *peer_names;       /* "DNS:a.example,URI:spiffe://x/y,IP:192.0.2.1" */
	const char *peer_serial;      /* hexadecimal, lower case, without separators */
	const char *peer_fingerprint; /* SHA-256, likewise: 64 digits */
	const char *peer_not_after;   /* "2026-01-31T12:00:00Z" */
};

/*
 * The facts of a session; NULL before its handshake is done, or when memory is short. They belong
 * to the session and stay the same until its end; the first call gathers them. The session's
 * worker.
 */
const struct tls_facts *tls_facts_get(struct tls_session *session);

#endif
