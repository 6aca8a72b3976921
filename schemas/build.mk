# SPDX-License-Identifier: Apache-2.0
# The contract: kinds, causes, metrics (X-macro tables) and the JSON Schemas of every message.
# The layout that tracer and daemon share.
EXTRA_DIST += %D%/ring.h
EXTRA_DIST += %D%/kinds.def %D%/causes.def %D%/metrics.def %D%/sched_ends.def %D%/metric.schema.json.in

schemasdir = $(pkgdatadir)/schemas
dist_schemas_DATA = \
	%D%/alert.schema.json \
	%D%/call.schema.json \
	%D%/head.schema.json \
	%D%/log.schema.json \
	%D%/profile.schema.json \
	%D%/sched.schema.json \
	%D%/script.schema.json \
	%D%/status.schema.json \
	%D%/streams.schema.json
nodist_schemas_DATA = %D%/metric.schema.json
CLEANFILES += %D%/metric.schema.json

noinst_PROGRAMS += %D%/metric_schema
%C%_metric_schema_SOURCES = %D%/metric_schema.c

%D%/metric.schema.json: %D%/metric_schema$(EXEEXT) %D%/metric.schema.json.in
	$(AM_V_GEN)%D%/metric_schema$(EXEEXT) $(srcdir)/%D%/metric.schema.json.in >$@.tmp && mv $@.tmp $@
