/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

#include "certificate.h"
#include "crypto.h"
#include "staple.h"
#include "tls/ocsp.h"
#include "tls_internal.h"

/* GeneralName's choice of a DNS name (RFC 5280 4.2.1.6). */
#define SAN_DNS         2
#define FILE_MOST_BYTES 1048577u

struct blob {
	char *data;
	size_t len;
};

struct tls_certificate {
	unsigned references;
	struct blob chain; /* as given, with a NUL behind */
	struct blob key;
	struct blob signer; /* who signed the leaf, where the chain does not say */
	struct stapling stapling;
	char *names; /* lower case, separated by spaces */
	char subject[512];
	char issuer[512];
	char not_before[CERTIFICATE_TIME_BYTES];
	char not_after[CERTIFICATE_TIME_BYTES];
	char serial[48];
	char fingerprint[65];
	char key_kind[16];
	unsigned chain_count;
};

void tls_error_text(char *text, size_t size, int error)
{
	mbedtls_strerror(error, text, size);
}

/* PSA's state is each thread's own in the accelerated build; in the plain one this does nothing. */
int tls_thread_init(struct err *err)
{
	psa_status_t status = psa_crypto_init();

	if (status == PSA_SUCCESS)
		return 0;
	return err_set(
		err, EIO, "TLS: the crypto library does not start (PSA error %d)", (int)status);
}

int tls_global_init(struct err *err)
{
	crypto_start(session_on_key_update, own_staple);
	/* It is sorted at the first call, which no two workers must do at once. */
	mbedtls_ssl_list_ciphersuites();
	return tls_thread_init(err);
}

void tls_thread_finish(void)
{
	crypto_thread_finish();
}

const char *tls_provider(void)
{
	return crypto_name();
}

static int fail(struct err *err, const char *path, int error)
{
	char text[160];

	tls_error_text(text, sizeof(text), error);
	return err_set(err, EINVAL, "%s: %s", path, text);
}

/* mbedTLS counts the NUL behind PEM, and has none behind DER. */
static size_t parse_len(const void *data, size_t len)
{
	return memmem(data, len, "-----BEGIN ", 11) != NULL ? len + 1 : len;
}

int certificate_parse_chain(mbedtls_x509_crt *chain, const void *data, size_t len)
{
	return mbedtls_x509_crt_parse(chain, data, parse_len(data, len));
}

int certificate_parse_key(mbedtls_pk_context *key, const void *data, size_t len)
{
	return mbedtls_pk_parse_key(key, data, parse_len(data, len), NULL, 0,
		mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
}

void certificate_time_format(char text[CERTIFICATE_TIME_BYTES], const mbedtls_x509_time *time)
{
	snprintf(text, CERTIFICATE_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		(unsigned)time->year % 10000, (unsigned)time->mon % 100, (unsigned)time->day % 100,
		(unsigned)time->hour % 100, (unsigned)time->min % 100, (unsigned)time->sec % 100);
}

void certificate_name_format(char *text, size_t size, const mbedtls_x509_name *name)
{
	if (mbedtls_x509_dn_gets(text, size, name) < 0)
		snprintf(text, size, "(too long)");
	for (char *at = text; *at != '\0'; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

void certificate_hex_format(char *text, size_t size, const unsigned char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < len && used + 2 < size; i++) {
		text[used++] = digits[data[i] >> 4];
		text[used++] = digits[data[i] & 15];
	}
	text[used] = '\0';
}

/* Names go to logs, to tables and into comparisons: other bytes than a host name's are left out. */
static bool is_name(const unsigned char *data, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum(data[i]) && strchr("-._*", data[i]) == NULL)
			return false;
	return memchr(data, '\0', len) == NULL;
}

static void add_name(char *names, const unsigned char *data, size_t len)
{
	size_t used = strlen(names);

	if (!is_name(data, len))
		return;
	if (used > 0)
		names[used++] = ' ';
	for (size_t i = 0; i < len; i++)
		names[used++] = (char)tolower(data[i]);
	names[used] = '\0';
}

static const mbedtls_x509_buf *common_name(const mbedtls_x509_crt *leaf)
{
	for (const mbedtls_x509_name *name = &leaf->subject; name != NULL; name = name->next)
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0)
			return &name->val;
	return NULL;
}

