/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_TEXT_MAX 512

/* Words for humans beside a negative errno. Owned by the caller, any thread. */
struct err {
	char text[ERR_TEXT_MAX];
};

/*
 * Writes the words and returns -code, so that a cold function can end in
 * "return err_set(err, EINVAL, ...)". err may be NULL: the words are dropped. Longer words are cut.
 */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
