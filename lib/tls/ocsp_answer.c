/* SPDX-License-Identifier: Apache-2.0 */
/* An OCSP answer's DER (RFC 6960 4.2.1). */
#include "ocsp_answer.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <mbedtls/oid.h>

/* id-pkix-ocsp-basic: 1.3.6.1.5.5.7.48.1.1 */
#define OID_BASIC "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"

#define TIME_DIGITS 14 /* YYYYMMDDhhmmss, and a Z */

static int fail(struct err *err)
{
	return err_set(err, EBADMSG, "it is no OCSP answer, or a broken one");
}

bool der_is_same(const struct der *der, const void *data, size_t len)
{
	return der_left(der) == len && (len == 0 || memcmp(der->at, data, len) == 0);
}

static int number(const unsigned char *digits, size_t count)
{
	int value = 0;

	for (size_t i = 0; i < count; i++)
		value = 10 * value + (digits[i] - '0');
	return value;
}

/* RFC 5280 4.1.2.5.2: without fractions, and in Zulu time. */
static bool take_time(struct der *der, int64_t *seconds)
{
	struct der text;
	struct tm tm = { 0 };

	if (!der_take(der, MBEDTLS_ASN1_GENERALIZED_TIME, &text) ||
		der_left(&text) != TIME_DIGITS + 1 || text.at[TIME_DIGITS] != 'Z')
		return false;
	for (size_t i = 0; i < TIME_DIGITS; i++)
		if (!isdigit(text.at[i]))
			return false;
	tm.tm_year = number(text.at, 4) - 1900;
	tm.tm_mon = number(text.at + 4, 2) - 1;
	tm.tm_mday = number(text.at + 6, 2);
	tm.tm_hour = number(text.at + 8, 2);
	tm.tm_min = number(text.at + 10, 2);
	tm.tm_sec = number(text.at + 12, 2);
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	*seconds = timegm(&tm);
	return true;
}

/* Those that one must know to understand the rest are none that we know. */
static bool take_extensions(struct der *der, int tag)
{
	struct der outer, list, extension, part;

	if (der_left(der) == 0)
		return true;
	if (!der_take(der, tag, &outer) || !der_take_last(&outer, DER_SEQUENCE, &list))
		return false;
	while (der_left(&list) > 0) {
		if (!der_take(&list, DER_SEQUENCE, &extension) ||
			!der_take(&extension, MBEDTLS_ASN1_OID, &part))
			return false;
		if (der_is_next(&extension, MBEDTLS_ASN1_BOOLEAN) &&
			(!der_take(&extension, MBEDTLS_ASN1_BOOLEAN, &part) ||
				der_left(&part) != 1 || *part.at != 0))
			return false;
		if (!der_take_last(&extension, MBEDTLS_ASN1_OCTET_STRING, &part))
			return false;
	}
	return true;
}

static bool take_responder(struct der *der, struct ocsp_answer *answer)
{
	struct der outer;

	answer->is_by_key = der_is_next(der, DER_EXPLICIT(2));
	if (answer->is_by_key)
		return der_take(der, DER_EXPLICIT(2), &outer) &&
			der_take_last(&outer, MBEDTLS_ASN1_OCTET_STRING, &answer->responder);
	return der_take(der, DER_EXPLICIT(1), &answer->responder) &&
		der_is_next(&answer->responder, DER_SEQUENCE);
}

static bool read_signed(struct der data, struct ocsp_answer *answer)
{
	struct der outer, version;
	int64_t produced;

	if (der_is_next(&data, DER_EXPLICIT(0)) &&
		(!der_take(&data, DER_EXPLICIT(0), &outer) ||
			!der_take_last(&outer, MBEDTLS_ASN1_INTEGER, &version) ||
			!der_is_same(&version, "\0", 1)))
		return false;
	return take_responder(&data, answer) && take_time(&data, &produced) &&
		der_take(&data, DER_SEQUENCE, &answer->singles) &&
		take_extensions(&data, DER_EXPLICIT(1)) && der_left(&data) == 0;
}

static bool take_signature(struct der *der, struct ocsp_answer *answer)
{
	mbedtls_asn1_buf oid, params;
	size_t len;

	if (mbedtls_asn1_get_alg(&der->at, der->end, &oid, &params) != 0 ||
		mbedtls_oid_get_sig_alg(&oid, &answer->md, &answer->pk) != 0 ||
		mbedtls_asn1_get_bitstring_null(&der->at, der->end, &len) != 0)
		return false;
	answer->signature = der_of(der->at, len);
	der->at += len;
	return true;
}

