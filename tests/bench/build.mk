# SPDX-License-Identifier: Apache-2.0
# Programs that print tables; `make bench` builds and runs those that need no peer.
BENCHES =
BENCHES += %D%/codec
%C%_codec_SOURCES = %D%/codec.c
%C%_codec_LDADD = libcommon.a $(PCRE2_LIBS) $(ZSTD_LIBS) -lm
BENCHES += %D%/wire
%C%_wire_SOURCES = %D%/wire.c
%C%_wire_LDADD = $(BROKER_CLIENT_LIBS)
BENCHES += %D%/logs
%C%_logs_SOURCES = %D%/logs.c
%C%_logs_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_logs_LDADD = $(LOGS_LIBS)
BENCHES += %D%/report
%C%_report_SOURCES = %D%/report.c
%C%_report_LDADD = $(REPORT_LIBS)
BENCHES += %D%/values
%C%_values_SOURCES = %D%/values.c tests/unit/image_maker.c tests/unit/image_maker.h
%C%_values_LDADD = libsymbols.a libcommon.a $(PCRE2_LIBS) -lm
BENCHES += %D%/sched_graphs
%C%_sched_graphs_SOURCES = %D%/sched_graphs.c tests/unit/sched_maker.c tests/unit/sched_maker.h
%C%_sched_graphs_LDADD = libcheck.a $(REPORT_LIBS)
EXTRA_PROGRAMS = $(BENCHES)
CLEANFILES += $(BENCHES)
.PHONY: bench
bench: $(BENCHES)
	@for b in $(BENCHES); do echo "== $$b"; $$b || exit; done
EXTRA_DIST += %D%/RESULTS.md %D%/wire_peer.py
BENCHES += %D%/call_views
%C%_call_views_SOURCES = %D%/call_views.c tests/unit/call_batch.c tests/unit/call_batch.h
%C%_call_views_LDADD = $(RECEIVER_LIBS)
BENCHES += %D%/receiver
%C%_receiver_SOURCES = %D%/receiver.c
%C%_receiver_LDADD = $(RECEIVER_LIBS)
EXTRA_DIST += %D%/launch.py
# tests/bench/metrics.py runs these; it prints what watching costs.
BENCH_METRICS = %D%/payload tests/flow/metrics_probe
EXTRA_PROGRAMS += %D%/payload
CLEANFILES += %D%/payload
%C%_payload_SOURCES = %D%/payload.c
%C%_payload_LDADD = -lpthread
EXTRA_DIST += %D%/metrics.py %D%/symbols.py
.PHONY: bench-metrics
bench-metrics: $(BENCH_METRICS) $(bin_PROGRAMS) $(pkglibexec_PROGRAMS)
	@top_builddir='$(abs_top_builddir)' $(srcdir)/%D%/metrics.py
BENCHES += %D%/guards
%C%_guards_SOURCES = %D%/guards.c
%C%_guards_LDADD = libvalues.a
# The cost of traced calls; runs the two programs beside it.
BENCH_CALLS = %D%/calls %D%/calls_target %D%/calls_plain %D%/calls_pace
EXTRA_PROGRAMS += %D%/calls
CLEANFILES += $(BENCH_CALLS)
EXTRA_DIST += %D%/calls_target.c %D%/calls_pace.c
%C%_calls_SOURCES = %D%/calls.c tests/unit/tracee.c tests/unit/tracee.h
%C%_calls_LDADD = libcheck.a -lpthread
# Not by automake's rules: the level of optimisation is not the builder's choice here.
CALLS_TARGET = $(CC) -std=gnu11 -D_GNU_SOURCE -g -O0 -fno-inline -Wl,-z,now -pthread
%D%/calls_target: %D%/calls_target.c
	$(AM_V_CCLD)$(CALLS_TARGET) -finstrument-functions -o $@ $(srcdir)/%D%/calls_target.c
%D%/calls_plain: %D%/calls_target.c
	$(AM_V_CCLD)$(CALLS_TARGET) -o $@ $(srcdir)/%D%/calls_target.c
%D%/calls_pace: %D%/calls_pace.c
	$(AM_V_CCLD)$(CALLS_TARGET) -finstrument-functions -o $@ $(srcdir)/%D%/calls_pace.c
# LUA: the unpacked source of Lua (apt-get source lua5.4), for the part that traces it.
# LUA: the unpacked source of Lua, for the part that traces it; without it that is fetched.
.PHONY: bench-calls
bench-calls: $(BENCH_CALLS) libjemtrace.so $(bin_PROGRAMS) $(pkglibexec_PROGRAMS)
	@top_builddir='$(abs_top_builddir)' %D%/calls
	@top_builddir='$(abs_top_builddir)' $(srcdir)/%D%/calls_rate.py || test $$? -eq 1
	@top_builddir='$(abs_top_builddir)' $(srcdir)/%D%/calls_peers.py $(srcdir)/%D%/figure7.svg $(LUA)
EXTRA_DIST += %D%/calls_rate.py %D%/calls_peers.py %D%/figure7.svg
EXTRA_DIST += %D%/plans.py %D%/scripts_python.py
# trace.dat files, beside trace-cmd and perf; needs root and some minutes for the recordings.
EXTRA_PROGRAMS += %D%/sched
CLEANFILES += %D%/sched
%C%_sched_SOURCES = %D%/sched.c
%C%_sched_LDADD = $(TRACE_DAT_LIBS)
EXTRA_DIST += %D%/sched.py
.PHONY: bench-sched
bench-sched: %D%/sched $(bin_PROGRAMS) $(pkglibexec_PROGRAMS)
	@top_builddir='$(abs_top_builddir)' $(srcdir)/%D%/sched.py --perf
BENCHES += %D%/sched_machine
%C%_sched_machine_SOURCES = %D%/sched_machine.c tests/unit/sched_sim.c tests/unit/sched_sim.h
%C%_sched_machine_LDADD = libsched.a libcommon.a -lm
EXTRA_DIST += %D%/sched_live.py
BENCHES += %D%/sched_feed
%C%_sched_feed_SOURCES = %D%/sched_feed.c
%C%_sched_feed_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_sched_feed_LDADD = $(SCHED_SOURCE_LIBS) $(ZSTD_LIBS)
# A fleet of daemons; tests/bench/fleet.py runs it with broker and receiver, tests/bench/bounds.py holds a daemon.
EXTRA_PROGRAMS += %D%/fleet
CLEANFILES += %D%/fleet
%C%_fleet_SOURCES = %D%/fleet.c
%C%_fleet_LDADD = libdaemon.a $(BROKER_CLIENT_LIBS) $(PCRE2_LIBS) $(ZSTD_LIBS) -lm
EXTRA_DIST += %D%/fleet.py %D%/bounds.py
