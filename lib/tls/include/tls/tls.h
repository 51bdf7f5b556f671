/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * TLS 1.2 and 1.3 by mbedTLS, either side, as bytes in, bytes out; knows nothing of TCP.
 * Certificates are loaded by the control thread; a context belongs to one worker, since
 * mbedtls_ssl_config is not shared between threads; a session belongs to its context's worker.
 */
struct tls_certificate;
struct tls_context;
struct tls_session;

/* Call once before anything else, after EAL; and once in each worker thread. 0 or -errno. */
int tls_global_init(struct err *err);
int tls_thread_init(struct err *err);

/* Last in a worker thread: frees what TLS keeps for it. */
void tls_thread_finish(void);

/* "accelerated" or "plain": which mbedTLS this is. */
const char *tls_provider(void);

/*
 * A certificate with its chain and key, as their files have them. Immutable and counted: contexts
 * hold it as well, so that each can parse its own copy at the first use. Any thread may hold it.
 */
struct tls_certificate_source {
	const void *chain; /* PEM, leaf first, or one in DER */
	size_t chain_len;
	const char *chain_path; /* for the errors */
	const void *key;        /* PEM or DER; may be the same as chain */
	size_t key_len;
	const char *key_path;
	const void *issuer; /* PEM or DER: who signed the leaf, if the chain does not say */
	size_t issuer_len;
};

/*
 * Checks that the key belongs to the leaf, that nothing of the chain has expired, and that the
 * second certificate, if there is one, signs for the first. The error names file and reason; NULL.
 */
struct tls_certificate *tls_certificate_parse(
	const struct tls_certificate_source *source, struct err *err);
/* The same from files. */
struct tls_certificate *tls_certificate_load(
	const char *chain_path, const char *key_path, struct err *err);
/* One more user; returns it. */
struct tls_certificate *tls_certificate_hold(struct tls_certificate *certificate);
/* One user less; the last one frees it. NULL is fine. */
void tls_certificate_destroy(struct tls_certificate *certificate);

/* Facts for "show ssl cert": borrowed strings. */
struct tls_certificate_info {
	const char *subject;
	const char *issuer;
	const char *names;      /* SANs, separated by spaces */
	const char *not_before; /* "2025-01-31T12:00:00Z" */
	const char *not_after;
	const char *serial;      /* hexadecimal, lower case */
	const char *fingerprint; /* SHA-256, likewise */
	const char *key;         /* "EC 256", "RSA 2048": kind and bits */
	unsigned chain_count;    /* certificates in the chain, the leaf included */
};
void tls_certificate_info(
	const struct tls_certificate *certificate, struct tls_certificate_info *info);

/* What it was made of: borrowed, without paths. */
void tls_certificate_source(
	const struct tls_certificate *certificate, struct tls_certificate_source *source);

/*
 * Certificates in the order of the configuration, with the names that it has for them. Immutable
 * once published. Control thread; strings are copied, certificates held.
 */
struct tls_store;
struct tls_store *tls_store_create(size_t capacity, struct err *err);
void tls_store_destroy(struct tls_store *store); /* NULL is fine */
/* Takes the caller's part in the certificate over. 0 or -ENOMEM. */
int tls_store_add(struct tls_store *store, const char *name, struct tls_certificate *certificate);
size_t tls_store_count(const struct tls_store *store);
struct tls_certificate *tls_store_at(
	const struct tls_store *store, size_t index, const char **name);
/* The index of a name, or -ENOENT. */
int tls_store_find(const struct tls_store *store, const char *name);

/*
 * Keys of session tickets, for all workers of a listener, or all appliances of a group. Immutable;
 * must outlive the contexts. From a file of lines of 96 hexadecimal digits (openssl rand -hex 48),
 * "#" begins a comment: the first key seals, up to eight open. Who may open the file is checked.
 * NULL on error. Control thread.
 */
struct tls_ticket_keys;
struct tls_ticket_keys *tls_ticket_keys_load(const char *path, struct err *err);
/* The same from text in memory; path: for the errors. */
struct tls_ticket_keys *tls_ticket_keys_parse(
	const char *text, size_t len, const char *path, struct err *err);
