# SPDX-License-Identifier: Apache-2.0
# Scripts: the shells and interpreters of the job report their commands, calls and exceptions.
noinst_LIBRARIES += libscripts.a
libscripts_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libscripts_a_SOURCES = \
	%D%/places.c %D%/places.h \
	%D%/script_line.c %D%/script_line.h \
	%D%/script_peers.c %D%/script_peers.h \
	%D%/script_source.c %D%/script_source.h
SCRIPTS_LIBS = libscripts.a libmetrics.a libdaemon.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lpthread -lm
