/* SPDX-License-Identifier: Apache-2.0 */
#include "issue.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>

#include "support/support.h"

static void make_key(mbedtls_pk_context *key, enum issue_key kind)
{
	mbedtls_pk_init(key);
	if (kind == ISSUE_RSA) {
		assert_int_equal(
			mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)), 0);
		assert_int_equal(mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), mbedtls_psa_get_random,
					 MBEDTLS_PSA_RANDOM_STATE, 2048, 65537),
			0);
		return;
	}
	assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
	assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
				 mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE),
		0);
}

static void add_names(mbedtls_x509write_cert *writer, const char *const *names)
{
	mbedtls_x509_san_list list[4] = { 0 };
	size_t count = 0;

	for (; count < 4 && names[count] != NULL; count++) {
		list[count].node.type = MBEDTLS_X509_SAN_DNS_NAME;
		list[count].node.san.unstructured_name.p = (unsigned char *)names[count];
		list[count].node.san.unstructured_name.len = strlen(names[count]);
		if (count > 0)
			list[count - 1].next = &list[count];
	}
	if (count > 0)
		assert_int_equal(
			mbedtls_x509write_crt_set_subject_alternative_name(writer, list), 0);
}

void issue_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void issue_certificate(struct issue *issue, const char *folder, const char *name)
{
	static unsigned char serial = 1;
	mbedtls_x509write_cert writer;
	mbedtls_pk_context key;
	unsigned char pem[8192];
	char subject[128];

	make_key(&key, issue->key);
	mbedtls_x509write_crt_init(&writer);
	mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&writer, &key);
	mbedtls_x509write_crt_set_issuer_key(&writer, &key);
	snprintf(subject, sizeof(subject), "CN=%s", issue->common_name);
	assert_int_equal(mbedtls_x509write_crt_set_subject_name(&writer, subject), 0);
	assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&writer, subject), 0);
	assert_int_equal(mbedtls_x509write_crt_set_serial_raw(&writer, &serial, 1), 0);
	serial++;
	assert_int_equal(mbedtls_x509write_crt_set_validity(&writer, "20010101000000",
				 issue->not_after != NULL ? issue->not_after : "20981231235959"),
		0);
	add_names(&writer, issue->dns_names);
	assert_int_equal(mbedtls_x509write_crt_pem(&writer, pem, sizeof(pem),
				 mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE),
		0);
	snprintf(issue->chain_path, sizeof(issue->chain_path), "%s/%s.pem", folder, name);
	issue_write(issue->chain_path, (const char *)pem);
	assert_int_equal(mbedtls_pk_write_key_pem(&key, pem, sizeof(pem)), 0);
	snprintf(issue->key_path, sizeof(issue->key_path), "%s/%s.key", folder, name);
	issue_write(issue->key_path, (const char *)pem);
	mbedtls_x509write_crt_free(&writer);
	mbedtls_pk_free(&key);
}

void issue_folder_create(char folder[64])
{
	snprintf(folder, 64, "/tmp/penstock-tls-XXXXXX");
	assert_non_null(mkdtemp(folder));
}

void issue_folder_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
	assert_int_equal(rmdir(folder), 0);
}
