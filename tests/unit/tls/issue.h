/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_TLS_ISSUE_H
#define TEST_TLS_ISSUE_H

#include <stdbool.h>

enum issue_key { ISSUE_P256, ISSUE_RSA };

/* A self-signed certificate and its key, made anew. */
struct issue {
	enum issue_key key;
	const char *common_name;
	const char *dns_names[4];
	const char *not_after; /* "YYYYMMDDhhmmss"; NULL: far ahead */
	char chain_path[128];  /* out */
	char key_path[128];    /* out */
};

/* Writes NAME.pem and NAME.key into the folder. */
void issue_certificate(struct issue *issue, const char *folder, const char *name);

/* A new folder under /tmp, and its end with all that is in it. */
void issue_folder_create(char folder[64]);
void issue_folder_remove(const char *folder);

void issue_write(const char *path, const char *text);

#endif
