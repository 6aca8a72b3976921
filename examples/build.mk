# SPDX-License-Identifier: Apache-2.0
# The job of the demo: a small real analysis, see examples/analysis/README.md.
examplesdir = $(docdir)/examples/analysis
dist_examples_DATA = %D%/analysis/README.md
dist_examples_SCRIPTS = %D%/analysis/run.sh %D%/analysis/make_events.py
examplessrcdir = $(examplesdir)/src
dist_examplessrc_DATA = \
	%D%/analysis/src/event.cc %D%/analysis/src/event.h \
	%D%/analysis/src/fit.cc %D%/analysis/src/fit.h \
	%D%/analysis/src/histogram.cc %D%/analysis/src/histogram.h \
	%D%/analysis/src/main.cc \
	%D%/analysis/src/selection.cc %D%/analysis/src/selection.h \
	%D%/analysis/src/track.cc %D%/analysis/src/track.h
