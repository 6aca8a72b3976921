# SPDX-License-Identifier: Apache-2.0
# Events of the kernel's scheduler, live or from a trace.dat file -> slices.
noinst_LIBRARIES += libsched.a
libsched_a_CPPFLAGS = $(AM_CPPFLAGS) $(TRACEEVENT_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
libsched_a_SOURCES = \
	%D%/event.h %D%/events.def \
	%D%/format.c %D%/format.h \
	%D%/machine.c %D%/machine.h \
	%D%/machine_cores.c \
	%D%/machine_internal.h \
	%D%/machine_life.c \
	%D%/machine_tasks.c \
	%D%/machine_wake.c \
	%D%/merge.c %D%/merge.h \
	%D%/model_sink.c %D%/model_sink.h \
	%D%/names.c %D%/names.h \
	%D%/page.c %D%/page.h
