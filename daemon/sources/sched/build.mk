# SPDX-License-Identifier: Apache-2.0
# Scheduling, live: a thread reads the kernel's events and makes slices of them.
noinst_LIBRARIES += libschedsource.a
libschedsource_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(TRACEEVENT_CFLAGS)
libschedsource_a_SOURCES = \
	%D%/feed.c %D%/feed.h \
	%D%/idle.c %D%/idle.h \
	%D%/instance.c %D%/instance.h \
	%D%/item_rows.c %D%/item_rows.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/known.c %D%/known.h \
	%D%/level.c %D%/level.h %D%/levels.def \
	%D%/sched_live.c %D%/sched_live.h \
	%D%/sampling.c %D%/sampling.h \
	%D%/sched_drain.c %D%/sched_drain.h \
	%D%/sched_mail.h \
	%D%/sched_source.c %D%/sched_source.h \
	%D%/slice_rows.c %D%/slice_rows.h \
	%D%/summary.c %D%/summary.h \
	%D%/switches.c %D%/switches.h \
	%D%/switches_ring.c %D%/switches_ring.h \
	%D%/tree.c %D%/tree.h
SCHED_SOURCE_LIBS = libschedsource.a libdaemon.a libsched.a libcommon.a $(TRACEEVENT_LIBS) $(UV_LIBS) $(PCRE2_LIBS) -lm
