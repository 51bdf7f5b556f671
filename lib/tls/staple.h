/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STAPLE_H
#define STAPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/ocsp.h"

/* An answer as clients get it, until it ends. Immutable. */
struct tls_staple {
	int64_t until_s;
	size_t len;
	uint8_t data[];
};

/* Of a certificate. Workers read what there is now, and count; all else is the control thread's. */
struct stapling {
	_Atomic(struct tls_staple *) now; /* or NULL */
	_Atomic uint64_t count;
	bool has_facts;
	struct tls_ocsp_facts facts;
};

struct stapling *certificate_stapling(struct tls_certificate *certificate);

#endif