/* One new key, for who has no file. */
struct tls_ticket_keys *tls_ticket_keys_random(struct err *err);
/* One more user; returns it. */
struct tls_ticket_keys *tls_ticket_keys_hold(struct tls_ticket_keys *keys);
/* One user less; the last one frees them. NULL is fine. */
void tls_ticket_keys_destroy(struct tls_ticket_keys *keys);

/* Cipher suites, as bits; in our order of preference. The first three are TLS 1.3's. */
enum tls_suite {
	TLS_SUITE_AES_128_GCM = 1 << 0,
	TLS_SUITE_AES_256_GCM = 1 << 1,
	TLS_SUITE_CHACHA20 = 1 << 2,
	TLS_SUITE_ECDSA_AES_128_GCM = 1 << 3,
	TLS_SUITE_RSA_AES_128_GCM = 1 << 4,
	TLS_SUITE_ECDSA_AES_256_GCM = 1 << 5,
	TLS_SUITE_RSA_AES_256_GCM = 1 << 6,
	TLS_SUITE_ECDSA_CHACHA20 = 1 << 7,
	TLS_SUITE_RSA_CHACHA20 = 1 << 8,
};
#define TLS_SUITES_1_3 0x007
#define TLS_SUITES_ALL 0x1ff

enum tls_client_auth {
	TLS_CLIENT_AUTH_NONE,
	TLS_CLIENT_AUTH_OPTIONAL, /* a client without a certificate, or with a bad one, goes on */
	TLS_CLIENT_AUTH_REQUIRED,
};

struct tls_client_params {
	enum tls_client_auth auth;
	const char *ca_path;  /* PEM: who may sign; unless NONE */
	const char *crl_path; /* PEM: what they revoked; NULL: none */
	unsigned depth;       /* the longest chain up to an authority: 1 is without intermediates */
};

/* How clients are spoken to. */
struct tls_policy_params {
	unsigned min_version;    /* 0x0303 or 0x0304 */
	unsigned max_version;    /* likewise; 0: the newest */
	unsigned suites;         /* enum tls_suite, or-ed; 0: all */
	const char *const *alpn; /* NULL-terminated, in order of preference; NULL: none */
	struct tls_client_params client;
};

/* The same for clients that ask for certain host names. */
struct tls_host_params {
	const char *names; /* lower case, separated by spaces; "*.example.com": one label more */
	struct tls_policy_params policy;
};

struct tls_context_params {
	/* Held; each context parses its own copy of what it uses: keys are not shared by threads.
	 */
	struct tls_certificate *const *certificates;
	size_t certificate_count;  /* the first one answers names that no certificate has */
	bool refuse_unknown_names; /* those, and clients that name none, get unrecognized_name */
	struct tls_policy_params policy;
	const struct tls_host_params *hosts;
	size_t host_count;
	/* NULL: a new one of this context's own. Without effect where clients are asked for
	 * certificates: each connection of theirs is verified. */
	const struct tls_ticket_keys *ticket_keys;
	/* Tickets open under the scope that they were sealed for, whoever shares the keys: the
	 * listener's name. NULL: "". */
	const char *ticket_scope;
	const char *key_log_path; /* secrets of all sessions go there; NULL, normally */
};

/* Control thread creates, one worker uses. */
struct tls_context *tls_context_create(const struct tls_context_params *params, struct err *err);

/* Toward servers. */
struct tls_client_context_params {
	const char *ca_path; /* PEM: who may have signed; NULL: servers are not verified */
	const char *name;    /* the server's, sent as SNI and verified; NULL: neither */
	const char *chain_path, *key_path; /* our own certificate, or NULL */
	unsigned min_version, max_version; /* as above */
	const char *const *alpn;           /* as above */
	size_t peers;                      /* servers whose sessions are worth being kept */
};

/* For tls_session_create_client() only. As tls_context_create(). */
struct tls_context *tls_context_create_client(
	const struct tls_client_context_params *params, struct err *err);

/* No session may be left: see tls_context_sessions(). NULL is fine. */
void tls_context_destroy(struct tls_context *context);

