# SPDX-License-Identifier: Apache-2.0
# Graphs of scheduling, from models.
libreport_a_SOURCES += \
	%D%/cores_graph.c %D%/cores_graph.h \
	%D%/cores_internal.h \
	%D%/cores_legend.c \
	%D%/cores_overlay.c \
	%D%/counts_columns.c \
	%D%/counts_graph.c %D%/counts_graph.h \
	%D%/frame.c %D%/frame.h \
	%D%/lod.c %D%/lod.h \
	%D%/rows.c %D%/rows.h \
	%D%/tints.c %D%/tints.h \
	%D%/view.h
