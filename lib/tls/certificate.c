/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>

#include "crypto.h"
#include "tls_internal.h"

/* GeneralName's choice of a DNS name (RFC 5280 4.2.1.6). */
#define SAN_DNS 2

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
	crypto_start(session_on_key_update);
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

static int check_readable(const char *path, struct err *err)
{
	if (access(path, R_OK) == 0)
		return 0;
	return err_set(err, errno, "%s: %s", path, strerror(errno));
}

static int load_chain(struct tls_certificate *certificate, const char *path, struct err *err)
{
	int error;

	if (check_readable(path, err) < 0)
		return -EINVAL;
	error = mbedtls_x509_crt_parse_file(&certificate->chain, path);
	if (error < 0)
		return fail(err, path, error);
	if (error > 0)
		return err_set(
			err, EINVAL, "%s: %d of its certificates cannot be read", path, error);
	return 0;
}

static int load_key(struct tls_certificate *certificate, const char *path, struct err *err)
{
	int error;

	if (check_readable(path, err) < 0)
		return -EINVAL;
	error = mbedtls_pk_parse_keyfile(
		&certificate->key, path, NULL, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
	if (error == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
		return err_set(err, EINVAL,
			"%s: the key is encrypted; store it without a pass phrase", path);
	if (error != 0)
		return fail(err, path, error);
	return 0;
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

static int read_facts(struct tls_certificate *certificate, const char *path, struct err *err)
{
	const mbedtls_x509_crt *leaf = &certificate->chain;
	const mbedtls_x509_time *end = &leaf->valid_to;

	snprintf(certificate->not_after, sizeof(certificate->not_after),
		"%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)end->year % 10000,
		(unsigned)end->mon % 100, (unsigned)end->day % 100, (unsigned)end->hour % 100,
		(unsigned)end->min % 100, (unsigned)end->sec % 100);
	if (mbedtls_x509_time_is_past(end))
		return err_set(err, EINVAL, "%s: the certificate expired on %s", path,
			certificate->not_after);
	if (mbedtls_x509_dn_gets(
		    certificate->subject, sizeof(certificate->subject), &leaf->subject) < 0)
		snprintf(certificate->subject, sizeof(certificate->subject), "(too long)");
	certificate->names = read_names(leaf);
	if (certificate->names == NULL)
		return err_set(err, ENOMEM, "%s: out of memory", path);
	return 0;
}

static int check_pair(const struct tls_certificate *certificate, const char *chain_path,
	const char *key_path, struct err *err)
{
	if (mbedtls_pk_check_pair(&certificate->chain.pk, &certificate->key, mbedtls_psa_get_random,
		    MBEDTLS_PSA_RANDOM_STATE) == 0)
		return 0;
	return err_set(err, EINVAL, "%s: this key does not belong to the certificate in %s",
		key_path, chain_path);
}

struct tls_certificate *tls_certificate_load(
	const char *chain_path, const char *key_path, struct err *err)
{
	struct tls_certificate *certificate = calloc(1, sizeof(*certificate));

	if (certificate == NULL) {
		err_set(err, ENOMEM, "%s: out of memory", chain_path);
		return NULL;
	}
	mbedtls_x509_crt_init(&certificate->chain);
	mbedtls_pk_init(&certificate->key);
	if (load_chain(certificate, chain_path, err) < 0 ||
		load_key(certificate, key_path, err) < 0 ||
		check_pair(certificate, chain_path, key_path, err) < 0 ||
		read_facts(certificate, chain_path, err) < 0) {
		tls_certificate_destroy(certificate);
		return NULL;
	}
	return certificate;
}

void tls_certificate_destroy(struct tls_certificate *certificate)
{
	if (certificate == NULL)
		return;
	mbedtls_x509_crt_free(&certificate->chain);
	mbedtls_pk_free(&certificate->key);
	free(certificate->names);
	free(certificate);
}

void tls_certificate_info(
	const struct tls_certificate *certificate, struct tls_certificate_info *info)
{
	*info = (struct tls_certificate_info){
		.subject = certificate->subject,
		.names = certificate->names,
		.not_after = certificate->not_after,
	};
}
