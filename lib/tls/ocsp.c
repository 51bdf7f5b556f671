/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers about our own certificates. */
#include "tls/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mbedtls/md.h>
#include <mbedtls/oid.h>

#include "certificate.h"
#include "crypto.h"
#include "ocsp_answer.h"
#include "staple.h"
#include "tls_internal.h"

/* RFC 5019 4: how far the responder's clock may be ahead. */
#define AHEAD_S 300

/* A certificate and who signed it, parsed for one call. */
struct pair {
	mbedtls_x509_crt chain, other;
	mbedtls_x509_crt *leaf;
	mbedtls_x509_crt *issuer;
};

static void pair_free(struct pair *pair)
{
	mbedtls_x509_crt_free(&pair->chain);
	mbedtls_x509_crt_free(&pair->other);
}

/* They were checked when they were loaded: what fails now is memory, or that there is none. */
static int pair_read(struct pair *pair, const struct tls_certificate *certificate, struct err *err)
{
	struct tls_certificate_source source;

	mbedtls_x509_crt_init(&pair->chain);
	mbedtls_x509_crt_init(&pair->other);
	tls_certificate_source(certificate, &source);
	if (certificate_parse_chain(&pair->chain, source.chain, source.chain_len) != 0 ||
		(source.issuer != NULL &&
			certificate_parse_chain(&pair->other, source.issuer, source.issuer_len) !=
				0)) {
		pair_free(pair);
		return err_set(err, ENOMEM, "out of memory");
	}
	pair->leaf = &pair->chain;
	pair->issuer = pair->chain.next;
	/* The file may be the last certificate's: that one may be of another authority. */
	if (pair->issuer == NULL && source.issuer != NULL &&
		certificate_is_signed_by(pair->leaf, &pair->other))
		pair->issuer = &pair->other;
	if (pair->issuer != NULL)
		return 0;
	pair_free(pair);
	return err_set(err, ENOENT, "nothing says who signed the certificate");
}

/* The bits of the key alone, without their head and count (RFC 6960 4.1.1). */
static bool key_bits(const mbedtls_x509_crt *crt, struct der *bits)
{
	struct der all = der_of(crt->pk_raw.p, crt->pk_raw.len), info, algorithm;

	if (!der_take(&all, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
		!der_take(&info, MBEDTLS_ASN1_BIT_STRING, bits) || der_left(bits) == 0)
		return false;
	bits->at++;
	return true;
}

static bool is_hash_of(mbedtls_md_type_t type, const struct der *hash, const void *data, size_t len)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(type);
	unsigned char own[MBEDTLS_MD_MAX_SIZE];

	return md != NULL && mbedtls_md(md, data, len, own) == 0 &&
		der_is_same(hash, own, mbedtls_md_get_size(md));
}

static bool is_about(const struct ocsp_single *single, const struct pair *pair)
{
	const mbedtls_x509_crt *issuer = pair->issuer;
	struct der bits;

	return der_is_same(&single->serial, pair->leaf->serial.p, pair->leaf->serial.len) &&
		is_hash_of(single->md, &single->name_hash, issuer->subject_raw.p,
			issuer->subject_raw.len) &&
		key_bits(issuer, &bits) &&
		is_hash_of(single->md, &single->key_hash, bits.at, der_left(&bits));
}

static int find_single(const struct ocsp_answer *answer, const struct pair *pair,
	struct ocsp_single *single, struct err *err)
{
	struct der singles = answer->singles;
	int result;

	while ((result = ocsp_single_next(&singles, single, err)) > 0)
		if (is_about(single, pair))
			return 0;
	return result < 0 ? result
			  : err_set(err, ENOENT, "the answer is about another certificate");
}

static bool is_responder(const struct ocsp_answer *answer, const mbedtls_x509_crt *crt)
{
	struct der bits;

	if (!answer->is_by_key)
		return der_is_same(&answer->responder, crt->subject_raw.p, crt->subject_raw.len);
	return key_bits(crt, &bits) &&
		is_hash_of(MBEDTLS_MD_SHA1, &answer->responder, bits.at, der_left(&bits));
}

/* RFC 6960 4.2.2.2: by name. Any use, and none that is said, do not do. */
static bool may_sign_answers(const mbedtls_x509_crt *crt)
{
	const mbedtls_x509_sequence *use = &crt->ext_key_usage;

	for (; use != NULL && use->buf.p != NULL; use = use->next)
		if (MBEDTLS_OID_CMP(MBEDTLS_OID_OCSP_SIGNING, &use->buf) == 0)
			return true;
	return false;
}

/* Hashes that anybody can make a second text for are no proof. */
static bool is_weak(mbedtls_md_type_t md)
{
	return md != MBEDTLS_MD_SHA256 && md != MBEDTLS_MD_SHA384 && md != MBEDTLS_MD_SHA512;
}

static bool has_signed(const struct ocsp_answer *answer, mbedtls_x509_crt *crt)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(answer->md);
	unsigned char hash[MBEDTLS_MD_MAX_SIZE];

	return md != NULL && !is_weak(answer->md) &&
		mbedtls_md(md, answer->signed_part.at, der_left(&answer->signed_part), hash) == 0 &&
		mbedtls_pk_can_do(&crt->pk, answer->pk) &&
		mbedtls_pk_verify(&crt->pk, answer->md, hash, mbedtls_md_get_size(md),
			answer->signature.at, der_left(&answer->signature)) == 0;
}

