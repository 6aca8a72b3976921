# SPDX-License-Identifier: Apache-2.0
# Graphs of scheduling, from models.
libreport_a_CPPFLAGS += -DJEM_SCHED_PAGE_DIR='"$(srcdir)/receiver/sched"'
libreport_a_SOURCES += \
	%D%/cores_graph.c %D%/cores_graph.h \
	%D%/cores_internal.h \
	%D%/cores_legend.c \
	%D%/cores_overlay.c \
	%D%/counts_columns.c \
	%D%/counts_graph.c %D%/counts_graph.h \
	%D%/frame.c %D%/frame.h \
	%D%/lod.c %D%/lod.h \
	%D%/pack.c %D%/pack.h \
	%D%/rows.c %D%/rows.h \
	%D%/sched_page.c %D%/sched_page.h \
	%D%/sheets.c %D%/sheets.h \
	%D%/tints.c %D%/tints.h \
	%D%/view.h
SCHED_ASSETS = %D%/sched_page.css %D%/sched_data.js %D%/sched_page.js %D%/sched_use.js
EXTRA_DIST += $(SCHED_ASSETS)
%D%/libreport_a-sched_page.$(OBJEXT): $(SCHED_ASSETS)
