# SPDX-License-Identifier: Apache-2.0
# The log source: watch, follow, tail, rules, publish.
noinst_LIBRARIES += liblogs.a
liblogs_a_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(PCRE2_CFLAGS)
liblogs_a_SOURCES = \
	%D%/follow.c %D%/follow.h \
	%D%/literal.c %D%/literal.h \
	%D%/log_source.c %D%/log_source.h \
	%D%/names.c %D%/names.h \
	%D%/past.c %D%/past.h \
	%D%/pattern.c %D%/pattern.h \
	%D%/publish.c %D%/publish.h \
	%D%/rules.c %D%/rules.h \
	%D%/seen.c %D%/seen.h \
	%D%/spooled.c %D%/spooled.h \
	%D%/tail.c %D%/tail.h \
	%D%/tell.c %D%/tell.h \
	%D%/watch.c %D%/watch.h
# Everything a program with the log source links, in order.
LOGS_LIBS = liblogs.a libdaemon.a libcommon.a $(UV_LIBS) $(PCRE2_LIBS) -lm
