# SPDX-License-Identifier: Apache-2.0
# tests/unit/test_<module>.c tests one module; check.[ch] is their common ground.
check_LIBRARIES += libcheck.a
libcheck_a_SOURCES = %D%/check.c %D%/check.h

# common
UNIT_TESTS += %D%/test_name %D%/test_json
%C%_test_name_SOURCES = %D%/test_name.c
%C%_test_name_LDADD = libcheck.a libcommon.a
%C%_test_json_SOURCES = %D%/test_json.c
%C%_test_json_LDADD = libcheck.a libcommon.a -lm
UNIT_TESTS += %D%/test_metric %D%/test_patterns
%C%_test_patterns_SOURCES = %D%/test_patterns.c
%C%_test_patterns_LDADD = libcheck.a libcommon.a
%C%_test_metric_SOURCES = %D%/test_metric.c
%C%_test_metric_LDADD = libcheck.a libcommon.a
UNIT_TESTS += %D%/test_threshold
%C%_test_threshold_SOURCES = %D%/test_threshold.c
%C%_test_threshold_LDADD = libcheck.a libcommon.a -lm

UNIT_TESTS += %D%/test_job_id
%C%_test_job_id_SOURCES = %D%/test_job_id.c
%C%_test_job_id_LDADD = libcheck.a libcommon.a
UNIT_TESTS += %D%/test_config %D%/test_config_file %D%/test_config_check
%C%_test_config_check_SOURCES = %D%/test_config_check.c
%C%_test_config_check_LDADD = libcheck.a libcommon.a $(PCRE2_LIBS)
%C%_test_config_file_SOURCES = %D%/test_config_file.c
%C%_test_config_file_LDADD = libcheck.a libcommon.a
%C%_test_config_SOURCES = %D%/test_config.c
%C%_test_config_LDADD = libcheck.a libcommon.a
UNIT_TESTS += %D%/test_batch
%C%_test_batch_SOURCES = %D%/test_batch.c
%C%_test_batch_LDADD = libcheck.a libcommon.a -lm
UNIT_TESTS += %D%/test_redact
%C%_test_redact_SOURCES = %D%/test_redact.c
%C%_test_redact_LDADD = libcheck.a libcommon.a $(PCRE2_LIBS)
UNIT_TESTS += %D%/test_cbor %D%/test_columns %D%/test_compress
%C%_test_cbor_SOURCES = %D%/test_cbor.c
%C%_test_cbor_LDADD = libcheck.a libcommon.a -lm
%C%_test_columns_SOURCES = %D%/test_columns.c
%C%_test_columns_LDADD = libcheck.a libcommon.a -lm
%C%_test_compress_SOURCES = %D%/test_compress.c
%C%_test_compress_LDADD = libcheck.a libcommon.a $(ZSTD_LIBS)
UNIT_TESTS += %D%/test_local_socket
%C%_test_local_socket_SOURCES = %D%/test_local_socket.c
%C%_test_local_socket_LDADD = libcheck.a libcommon.a -lpthread

# tracer/symbols
IMAGE_MAKER = %D%/image_maker.c %D%/image_maker.h
SYMBOLS_LIBS = libcheck.a libsymbols.a libcommon.a $(PCRE2_LIBS) -lm
UNIT_TESTS += %D%/test_image %D%/test_ring_read %D%/test_plan_file %D%/test_plan_change %D%/test_value %D%/test_value_containers \
	%D%/test_value_bounds
