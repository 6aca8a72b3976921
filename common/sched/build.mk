# SPDX-License-Identifier: Apache-2.0
# Slices of scheduling, and everything that is counted from them.
libcommon_a_SOURCES += \
	%D%/counts.c %D%/counts.h \
	%D%/edges.c %D%/edges.h \
	%D%/episode_text.c \
	%D%/episodes.c %D%/episodes.h \
	%D%/episodes_detail.c \
	%D%/episodes_internal.h \
	%D%/latency.c %D%/latency.h \
	%D%/model.c %D%/model.h \
	%D%/select.c %D%/select.h \
	%D%/slice.h \
	%D%/stats.c %D%/stats.h \
	%D%/stats_json.c %D%/stats_json.h \
	%D%/topology.c %D%/topology.h \
	%D%/topology_sysfs.c
