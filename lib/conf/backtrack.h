/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_BACKTRACK_H
#define CONF_BACKTRACK_H

#include <stdbool.h>

/* Texts that are tried are no longer, and a match may take no more steps. */
#define BACKTRACK_BYTES 64
#define BACKTRACK_STEPS 20000

/*
 * Whether a short text keeps the expression busy for more steps than a request is given: measured,
 * by texts made from the expression's own parts. False says that none was found, no more. What does
 * not compile is false.
 */
bool backtracks_badly(const char *pattern);

#endif