%C%_test_image_SOURCES = %D%/test_image.c $(IMAGE_MAKER)
%C%_test_image_LDADD = $(SYMBOLS_LIBS)
%C%_test_ring_read_SOURCES = %D%/test_ring_read.c
%C%_test_ring_read_LDADD = $(SYMBOLS_LIBS)
PLAN_BENCH = %D%/plan_bench.c %D%/plan_bench.h $(IMAGE_MAKER)
%C%_test_plan_file_SOURCES = %D%/test_plan_file.c $(PLAN_BENCH)
%C%_test_plan_file_LDADD = $(SYMBOLS_LIBS)
%C%_test_plan_change_SOURCES = %D%/test_plan_change.c $(PLAN_BENCH)
%C%_test_plan_change_LDADD = $(SYMBOLS_LIBS)
%C%_test_value_SOURCES = %D%/test_value.c %D%/value_bench.c %D%/value_bench.h $(IMAGE_MAKER)
%C%_test_value_LDADD = $(SYMBOLS_LIBS)
%C%_test_value_containers_SOURCES = %D%/test_value_containers.c %D%/value_bench.c %D%/value_bench.h \
	$(IMAGE_MAKER)
%C%_test_value_containers_LDADD = $(SYMBOLS_LIBS)
%C%_test_value_bounds_SOURCES = %D%/test_value_bounds.c %D%/value_bench.c %D%/value_bench.h \
	$(IMAGE_MAKER)
%C%_test_value_bounds_LDADD = $(SYMBOLS_LIBS)
# tracer
UNIT_TESTS += %D%/test_symbols_sites %D%/test_symbols_types
EXTRA_DIST += %D%/traced/calls.c %D%/traced/types.cc
%C%_test_symbols_sites_SOURCES = %D%/test_symbols_sites.c %D%/symbols.c %D%/symbols.h
%C%_test_symbols_sites_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
%C%_test_symbols_sites_LDADD = libcheck.a $(DEBUGDATA_LIBS)
%C%_test_symbols_types_SOURCES = %D%/test_symbols_types.c %D%/symbols.c %D%/symbols.h
%C%_test_symbols_types_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
%C%_test_symbols_types_LDADD = libcheck.a $(DEBUGDATA_LIBS)
UNIT_TESTS += %D%/test_symbols_values
EXTRA_DIST += %D%/traced/declares.cc %D%/traced/defines.cc %D%/traced/defines_other.cc \
	%D%/traced/locals.cc
%C%_test_symbols_values_SOURCES = %D%/test_symbols_values.c %D%/symbols.c %D%/symbols.h
%C%_test_symbols_values_CPPFLAGS = $(AM_CPPFLAGS) $(LIBDW_CFLAGS)
%C%_test_symbols_values_LDADD = libcheck.a $(DEBUGDATA_LIBS)

# daemon
UNIT_TESTS += %D%/test_sources
%C%_test_sources_SOURCES = %D%/test_sources.c %D%/bench.c %D%/bench.h
%C%_test_sources_LDADD = libcheck.a libdaemon.a libbroker-client.a libcommon.a $(PROTON_LIBS) $(OPENSSL_LIBS) \
	$(UV_LIBS) $(PCRE2_LIBS) $(ZSTD_LIBS) -lm
UNIT_TESTS += %D%/test_packing
%C%_test_packing_SOURCES = %D%/test_packing.c
%C%_test_packing_LDADD = libcheck.a libdaemon.a libcommon.a $(ZSTD_LIBS)
UNIT_TESTS += %D%/test_batcher
%C%_test_batcher_SOURCES = %D%/test_batcher.c %D%/bench.c %D%/bench.h
%C%_test_batcher_LDADD = libcheck.a libdaemon.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lm
UNIT_TESTS += %D%/test_threshold_rules
%C%_test_threshold_rules_SOURCES = %D%/test_threshold_rules.c %D%/bench.c %D%/bench.h
%C%_test_threshold_rules_LDADD = libcheck.a libdaemon.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lm
UNIT_TESTS += %D%/test_prmon
%C%_test_prmon_SOURCES = %D%/test_prmon.c
%C%_test_prmon_LDADD = libcheck.a libdaemon.a libcommon.a -lm
UNIT_TESTS += %D%/test_metrics_source
%C%_test_metrics_source_SOURCES = %D%/test_metrics_source.c %D%/bench.c %D%/bench.h
%C%_test_metrics_source_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_metrics_source_LDADD = libcheck.a libmetrics.a libdaemon.a libcommon.a $(UV_LIBS) \
	$(PCRE2_LIBS) -lpthread -lm
