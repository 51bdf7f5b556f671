/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_OCSP_H
#define TLS_OCSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * OCSP answers (RFC 6960) for our own certificates: read, verified, and stapled to handshakes. What
 * a certificate is stapled with may change at any time; all else of it stays. Control thread.
 */
struct tls_certificate;

#define TLS_OCSP_MOST_BYTES 8192 /* answers that are longer are refused */

enum tls_ocsp_status { TLS_OCSP_GOOD, TLS_OCSP_REVOKED, TLS_OCSP_UNKNOWN };

/* Times are seconds since 1970. */
struct tls_ocsp_facts {
	enum tls_ocsp_status status;
	int64_t this_update_s;
	int64_t next_update_s;
	int64_t revoked_s; /* REVOKED: since when */
};

/*
 * Reads the file with who signed the certificate, for a chain that does not say it. Before the
 * certificate has other users. 0 or -errno with words that name the file.
 */
int tls_certificate_load_issuer(
	struct tls_certificate *certificate, const char *path, struct err *err);

/*
 * Reads an answer and verifies it: it is about this certificate, signed by its issuer or by whom
 * the issuer lets sign such, and begins before now_s. That it is still in force, and what it says,
 * is the caller's to judge. 0; -ENOENT: it is about other certificates, or who
 * signed ours is not known; -EBADMSG: anything else.
 */
int tls_ocsp_read(const struct tls_certificate *certificate, const void *data, size_t len,
	int64_t now_s, struct tls_ocsp_facts *facts, struct err *err);

/*
 * The same, and clients that ask get it from now on. 0; 1: it holds, but is over, or says anything
 * but "good": clients get none then, and err has the words; < 0 as above: nothing changed. old:
 * what they got before, or NULL: for the caller to destroy when no worker can be reading it any
 * more.
 */
struct tls_staple;
int tls_certificate_set_ocsp(struct tls_certificate *certificate, const void *data, size_t len,
	struct tls_staple **old, struct err *err);
void tls_staple_destroy(struct tls_staple *staple); /* NULL is fine */

/* From a file, before the certificate has other users; words that name it. */
int tls_certificate_load_ocsp(
	struct tls_certificate *certificate, const char *path, struct err *err);

/* What the last answer said, and how many handshakes had one. False: there was none. */
bool tls_certificate_ocsp(
	const struct tls_certificate *certificate, struct tls_ocsp_facts *facts, uint64_t *stapled);

/* "2026-01-31T12:00:00Z" */
#define TLS_OCSP_TIME_BYTES 24
void tls_ocsp_time(char text[TLS_OCSP_TIME_BYTES], int64_t seconds);

/* Whether this build can staple: the plain mbedTLS cannot. Any thread. */
bool tls_can_staple(void);

#endif