static int check_delegate(const struct ocsp_answer *answer, mbedtls_x509_crt *crt,
	mbedtls_x509_crt *issuer, struct err *err)
{
	if (!certificate_is_signed_by(crt, issuer))
		return err_set(err, EBADMSG, "the issuer did not sign the responder's certificate");
	if (!may_sign_answers(crt))
		return err_set(err, EBADMSG, "the responder's certificate is not for signing OCSP");
	if (mbedtls_x509_time_is_past(&crt->valid_to) ||
		mbedtls_x509_time_is_future(&crt->valid_from))
		return err_set(err, EBADMSG, "the responder's certificate is out of date");
	if (!has_signed(answer, crt))
		return err_set(err, EBADMSG, "the signature does not hold");
	return 0;
}

/* The issuer itself, or whom it gave a certificate for that. */
static int check_signer(const struct ocsp_answer *answer, mbedtls_x509_crt *issuer, struct err *err)
{
	struct der rest = answer->certificates, inside;
	int result = 1;

	if (is_responder(answer, issuer))
		return has_signed(answer, issuer)
			? 0
			: err_set(err, EBADMSG, "the signature does not hold");
	while (result > 0 && der_left(&rest) > 0) {
		mbedtls_x509_crt crt;
		unsigned char *begin = rest.at;

		if (!der_take(&rest, DER_SEQUENCE, &inside))
			break;
		mbedtls_x509_crt_init(&crt);
		if (mbedtls_x509_crt_parse_der(&crt, begin, (size_t)(rest.at - begin)) == 0 &&
			is_responder(answer, &crt))
			result = check_delegate(answer, &crt, issuer, err);
		mbedtls_x509_crt_free(&crt);
	}
	return result <= 0 ? result
			   : err_set(err, EBADMSG, "the responder is not known to the issuer");
}

static int check_times(const struct tls_ocsp_facts *facts, int64_t now_s, struct err *err)
{
	if (facts->next_update_s == 0)
		return err_set(err, EBADMSG, "the answer does not say how long it holds");
	if (facts->next_update_s <= facts->this_update_s)
		return err_set(err, EBADMSG, "the answer ends before it begins");
	if (facts->this_update_s > now_s + AHEAD_S)
		return err_set(err, EBADMSG, "the answer is not in force yet");
	return 0;
}

int tls_ocsp_read(const struct tls_certificate *certificate, const void *data, size_t len,
	int64_t now_s, struct tls_ocsp_facts *facts, struct err *err)
{
	struct ocsp_answer answer;
	struct ocsp_single single;
	struct pair pair;
	int result;

	if (len > TLS_OCSP_MOST_BYTES)
		return err_set(
			err, EBADMSG, "the answer is longer than %d bytes", TLS_OCSP_MOST_BYTES);
	result = ocsp_answer_parse(&answer, data, len, err);
	if (result == 0)
		result = pair_read(&pair, certificate, err);
	if (result < 0)
		return result;
	result = find_single(&answer, &pair, &single, err);
	if (result == 0)
		result = check_signer(&answer, pair.issuer, err);
	if (result == 0)
		result = check_times(&single.facts, now_s, err);
	*facts = single.facts;
	pair_free(&pair);
	return result;
}

void tls_ocsp_time(char text[TLS_OCSP_TIME_BYTES], int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
		strftime(text, TLS_OCSP_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
}

/* Not in force any more, or not what anybody wants to be told: none is stapled then. */
static int judge(const struct tls_ocsp_facts *facts, int64_t now_s, struct err *err)
{
	char text[TLS_OCSP_TIME_BYTES];

	if (facts->status == TLS_OCSP_UNKNOWN) {
		err_set(err, 0, "the responder does not know the certificate");
		return 1;
	}
	if (facts->status == TLS_OCSP_REVOKED) {
		tls_ocsp_time(text, facts->revoked_s);
		err_set(err, 0, "the certificate is revoked since %s", text);
		return 1;
	}
	if (facts->next_update_s <= now_s) {
		tls_ocsp_time(text, facts->next_update_s);
		err_set(err, 0, "the answer held until %s", text);
		return 1;
	}
	return 0;
}

int tls_certificate_set_ocsp(struct tls_certificate *certificate, const void *data, size_t len,
	struct tls_staple **old, struct err *err)
{
	struct stapling *stapling = certificate_stapling(certificate);
	struct tls_staple *staple = NULL;
	struct tls_ocsp_facts facts;
	int64_t now_s = time(NULL);
	int result = tls_ocsp_read(certificate, data, len, now_s, &facts, err);

	*old = NULL;
	if (result == 0)
		result = judge(&facts, now_s, err);
	if (result < 0)
		return result;
	if (result == 0) {
		staple = malloc(sizeof(*staple) + len);
		if (staple == NULL)
			return err_set(err, ENOMEM, "out of memory");
		*staple = (struct tls_staple){ .until_s = facts.next_update_s, .len = len };
		memcpy(staple->data, data, len);
	}
	stapling->facts = facts;
	stapling->has_facts = true;
	*old = atomic_exchange_explicit(&stapling->now, staple, memory_order_acq_rel);
	return result;
}

void tls_staple_destroy(struct tls_staple *staple)
{
	free(staple);
}

bool tls_certificate_ocsp(
	const struct tls_certificate *certificate, struct tls_ocsp_facts *facts, uint64_t *stapled)
{
	struct stapling *stapling = certificate_stapling(
		(struct tls_certificate *)(uintptr_t)certificate);

	*facts = stapling->facts;
	*stapled = atomic_load_explicit(&stapling->count, memory_order_relaxed);
	return stapling->has_facts;
}

bool tls_can_staple(void)
{
	return crypto_can_staple();
}