UNIT_TESTS += %D%/test_procset
%C%_test_procset_SOURCES = %D%/test_procset.c %D%/tree.c %D%/tree.h
%C%_test_procset_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_cgroup
%C%_test_cgroup_SOURCES = %D%/test_cgroup.c %D%/tree.c %D%/tree.h
%C%_test_cgroup_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_proc_events
%C%_test_proc_events_SOURCES = %D%/test_proc_events.c
%C%_test_proc_events_LDADD = libcheck.a libmetrics.a libcommon.a -lpthread
UNIT_TESTS += %D%/test_pss
%C%_test_pss_SOURCES = %D%/test_pss.c %D%/tree.c %D%/tree.h
%C%_test_pss_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_job_sums
%C%_test_job_sums_SOURCES = %D%/test_job_sums.c %D%/tree.c %D%/tree.h
%C%_test_job_sums_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_perf_tasks
%C%_test_perf_tasks_SOURCES = %D%/test_perf_tasks.c %D%/tree.c %D%/tree.h
%C%_test_perf_tasks_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_proc_read
%C%_test_proc_read_SOURCES = %D%/test_proc_read.c %D%/tree.c %D%/tree.h
%C%_test_proc_read_LDADD = libcheck.a libmetrics.a libcommon.a -lm
UNIT_TESTS += %D%/test_node
%C%_test_node_SOURCES = %D%/test_node.c %D%/tree.c %D%/tree.h
%C%_test_node_LDADD = libcheck.a libmetrics.a libcommon.a -lpthread -lm

UNIT_TESTS += %D%/test_credential %D%/test_environment
%C%_test_credential_SOURCES = %D%/test_credential.c %D%/log_bench.c %D%/log_bench.h %D%/tree.c \
	%D%/tree.h
%C%_test_credential_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_credential_LDADD = libcheck.a $(LOGS_LIBS)
%C%_test_environment_SOURCES = %D%/test_environment.c %D%/log_bench.c %D%/log_bench.h %D%/tree.c \
	%D%/tree.h
%C%_test_environment_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_environment_LDADD = libcheck.a $(LOGS_LIBS)

UNIT_TESTS += %D%/test_log_tail %D%/test_log_rules
%C%_test_log_tail_SOURCES = %D%/test_log_tail.c
%C%_test_log_tail_LDADD = libcheck.a $(LOGS_LIBS)
%C%_test_log_rules_SOURCES = %D%/test_log_rules.c
%C%_test_log_rules_LDADD = libcheck.a $(LOGS_LIBS)
UNIT_TESTS += %D%/test_log_source %D%/test_log_rotation %D%/test_log_follow %D%/test_log_spooled
%C%_test_log_spooled_SOURCES = %D%/test_log_spooled.c %D%/log_bench.c %D%/log_bench.h
%C%_test_log_spooled_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_log_spooled_LDADD = libcheck.a $(LOGS_LIBS)
%C%_test_log_follow_SOURCES = %D%/test_log_follow.c %D%/log_bench.c %D%/log_bench.h
%C%_test_log_follow_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_log_follow_LDADD = libcheck.a $(LOGS_LIBS)
%C%_test_log_source_SOURCES = %D%/test_log_source.c %D%/log_bench.c %D%/log_bench.h
%C%_test_log_source_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_log_source_LDADD = libcheck.a $(LOGS_LIBS)
%C%_test_log_rotation_SOURCES = %D%/test_log_rotation.c %D%/log_bench.c %D%/log_bench.h
%C%_test_log_rotation_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_log_rotation_LDADD = libcheck.a $(LOGS_LIBS)

