# SPDX-License-Identifier: Apache-2.0
# Slices of scheduling, and everything that is counted from them.
libcommon_a_SOURCES += \
	%D%/counts.h \
	%D%/model.c %D%/model.h \
	%D%/select.h \
	%D%/slice.h \
	%D%/topology.h
