/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads: sees to it that every thread is followed from its first function on, and that what was counted is told before
 * the process ends in a way that runs no exit handlers.
 *
 * Flow: stands in for _thread.start_new_thread and for os._exit, under their names
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_THREADS_H
#define JEM_TRACER_SCRIPT_PYTHON_THREADS_H

#include "tracer/script/python/compat.h"

typedef void jem_py_begin_fn(void);

/* `begin` is called in each new thread; from CPython 3.12 on sys.monitoring sees them all by itself; 0, or -1 with an exception set. */
int jem_py_threads_start(jem_py_begin_fn *begin);

#endif
