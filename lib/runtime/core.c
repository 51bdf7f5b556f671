/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/core.h"

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "runtime/core.def"
#undef COUNTER
};

const struct stats_set core_stats_set = STATS_SET("core", descs);
