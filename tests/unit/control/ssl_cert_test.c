/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by the socket: what they are, and their change, as HAProxy's runtime API has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../tls/issue.h"
#include "control/wire.h"
#include "fixture.h"
#include "tls/tls.h"

static char folder[64];
static struct issue old = { .common_name = "site.example", .not_after = "20350131120000" };
static struct issue renewed = { .common_name = "site.example",
	.dns_names = { "site.example", "www.example" } };
static struct issue expired = { .common_name = "old.example", .not_after = "20200101000000" };

static int group_setup(void **state)
{
	struct err err;

	if (support_eal_start(state) != 0 || tls_global_init(&err) != 0)
		return -1;
	issue_folder_create(folder);
	issue_certificate(&old, folder, "old");
	issue_certificate(&renewed, folder, "renewed");
	issue_certificate(&expired, folder, "expired");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	issue_folder_remove(folder);
	return 0;
}

static int setup(void **state)
{
	struct tls_certificate *certificate;
	struct err err;

	fixture_setup(state);
	certificate = tls_certificate_load(old.chain_path, old.key_path, &err);
	assert_non_null(certificate);
	assert_int_equal(tls_store_add(fixture.certificates, "site", certificate), 0);
	return 0;
}

/* "set ssl cert NAME <<" with these files behind it. */
static const char *set(const char *name, const char *chain, const char *key)
{
	static char line[32768];
	const char *paths[] = { chain, key };
	int len = snprintf(line, sizeof(line), "set ssl cert %s <<\n", name);

	for (unsigned i = 0; i < 2; i++) {
		FILE *file = paths[i] == NULL ? NULL : fopen(paths[i], "r");

		if (file == NULL)
			continue;
		len += (int)fread(line + len, 1, sizeof(line) - 1 - (size_t)len, file);
		fclose(file);
	}
	line[len] = '\0';
	return fixture_ask(line);
}

static void certificates_are_shown(void **state)
{
	const char *text = fixture_ask("show ssl cert");

	(void)state;
	assert_non_null(strstr(text, "# name"));
	assert_non_null(strstr(text, "EC 256"));
	assert_non_null(strstr(text, "2035-01-31T12:00:00Z"));
	text = fixture_ask("show ssl cert site json");
	assert_non_null(strstr(text, "\"2001-01-01T00:00:00Z\""));
	assert_non_null(strstr(text, "\"CN=site.example\""));
	assert_non_null(strstr(text, "\"chain\""));
	assert_non_null(strstr(fixture_ask("show ssl cert sitr"), "did you mean \"site\"?"));
	assert_non_null(strstr(fixture_ask("show ssl cert a b"), "error: one name at most"));
}

static void a_change_is_committed(void **state)
{
	(void)state;
	assert_string_equal(set("site", renewed.chain_path, renewed.key_path),
		"Transaction created for certificate site!\n");
	assert_non_null(strstr(fixture_ask("show ssl cert json"), "\"yes\""));
	assert_null(strstr(fixture_ask("show ssl cert site"), "www.example"));
	assert_string_equal(set("site", renewed.chain_path, NULL),
		"Transaction updated for certificate site!\n");
	assert_string_equal(fixture_ask("commit ssl cert site"), "Committing site\nSuccess!\n");
	assert_int_equal(fixture.certificates_replaced, 1);
	assert_non_null(strstr(fixture_ask("show ssl cert site"), "www.example"));
	assert_null(strstr(fixture_ask("show ssl cert json"), "\"yes\""));
	assert_non_null(
		strstr(fixture_ask("commit ssl cert site"), "error: no certificate is being"));
}

