/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: the reason of a failure, for the person who has to mend it.
 *
 * Functions return 0 or a positive count, else a negative errno. Where a person needs more than
 * the number (configuration, schema, file formats), the caller lends one of these.
 */
#ifndef JEM_COMMON_ERR_H
#define JEM_COMMON_ERR_H

struct jem_err {
	char text[256];
};

/* Writes the reason, cut to the size of the text, and returns `code`; `err` may be NULL. */
int jem_err_set(struct jem_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