/* The DNS names, or the common name where there are no alternative names at all. */
static char *read_names(const mbedtls_x509_crt *leaf)
{
	const mbedtls_x509_sequence *first = &leaf->subject_alt_names;
	const mbedtls_x509_buf *common = common_name(leaf);
	size_t size = 1;
	char *names;

	for (const mbedtls_x509_sequence *san = first; san != NULL; san = san->next)
		size += san->buf.len + 1;
	if (common != NULL)
		size += common->len + 1;
	names = calloc(1, size);
	if (names == NULL)
		return NULL;
	if (first->buf.p == NULL && common != NULL)
		add_name(names, common->p, common->len);
	for (const mbedtls_x509_sequence *san = first; san != NULL && san->buf.p != NULL;
		san = san->next)
		if ((san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == SAN_DNS)
			add_name(names, san->buf.p, san->buf.len);
	return names;
}

static int check_times(const mbedtls_x509_crt *chain, const char *path, struct err *err)
{
	char end[CERTIFICATE_TIME_BYTES], subject[256];

	for (const mbedtls_x509_crt *at = chain; at != NULL; at = at->next) {
		if (!mbedtls_x509_time_is_past(&at->valid_to))
			continue;
		certificate_time_format(end, &at->valid_to);
		if (at == chain)
			return err_set(err, EINVAL, "%s: the certificate expired on %s", path, end);
		certificate_name_format(subject, sizeof(subject), &at->subject);
		return err_set(err, EINVAL, "%s: the chain's certificate of %s expired on %s", path,
			subject, end);
	}
	return 0;
}

bool certificate_is_signed_by(mbedtls_x509_crt *crt, mbedtls_x509_crt *issuer)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(crt->MBEDTLS_PRIVATE(sig_md));
	unsigned char hash[MBEDTLS_MD_MAX_SIZE];

	return crt->issuer_raw.len == issuer->subject_raw.len &&
		memcmp(crt->issuer_raw.p, issuer->subject_raw.p, issuer->subject_raw.len) == 0 &&
		md != NULL && mbedtls_md(md, crt->tbs.p, crt->tbs.len, hash) == 0 &&
		mbedtls_pk_verify_ext(crt->MBEDTLS_PRIVATE(sig_pk), crt->MBEDTLS_PRIVATE(sig_opts),
			&issuer->pk, crt->MBEDTLS_PRIVATE(sig_md), hash, mbedtls_md_get_size(md),
			crt->MBEDTLS_PRIVATE(sig).p, crt->MBEDTLS_PRIVATE(sig).len) == 0;
}

/* RFC 8446 4.4.2: the second signs for the first; what follows may be there for other clients. */
static int check_chain(mbedtls_x509_crt *leaf, const char *path, struct err *err)
{
	if (leaf->next == NULL || certificate_is_signed_by(leaf, leaf->next))
		return 0;
	return err_set(err, EINVAL, "%s: the second certificate did not sign the first", path);
}

static int check_pair(mbedtls_x509_crt *leaf, const mbedtls_pk_context *key,
	const struct tls_certificate_source *source, struct err *err)
{
	if (mbedtls_pk_check_pair(
		    &leaf->pk, key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE) == 0)
		return 0;
	return err_set(err, EINVAL, "%s: this key does not belong to the certificate in %s",
		source->key_path, source->chain_path);
}

static int read_facts(struct tls_certificate *certificate, const mbedtls_x509_crt *leaf)
{
	unsigned char digest[32];

	certificate_time_format(certificate->not_before, &leaf->valid_from);
	certificate_time_format(certificate->not_after, &leaf->valid_to);
	certificate_name_format(certificate->subject, sizeof(certificate->subject), &leaf->subject);
	certificate_name_format(certificate->issuer, sizeof(certificate->issuer), &leaf->issuer);
	certificate_hex_format(
		certificate->serial, sizeof(certificate->serial), leaf->serial.p, leaf->serial.len);
	if (mbedtls_sha256(leaf->raw.p, leaf->raw.len, digest, 0) != 0)
		return -EIO;
	certificate_hex_format(
		certificate->fingerprint, sizeof(certificate->fingerprint), digest, sizeof(digest));
	snprintf(certificate->key_kind, sizeof(certificate->key_kind), "%s %zu",
		mbedtls_pk_can_do(&leaf->pk, MBEDTLS_PK_RSA) ? "RSA" : "EC",
		mbedtls_pk_get_bitlen(&leaf->pk));
	for (; leaf != NULL && leaf->raw.p != NULL; leaf = leaf->next)
		certificate->chain_count++;
	return 0;
}

