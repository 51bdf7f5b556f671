/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <stdio.h>
#include <string.h>

#include "issue.h"
#include "support/support.h"

static char folder[64];

static int set_up(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(tls_global_init(&err), 0);
	assert_int_equal(tls_thread_init(&err), 0);
	issue_folder_create(folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	issue_folder_remove(folder);
	return 0;
}

static void facts_are_told(void **state)
{
	struct issue named = { .common_name = "ignored.example",
		.dns_names = { "Shop.example", "*.shop.example" },
		.not_after = "20350131120000" };
	struct issue plain = { .key = ISSUE_RSA, .common_name = "Old.example" };
	struct tls_certificate_info info;
	struct tls_certificate *certificate;
	struct err err;

	(void)state;
	issue_certificate(&named, folder, "named");
	certificate = tls_certificate_load(named.chain_path, named.key_path, &err);
	assert_non_null(certificate);
	tls_certificate_info(certificate, &info);
	assert_string_equal(info.subject, "CN=ignored.example");
	assert_string_equal(info.names, "*.shop.example shop.example");
	assert_string_equal(info.not_after, "2035-01-31T12:00:00Z");
	tls_certificate_destroy(certificate);

	issue_certificate(&plain, folder, "plain");
	certificate = tls_certificate_load(plain.chain_path, plain.key_path, &err);
	assert_non_null(certificate);
	tls_certificate_info(certificate, &info);
	assert_string_equal(info.names, "old.example");
	tls_certificate_destroy(certificate);
	tls_certificate_destroy(NULL);
}

static void check_error(const char *chain, const char *key, const char *path, const char *words)
{
	char expected[ERR_TEXT_MAX];
	struct err err = { "" };

	assert_null(tls_certificate_load(chain, key, &err));
	snprintf(expected, sizeof(expected), "%s: %s", path, words);
	assert_string_equal(err.text, expected);
}

static void broken_files_are_named(void **state)
{
	struct issue good = { .common_name = "a.example" };
	struct issue other = { .common_name = "b.example" };
	struct issue old = { .common_name = "c.example", .not_after = "20200101000000" };
	char missing[128], garbage[128], words[256];

	(void)state;
	issue_certificate(&good, folder, "good");
	issue_certificate(&other, folder, "other");
	issue_certificate(&old, folder, "old");
	snprintf(missing, sizeof(missing), "%s/missing", folder);
	snprintf(garbage, sizeof(garbage), "%s/garbage", folder);
	issue_write(garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	check_error(missing, good.key_path, missing, "No such file or directory");
	check_error(good.chain_path, missing, missing, "No such file or directory");
	snprintf(words, sizeof(words), "this key does not belong to the certificate in %s",
		good.chain_path);
	check_error(good.chain_path, other.key_path, other.key_path, words);
	check_error(old.chain_path, old.key_path, old.chain_path,
		"the certificate expired on 2020-01-01T00:00:00Z");
	check_error(garbage, good.key_path, garbage,
		"X509 - The CRT/CRL/CSR format is invalid, e.g. different type expected");
	check_error(good.chain_path, garbage, garbage, "PK - Invalid key tag or value");
	issue_write(garbage,
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIAwDQ==\n-----END ENCRYPTED PRIVATE KEY-----\n");
	check_error(good.chain_path, garbage, garbage,
		"the key is encrypted; store it without a pass phrase");
}

static void contexts_say_what_is_wrong(void **state)
{
	struct issue good = { .common_name = "a.example" };
	const char *chains[] = { good.chain_path, "/nonexistent/b.pem" };
	const char *keys[] = { good.key_path, "/nonexistent/b.key" };
	struct tls_context_params params = { .chain_paths = chains,
		.key_paths = keys,
		.certificate_count = 2,
		.min_version = 0x0303 };
	struct err err;

	(void)state;
	issue_certificate(&good, folder, "good");
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "/nonexistent/b.pem: No such file or directory");
	params.certificate_count = 0;
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "TLS: no certificate");
	params.min_version = 0x0302;
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "TLS: the lowest version must be 1.2 or 1.3");
	tls_context_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_told),
		cmocka_unit_test(broken_files_are_named),
		cmocka_unit_test(contexts_say_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
