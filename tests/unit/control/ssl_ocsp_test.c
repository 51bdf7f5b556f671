/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers by the socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/base64.h>

#include "../tls/ocsp_certs.h"
#include "fixture.h"
#include "tls/ocsp.h"
#include "tls/tls.h"

static int group_setup(void **state)
{
	struct err err;

	return support_eal_start(state) != 0 || tls_global_init(&err) != 0 ? -1 : 0;
}

static int setup(void **state)
{
	const struct tls_certificate_source source = {
		.chain = ocsp_leaf,
		.chain_len = strlen(ocsp_leaf),
		.chain_path = "leaf",
		.key = ocsp_key,
		.key_len = strlen(ocsp_key),
		.key_path = "key",
		.issuer = ocsp_issuer,
		.issuer_len = strlen(ocsp_issuer),
	};
	struct tls_certificate *certificate;
	struct err err;

	fixture_setup(state);
	certificate = tls_certificate_parse(&source, &err);
	assert_non_null(certificate);
	assert_int_equal(tls_store_add(fixture.certificates, "leaf", certificate), 0);
	return 0;
}

/* The answer to the command with one of the fuzz target's seeds. */
static const char *set(const char *seed)
{
	static char line[3 * TLS_OCSP_MOST_BYTES];
	char path[512];
	unsigned char data[TLS_OCSP_MOST_BYTES];
	size_t len, used = (size_t)sprintf(line, "set ssl ocsp-response ");
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/ocsp/%s", getenv("PENSTOCK_SOURCE"),
		seed);
	file = fopen(path, "re");
	assert_non_null(file);
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	assert_int_equal(mbedtls_base64_encode((unsigned char *)line + used, sizeof(line) - used,
				 &len, data, len),
		0);
	return fixture_ask(line);
}

static void answers_are_taken_and_shown(void **state)
{
	(void)state;
	assert_null(strstr(fixture_ask("show ssl ocsp-response"), "good"));
	assert_string_equal(set("delegated"), "OCSP Response updated for leaf!\n");
	fixture_answer_has("show ssl ocsp-response", "good");
	fixture_answer_has(
		"show ssl ocsp-response leaf json", tls_can_staple() ? "\"yes\"" : "\"no\"");
	assert_non_null(strstr(set("revoked"),
		"error: certificate leaf gets no staple any more: the certificate is revoked since "
		"2025-01-01T00:00:00Z"));
	fixture_answer_has("show ssl ocsp-response leaf json", "\"no\"");
	fixture_answer_has("show ssl ocsp-response leaf", "revoked");
}

static void bad_answers_are_refused(void **state)
{
	(void)state;
	assert_string_equal(set("good"), "OCSP Response updated for leaf!\n");
	assert_non_null(strstr(set("other"), "error: the answer is about none of"));
	assert_non_null(strstr(set("pretender"), "error: the responder's certificate is not for"));
	assert_non_null(strstr(set("cut"), "error: it is no OCSP answer"));
	fixture_answer_has("set ssl ocsp-response %%%", "error: this is no base64");
	fixture_answer_has("set ssl ocsp-response", "error: expected an OCSP answer");
	fixture_answer_has("show ssl ocsp-response leef", "did you mean \"leaf\"?");
	fixture_answer_has("show ssl ocsp-response a b", "error: one name at most");
	fixture_answer_has("show ssl ocsp-response leaf", "good");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			answers_are_taken_and_shown, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_answers_are_refused, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
