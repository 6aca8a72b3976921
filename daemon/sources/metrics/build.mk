# SPDX-License-Identifier: Apache-2.0
# The metrics source: node, process set, control group, PSS, sampler.
noinst_LIBRARIES += libmetrics.a
libmetrics_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libmetrics_a_SOURCES = \
	daemon/sample.h \
	%D%/cgroup.c %D%/cgroup.h \
	%D%/cgroup_path.c %D%/cgroup_path.h \
	%D%/folders.c %D%/folders.h \
	%D%/job_sums.c %D%/job_sums.h \
	%D%/job_values.c %D%/job_values.h \
	%D%/metric_records.c %D%/metric_records.h \
	%D%/metrics_source.c %D%/metrics_source.h \
	%D%/node.c %D%/node.h \
	%D%/node_devices.c %D%/node_devices.h \
	%D%/observing.c %D%/observing.h \
	%D%/perf_tasks.c %D%/perf_tasks.h \
	%D%/proc_file.c %D%/proc_file.h \
	%D%/proc_read.c %D%/proc_read.h \
	%D%/process.c %D%/process.h \
	%D%/procset.c %D%/procset.h \
	%D%/procset_search.c \
	%D%/job_peer.c %D%/job_peer.h \
	%D%/maps.c %D%/maps.h \
	%D%/proc_events.c %D%/proc_events.h \
	%D%/pss.c %D%/pss.h \
	%D%/task_event.h \
	%D%/pss_scan.c %D%/pss_scan.h \
	%D%/sampler.c %D%/sampler.h