static bool read_basic(struct der text, struct ocsp_answer *answer)
{
	struct der basic, data, outer;
	unsigned char *begin;

	if (!der_take_last(&text, DER_SEQUENCE, &basic))
		return false;
	begin = basic.at;
	if (!der_take(&basic, DER_SEQUENCE, &data) || !read_signed(data, answer))
		return false;
	answer->signed_part = der_of(begin, (size_t)(basic.at - begin));
	if (!take_signature(&basic, answer))
		return false;
	answer->certificates = der_of(basic.at, 0);
	if (der_left(&basic) == 0)
		return true;
	return der_take_last(&basic, DER_EXPLICIT(0), &outer) &&
		der_take_last(&outer, DER_SEQUENCE, &answer->certificates);
}

/* 4.2.1: answers of its own without a signature. */
static int refused(unsigned status, struct err *err)
{
	static const char *const words[] = { NULL, "malformedRequest", "internalError", "tryLater",
		NULL, "sigRequired", "unauthorized" };
	const char *word = status < sizeof(words) / sizeof(words[0]) ? words[status] : NULL;

	if (word == NULL)
		return fail(err);
	return err_set(err, EBADMSG, "the responder says \"%s\"", word);
}

int ocsp_answer_parse(struct ocsp_answer *answer, const void *data, size_t len, struct err *err)
{
	struct der all = der_of(data, len), response, status, outer, bytes, type, text;

	*answer = (struct ocsp_answer){ .is_by_key = false };
	if (!der_take_last(&all, DER_SEQUENCE, &response) ||
		!der_take(&response, MBEDTLS_ASN1_ENUMERATED, &status) || der_left(&status) != 1)
		return fail(err);
	if (*status.at != 0)
		return refused(*status.at, err);
	if (!der_take_last(&response, DER_EXPLICIT(0), &outer) ||
		!der_take_last(&outer, DER_SEQUENCE, &bytes) ||
		!der_take(&bytes, MBEDTLS_ASN1_OID, &type) ||
		!der_is_same(&type, OID_BASIC, sizeof(OID_BASIC) - 1) ||
		!der_take_last(&bytes, MBEDTLS_ASN1_OCTET_STRING, &text) ||
		!read_basic(text, answer))
		return fail(err);
	return 0;
}

static bool read_id(struct der id, struct ocsp_single *single)
{
	mbedtls_asn1_buf oid, params;

	if (mbedtls_asn1_get_alg(&id.at, id.end, &oid, &params) != 0)
		return false;
	/* One that we do not know is about a certificate that we do not have. */
	if (mbedtls_oid_get_md_alg(&oid, &single->md) != 0)
		single->md = MBEDTLS_MD_NONE;
	return der_take(&id, MBEDTLS_ASN1_OCTET_STRING, &single->name_hash) &&
		der_take(&id, MBEDTLS_ASN1_OCTET_STRING, &single->key_hash) &&
		der_take_last(&id, MBEDTLS_ASN1_INTEGER, &single->serial);
}

static bool take_status(struct der *der, struct tls_ocsp_facts *facts)
{
	struct der inside;

	if (der_is_next(der, DER_EXPLICIT(1))) {
		facts->status = TLS_OCSP_REVOKED;
		return der_take(der, DER_EXPLICIT(1), &inside) &&
			take_time(&inside, &facts->revoked_s);
	}
	facts->status = der_is_next(der, DER_IMPLICIT(0)) ? TLS_OCSP_GOOD : TLS_OCSP_UNKNOWN;
	return der_take(der, facts->status == TLS_OCSP_GOOD ? DER_IMPLICIT(0) : DER_IMPLICIT(2),
		       &inside) &&
		der_left(&inside) == 0;
}

static bool read_single(struct der from, struct ocsp_single *single)
{
	struct tls_ocsp_facts *facts = &single->facts;
	struct der id, outer;

	if (!der_take(&from, DER_SEQUENCE, &id) || !read_id(id, single) ||
		!take_status(&from, facts) || !take_time(&from, &facts->this_update_s))
		return false;
	if (der_is_next(&from, DER_EXPLICIT(0)) &&
		(!der_take(&from, DER_EXPLICIT(0), &outer) ||
			!take_time(&outer, &facts->next_update_s) || der_left(&outer) > 0))
		return false;
	return take_extensions(&from, DER_EXPLICIT(1)) && der_left(&from) == 0;
}

int ocsp_single_next(struct der *singles, struct ocsp_single *single, struct err *err)
{
	struct der from;

	*single = (struct ocsp_single){ .md = MBEDTLS_MD_NONE };
	if (der_left(singles) == 0)
		return 0;
	if (!der_take(singles, DER_SEQUENCE, &from) || !read_single(from, single))
		return fail(err);
	return 1;
}
