/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/facts.h"
#include "tls/tls.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <mbedtls/platform.h>

#include "loop.h"
#include "support/support.h"

#define HEX16 "00112233445566778899aabbccddeeff"
#define KEY_A HEX16 HEX16 HEX16
#define KEY_B "ff" HEX16 HEX16 "00112233445566778899AABBCCDDEE"

static void files_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error; /* NULL: good */
	} rows[] = {
		{ KEY_A, NULL },
		{ "# new\n" KEY_B "\n\n# old\n" KEY_A " \r\n", NULL },
		{ "", "k: no key in it" },
		{ "\n#" KEY_A "\n", "k: no key in it" },
		{ KEY_A "0", "k:1: a key is a line of 96 hexadecimal digits" },
		{ "\n" KEY_A KEY_A, "k:2: a key is a line of 96 hexadecimal digits" },
		{ "g0" HEX16 HEX16 "00112233445566778899aabbccddee",
			"k:1: a key is a line of 96 hexadecimal digits" },
		{ KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A
			"\n" KEY_A "\n",
			"k:9: more than 8 keys" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { "" };
		struct tls_ticket_keys *keys = tls_ticket_keys_parse(
			rows[i].text, strlen(rows[i].text), "k", &err);

		assert_int_equal(keys == NULL, rows[i].error != NULL);
		assert_string_equal(err.text, rows[i].error != NULL ? rows[i].error : "");
		tls_ticket_keys_destroy(keys);
	}
}

static void files_that_all_may_read_are_refused(void **state)
{
	char path[80], expected[160], folder[64];
	struct tls_ticket_keys *keys;
	struct err err = { "" };

	(void)state;
	issue_folder_create(folder);
	snprintf(path, sizeof(path), "%s/keys", folder);
	assert_null(tls_ticket_keys_load(path, &err));
	snprintf(expected, sizeof(expected), "%s: No such file or directory", path);
	assert_string_equal(err.text, expected);
	issue_write(path, KEY_A "\n");
	assert_int_equal(chmod(path, 0644), 0);
	assert_null(tls_ticket_keys_load(path, &err));
	snprintf(expected, sizeof(expected),
		"%s: everybody may open this file of ticket keys; chmod o= it", path);
	assert_string_equal(err.text, expected);
	assert_int_equal(chmod(path, 0640), 0);
	keys = tls_ticket_keys_load(path, &err);
	assert_non_null(keys);
	tls_ticket_keys_destroy(keys);
	issue_folder_remove(folder);
}

static struct tls_ticket_keys *keys_of(const char *text)
{
	struct err err;

	return tls_ticket_keys_parse(text, strlen(text), "k", &err);
}

static size_t connect_with(struct loop *f, const struct tls_ticket_keys *keys, bool is_resuming)
{
	struct tls_context_params params = loop_params();
	size_t sent;

	params.ticket_keys = keys;
	loop_stop(f);
	loop_use(f, &params);
	loop_start(f);
	if (is_resuming)
		assert_int_equal(mbedtls_ssl_set_session(&f->client, &f->saved), 0);
	loop_connect(f);
	sent = f->sent;
	loop_exchange(f);
	if (mbedtls_ssl_get_version_number(&f->client) == MBEDTLS_SSL_VERSION_TLS1_2 &&
		!is_resuming) {
		mbedtls_ssl_session_free(&f->saved);
		assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
	}
	return sent;
}

/* Each context is another worker, another appliance, or the same after a reload. */
static void sessions_are_resumed_where_the_key_is_known(void **state)
{
	struct tls_ticket_keys *old = keys_of(KEY_A), *new = keys_of(KEY_B "\n" KEY_A);
	struct tls_ticket_keys *other = keys_of(KEY_B);
	struct loop *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		size_t full;

		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		full = connect_with(f, old, false);
		assert_true(connect_with(f, old, true) + 300 < full);
		assert_true(connect_with(f, new, true) + 300 < full);
		/* In 1.3 the last connection gave a ticket of the new key. */
		if (version == 0x0304)
			full = connect_with(f, old, false);
		assert_false(connect_with(f, other, true) + 300 < full);
	}
	connect_with(f, NULL, false);
	tls_ticket_keys_destroy(old);
	tls_ticket_keys_destroy(new);
	tls_ticket_keys_destroy(other);
}

/* The session that was saved before, at a listener of this scope, under this name. */
static bool is_resumed_at(struct loop *f, const struct tls_ticket_keys *keys, const char *scope,
	const char *name, bool is_new)
{
	struct tls_context_params params = loop_params();
	int version = f->config.MBEDTLS_PRIVATE(max_tls_version);

	params.ticket_keys = keys;
	params.ticket_scope = scope;
	loop_stop(f);
	loop_use(f, &params);
	loop_start(f);
	/* Else mbedTLS's client would not offer it under another name. */
	if (!is_new) {
		mbedtls_free(f->saved.MBEDTLS_PRIVATE(hostname));
		f->saved.MBEDTLS_PRIVATE(hostname) = strdup(name);
		assert_int_equal(mbedtls_ssl_set_session(&f->client, &f->saved), 0);
	}
	assert_int_equal(mbedtls_ssl_set_hostname(&f->client, name), 0);
	loop_connect(f);
	if (is_new && version == MBEDTLS_SSL_VERSION_TLS1_2)
		assert_int_equal(mbedtls_ssl_get_session(&f->client, &f->saved), 0);
	return tls_facts_get(f->session)->is_resumed;
}

static void tickets_are_bound_to_listener_and_name(void **state)
{
	struct tls_ticket_keys *keys = keys_of(KEY_A);
	struct loop *f = *state;

	for (int version = 0x0303; version <= 0x0304; version++) {
		const char *name = "a.second.example";

		loop_set_version(f, (mbedtls_ssl_protocol_version)version);
		assert_false(is_resumed_at(f, keys, "one", name, true));
		assert_true(is_resumed_at(f, keys, "one", name, false));
		assert_false(is_resumed_at(f, keys, "two", name, false));
		assert_false(is_resumed_at(f, keys, "one", name, true));
		assert_false(is_resumed_at(f, keys, "one", "b.second.example", false));
		loop_stop(f);
		loop_start(f);
	}
	loop_stop(f);
	tls_context_destroy(f->context);
	tls_ticket_keys_destroy(keys);
	f->context = loop_context(0x0303);
	loop_start(f);
}

static void keys_of_our_own_differ(void **state)
{
	struct loop *f = *state;
	size_t full = connect_with(f, NULL, false);

	assert_false(connect_with(f, NULL, true) + 300 < full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_or_refused),
		cmocka_unit_test(files_that_all_may_read_are_refused),
		LOOP_TEST(sessions_are_resumed_where_the_key_is_known),
		LOOP_TEST(keys_of_our_own_differ),
		LOOP_TEST(tickets_are_bound_to_listener_and_name),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
