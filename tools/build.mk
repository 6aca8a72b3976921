# SPDX-License-Identifier: Apache-2.0
# What a person types: each subcommand of jem-tool is one file, listed in tools.def.
pkglibexec_PROGRAMS += jem-tool
jem_tool_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
jem_tool_SOURCES = \
	%D%/check.c \
	%D%/check_login.c %D%/check_login.h \
	%D%/check_observe.c %D%/check_observe.h \
	%D%/manual.c \
	%D%/tool.h \
	%D%/tool_main.c \
	%D%/tools.def
jem_tool_LDADD = $(BROKER_CLIENT_LIBS) $(PCRE2_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) \
	$(FREETYPE_LIBS) -lm
