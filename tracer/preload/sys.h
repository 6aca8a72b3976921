/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys: short forms of system calls (raw.h). Without libc they touch no errno, nobody interposes them, they
 * are there before libc is, and no thread is cancelled in them. Each returns a negative errno.
 */
#ifndef JEM_TRACER_PRELOAD_SYS_H
#define JEM_TRACER_PRELOAD_SYS_H

#include "tracer/preload/raw.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long jem_sys4(long number, long a, long b, long c, long d)
{
	return jem_raw(number, a, b, c, d, 0, 0);
}

static inline long jem_sys3(long number, long a, long b, long c)
{
	return jem_raw(number, a, b, c, 0, 0, 0);
}

static inline void *jem_sys_mmap(void *at, size_t len, int protection, int flags, int fd)
{
	long result = jem_raw(SYS_mmap, (long)at, (long)len, protection, flags, fd, 0);

	return result < 0 && result > -4096 ? NULL : (void *)result;
}

static inline void jem_sys_munmap(void *at, size_t len)
{
	jem_sys3(SYS_munmap, (long)at, (long)len, 0);
}

static inline void jem_sys_close(int fd)
{
	jem_sys3(SYS_close, fd, 0, 0);
}

#endif
