# SPDX-License-Identifier: Apache-2.0
# The real programs, end to end; tests/flow/jemtest.py is their common ground.
EXTRA_DIST += %D%/jemtest.py

# the launcher
check_PROGRAMS += %D%/probe %D%/fake_monitor
%C%_probe_SOURCES = %D%/probe.c
%C%_fake_monitor_SOURCES = %D%/fake_monitor.c
EXTRA_DIST += %D%/launching.py
launcher_tests = %D%/test_job_first.py %D%/test_job_signals.py %D%/test_job_terminal.py \
	%D%/test_launcher.py %D%/test_tee.py
FLOW_TESTS += $(launcher_tests)
dist_check_SCRIPTS += $(launcher_tests)

# configuration and manual pages
EXTRA_DIST += %D%/bad_configs.py
config_tests = %D%/test_bad_config_runs.py %D%/test_check.py \
	%D%/test_manual.py
FLOW_TESTS += $(config_tests)
dist_check_SCRIPTS += $(config_tests)

# the broker
check_PROGRAMS += %D%/wire_client
%C%_wire_client_SOURCES = %D%/wire_client.c
%C%_wire_client_LDADD = $(BROKER_CLIENT_LIBS)
broker_tests = %D%/test_broker.py %D%/test_cluster.py %D%/test_delivery_doc.py %D%/test_downgrade.py %D%/test_example_broker.py \
	%D%/test_foreign_clients.py %D%/test_rabbitmq.py %D%/test_spool.py %D%/test_tls.py \
	%D%/test_wire_client.py
EXTRA_DIST += %D%/authority.py %D%/fake_broker.py %D%/rabbitmq.py %D%/spooling.py
LONG_TESTS += %D%/test_kills.py %D%/test_spool.py
dist_check_SCRIPTS += %D%/test_kills.py
FLOW_TESTS += $(broker_tests)
dist_check_SCRIPTS += $(broker_tests)

# the whole, from launch to report
EXTRA_DIST += %D%/jemtest.py
whole_tests = %D%/test_demo.py %D%/test_end_to_end.py %D%/test_monitors_fail.py %D%/test_readme.py %D%/test_service.py
FLOW_TESTS += $(whole_tests)
dist_check_SCRIPTS += $(whole_tests)
# metrics: jobs that are hard to follow, and the source with the least of a launcher around it
check_PROGRAMS += %D%/trees %D%/metrics_probe
%C%_trees_SOURCES = %D%/trees.c
%C%_trees_LDADD = -lpthread
%C%_metrics_probe_SOURCES = %D%/metrics_probe.c
%C%_metrics_probe_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_metrics_probe_LDADD = libmetrics.a libdaemon.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lpthread -lm
metrics_tests = %D%/test_process_trees.py %D%/test_prmon.py
FLOW_TESTS += $(metrics_tests)
dist_check_SCRIPTS += $(metrics_tests)
# the contract: schemas, the recorder, columns read by stock libraries
check_PROGRAMS += %D%/capture %D%/codec
%C%_capture_SOURCES = %D%/capture.c
%C%_capture_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_capture_LDADD = $(BROKER_CLIENT_LIBS) -lm
%C%_codec_SOURCES = %D%/codec.c
%C%_codec_LDADD = libcommon.a -lm
EXTRA_DIST += %D%/contract.py
contract_tests = %D%/test_contract.py %D%/test_records_doc.py %D%/test_secrets.py
FLOW_TESTS += $(contract_tests)
dist_check_SCRIPTS += $(contract_tests)

