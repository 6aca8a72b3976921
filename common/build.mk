# SPDX-License-Identifier: Apache-2.0
# What stands under every layer. The launcher links it too: objects without foreign libraries.
noinst_LIBRARIES += libcommon.a
libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PCRE2_CFLAGS) $(ZSTD_CFLAGS)
libcommon_a_SOURCES = \
	%D%/account.h \
	%D%/batch.c %D%/batch.h %D%/batch_head.c \
	%D%/buf.c %D%/buf.h \
	%D%/cbor.c %D%/cbor.h \
	%D%/cbor_json.c %D%/cbor_json.h \
	%D%/cleanup.h \
	%D%/clock.c %D%/clock.h \
	%D%/columns.c %D%/columns.h \
	%D%/compress.c %D%/compress.h \
	%D%/config.c %D%/config.def %D%/config.h \
	%D%/config_args.c \
	%D%/config_check.c %D%/config_check.h \
	%D%/config_env.c \
	%D%/config_file.c %D%/config_file.h \
	%D%/config_help.c \
	%D%/config_internal.h \
	%D%/config_value.c %D%/config_value.h \
	%D%/dead_end.c %D%/dead_end.h %D%/dead_ends.def \
	%D%/err.c %D%/err.h \
	%D%/find.c %D%/find.h \
	%D%/identity.c %D%/identity.h \
	%D%/job_id.c %D%/job_id.h \
	%D%/json_reader.c %D%/json_reader.h \
	%D%/json_writer.c %D%/json_writer.h \
	%D%/kind.c %D%/kind.h \
	%D%/launch_link.c %D%/launch_link.h \
	%D%/local_socket.c %D%/local_socket.h \
	%D%/log.c %D%/log.h \
	%D%/log_rule.c %D%/log_rule.h \
	%D%/metric.c %D%/metric.h \
	%D%/name.c %D%/name.h \
	%D%/patterns.c %D%/patterns.h \
	%D%/prmon_format.c %D%/prmon_format.h \
	%D%/record.c %D%/record.h \
	%D%/redact.c %D%/redact.h \
	%D%/redact_credential.c %D%/redact_credential.h \
	%D%/redact_scan.c %D%/redact_scan.h \
	%D%/redact_text.h \
	%D%/redact_value.c %D%/redact_value.h \
	%D%/threshold.c %D%/threshold.h \
	%D%/utf8.c %D%/utf8.h
include common/sched/build.mk