static void bad_changes_are_refused_with_the_reason(void **state)
{
	(void)state;
	assert_non_null(strstr(set("site", renewed.chain_path, NULL),
		"error: site: this key does not belong to the certificate in site"));
	assert_non_null(
		strstr(set("site", NULL, renewed.key_path), "error: site: this key does not"));
	assert_non_null(strstr(set("site", expired.chain_path, expired.key_path),
		"error: site: the certificate expired on 2020-01-01T00:00:00Z"));
	assert_non_null(strstr(set("site", NULL, NULL), "error: there is neither a certificate"));
	assert_non_null(strstr(set("nobody", renewed.chain_path, renewed.key_path),
		"error: there is no certificate \"nobody\""));
	assert_non_null(strstr(fixture_ask("set ssl cert site"), "error: expected \"<<\""));
	assert_non_null(
		strstr(fixture_ask("commit ssl cert site"), "error: no certificate is being"));
	assert_int_equal(fixture.certificates_replaced, 0);
}

static void a_change_is_given_up(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(tls_store_add(fixture.certificates, "other",
				 tls_certificate_load(old.chain_path, old.key_path, &err)),
		0);
	set("site", renewed.chain_path, renewed.key_path);
	assert_non_null(strstr(set("other", renewed.chain_path, renewed.key_path),
		"error: certificate \"site\" is being changed"));
	assert_non_null(strstr(fixture_ask("abort ssl cert other"), "error: certificate \"site\""));
	assert_string_equal(
		fixture_ask("abort ssl cert site"), "Transaction aborted for certificate site!\n");
	assert_non_null(strstr(fixture_ask("abort ssl cert site"), "error: no certificate"));
}

/* What comes over a socket that is fed in pieces, until it closes. */
static void exchange(const char *text, size_t step, bool is_ending, char *answer, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t used = 0, len = strlen(text);

	strcpy(address.sun_path, fixture.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (size_t at = 0; at < len; at += step) {
		size_t piece = len - at < step ? len - at : step;

		assert_int_equal(send(fd, text + at, piece, 0), piece);
		control_poll(fixture.control);
	}
	if (is_ending)
		shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < 200; i++) {
		ssize_t got = recv(fd, answer + used, size - 1 - used, 0);

		if (got > 0)
			used += (size_t)got;
		control_poll(fixture.control);
	}
	answer[used] = '\0';
	close(fd);
	control_poll(fixture.control);
}

static void payloads_come_in_pieces(void **state)
{
	static char line[32768];
	char answer[1024];
	FILE *chain = fopen(old.chain_path, "r"), *key = fopen(old.key_path, "r");
	size_t len = (size_t)sprintf(line, "set ssl cert site <<\r\n");

	(void)state;
	len += fread(line + len, 1, 8000, chain);
	len += fread(line + len, 1, 8000, key);
	strcpy(line + len, "\r\n");
	fclose(chain);
	fclose(key);
	for (size_t step = 1; step < 5000; step = step * 3 + 1) {
		exchange(line, step, false, answer, sizeof(answer));
		assert_non_null(strstr(answer, " for certificate site!\n\n"));
	}
	line[len] = '\0';
	exchange(line, 100, true, answer, sizeof(answer));
	assert_string_equal(answer, "error: the payload has no end, which is an empty line\n\n");
}

static void payloads_are_bounded(void **state)
{
	size_t len = CONTROL_PAYLOAD_MAX + 1000;
	char *line = malloc(len + 1), answer[1024];

	(void)state;
	memset(line, 'x', len);
	memcpy(line, "set ssl cert site <<\n", 21);
	for (size_t i = 100; i < len; i += 100)
		line[i] = '\n';
	line[len] = '\0';
	exchange(line, 2000, true, answer, sizeof(answer));
	assert_string_equal(answer, "error: the payload is too long\n\n");
	free(line);
}

#define SSL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SSL_TEST(certificates_are_shown),
		SSL_TEST(a_change_is_committed),
		SSL_TEST(bad_changes_are_refused_with_the_reason),
		SSL_TEST(a_change_is_given_up),
		SSL_TEST(payloads_come_in_pieces),
		SSL_TEST(payloads_are_bounded),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
