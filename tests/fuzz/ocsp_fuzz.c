/* SPDX-License-Identifier: Apache-2.0 */
/* An OCSP answer about one certificate: facts or an error with words, never neither. */
#include <stdlib.h>
#include <string.h>

#include "ocsp_certs.h"
#include "tls/ocsp.h"
#include "tls/tls.h"

#define NOW_S 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_certificate *certificate_make(void)
{
	static const struct tls_certificate_source source = {
		.chain = ocsp_leaf,
		.chain_len = sizeof(ocsp_leaf) - 1,
		.chain_path = "leaf",
		.key = ocsp_key,
		.key_len = sizeof(ocsp_key) - 1,
		.key_path = "key",
		.issuer = ocsp_issuer,
		.issuer_len = sizeof(ocsp_issuer) - 1,
	};
	struct err err;

	if (tls_global_init(&err) < 0)
		return NULL;
	return tls_certificate_parse(&source, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_certificate *certificate;
	struct tls_ocsp_facts facts;
	struct err err = { "" };
	int result;

	if (certificate == NULL)
		certificate = certificate_make();
	if (certificate == NULL)
		abort();
	result = tls_ocsp_read(certificate, data, size, NOW_S, &facts, &err);
	if ((result < 0) != (err.text[0] != '\0'))
		abort();
	return 0;
}