UNIT_TESTS += %D%/test_calls_pairing %D%/test_calls_profile %D%/test_calls_source
%C%_test_calls_source_SOURCES = %D%/test_calls_source.c %D%/bench.c %D%/bench.h %D%/fake_job.c \
	%D%/fake_job.h $(IMAGE_MAKER)
%C%_test_calls_source_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_calls_source_LDADD = libcheck.a $(CALLS_LIBS)
UNIT_TESTS += %D%/test_scripts
%C%_test_scripts_SOURCES = %D%/test_scripts.c %D%/bench.c %D%/bench.h
%C%_test_scripts_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_scripts_LDADD = libcheck.a $(SCRIPTS_LIBS)
UNIT_TESTS += %D%/test_calls_plain
%C%_test_calls_plain_SOURCES = %D%/test_calls_plain.c %D%/fake_job.c %D%/fake_job.h $(IMAGE_MAKER)
%C%_test_calls_plain_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_calls_plain_LDADD = libcheck.a $(CALLS_LIBS)
%C%_test_calls_pairing_SOURCES = %D%/test_calls_pairing.c
%C%_test_calls_pairing_LDADD = libcheck.a $(CALLS_LIBS)
%C%_test_calls_profile_SOURCES = %D%/test_calls_profile.c $(IMAGE_MAKER)
%C%_test_calls_profile_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_calls_profile_LDADD = libcheck.a $(CALLS_LIBS)

# broker-client
UNIT_TESTS += %D%/test_dialect %D%/test_scram %D%/test_spool
%C%_test_dialect_SOURCES = %D%/test_dialect.c
%C%_test_dialect_LDADD = libcheck.a libbroker-client.a libcommon.a
%C%_test_scram_SOURCES = %D%/test_scram.c
%C%_test_scram_LDADD = libcheck.a libbroker-client.a $(OPENSSL_LIBS)
%C%_test_spool_SOURCES = %D%/test_spool.c
%C%_test_spool_LDADD = libcheck.a libbroker-client.a libcommon.a -lm
UNIT_TESTS += %D%/test_url %D%/test_message_codec
%C%_test_url_SOURCES = %D%/test_url.c
%C%_test_url_LDADD = libcheck.a libbroker-client.a libcommon.a
%C%_test_message_codec_SOURCES = %D%/test_message_codec.c
%C%_test_message_codec_CPPFLAGS = $(AM_CPPFLAGS) $(PROTON_CFLAGS)
%C%_test_message_codec_LDADD = libcheck.a $(BROKER_CLIENT_LIBS)
UNIT_TESTS += %D%/test_wire_parts
%C%_test_wire_parts_SOURCES = %D%/test_wire_parts.c
%C%_test_wire_parts_CPPFLAGS = $(AM_CPPFLAGS) $(PROTON_CFLAGS)
%C%_test_wire_parts_LDADD = libcheck.a $(BROKER_CLIENT_LIBS)
UNIT_TESTS += %D%/test_client
%C%_test_client_SOURCES = %D%/test_client.c %D%/peer.c %D%/peer.h %D%/wire.c %D%/wire.h
%C%_test_client_CPPFLAGS = $(AM_CPPFLAGS) $(PROTON_CFLAGS)
%C%_test_client_LDADD = libcheck.a $(BROKER_CLIENT_LIBS)
UNIT_TESTS += %D%/test_broker
%C%_test_broker_SOURCES = %D%/test_broker.c %D%/wire.c %D%/wire.h
%C%_test_broker_LDADD = libcheck.a $(BROKER_CLIENT_LIBS)
UNIT_TESTS += %D%/test_broker_peers
%C%_test_broker_peers_SOURCES = %D%/test_broker_peers.c %D%/peer.c %D%/peer.h %D%/wire.c %D%/wire.h
%C%_test_broker_peers_CPPFLAGS = $(AM_CPPFLAGS) $(PROTON_CFLAGS)
%C%_test_broker_peers_LDADD = libcheck.a $(BROKER_CLIENT_LIBS)

