/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCSP_ANSWER_H
#define OCSP_ANSWER_H

#include <mbedtls/md.h>
#include <mbedtls/pk.h>

#include "base/err.h"
#include "der.h"
#include "tls/ocsp.h"

/* RFC 6960 4.2.1, in pieces that point into what was parsed. Nothing of it is verified. */
struct ocsp_answer {
	struct der signed_part; /* ResponseData, its head included */
	mbedtls_md_type_t md;
	mbedtls_pk_type_t pk;
	struct der signature;
	bool is_by_key;       /* the responder is told by the hash of its key, else by its name */
	struct der responder; /* the hash, or the name with its head */
	struct der singles;   /* for ocsp_single_next() */
	struct der certificates;
};

/* About one certificate. */
struct ocsp_single {
	mbedtls_md_type_t md;
	struct der name_hash, key_hash, serial;
	struct tls_ocsp_facts facts; /* next_update_s: 0 when it does not say */
};

/* 0, or -EBADMSG: it is broken, or the responder says that it has no answer. */
int ocsp_answer_parse(struct ocsp_answer *answer, const void *data, size_t len, struct err *err);

/* The next one of answer->singles: 1; 0: no more; -EBADMSG. */
int ocsp_single_next(struct der *singles, struct ocsp_single *single, struct err *err);

#endif
