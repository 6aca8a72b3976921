# SPDX-License-Identifier: Apache-2.0
# What people look at, from records: the model of a job, graphs, pages.
noinst_LIBRARIES += libreport.a
libreport_a_CPPFLAGS = $(AM_CPPFLAGS) $(FREETYPE_CFLAGS) -DJEM_FONT_FILE='"$(FONT_FILE)"' \
	-DJEM_PAGE_DIR='"$(srcdir)/receiver/page"'
libreport_a_SOURCES = \
	%D%/calls/call.c %D%/calls/call.h \
	%D%/calls/call_chart.c %D%/calls/call_chart.h \
	%D%/calls/call_lines.c %D%/calls/call_lines.h \
	%D%/calls/call_text.c %D%/calls/call_text.h \
	%D%/calls/flame.c %D%/calls/flame.h \
	%D%/calls/hue.c %D%/calls/hue.h \
	%D%/calls/name_table.c %D%/calls/name_table.h \
	%D%/calls/job_profile.c %D%/calls/job_profile.h \
	%D%/calls/recent.c %D%/calls/recent.h \
	%D%/calls/call_tree.c %D%/calls/call_tree.h \
	%D%/calls/value_text.c %D%/calls/value_text.h \
	%D%/graph/axis.c %D%/graph/axis.h \
	%D%/graph/canvas.c %D%/graph/canvas.h \
	%D%/graph/deflate.c %D%/graph/deflate.h \
	%D%/graph/embed.h \
	%D%/graph/escape.c %D%/graph/escape.h \
	%D%/graph/fixed.c %D%/graph/fixed.h \
	%D%/graph/job_graphs.c %D%/graph/job_graphs.h \
	%D%/graph/marks.c %D%/graph/marks.h \
	%D%/graph/palette.def \
	%D%/graph/pdf.c \
	%D%/graph/png.c \
	%D%/graph/png_encode.c %D%/graph/png_encode.h \
	%D%/graph/raster.c %D%/graph/raster.h \
	%D%/graph/series.c %D%/graph/series.h \
	%D%/graph/svg.c \
	%D%/graph/timechart.c %D%/graph/timechart.h \
	%D%/graph/timeline.c %D%/graph/timeline.h \
	%D%/model.c %D%/model.h %D%/model_internal.h \
	%D%/model_metric.c \
	%D%/model_calls.c \
	%D%/model_status.c \
	%D%/page/call_files.c \
	%D%/page/file.c %D%/page/file.h \
	%D%/page/graph_files.c %D%/page/graph_files.h \
	%D%/page/html.c %D%/page/html.h \
	%D%/page/index_page.c \
	%D%/page/job_calls.c \
	%D%/page/job_page.c \
	%D%/page/job_sched.c %D%/page/job_sched.h \
	%D%/page/job_tables.c \
	%D%/page/job_top.c \
	%D%/page/page.h \
	%D%/page/parts.c %D%/page/parts.h \
	%D%/page/sha256.c %D%/page/sha256.h \
	%D%/page/tables.c %D%/page/tables.h \
	%D%/record_text.c %D%/record_text.h \
	%D%/series.def
include receiver/sched/build.mk
REPORT_LIBS = libreport.a libcommon.a $(FREETYPE_LIBS) $(ZLIB_LIBS) -lm
EXTRA_DIST += %D%/page/page.h
# What brokers deliver, as one folder per job: logs, data, graphs, pages.
noinst_LIBRARIES += libreceiver.a
libreceiver_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(ZSTD_CFLAGS)
libreceiver_a_SOURCES = \
	%D%/batches.c %D%/batches.h \
	%D%/budget.c \
	%D%/calls/calls_log.c %D%/calls/calls_log.h \
	%D%/cut_back.c \
	%D%/data_file.c %D%/data_file.h \
	%D%/data_line.c %D%/data_line.h \
	%D%/decode.c %D%/decode.h \
	%D%/draw.c %D%/draw.h \
	%D%/epochs.c \
	%D%/folder.c %D%/folder.h \
	%D%/frames.c %D%/frames.h \
	%D%/index.c %D%/index.h \
	%D%/job_log.c %D%/job_log.h \
	%D%/job_prmon.c %D%/job_prmon.h \
	%D%/lines.c %D%/lines.h \
	%D%/metrics_csv.c %D%/metrics_csv.h \
	%D%/pack_work.c %D%/packer.c %D%/packer.h \
	%D%/parts.c %D%/parts.h \
	%D%/receiver.c %D%/receiver.h \
	%D%/calls_behind.c \
	%D%/recording.c %D%/recording.h %D%/recording_internal.h \
	%D%/recording_write.c \
	%D%/recover.c \
	%D%/replay.c %D%/replay.h \
	%D%/rows.c %D%/rows.h \
	%D%/sched_columns.c %D%/sched_columns.h \
	%D%/sched_folder.c %D%/sched_folder.h \
	%D%/stream.c %D%/stream.h \
	%D%/streams_file.c %D%/streams_file.h
RECEIVER_LIBS = libreceiver.a $(REPORT_LIBS) $(UV_LIBS) $(ZSTD_LIBS)

# The compiler does not see what the assembler takes in.
REPORT_ASSETS = %D%/page/page.css %D%/page/job_page.js %D%/page/index_page.js \
	%D%/page/flame.js
EXTRA_DIST += $(REPORT_ASSETS)
%D%/graph/libreport_a-png.$(OBJEXT): $(FONT_FILE) Makefile
%D%/page/libreport_a-parts.$(OBJEXT): $(REPORT_ASSETS)