# receiver
UNIT_TESTS += %D%/test_series %D%/test_model
%C%_test_series_SOURCES = %D%/test_series.c
%C%_test_series_LDADD = libcheck.a $(REPORT_LIBS)
%C%_test_model_SOURCES = %D%/test_model.c
%C%_test_model_LDADD = libcheck.a $(REPORT_LIBS)
UNIT_TESTS += %D%/test_stream %D%/test_folder %D%/test_receiver %D%/test_receiver_crash
UNIT_TESTS += %D%/test_budget %D%/test_frames
LONG_TESTS += %D%/test_receiver_crash %D%/test_budget %D%/test_frames
LIVES = %D%/feeder.c %D%/feeder.h %D%/lives.c %D%/lives.h
%C%_test_frames_SOURCES = %D%/test_frames.c $(LIVES)
%C%_test_frames_LDADD = libcheck.a $(RECEIVER_LIBS)
%C%_test_budget_SOURCES = %D%/test_budget.c $(LIVES)
%C%_test_budget_LDADD = libcheck.a $(RECEIVER_LIBS)
%C%_test_receiver_crash_SOURCES = %D%/test_receiver_crash.c $(LIVES)
%C%_test_receiver_crash_LDADD = libcheck.a $(RECEIVER_LIBS)
UNIT_TESTS += %D%/test_axis %D%/test_timechart
%C%_test_axis_SOURCES = %D%/test_axis.c
%C%_test_axis_LDADD = libcheck.a $(REPORT_LIBS)
UNIT_TESTS += %D%/test_sched_graphs
LONG_TESTS += %D%/test_sched_graphs
%C%_test_sched_graphs_SOURCES = %D%/test_sched_graphs.c %D%/fake_canvas.c %D%/fake_canvas.h \
	%D%/sched_maker.c %D%/sched_maker.h
%C%_test_sched_graphs_LDADD = libcheck.a $(REPORT_LIBS)
%C%_test_timechart_SOURCES = %D%/test_timechart.c %D%/fake_canvas.c %D%/fake_canvas.h
%C%_test_timechart_LDADD = libcheck.a $(REPORT_LIBS)
UNIT_TESTS += %D%/test_canvas %D%/test_page
%C%_test_canvas_SOURCES = %D%/test_canvas.c
%C%_test_canvas_LDADD = libcheck.a $(REPORT_LIBS)
%C%_test_page_SOURCES = %D%/test_page.c
%C%_test_page_LDADD = libcheck.a $(REPORT_LIBS)
UNIT_TESTS += %D%/test_job_prmon
%C%_test_job_prmon_SOURCES = %D%/test_job_prmon.c %D%/feeder.c %D%/feeder.h
%C%_test_job_prmon_LDADD = libcheck.a $(RECEIVER_LIBS)
%C%_test_receiver_SOURCES = %D%/test_receiver.c %D%/feeder.c %D%/feeder.h
%C%_test_receiver_LDADD = libcheck.a $(RECEIVER_LIBS)
%C%_test_folder_SOURCES = %D%/test_folder.c
%C%_test_folder_LDADD = libcheck.a libreceiver.a libcommon.a
%C%_test_stream_SOURCES = %D%/test_stream.c
%C%_test_stream_LDADD = libcheck.a libreceiver.a libcommon.a

UNIT_TESTS += %D%/test_call_views %D%/test_calls_log %D%/test_job_profile
%C%_test_calls_log_SOURCES = %D%/test_calls_log.c %D%/call_batch.c %D%/call_batch.h %D%/feeder.c \
	%D%/feeder.h
%C%_test_calls_log_LDADD = libcheck.a $(RECEIVER_LIBS)
%C%_test_call_views_SOURCES = %D%/test_call_views.c %D%/call_batch.c %D%/call_batch.h %D%/fake_canvas.c \
	%D%/fake_canvas.h
