/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/drop.h"

static const struct stats_desc descs[] = {
	{ "none", "not dropped" },
#define DROP(name, help) { #name, help },
#include "stats/drop.def"
#undef DROP
};

const struct stats_set drop_stats_set = STATS_SET("drop", descs);
