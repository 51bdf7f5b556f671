/* SPDX-License-Identifier: Apache-2.0 */
#include "core.h"
#include "stats/stats.h"

static const struct stats_desc descs[] = {
#define ENDING(name, code, help) { #name, help },
#include "l7/ending.def"
#undef ENDING
};
const struct stats_set l7_ending_stats_set = STATS_SET("l7_ended", descs);

const char *l7_ending_name(enum l7_ending ending)
{
	return descs[ending].name;
}

const char *l7_ending_code(enum l7_ending ending)
{
	static const char *const codes[] = {
#define ENDING(name, code, help) code,
#include "l7/ending.def"
#undef ENDING
	};

	return codes[ending];
}

const uint64_t *l7_ending_counts(const struct l7_core *l7)
{
	return l7->endings;
}

void stream_blame(struct stream *stream, enum l7_ending ending)
{
	if (stream->ending == L7_ENDED_complete)
		stream->ending = ending;
}
