/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_MODE_H
#define CONF_MODE_H

#include <stdbool.h>

/* What a service does with what comes, and how connections pass through it. */

/* All but the first are the L7 workers'; the last two pass on bytes that nobody looks into. */
enum config_mode {
	CONFIG_MODE_L4,
	CONFIG_MODE_L7,
	CONFIG_MODE_TLS_PASSTHROUGH,
	CONFIG_MODE_TCP,
};

/* "passthrough" of a service: tls-passthrough, tcp */
struct config_passthrough {
	unsigned hello_timeout_ms;       /* "hello_timeout_ms": 5000 */
	unsigned max_hello_bytes;        /* "max_hello_bytes": 16384 */
	unsigned idle_timeout_ms;        /* "idle_timeout_ms": 3600000 */
	unsigned half_closed_timeout_ms; /* "half_closed_timeout_ms": 30000 */
	unsigned close_timeout_ms;       /* "close_timeout_ms": 5000 */
};

/* Its connections end here, on an L7 worker. */
static inline bool config_mode_is_l7(enum config_mode mode)
{
	return mode != CONFIG_MODE_L4;
}

/* And what they carry is not looked into. */
static inline bool config_mode_is_raw(enum config_mode mode)
{
	return mode == CONFIG_MODE_TLS_PASSTHROUGH || mode == CONFIG_MODE_TCP;
}

/* "l4", "l7", "tls-passthrough", "tcp". */
const char *config_mode_name(enum config_mode mode);

#endif
