# SPDX-License-Identifier: Apache-2.0
# What people look at, from records: the model of a job, graphs, pages.
noinst_LIBRARIES += libreport.a
libreport_a_SOURCES = \
	%D%/graph/series.c %D%/graph/series.h \
	%D%/model.c %D%/model.h %D%/model_internal.h \
	%D%/model_metric.c \
	%D%/model_status.c \
	%D%/series.def
REPORT_LIBS = libreport.a libcommon.a $(FREETYPE_LIBS) $(ZLIB_LIBS) -lm
EXTRA_DIST += %D%/page/page.h
# What brokers deliver, as one folder per job: logs, data, graphs, pages.
noinst_LIBRARIES += libreceiver.a
libreceiver_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(ZSTD_CFLAGS)
libreceiver_a_SOURCES = \
	%D%/folder.c %D%/folder.h \
	%D%/receiver.h \
	%D%/stream.c %D%/stream.h
