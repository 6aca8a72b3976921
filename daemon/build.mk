# SPDX-License-Identifier: Apache-2.0
# The worker-node daemon: sources -> records -> batches -> spool -> publisher.
noinst_LIBRARIES += libdaemon.a
libdaemon_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libdaemon_a_SOURCES = \
	%D%/batch_message.c %D%/batch_message.h \
	%D%/batcher.c %D%/batcher.h \
	%D%/control.c %D%/control.h \
	%D%/job.c %D%/job.h \
	%D%/notify.c %D%/notify.h \
	%D%/outlets.c %D%/outlets.h \
	%D%/packing.c %D%/packing.h \
	%D%/prmon.c %D%/prmon.h \
	%D%/redaction.c %D%/redaction.h \
	%D%/publisher.c %D%/publisher.h %D%/publisher_disk.c %D%/publisher_internal.h \
	%D%/spool_place.c %D%/spool_place.h \
	%D%/sources/base64.c %D%/sources/base64.h \
	%D%/sources/credential.c %D%/sources/credential.h \
	%D%/sources/environment.c %D%/sources/environment.h \
	%D%/sources/expiry.c %D%/sources/expiry.h \
	%D%/sources/job_environ.c %D%/sources/job_environ.h \
	%D%/sources/mounts.c %D%/sources/mounts.h \
	%D%/rules/threshold.c %D%/rules/threshold.h \
	%D%/sources/self.c %D%/sources/self.h \
	%D%/sources/wall_clock.c %D%/sources/wall_clock.h
include daemon/sources/calls/build.mk
include daemon/sources/log/build.mk
include daemon/sources/metrics/build.mk
include daemon/sources/sched/build.mk
include daemon/sources/script/build.mk

bin_PROGRAMS += jemd
jemd_SOURCES = %D%/calls_check.c %D%/calls_check.h %D%/child.c %D%/child.h %D%/flags.c %D%/flags.h %D%/main.c %D%/sources.c %D%/sources.h %D%/worker.c %D%/worker.h
jemd_LDADD = libscripts.a libschedsource.a libcalls.a liblogs.a libmetrics.a libdaemon.a libsymbols.a libsched.a $(TRACEEVENT_LIBS) $(BROKER_CLIENT_LIBS) $(PCRE2_LIBS) $(ZSTD_LIBS) -lpthread -lm
