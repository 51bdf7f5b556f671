/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/facts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/sha256.h>

#include "certificate.h"
#include "session.h"

#define DIGEST_BYTES 32

/* GeneralName's choices that are told of (RFC 5280 4.2.1.6). */
enum general_name { NAME_EMAIL = 1, NAME_DNS = 2, NAME_URI = 6, NAME_IP = 7 };

/* What the facts' strings point to. */
struct peer_facts {
	char error[160];
	char subject[512];
	char issuer[512];
	char names[512];
	char serial[48];
	char fingerprint[2 * DIGEST_BYTES + 1];
	char not_after[CERTIFICATE_TIME_BYTES];
};

static const struct {
	int id;
	const char *name;
} ciphers[] = {
	{ MBEDTLS_TLS1_3_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256" },
	{ MBEDTLS_TLS1_3_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384" },
	{ MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256" },
	{ MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
	{ MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
	{ MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
	{ MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
	{ MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
	{ MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
};

static const char *cipher_name(const mbedtls_ssl_context *ssl)
{
	int id = mbedtls_ssl_get_ciphersuite_id_from_ssl(ssl);

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		if (ciphers[i].id == id)
			return ciphers[i].name;
	return "";
}

/* A name that could be taken for two, or break a header field, is left out. */
static bool is_clean(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isgraph(data[i]) || data[i] == ',' || data[i] == '"' || data[i] == '\\')
			return false;
	return len > 0;
}

/* One name as text, or none; *kind: what stands before it. */
static const char *name_text(
	const mbedtls_x509_buf *san, const char **kind, char *text, size_t size)
{
	int family = san->len == 4 ? AF_INET : AF_INET6;
	enum general_name type = san->tag & MBEDTLS_ASN1_TAG_VALUE_MASK;

	*kind = type == NAME_EMAIL ? "email" : type == NAME_DNS ? "DNS" : "URI";
	if (type == NAME_IP && (san->len == 4 || san->len == 16)) {
		*kind = "IP";
		return inet_ntop(family, san->p, text, (socklen_t)size);
	}
	if ((type != NAME_EMAIL && type != NAME_DNS && type != NAME_URI) || san->len >= size ||
		!is_clean(san->p, san->len))
		return NULL;
	memcpy(text, san->p, san->len);
	text[san->len] = '\0';
	return text;
}

/* As many whole names as fit. */
static void names_format(char *out, size_t size, const mbedtls_x509_sequence *first)
{
	size_t used = 0;

	for (const mbedtls_x509_sequence *san = first; san != NULL && san->buf.p != NULL;
		san = san->next) {
		char text[256];
		const char *kind, *name = name_text(&san->buf, &kind, text, sizeof(text));

		if (name == NULL || used + strlen(kind) + strlen(name) + 3 > size)
			continue;
		used += (size_t)snprintf(
			out + used, size - used, "%s%s:%s", used > 0 ? "," : "", kind, name);
	}
}

static void error_format(char *text, size_t size, uint32_t flags)
{
	if ((flags & MBEDTLS_X509_BADCERT_OTHER) != 0) {
		snprintf(text, size, "the chain is too long");
		return;
	}
	/* A line for each flaw: the first one will do. */
	if (mbedtls_x509_crt_verify_info(text, size, "", flags) < 0)
		snprintf(text, size, "verification failed");
	text[strcspn(text, "\n")] = '\0';
}

static bool fill_peer(struct tls_session *session, const mbedtls_x509_crt *peer)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);
	struct tls_facts *facts = &session->facts;
	struct peer_facts *text = calloc(1, sizeof(*text));
	unsigned char digest[DIGEST_BYTES];

	if (text == NULL)
		return false;
	session->peer = text;
	facts->peer = flags == 0 ? TLS_PEER_GOOD : TLS_PEER_BAD;
	if (flags != 0)
		error_format(text->error, sizeof(text->error), flags);
	certificate_name_format(text->subject, sizeof(text->subject), &peer->subject);
	certificate_name_format(text->issuer, sizeof(text->issuer), &peer->issuer);
	certificate_hex_format(
		text->serial, sizeof(text->serial), peer->serial.p, peer->serial.len);
	certificate_time_format(text->not_after, &peer->valid_to);
	names_format(text->names, sizeof(text->names), &peer->subject_alt_names);
	if (mbedtls_sha256(peer->raw.p, peer->raw.len, digest, 0) == 0)
		certificate_hex_format(
			text->fingerprint, sizeof(text->fingerprint), digest, sizeof(digest));
	facts->peer_error = text->error;
	facts->peer_subject = text->subject;
	facts->peer_issuer = text->issuer;
	facts->peer_names = text->names;
	facts->peer_serial = text->serial;
	facts->peer_fingerprint = text->fingerprint;
	facts->peer_not_after = text->not_after;
	return true;
}

const struct tls_facts *tls_facts_get(struct tls_session *session)
{
	const mbedtls_x509_crt *peer;
	const char *alpn;

	if (session->has_facts)
		return &session->facts;
	if (session->policy == NULL || !mbedtls_ssl_is_handshake_over(&session->ssl))
		return NULL;
	alpn = mbedtls_ssl_get_alpn_protocol(&session->ssl);
	session->facts = (struct tls_facts){
		.version = mbedtls_ssl_get_version(&session->ssl),
		.cipher = cipher_name(&session->ssl),
		.sni = session->sni != NULL ? session->sni : "",
		.alpn = alpn != NULL ? alpn : "",
		.is_resumed = session->is_resumed,
		.peer_error = "",
		.peer_subject = "",
		.peer_issuer = "",
		.peer_names = "",
		.peer_serial = "",
		.peer_fingerprint = "",
		.peer_not_after = "",
	};
	peer = mbedtls_ssl_get_peer_cert(&session->ssl);
	if (peer != NULL && !fill_peer(session, peer))
		return NULL;
	session->has_facts = true;
	return &session->facts;
}

void facts_free(struct tls_session *session)
{
	free(session->peer);
}
