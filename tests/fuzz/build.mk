# SPDX-License-Identifier: Apache-2.0
# One target per parser: fuzz_<parser>.c has LLVMFuzzerTestOneInput, corpus/<parser>/ its seeds.
# `make check` replays them with their mutations; --enable-fuzzing (clang) links libFuzzer instead:
#	mkdir new; tests/fuzz/fuzz_url new ../tests/fuzz/corpus/url     (finds go into the first folder)
#
# A target adds
#	FUZZ_TESTS += %D%/fuzz_url %D%/fuzz_amqp_message
#	%C%_fuzz_url_SOURCES = %D%/fuzz_url.c
#	%C%_fuzz_url_LDADD = $(FUZZ_MAIN) libbroker-client.a libcommon.a
if FUZZING
FUZZ_MAIN = @FUZZ_ENGINE@
else
check_LIBRARIES += libreplay.a
libreplay_a_SOURCES = %D%/replay.c
FUZZ_MAIN = libreplay.a
endif
EXTRA_DIST += %D%/replay.c %D%/corpus

# common
FUZZ_TESTS += %D%/fuzz_config
%C%_fuzz_config_SOURCES = %D%/fuzz_config.c
%C%_fuzz_config_LDADD = $(FUZZ_MAIN) libcommon.a
FUZZ_TESTS += %D%/fuzz_redact %D%/fuzz_batch %D%/fuzz_cbor %D%/fuzz_columns
%C%_fuzz_redact_SOURCES = %D%/fuzz_redact.c
%C%_fuzz_redact_LDADD = $(FUZZ_MAIN) libcommon.a $(PCRE2_LIBS)
%C%_fuzz_batch_SOURCES = %D%/fuzz_batch.c
%C%_fuzz_batch_LDADD = $(FUZZ_MAIN) libcommon.a -lm
%C%_fuzz_cbor_SOURCES = %D%/fuzz_cbor.c
%C%_fuzz_cbor_LDADD = $(FUZZ_MAIN) libcommon.a -lm
%C%_fuzz_columns_SOURCES = %D%/fuzz_columns.c
%C%_fuzz_columns_LDADD = $(FUZZ_MAIN) libcommon.a -lm

# tracer/symbols
FUZZ_TESTS += %D%/fuzz_image %D%/fuzz_ring
%C%_fuzz_image_SOURCES = %D%/fuzz_image.c
%C%_fuzz_image_LDADD = $(FUZZ_MAIN) libsymbols.a libcommon.a $(PCRE2_LIBS) -lm
%C%_fuzz_ring_SOURCES = %D%/fuzz_ring.c
%C%_fuzz_ring_LDADD = $(FUZZ_MAIN) libsymbols.a libcommon.a

# broker-client
FUZZ_TESTS += %D%/fuzz_scram %D%/fuzz_spool
%C%_fuzz_scram_SOURCES = %D%/fuzz_scram.c
%C%_fuzz_scram_LDADD = $(FUZZ_MAIN) libbroker-client.a $(OPENSSL_LIBS)
%C%_fuzz_spool_SOURCES = %D%/fuzz_spool.c
%C%_fuzz_spool_LDADD = $(FUZZ_MAIN) libbroker-client.a libcommon.a -lm
FUZZ_TESTS += %D%/fuzz_url %D%/fuzz_amqp_message
%C%_fuzz_url_SOURCES = %D%/fuzz_url.c
%C%_fuzz_url_LDADD = $(FUZZ_MAIN) libbroker-client.a libcommon.a
%C%_fuzz_amqp_message_SOURCES = %D%/fuzz_amqp_message.c
%C%_fuzz_amqp_message_LDADD = $(FUZZ_MAIN) libbroker-client.a libcommon.a
FUZZ_TESTS += %D%/fuzz_credentials
%C%_fuzz_credentials_SOURCES = %D%/fuzz_credentials.c
%C%_fuzz_credentials_LDADD = $(FUZZ_MAIN) libbroker-client.a libcommon.a
FUZZ_TESTS += %D%/fuzz_amqp_broker
%C%_fuzz_amqp_broker_SOURCES = %D%/fuzz_amqp_broker.c
%C%_fuzz_amqp_broker_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PROTON_CFLAGS)
%C%_fuzz_amqp_broker_LDADD = $(FUZZ_MAIN) $(BROKER_CLIENT_LIBS)