%C%_test_call_views_LDADD = libcheck.a $(REPORT_LIBS)
%C%_test_job_profile_SOURCES = %D%/test_job_profile.c %D%/fake_canvas.c %D%/fake_canvas.h
%C%_test_job_profile_LDADD = libcheck.a $(REPORT_LIBS)

# tools



# tracer, the part inside the job
UNIT_TESTS += %D%/test_machine %D%/test_machine_frames %D%/test_guard
%C%_test_machine_SOURCES = %D%/test_machine.c %D%/machine_stage.h
%C%_test_machine_LDADD = libcheck.a libvalues.a
%C%_test_machine_frames_SOURCES = %D%/test_machine_frames.c %D%/machine_stage.h
%C%_test_machine_frames_LDADD = libcheck.a libvalues.a
%C%_test_guard_SOURCES = %D%/test_guard.c
%C%_test_guard_LDADD = libcheck.a libvalues.a -lpthread

# tracer/preload: programs with hooks at several levels, which automake's rules cannot build
UNIT_TESTS += %D%/test_preload %D%/test_preload_life %D%/test_preload_values
TRACED = %D%/traced_gcc_O0 %D%/traced_gcc_O2 %D%/traced_gcc_noplt %D%/traced_plug.so %D%/traced_throw
PRELOAD_DEFINES =
if HAVE_CLANG
TRACED += %D%/traced_clang_O0 %D%/traced_clang_O2
PRELOAD_DEFINES += -DHAVE_CLANG
endif
%C%_test_preload_SOURCES = %D%/test_preload.c %D%/tracee.c %D%/tracee.h
%C%_test_preload_CPPFLAGS = $(AM_CPPFLAGS) $(PRELOAD_DEFINES)
%C%_test_preload_LDADD = libcheck.a
EXTRA_%C%_test_preload_DEPENDENCIES = $(TRACED) libjemtrace.so
%C%_test_preload_life_SOURCES = %D%/test_preload_life.c %D%/tracee.c %D%/tracee.h
%C%_test_preload_life_LDADD = libcheck.a
EXTRA_%C%_test_preload_life_DEPENDENCIES = $(TRACED) libjemtrace.so
%C%_test_preload_values_SOURCES = %D%/test_preload_values.c %D%/tracee.c %D%/tracee.h
%C%_test_preload_values_LDADD = libcheck.a
EXTRA_%C%_test_preload_values_DEPENDENCIES = $(TRACED) libjemtrace.so
EXTRA_DIST += %D%/traced.c %D%/traced_plug.c %D%/traced_throw.cc
CLEANFILES += $(TRACED)
TRACED_FLAGS = -std=gnu11 -D_GNU_SOURCE -g -finstrument-functions -pthread
%D%/traced_gcc_O0: %D%/traced.c
	$(AM_V_CCLD)$(CC) $(TRACED_FLAGS) -O0 -o $@ $(srcdir)/%D%/traced.c
%D%/traced_gcc_O2: %D%/traced.c
	$(AM_V_CCLD)$(CC) $(TRACED_FLAGS) -O2 -o $@ $(srcdir)/%D%/traced.c
%D%/traced_gcc_noplt: %D%/traced.c
	$(AM_V_CCLD)$(CC) $(TRACED_FLAGS) -O1 -fno-plt -o $@ $(srcdir)/%D%/traced.c
%D%/traced_clang_O0: %D%/traced.c
	$(AM_V_CCLD)$(CLANG) $(TRACED_FLAGS) -O0 -Wno-everything -o $@ $(srcdir)/%D%/traced.c
%D%/traced_clang_O2: %D%/traced.c
	$(AM_V_CCLD)$(CLANG) $(TRACED_FLAGS) -O2 -Wno-everything -o $@ $(srcdir)/%D%/traced.c
