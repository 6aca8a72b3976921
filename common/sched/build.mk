# SPDX-License-Identifier: Apache-2.0
# Slices of scheduling, and everything that is counted from them.
libcommon_a_SOURCES += \
	%D%/counts.c %D%/counts.h \
	%D%/edges.c %D%/edges.h \
	%D%/model.c %D%/model.h \
	%D%/select.c %D%/select.h \
	%D%/slice.h \
	%D%/topology.c %D%/topology.h \
	%D%/topology_sysfs.c
