/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that some short text makes backtrack without end. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "backtrack.h"

#include <string.h>

#include <pcre2.h>

#define SAMPLE_MAX 256
#define GROUPS_MAX 16
#define PUMPS_MAX  48
#define LITERALS   12

/* What repeats without a bound: a piece of the sample. */
struct pump {
	unsigned start, len;
};

struct group {
	unsigned start;     /* in the sample */
	unsigned end;       /* of its first branch; 0: it goes on */
	unsigned first_own; /* pump that its branches became */
};

/*
 * A text that the expression is likely to match, one character for each of its atoms, and which
 * pieces of it stand for what may repeat. Rough on purpose: the engine itself says what it is
 * worth.
 */
struct sampler {
	const char *at;
	char sample[SAMPLE_MAX];
	unsigned len;
	struct group groups[GROUPS_MAX];
	unsigned depth;
	struct pump branches[PUMPS_MAX]; /* of the groups that are open */
	unsigned branch_count;
	struct pump pumps[PUMPS_MAX];
	unsigned pump_count;
	char literals[LITERALS];
	unsigned literal_count;
	struct pump atom;               /* the last one, which a quantifier would be of */
	unsigned atom_first, atom_last; /* branches of the group that it is */
};

static void emit(struct sampler *s, char c)
{
	s->atom = (struct pump){ .start = s->len, .len = 0 };
	s->atom_first = s->atom_last = 0;
	if (s->len == SAMPLE_MAX)
		return;
	s->sample[s->len++] = c;
	s->atom.len = 1;
	if (memchr(s->literals, c, s->literal_count) == NULL && s->literal_count < LITERALS)
		s->literals[s->literal_count++] = c;
}

static char escaped(char c)
{
	static const char kinds[][2] = { "d0", "wa", "s ", "Da", "W-", "Sa", "t\t", "Na" };

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i][0] == c)
			return kinds[i][1];
	}
	return c;
}

/* "[...]": a character that it is likely to have. */
static void class_take(struct sampler *s)
{
	static const char others[] = "a0_ -/!";
	const char *start = s->at + (s->at[0] == '^');
	const char *end = start + 1;
	char c = *start == '\\' ? escaped(start[1]) : *start;

	while (*start != '\0' && *end != '\0' && *end != ']')
		end += *end == '\\' && end[1] != '\0' ? 2 : 1;
	if (s->at[0] == '^') {
		for (unsigned i = 0; others[i] != '\0'; i++) {
			c = others[i];
			if (memchr(start, c, (size_t)(end - start)) == NULL)
				break;
		}
	}
	s->at = *end == '\0' ? end : end + 1;
	emit(s, c);
}

/* Behind "(": what says which kind of group it is. */
static void group_open(struct sampler *s)
{
	if (s->at[0] == '?') {
		s->at++;
		if (*s->at == 'P' || *s->at == '<')
			s->at += strcspn(s->at, ">!=)");
		s->at += strspn(s->at, ">:!=|i");
	}
	if (s->depth < GROUPS_MAX)
		s->groups[s->depth] = (struct group){ .start = s->len,
			.first_own = s->branch_count };
	s->depth++;
}

static void branch_end(struct sampler *s)
{
	struct group *group = &s->groups[s->depth - 1];

	if (s->branch_count < PUMPS_MAX && s->len > group->start)
		s->branches[s->branch_count++] = (struct pump){ .start = group->start,
			.len = s->len - group->start };
}

/* A branch is sampled behind the one before it: its own start moves there. */
static void branch_next(struct sampler *s)
{
	if (s->depth == 0 || s->depth > GROUPS_MAX)
		return;
	branch_end(s);
	if (s->groups[s->depth - 1].end == 0)
		s->groups[s->depth - 1].end = s->len;
	s->groups[s->depth - 1].start = s->len;
}

static void group_close(struct sampler *s)
{
	struct group *group;

	if (s->depth == 0 || s->depth-- > GROUPS_MAX)
		return;
	group = &s->groups[s->depth];
	s->depth++;
	branch_end(s);
	s->depth--;
	s->atom = (struct pump){ .start = group->start, .len = s->len - group->start };
	s->atom_first = group->first_own;
	s->atom_last = s->branch_count;
	s->branch_count = group->first_own;
}