static int parse_chain(
	mbedtls_x509_crt *chain, const struct tls_certificate_source *source, struct err *err)
{
	int error = certificate_parse_chain(chain, source->chain, source->chain_len);

	if (error < 0)
		return fail(err, source->chain_path, error);
	if (error > 0)
		return err_set(err, EINVAL, "%s: %d of its certificates cannot be read",
			source->chain_path, error);
	return 0;
}

static int parse_key(
	mbedtls_pk_context *key, const struct tls_certificate_source *source, struct err *err)
{
	int error = certificate_parse_key(key, source->key, source->key_len);

	if (error == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
		return err_set(err, EINVAL,
			"%s: the key is encrypted; store it without a pass phrase",
			source->key_path);
	return error == 0 ? 0 : fail(err, source->key_path, error);
}

/* With a NUL behind it, which PEM wants. */
static bool keep(struct blob *blob, const void *data, size_t len)
{
	blob->data = malloc(len + 1);
	if (blob->data == NULL)
		return false;
	memcpy(blob->data, data, len);
	blob->data[len] = '\0';
	blob->len = len;
	return true;
}

static int certificate_fill(struct tls_certificate *certificate,
	const struct tls_certificate_source *given, struct err *err)
{
	struct tls_certificate_source source = *given;
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
	int result = -EINVAL;

	mbedtls_x509_crt_init(&chain);
	mbedtls_pk_init(&key);
	if (!keep(&certificate->chain, source.chain, source.chain_len) ||
		!keep(&certificate->key, source.key, source.key_len) ||
		(source.issuer != NULL &&
			!keep(&certificate->signer, source.issuer, source.issuer_len))) {
		err_set(err, ENOMEM, "%s: out of memory", source.chain_path);
		goto out;
	}
	source.chain = certificate->chain.data;
	source.key = certificate->key.data;
	if (parse_chain(&chain, &source, err) < 0 || parse_key(&key, &source, err) < 0 ||
		check_pair(&chain, &key, &source, err) < 0 ||
		check_times(&chain, source.chain_path, err) < 0 ||
		check_chain(&chain, source.chain_path, err) < 0)
		goto out;
	certificate->names = read_names(&chain);
	result = certificate->names == NULL ? -ENOMEM : read_facts(certificate, &chain);
	if (result < 0)
		err_set(err, ENOMEM, "%s: out of memory", source.chain_path);
out:
	mbedtls_x509_crt_free(&chain);
	mbedtls_pk_free(&key);
	return result;
}

struct tls_certificate *tls_certificate_parse(
	const struct tls_certificate_source *source, struct err *err)
{
	struct tls_certificate *certificate = calloc(1, sizeof(*certificate));

	if (certificate == NULL) {
		err_set(err, ENOMEM, "%s: out of memory", source->chain_path);
		return NULL;
	}
	certificate->references = 1;
	if (certificate_fill(certificate, source, err) == 0)
		return certificate;
	tls_certificate_destroy(certificate);
	return NULL;
}

static int read_file(struct blob *blob, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	int result = 0;

	if (file == NULL)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	blob->data = malloc(FILE_MOST_BYTES);
	if (blob->data != NULL)
		blob->len = fread(blob->data, 1, FILE_MOST_BYTES, file);
	if (blob->data == NULL)
		result = err_set(err, ENOMEM, "%s: out of memory", path);
	else if (ferror(file))
		result = err_set(err, EIO, "%s: it cannot be read", path);
	else if (blob->len == FILE_MOST_BYTES)
		result = err_set(err, EFBIG, "%s: larger than %u bytes", path, FILE_MOST_BYTES - 1);
	fclose(file);
	return result;
}

static void blob_free(struct blob *blob)
{
	if (blob->data != NULL)
		mbedtls_platform_zeroize(blob->data, blob->len);
	free(blob->data);
}

struct tls_certificate *tls_certificate_load(
	const char *chain_path, const char *key_path, struct err *err)
{
	struct tls_certificate *certificate = NULL;
	struct blob chain = { 0 }, key = { 0 };

	if (read_file(&chain, chain_path, err) == 0 && read_file(&key, key_path, err) == 0)
		certificate = tls_certificate_parse(
			&(struct tls_certificate_source){ .chain = chain.data,
				.chain_len = chain.len,
				.chain_path = chain_path,
				.key = key.data,
				.key_len = key.len,
				.key_path = key_path },
			err);
	blob_free(&chain);
	blob_free(&key);
	return certificate;
}

int tls_certificate_load_issuer(
	struct tls_certificate *certificate, const char *path, struct err *err)
{
	mbedtls_x509_crt leaf, issuer;
	struct blob file = { 0 };
	int result = read_file(&file, path, err);

	mbedtls_x509_crt_init(&leaf);
	mbedtls_x509_crt_init(&issuer);
	if (result == 0 && !keep(&certificate->signer, file.data, file.len))
		result = err_set(err, ENOMEM, "%s: out of memory", path);
	if (result == 0 &&
		(certificate_parse_chain(&leaf, certificate->chain.data, certificate->chain.len) !=
				0 ||
			certificate_parse_chain(&issuer, certificate->signer.data, file.len) != 0))
		result = err_set(err, EINVAL, "%s: it cannot be read as a certificate", path);
	if (result == 0 && !certificate_is_signed_by(&leaf, &issuer))
		result = err_set(err, EINVAL, "%s: it did not sign the certificate", path);
	mbedtls_x509_crt_free(&leaf);
	mbedtls_x509_crt_free(&issuer);
	blob_free(&file);
	return result;
}

int tls_certificate_load_ocsp(
	struct tls_certificate *certificate, const char *path, struct err *err)
{
	struct tls_staple *old = NULL;
	struct blob file = { 0 };
	struct err why = { "" };
	int result = read_file(&file, path, err);

	if (result == 0) {
		result = tls_certificate_set_ocsp(certificate, file.data, file.len, &old, &why);
		if (result != 0)
			err_set(err, 0, "%s: %s", path, why.text);
	}
	tls_staple_destroy(old);
	blob_free(&file);
	return result;
}

struct tls_certificate *tls_certificate_hold(struct tls_certificate *certificate)
{
	__atomic_fetch_add(&certificate->references, 1, __ATOMIC_RELAXED);
	return certificate;
}

void tls_certificate_destroy(struct tls_certificate *certificate)
{
	if (certificate == NULL ||
		__atomic_sub_fetch(&certificate->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	blob_free(&certificate->chain);
	blob_free(&certificate->key);
	blob_free(&certificate->signer);
	tls_staple_destroy(certificate->stapling.now);
	free(certificate->names);
	free(certificate);
}

void tls_certificate_info(
	const struct tls_certificate *certificate, struct tls_certificate_info *info)
{
	*info = (struct tls_certificate_info){
		.subject = certificate->subject,
		.issuer = certificate->issuer,
		.names = certificate->names,
		.not_before = certificate->not_before,
		.not_after = certificate->not_after,
		.serial = certificate->serial,
		.fingerprint = certificate->fingerprint,
		.key = certificate->key_kind,
		.chain_count = certificate->chain_count,
	};
}

void tls_certificate_source(
	const struct tls_certificate *certificate, struct tls_certificate_source *source)
{
	*source = (struct tls_certificate_source){
		.chain = certificate->chain.data,
		.chain_len = certificate->chain.len,
		.key = certificate->key.data,
		.key_len = certificate->key.len,
		.issuer = certificate->signer.data,
		.issuer_len = certificate->signer.len,
	};
}

struct stapling *certificate_stapling(struct tls_certificate *certificate)
{
	return &certificate->stapling;
}