/* Sessions now; written by the worker, readable by the control thread. */
uint32_t tls_context_sessions(const struct tls_context *context);

/* The encrypted side. ctx is the session's. Return bytes moved, 0 for "not now". */
struct tls_io {
	size_t (*receive)(void *ctx, uint8_t *data, size_t max);
	size_t (*send)(void *ctx, const uint8_t *data, size_t len);
};

enum tls_result {
	TLS_OK = 0,
	TLS_AGAIN = -1,  /* call again when io has more to give or to take */
	TLS_EOF = -2,    /* the peer closed in order (close_notify) */
	TLS_FAILED = -3, /* see tls_session_error(); an alert waits for tls_flush() at most */
};

/*
 * A server session; io is borrowed. NULL when memory is short. It costs little until the whole
 * ClientHello is there, which decides how the session is set up.
 */
struct tls_session *tls_session_create(
	struct tls_context *context, const struct tls_io *io, void *io_ctx);
void tls_session_destroy(struct tls_session *session);

/*
 * A session toward a server: like the other in all else. peer: a number of its own for each server;
 * what one left behind is resumed with the next of the same number, and never with another's.
 */
struct tls_session *tls_session_create_client(
	struct tls_context *context, const struct tls_io *io, void *io_ctx, uint64_t peer);

/* After the handshake: the server knew the last session. */
bool tls_session_is_resumed(struct tls_session *session);

enum tls_unverified {
	TLS_VERIFIED,
	TLS_UNTRUSTED, /* not signed by whom it should be */
	TLS_OUT_OF_DATE,
	TLS_WRONG_NAME,
	TLS_UNFIT, /* anything else: its key, its use, its algorithms */
};

/* After a handshake that failed: whether the server's certificate was it, and why. */
enum tls_unverified tls_session_unverified(struct tls_session *session);

/* Bytes move by another ctx from now on. */
void tls_session_move(struct tls_session *session, void *io_ctx);

/*
 * The transport ended: what receive() still gives is the last. A peer that ends it without
 * close_notify may have been cut off: reads then end in TLS_FAILED and not in TLS_EOF.
 */
void tls_transport_eof(struct tls_session *session);

/* TLS_OK when done, TLS_AGAIN, or TLS_FAILED. */
enum tls_result tls_handshake(struct tls_session *session);

/*
 * Plain bytes. Return the number moved (> 0) or an enum tls_result (< 0). tls_write() takes at
 * most one record's worth, and keeps what io did not take: TLS_AGAIN means that nothing of data
 * was taken and tls_flush() or a further call must go first.
 */
int tls_read(struct tls_session *session, void *data, size_t max);
int tls_write(struct tls_session *session, const void *data, size_t len);

/*
 * Pushes out what io did not take before: TLS_OK, TLS_AGAIN or TLS_FAILED. After a failure
 * TLS_AGAIN means that the alert is not out yet; it is when TLS_FAILED comes.
 */
enum tls_result tls_flush(struct tls_session *session);

/* True when decrypted bytes wait inside: tls_read() will give some without new input. */
bool tls_has_pending(const struct tls_session *session);

/* Sends what is left and close_notify, as far as io takes it: TLS_AGAIN until all of it is gone. */
enum tls_result tls_close(struct tls_session *session);

/* "TLSv1.3"; the chosen ALPN protocol or NULL; the client's SNI or NULL; the last error's words. */
const char *tls_session_version(const struct tls_session *session);
const char *tls_session_cipher(const struct tls_session *session);
const char *tls_session_alpn(const struct tls_session *session);
const char *tls_session_sni(const struct tls_session *session);
const char *tls_session_error(const struct tls_session *session);

/*
 * Would a client that had asked for this host have been spoken to in the same way? If not, requests
 * for it do not belong here (RFC 9110 7.4): the other way may ask for a certificate. host: as in a
 * request, without port, in any case.
 */
bool tls_session_serves(const struct tls_session *session, const char *host, size_t len);

/*
 * The subject of the client's verified certificate ("CN=client, O=Example"), cut to size, or false:
 * it has none, or a bad one.
 */
bool tls_session_peer(const struct tls_session *session, char *subject, size_t size);

#endif
