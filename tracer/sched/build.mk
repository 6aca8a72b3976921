# SPDX-License-Identifier: Apache-2.0
# Events of the kernel's scheduler, live or from a trace.dat file -> slices.
noinst_LIBRARIES += libsched.a
libsched_a_CPPFLAGS = $(AM_CPPFLAGS) $(TRACEEVENT_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
libsched_a_SOURCES = \
	%D%/dat_file.c %D%/dat_file.h \
	%D%/dat_load.c %D%/dat_load.h \
	%D%/dat_write.c %D%/dat_write.h \
	%D%/event.h %D%/events.def \
	%D%/format.c %D%/format.h \
	%D%/format_text.c %D%/format_text.h \
	%D%/machine.c %D%/machine.h \
	%D%/machine_cores.c \
	%D%/machine_internal.h \
	%D%/machine_life.c \
	%D%/machine_tasks.c \
	%D%/machine_wake.c \
	%D%/merge.c %D%/merge.h \
	%D%/model_sink.c %D%/model_sink.h \
	%D%/names.c %D%/names.h \
	%D%/page.c %D%/page.h \
	%D%/trace_dat.c %D%/trace_dat.h \
	%D%/trace_dat_internal.h \
	%D%/trace_dat_options.c \
	%D%/trace_dat_read.c
# What links the reader of trace.dat files.
TRACE_DAT_LIBS = libsched.a libcommon.a $(TRACEEVENT_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) -lpthread