static void pump_add(struct sampler *s, struct pump pump)
{
	if (pump.len > 0 && s->pump_count < PUMPS_MAX)
		s->pumps[s->pump_count++] = pump;
}

/* "*", "+", "{n,}" and large "{n,m}": what stands before it may repeat. */
static void quantifier_take(struct sampler *s)
{
	if (*s->at == '{') {
		size_t len = strcspn(s->at, "}");
		bool is_open = memchr(s->at, ',', len) != NULL;

		s->at += len + (s->at[len] == '}');
		if (!is_open)
			return;
	} else {
		s->at++;
	}
	s->at += strspn(s->at, "?+");
	if (s->atom_last > s->atom_first) {
		for (unsigned i = s->atom_first; i < s->atom_last; i++)
			pump_add(s, s->branches[i]);
	} else {
		pump_add(s, s->atom);
	}
}

static void element_take(struct sampler *s)
{
	char c = *s->at++;

	switch (c) {
	case '(':
		group_open(s);
		break;
	case ')':
		group_close(s);
		break;
	case '|':
		branch_next(s);
		break;
	case '[':
		class_take(s);
		break;
	case '*':
	case '+':
	case '{':
		s->at--;
		quantifier_take(s);
		break;
	case '\\':
		if (*s->at != '\0' && strchr("bBAzZG", *s->at) == NULL)
			emit(s, escaped(*s->at));
		s->at += *s->at != '\0';
		break;
	case '^':
	case '$':
	case '?':
		break;
	default:
		emit(s, c == '.' ? 'a' : c);
	}
}

struct probe {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static bool is_too_much(const struct probe *probe, const char *text, size_t len)
{
	return pcre2_match(probe->code, (PCRE2_SPTR)text, len, 0, 0, probe->data, probe->context) ==
		PCRE2_ERROR_MATCHLIMIT;
}

/* What leads to the piece, the piece again and again, and something that may not follow. */
static bool pump_try(const struct probe *probe, const struct sampler *s, struct pump pump,
	const char *piece, size_t piece_len)
{
	static const char ends[] = "!\1/";
	char text[SAMPLE_MAX + BACKTRACK_BYTES + 1];
	size_t len = pump.start;

	memcpy(text, s->sample, len);
	while (len + piece_len <= pump.start + BACKTRACK_BYTES) {
		memcpy(text + len, piece, piece_len);
		len += piece_len;
	}
	for (unsigned i = 0; ends[i] != '\0'; i++) {
		text[len] = ends[i];
		if (is_too_much(probe, text, len + 1))
			return true;
	}
	return is_too_much(probe, text, len);
}

static bool pumps_try(const struct probe *probe, const struct sampler *s)
{
	for (unsigned i = 0; i < s->pump_count; i++) {
		struct pump pump = s->pumps[i];
		size_t len = pump.len < BACKTRACK_BYTES ? pump.len : BACKTRACK_BYTES;

		if (pump_try(probe, s, pump, s->sample + pump.start, len))
			return true;
		for (unsigned j = 0; j < s->literal_count; j++) {
			if (pump_try(probe, s, pump, &s->literals[j], 1))
				return true;
		}
	}
	return false;
}

/*
 * Without the search for what every match must have: whoever writes such a text puts it in. And by
 * the interpreter, since compiling each expression twice would take longer than all of this.
 */
static bool probe_run(const char *pattern, const struct sampler *s)
{
	PCRE2_SIZE offset;
	int error;
	struct probe probe = {
		.code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
			PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NO_START_OPTIMIZE, &error,
			&offset, NULL),
		.data = pcre2_match_data_create(1, NULL),
		.context = pcre2_match_context_create(NULL),
	};
	bool is_bad = false;

	if (probe.code != NULL && probe.data != NULL && probe.context != NULL) {
		pcre2_set_match_limit(probe.context, BACKTRACK_STEPS);
		is_bad = pumps_try(&probe, s);
	}
	pcre2_match_context_free(probe.context);
	pcre2_match_data_free(probe.data);
	pcre2_code_free(probe.code);
	return is_bad;
}

bool backtracks_badly(const char *pattern)
{
	struct sampler sampler = { .at = pattern };

	while (*sampler.at != '\0')
		element_take(&sampler);
	return sampler.pump_count > 0 && probe_run(pattern, &sampler);
}
