# SPDX-License-Identifier: Apache-2.0
# What a person types: each subcommand of jem-tool is one file, listed in tools.def.

# The launcher: libc and the libc-only objects of libcommon, static where it can be.
bin_PROGRAMS += jem
jem_SOURCES = \
	%D%/jem.c \
	%D%/run/core_flag.c %D%/run/core_flag.h \
	%D%/run/calls.c %D%/run/calls.h \
	%D%/run/job_socket.c %D%/run/job_socket.h \
	%D%/run/scripts.c %D%/run/scripts.h \
	%D%/run/ending.c \
	%D%/run/fd.c %D%/run/fd.h \
	%D%/run/folder.c %D%/run/folder.h \
	%D%/run/job.c %D%/run/job.h \
	%D%/run/launch.h \
	%D%/run/link.c %D%/run/link.h \
	%D%/run/loop.c \
	%D%/run/monitors.c %D%/run/monitors.h \
	%D%/run/options.c %D%/run/options.h \
	%D%/run/reaper.c %D%/run/reaper.h \
	%D%/run/run.c %D%/run/run.h \
	%D%/run/sentinel.c %D%/run/sentinel.h \
	%D%/run/signals.c %D%/run/signals.h \
	%D%/run/tee.c %D%/run/tee.h \
	%D%/run/voice.c %D%/run/voice.h \
	%D%/tools.def
jem_LDADD = libcommon.a
jem_LDFLAGS = $(AM_LDFLAGS) $(LAUNCHER_LDFLAGS)

pkglibexec_PROGRAMS += jem-tool
jem_tool_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
jem_tool_SOURCES = \
	%D%/check.c \
	%D%/check_login.c %D%/check_login.h \
	%D%/check_observe.c %D%/check_observe.h \
	%D%/manual.c \
	%D%/broker.c \
	%D%/calls.c %D%/calls.h \
	%D%/calls_chrome.c \
	%D%/calls_profile.c \
	%D%/calls_copy.c %D%/calls_copy.h \
	%D%/calls_file.c %D%/calls_file.h \
	%D%/collect.c \
	%D%/expand.c \
	%D%/control.c \
	%D%/live.c %D%/live.h \
	%D%/log.c \
	%D%/receive.c \
	%D%/record.c \
	%D%/recorded.c %D%/recorded.h \
	%D%/recorder.c %D%/recorder.h \
	%D%/report.c \
	%D%/scratch.c %D%/scratch.h \
	%D%/dat2graph.c %D%/running_waiting.c \
	%D%/sched_input.c %D%/sched_input.h \
	%D%/sched_options.c %D%/sched_options.h \
	%D%/sched_tool.c \
	%D%/selection.c %D%/selection.h \
	%D%/spool.c \
	%D%/status.c \
	%D%/summary.c %D%/summary.h \
	%D%/terminal.c %D%/terminal.h \
	%D%/watch.c \
	%D%/watch_lines.c %D%/watch_lines.h \
	%D%/watch_screen.c %D%/watch_screen.h \
	%D%/tool.h \
	%D%/tool_main.c \
	%D%/tools.def
jem_tool_LDADD = libschedsource.a libcalls.a libdaemon.a libsched.a libsymbols.a libreceiver.a libreport.a libmetrics.a $(BROKER_CLIENT_LIBS) \
	$(PCRE2_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(FREETYPE_LIBS) $(TRACEEVENT_LIBS) -lpthread -lm
# what jemd checks too
jem_tool_SOURCES += daemon/calls_check.c daemon/calls_check.h
# for its manual page
jem_tool_SOURCES += daemon/flags.c daemon/flags.h

# The graphs of scheduling by the names that their users know.
bin_PROGRAMS += dat2graph running_waiting
dat2graph_SOURCES = %D%/alias.c
dat2graph_CPPFLAGS = $(AM_CPPFLAGS) -DJEM_ALIAS='"dat2graph"'
dat2graph_LDADD = libcommon.a
running_waiting_SOURCES = %D%/alias.c
running_waiting_CPPFLAGS = $(AM_CPPFLAGS) -DJEM_ALIAS='"running_waiting"'
running_waiting_LDADD = libcommon.a