%D%/traced_plug.so: %D%/traced_plug.c
	$(AM_V_CCLD)$(CC) $(TRACED_FLAGS) -O0 -shared -fPIC -o $@ $(srcdir)/%D%/traced_plug.c
%D%/traced_throw: %D%/traced_throw.cc
	$(AM_V_CXXLD)$(CXX) -g -O0 -finstrument-functions -o $@ $(srcdir)/%D%/traced_throw.cc
check_PROGRAMS += $(UNIT_TESTS)

# tracer
UNIT_TESTS += %D%/test_flow
%C%_test_flow_SOURCES = %D%/test_flow.c
%C%_test_flow_LDADD = libcheck.a $(DEBUGDATA_LIBS)

# scheduling: events by hand, the machine, the model and its numbers
SCHED_BENCH = %D%/sched_bench.c %D%/sched_bench.h
SCHED_LIBS = libcheck.a libsched.a libcommon.a -lm
UNIT_TESTS += %D%/test_sched_machine
%C%_test_sched_machine_SOURCES = %D%/test_sched_machine.c $(SCHED_BENCH)
%C%_test_sched_machine_LDADD = $(SCHED_LIBS)
UNIT_TESTS += %D%/test_sched_model %D%/test_topology
%C%_test_sched_model_SOURCES = %D%/test_sched_model.c $(SCHED_BENCH)
%C%_test_sched_model_LDADD = $(SCHED_LIBS)
%C%_test_topology_SOURCES = %D%/test_topology.c
%C%_test_topology_LDADD = libcheck.a libcommon.a
UNIT_TESTS += %D%/test_sched_damage
%C%_test_sched_damage_SOURCES = %D%/test_sched_damage.c %D%/sched_sim.c %D%/sched_sim.h $(SCHED_BENCH)
%C%_test_sched_damage_LDADD = $(SCHED_LIBS)
UNIT_TESTS += %D%/test_sched_numbers
%C%_test_sched_numbers_SOURCES = %D%/test_sched_numbers.c $(SCHED_BENCH)
%C%_test_sched_numbers_LDADD = $(SCHED_LIBS)

# scheduling: pages, merge
UNIT_TESTS += %D%/test_sched_page %D%/test_sched_merge
%C%_test_sched_page_SOURCES = %D%/test_sched_page.c %D%/page_maker.c %D%/page_maker.h
%C%_test_sched_page_LDADD = libcheck.a $(TRACE_DAT_LIBS)
%C%_test_sched_merge_SOURCES = %D%/test_sched_merge.c
%C%_test_sched_merge_LDADD = libcheck.a $(TRACE_DAT_LIBS)

# scheduling, live: rows, sums, whose tasks are whose; the instance of tracefs on the real kernel
UNIT_TESTS += %D%/test_sched_rows %D%/test_sched_parts %D%/test_sched_live
%C%_test_sched_rows_SOURCES = %D%/test_sched_rows.c
%C%_test_sched_rows_LDADD = libcheck.a $(SCHED_SOURCE_LIBS)
%C%_test_sched_parts_SOURCES = %D%/test_sched_parts.c
%C%_test_sched_parts_LDADD = libcheck.a $(SCHED_SOURCE_LIBS)
%C%_test_sched_live_SOURCES = %D%/test_sched_live.c
%C%_test_sched_live_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_test_sched_live_LDADD = libcheck.a $(SCHED_SOURCE_LIBS)
UNIT_TESTS += %D%/test_sched_folder
%C%_test_sched_folder_SOURCES = %D%/test_sched_folder.c
%C%_test_sched_folder_LDADD = libcheck.a libschedsource.a $(RECEIVER_LIBS) $(PCRE2_LIBS)
UNIT_TESTS += %D%/test_page_sched
%C%_test_page_sched_SOURCES = %D%/test_page_sched.c
%C%_test_page_sched_LDADD = libcheck.a $(REPORT_LIBS)
