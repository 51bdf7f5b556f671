/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORDS_H
#define WORDS_H

/*
 * Cuts the first command off a line: words are parted by blanks, commands by ';', and a backslash
 * takes any character as it is. The line is changed in place; words point into it. *rest is what
 * follows the ';', or NULL. Returns the number of words, or -E2BIG for more than max.
 */
int words_split(char *line, const char **words, unsigned max, char **rest);

#endif
