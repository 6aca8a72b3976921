/* SPDX-License-Identifier: Apache-2.0 */
/*
 * next: the function that an interposed one stands before.
 *
 * dlsym is asked for in its oldest version, which every glibc has: with the newest one a program in a
 * container of an older system would not start. Before glibc 2.34 it is in libdl, and NULL where the
 * program has not loaded that.
 */
#ifndef JEM_TRACER_PRELOAD_NEXT_H
#define JEM_TRACER_PRELOAD_NEXT_H

#include <dlfcn.h>

__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#pragma weak dlsym

/* NULL: there is none. */
static inline void *jem_next(const char *name)
{
	return dlsym ? dlsym(RTLD_NEXT, name) : NULL;
}

#endif