# tracer
FUZZ_TESTS += %D%/fuzz_symbols
%C%_fuzz_symbols_SOURCES = %D%/fuzz_symbols.c
%C%_fuzz_symbols_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
%C%_fuzz_symbols_LDADD = $(FUZZ_MAIN) $(DEBUGDATA_LIBS)

# daemon
FUZZ_TESTS += %D%/fuzz_proc %D%/fuzz_threshold
%C%_fuzz_proc_SOURCES = %D%/fuzz_proc.c
%C%_fuzz_proc_LDADD = $(FUZZ_MAIN) libmetrics.a libcommon.a -lm
%C%_fuzz_threshold_SOURCES = %D%/fuzz_threshold.c
%C%_fuzz_threshold_LDADD = $(FUZZ_MAIN) libcommon.a -lm
FUZZ_TESTS += %D%/fuzz_script
%C%_fuzz_script_SOURCES = %D%/fuzz_script.c
%C%_fuzz_script_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_fuzz_script_LDADD = $(FUZZ_MAIN) $(SCRIPTS_LIBS)
FUZZ_TESTS += %D%/fuzz_log_line %D%/fuzz_token %D%/fuzz_proxy
%C%_fuzz_log_line_SOURCES = %D%/fuzz_log_line.c
%C%_fuzz_log_line_LDADD = $(FUZZ_MAIN) $(LOGS_LIBS)
%C%_fuzz_token_SOURCES = %D%/fuzz_token.c
%C%_fuzz_token_LDADD = $(FUZZ_MAIN) $(LOGS_LIBS)
%C%_fuzz_proxy_SOURCES = %D%/fuzz_proxy.c
%C%_fuzz_proxy_LDADD = $(FUZZ_MAIN) $(LOGS_LIBS)
FUZZ_TESTS += %D%/fuzz_calls
%C%_fuzz_calls_SOURCES = %D%/fuzz_calls.c tests/unit/image_maker.c tests/unit/image_maker.h
%C%_fuzz_calls_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_fuzz_calls_LDADD = $(FUZZ_MAIN) $(CALLS_LIBS)

# receiver
FUZZ_TESTS += %D%/fuzz_model
%C%_fuzz_model_SOURCES = %D%/fuzz_model.c
%C%_fuzz_model_LDADD = $(FUZZ_MAIN) $(REPORT_LIBS)
FUZZ_TESTS += %D%/fuzz_call_views
%C%_fuzz_call_views_SOURCES = %D%/fuzz_call_views.c
%C%_fuzz_call_views_LDADD = $(FUZZ_MAIN) $(REPORT_LIBS)
FUZZ_TESTS += %D%/fuzz_receiver
%C%_fuzz_receiver_SOURCES = %D%/fuzz_receiver.c
%C%_fuzz_receiver_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_fuzz_receiver_LDADD = $(FUZZ_MAIN) $(RECEIVER_LIBS)

# tools

check_PROGRAMS += $(FUZZ_TESTS)

# tracer
FUZZ_TESTS += %D%/fuzz_machine
%C%_fuzz_machine_SOURCES = %D%/fuzz_machine.c
%C%_fuzz_machine_LDADD = $(FUZZ_MAIN) libvalues.a
FUZZ_TESTS += %D%/fuzz_code %D%/fuzz_expression
%C%_fuzz_code_SOURCES = %D%/fuzz_code.c
%C%_fuzz_code_LDADD = $(FUZZ_MAIN) $(DEBUGDATA_LIBS)
%C%_fuzz_expression_SOURCES = %D%/fuzz_expression.c
%C%_fuzz_expression_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
%C%_fuzz_expression_LDADD = $(FUZZ_MAIN) $(DEBUGDATA_LIBS)
FUZZ_TESTS += %D%/fuzz_trace_dat
%C%_fuzz_trace_dat_SOURCES = %D%/fuzz_trace_dat.c
%C%_fuzz_trace_dat_LDADD = $(FUZZ_MAIN) $(TRACE_DAT_LIBS)
FUZZ_TESTS += %D%/fuzz_sched_machine
%C%_fuzz_sched_machine_SOURCES = %D%/fuzz_sched_machine.c
%C%_fuzz_sched_machine_LDADD = $(FUZZ_MAIN) libsched.a libcommon.a -lm
FUZZ_TESTS += %D%/fuzz_sched_folder
%C%_fuzz_sched_folder_SOURCES = %D%/fuzz_sched_folder.c
%C%_fuzz_sched_folder_LDADD = $(FUZZ_MAIN) $(RECEIVER_LIBS)
