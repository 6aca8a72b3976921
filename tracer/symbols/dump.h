/* SPDX-License-Identifier: Apache-2.0 */
/* dump: an image as text, for people who look for what is missing. One line a thing, tabs between. */
#ifndef JEM_TRACER_SYMBOLS_DUMP_H
#define JEM_TRACER_SYMBOLS_DUMP_H

#include "common/err.h"

#include <stdio.h>

int jem_dump_image(int fd, FILE *out, struct jem_err *err);

#endif
