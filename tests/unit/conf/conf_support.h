/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_SUPPORT_H
#define CONF_SUPPORT_H

#include "support/support.h"

#include "conf/config.h"

/* A port with an IPv4 address: what most configurations here begin with. One line. */
#define CONF_PORTS "'ports': [{'name': 'p', 'device': 'd', 'addresses': ['192.0.2.2/24']}]"

/* A good configuration that has every key; ' stands for ". */
extern const char conf_full[];

/* cmocka group setup and teardown: a folder of its own becomes the working folder. */
int conf_folder_enter(void **state);
int conf_folder_leave(void **state);

/* Writes a file in the working folder; in conf_json_write, ' stands for ". */
void conf_file_write(const char *name, const void *bytes, size_t len);
void conf_json_write(const char *name, const char *text);

/* Loads text as "c.json" and fails the test, with the errors, when it is refused. */
struct config *conf_load(const char *text);

/* Loads "c.json" as it lies there, and compares all errors with the expected lines; '\n' between
 * them. */
void conf_errors_expect(const char *expected);

/* A file, and every word that is said about it. */
struct conf_row {
	const char *what;
	const char *json;     /* ' stands for " */
	const char *expected; /* as for conf_errors_expect() */
	const char *routes;   /* "routes.json"; NULL: none */
};

/* A test of each row; for main() to return. */
int conf_rows_run(const char *group, const struct conf_row *rows, size_t count);

#endif
