# SPDX-License-Identifier: Apache-2.0
# libjembash.so, loaded into the job's shells by the file that BASH_ENV names. What it takes from bash is resolved
# there. Never unloaded: it has handlers of fork and exit.
pkglib_hooks_PROGRAMS += libjembash.so
libjembash_so_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)
libjembash_so_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2 -fPIC -fvisibility=hidden
libjembash_so_LDFLAGS = -shared -Wl,-soname,libjembash.so -Wl,-z,relro -Wl,-z,nodelete -Wl,--hash-style=gnu
libjembash_so_SOURCES = \
	%D%/expand.c %D%/expand.h \
	%D%/follow.c \
	%D%/rates.c %D%/rates.h \
	%D%/shell.h \
	%D%/traps.c %D%/traps.h \
	%D%/wire.c %D%/wire.h \
	%D%/xtrace.c %D%/xtrace.h

jem_bash_envdir = $(pkglibdir)
nodist_jem_bash_env_DATA = jem-bash-env.sh
EXTRA_DIST += %D%/env.sh
CLEANFILES += jem-bash-env.sh
jem-bash-env.sh: %D%/env.sh
	$(AM_V_GEN)cp $(srcdir)/%D%/env.sh $@
