/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, and what belongs to them. */
#include "conf/config.h"
#include "field.h"
#include "reader.h"
#include "text.h"

static const struct field certificate_fields[] = {
	{
		.name = "name",
		.help = "how services refer to it",
		.type = FIELD_TEXT,
		.kind = &text_name,
		.is_required = true,
		.offset = offsetof(struct config_certificate, name),
	},
	{
		.name = "chain",
		.help = "PEM file: the certificate, then its intermediates; relative to the "
			"configuration's folder",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.is_required = true,
		.offset = offsetof(struct config_certificate, chain_path),
	},
	{
		.name = "key",
		.help = "PEM file: the private key; relative to the configuration's folder",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.is_required = true,
		.offset = offsetof(struct config_certificate, key_path),
	},
	{
		.name = "ocsp",
		.help = "file with an OCSP answer in DER, which clients get that ask for it "
			"(stapling); without it, the chain's path with `.ocsp` behind it, where "
			"there is such a file",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_certificate, ocsp_path),
	},
	{
		.name = "ocsp_issuer",
		.help = "PEM file: who signed the certificate, where the chain does not say; "
			"without it, the chain's path with `.issuer` behind it, where there is "
			"such a file",
		.type = FIELD_TEXT,
		.kind = &text_file,
		.offset = offsetof(struct config_certificate, ocsp_issuer),
	},
	{ .name = NULL },
};

const struct table certificate_table = {
	.name = "certificate",
	.help = "A certificate with its key.",
	.fields = certificate_fields,
	.size = sizeof(struct config_certificate),
	.line_offset = offsetof(struct config_certificate, line),
};
