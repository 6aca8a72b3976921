/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup: scope guards for locals.
 *
 * `auto_free char *s` frees at the end of the scope; JEM_DEFINE_AUTO(name, type, fn) makes the
 * guard of a type with a destroy function, which must take NULL. Hand the value on with
 * jem_take(), which leaves NULL behind.
 */
#ifndef JEM_COMMON_CLEANUP_H
#define JEM_COMMON_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JEM_DEFINE_AUTO(name, type, fn)                                                            \
	static inline void name(type **p)                                                          \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

static inline void jem_auto_free(void *p)
{
	free(*(void **)p);
}

static inline void jem_auto_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

JEM_DEFINE_AUTO(jem_auto_fclose, FILE, (void)fclose)
JEM_DEFINE_AUTO(jem_auto_closedir, DIR, (void)closedir)

#define auto_free     __attribute__((cleanup(jem_auto_free)))
#define auto_close    __attribute__((cleanup(jem_auto_close)))
#define auto_fclose   __attribute__((cleanup(jem_auto_fclose)))
#define auto_closedir __attribute__((cleanup(jem_auto_closedir)))

#define jem_take(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

static inline int jem_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