# scripts
scripts_tests = %D%/test_scripts.py
FLOW_TESTS += $(scripts_tests)
dist_check_SCRIPTS += $(scripts_tests)
EXTRA_DIST += $(srcdir)/%D%/bash/*.bash

# logs
log_tests = %D%/test_logs.py
FLOW_TESTS += $(log_tests)
LONG_TESTS += $(log_tests)
dist_check_SCRIPTS += $(log_tests)

# receiver: a folder of a made-up job, for the tests of pages and for looking
check_PROGRAMS += %D%/sample_report
%C%_sample_report_SOURCES = %D%/sample_report.c %D%/sample_calls.c %D%/sample_calls.h \
	tests/unit/call_batch.c tests/unit/call_batch.h
%C%_sample_report_LDADD = $(REPORT_LIBS)
EXTRA_DIST += %D%/page.mjs %D%/package.json
page_tests = %D%/test_graphs.py %D%/test_page.py
FLOW_TESTS += $(page_tests)
dist_check_SCRIPTS += $(page_tests)
# the receiver and its tools
check_PROGRAMS += %D%/feed
%C%_feed_SOURCES = %D%/feed.c
%C%_feed_LDADD = $(BROKER_CLIENT_LIBS)
EXTRA_DIST += %D%/feeding.py
receiver_tests = %D%/test_call_views.py %D%/test_receive.py %D%/test_tools.py %D%/test_watch.py
FLOW_TESTS += $(receiver_tests)
dist_check_SCRIPTS += $(receiver_tests)
LONG_TESTS += %D%/test_receive.py
# calls of C and C++ code, from launcher to broker
EXTRA_DIST += %D%/fake_traced.py
tracing_tests = %D%/test_calls.py %D%/test_calls_file.py
FLOW_TESTS += $(tracing_tests)
dist_check_SCRIPTS += $(tracing_tests)

# the tracer: programs that must run as ever. Neither sanitized nor optimised: they fault, and say so.
calls_programs = %D%/calls/safety.c %D%/calls/signal_programs.c %D%/calls/action_programs.c \
	%D%/calls/process_programs.c %D%/calls/memory_programs.c %D%/calls/hard_programs.c \
	%D%/calls/type_programs.cc
check_PROGRAMS += %D%/calls/safety %D%/calls/death %D%/calls/hooks.so %D%/calls/plug.so
%C%_calls_safety_SOURCES = $(calls_programs) %D%/calls/program.h
%C%_calls_safety_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -g -O0 -finstrument-functions
%C%_calls_safety_CXXFLAGS = -g -O0 -finstrument-functions
%C%_calls_safety_LDFLAGS = -pthread -ldl
%C%_calls_plug_so_SOURCES = %D%/calls/plug.c
%C%_calls_plug_so_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -g -O0 -finstrument-functions -fPIC
%C%_calls_plug_so_LDFLAGS = -shared
%C%_calls_death_SOURCES = %D%/calls/death.c
%C%_calls_hooks_so_SOURCES = %D%/calls/hooks.c $(PRELOAD_VALUES)
%C%_calls_hooks_so_CFLAGS = $(PRELOAD_CFLAGS) -O2
%C%_calls_hooks_so_LDFLAGS = -shared -Wl,-z,now -Wl,-z,defs
calls_tests = %D%/test_calls_safety.py %D%/test_calls_traced.py
EXTRA_DIST += %D%/calls/drive.py
FLOW_TESTS += $(calls_tests)
LONG_TESTS += $(calls_tests)
dist_check_SCRIPTS += $(calls_tests)

# the preloaded library
preload_tests = %D%/test_preload_symbols.py
FLOW_TESTS += $(preload_tests)
dist_check_SCRIPTS += $(preload_tests)

# real programs, beside uftrace and gdb
EXTRA_DIST += %D%/calltrace.py %D%/sources.py %D%/real/jumps.cc %D%/real/plugin.c %D%/real/pugi.cc \
	%D%/real/sample.py %D%/real/script.lua %D%/real/script.sql %D%/real/threads.c %D%/real/tiny.cc
real_tests = %D%/test_calls_real.py
FLOW_TESTS += $(real_tests)
LONG_TESTS += $(real_tests)
dist_check_SCRIPTS += $(real_tests)

# the plan compiler, beside gdb
EXTRA_DIST += %D%/plans/compare.py %D%/plans/image.py %D%/plans/subject.c %D%/plans/subject.cc
plan_tests = %D%/test_plans.py
FLOW_TESTS += $(plan_tests)
dist_check_SCRIPTS += $(plan_tests)

# scheduling: what is read of trace.dat files
EXTRA_DIST += %D%/trace_dat.py %D%/tracecmd.py
check_PROGRAMS += %D%/sched_dump
%C%_sched_dump_SOURCES = %D%/sched_dump.c
%C%_sched_dump_LDADD = $(TRACE_DAT_LIBS)
sched_tests = %D%/test_record.py %D%/test_trace_dat.py
FLOW_TESTS += $(sched_tests)
LONG_TESTS += $(sched_tests)
dist_check_SCRIPTS += $(sched_tests)

# scheduling: numbers of trace.dat files, beside the text of trace-cmd
check_PROGRAMS += %D%/sched_numbers
%C%_sched_numbers_SOURCES = %D%/sched_numbers.c
%C%_sched_numbers_LDADD = $(TRACE_DAT_LIBS) -lm
sched_numbers_tests = %D%/test_sched_numbers.py
FLOW_TESTS += $(sched_numbers_tests)
LONG_TESTS += $(sched_numbers_tests)
dist_check_SCRIPTS += $(sched_numbers_tests)
# graphs of scheduling
EXTRA_DIST += %D%/sched_story.py %D%/sched_page.mjs
sched_graph_tests = %D%/test_sched_graphs.py
FLOW_TESTS += $(sched_graph_tests)
dist_check_SCRIPTS += $(sched_graph_tests)

# scheduling, live
check_PROGRAMS += %D%/sched_load
%C%_sched_load_SOURCES = %D%/sched_load.c
%C%_sched_load_LDADD = -lpthread
sched_live_tests = %D%/test_sched.py
FLOW_TESTS += $(sched_live_tests)
dist_check_SCRIPTS += $(sched_live_tests)

# Python scripts that are followed
EXTRA_DIST += %D%/python_corpus.py %D%/python_following.py
python_tests = %D%/test_scripts_python.py
FLOW_TESTS += $(python_tests)
dist_check_SCRIPTS += $(python_tests)
