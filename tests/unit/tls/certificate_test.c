/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <errno.h>
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
	assert_string_equal(info.not_before, "2001-01-01T00:00:00Z");
	assert_string_equal(info.not_after, "2035-01-31T12:00:00Z");
	assert_string_equal(info.issuer, "CN=ignored.example");
	assert_string_equal(info.key, "EC 256");
	assert_int_equal(strlen(info.fingerprint), 64);
	assert_int_equal(strlen(info.serial), 2);
	assert_int_equal(info.chain_count, 1);
	tls_certificate_destroy(certificate);

	issue_certificate(&plain, folder, "plain");
	certificate = tls_certificate_load(plain.chain_path, plain.key_path, &err);
	assert_non_null(certificate);
	tls_certificate_info(certificate, &info);
	assert_string_equal(info.names, "old.example");
	assert_string_equal(info.key, "RSA 2048");
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

/* One chain file of two certificates. */
static void join(const char *path, const char *first, const char *second)
{
	static char text[32768];
	size_t len = 0;

	for (unsigned i = 0; i < 2; i++) {
		FILE *file = fopen(i == 0 ? first : second, "r");

		assert_non_null(file);
		len += fread(text + len, 1, sizeof(text) - 1 - len, file);
		fclose(file);
	}
	text[len] = '\0';
	issue_write(path, text);
}

static void chains_are_checked(void **state)
{
	struct issue leaf = { .common_name = "a.example" };
	struct issue other = { .common_name = "b.example" };
	struct issue old = { .common_name = "c.example", .not_after = "20200101000000" };
	char chain[128];

	(void)state;
	issue_certificate(&leaf, folder, "leaf");
	issue_certificate(&other, folder, "other");
	issue_certificate(&old, folder, "old");
	snprintf(chain, sizeof(chain), "%s/chain", folder);
	join(chain, leaf.chain_path, other.chain_path);
	check_error(chain, leaf.key_path, chain, "the second certificate did not sign the first");
	join(chain, leaf.chain_path, old.chain_path);
	check_error(chain, leaf.key_path, chain,
		"the chain's certificate of CN=c.example expired on 2020-01-01T00:00:00Z");
}

static void stores_find_by_name(void **state)
{
	struct issue issue = { .common_name = "a.example" };
	struct tls_certificate *certificate;
	struct tls_store *store;
	const char *name;
	struct err err;

	(void)state;
	issue_certificate(&issue, folder, "stored");
	certificate = tls_certificate_load(issue.chain_path, issue.key_path, &err);
	store = tls_store_create(2, &err);
	assert_int_equal(tls_store_add(store, "one", tls_certificate_hold(certificate)), 0);
	assert_int_equal(tls_store_add(store, "two", tls_certificate_hold(certificate)), 0);
	assert_int_equal(tls_store_add(store, "three", tls_certificate_hold(certificate)), -ENOMEM);
	assert_int_equal(tls_store_find(store, "two"), 1);
	assert_int_equal(tls_store_find(store, "three"), -ENOENT);
	assert_ptr_equal(tls_store_at(store, 1, &name), certificate);
	assert_string_equal(name, "two");
	assert_int_equal(tls_store_count(store), 2);
	tls_store_destroy(store);
	tls_certificate_destroy(certificate);
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
	struct tls_certificate *certificate;
	struct tls_context_params params = { .policy = { .min_version = 0x0303 } };
	struct err err = { "" };

	(void)state;
	issue_certificate(&good, folder, "good");
	certificate = tls_certificate_load(good.chain_path, good.key_path, &err);
	assert_string_equal(err.text, "");
	params.certificates = &certificate;
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "TLS: no certificate");
	params.certificate_count = 1;
	params.policy.min_version = 0x0302;
	assert_null(tls_context_create(&params, &err));
	assert_string_equal(err.text, "TLS: the lowest version must be 1.2 or 1.3");
	tls_context_destroy(NULL);
	tls_certificate_destroy(certificate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_told),
		cmocka_unit_test(broken_files_are_named),
		cmocka_unit_test(contexts_say_what_is_wrong),
		cmocka_unit_test(chains_are_checked),
		cmocka_unit_test(stores_find_by_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
