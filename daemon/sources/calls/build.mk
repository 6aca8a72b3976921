# SPDX-License-Identifier: Apache-2.0
# Calls of C and C++ code: processes report, a thread drains their rings, jem-symbols explains them.
noinst_LIBRARIES += libcalls.a
libcalls_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libcalls_a_SOURCES = \
	%D%/calls_source.c %D%/calls_source.h \
	%D%/account.h \
	%D%/drain.c %D%/drain.h \
	%D%/drain_account.c \
	%D%/drain_internal.h \
	%D%/drain_thread.c \
	%D%/hello.c %D%/hello.h \
	%D%/hooks.c %D%/hooks.h \
	%D%/listener.c %D%/listener.h \
	%D%/mail.c %D%/mail.h \
	%D%/pairing.c %D%/pairing.h \
	%D%/profile.c %D%/profile.h \
	%D%/profile_records.c %D%/profile_records.h \
	%D%/records.c \
	%D%/records_plain.c \
	%D%/row_names.c %D%/row_names.h \
	%D%/rows.c %D%/rows.h \
	%D%/settings.c %D%/settings.h \
	%D%/symbols.c %D%/symbols.h \
	%D%/ticks.c %D%/ticks.h \
	%D%/traced.c %D%/traced.h \
	%D%/unmatched.c
CALLS_LIBS = libcalls.a libmetrics.a libdaemon.a libsymbols.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lpthread -lm
